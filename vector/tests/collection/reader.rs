//! A reader beside a writer.

use std::sync::Arc;
use std::time::Duration;

use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{Env, Op, Store};
use larder_vector::{Role, SearchOptions, VectorStore};

use crate::faults::{DIMS, IDS, row, small, write_of};
use crate::places::{memory, open};

/// A reader beside a writer that seals, rewrites and removes at once.
#[tokio::test]
async fn a_reader_follows() {
    let store = memory();
    let slow = [Fault::before([Op::List, Op::Get]).delay(Duration::from_micros(300)).rate(0.5)];
    let faults = Faults::new(1, slow).unwrap();
    let wrapped: Arc<dyn Store> = Arc::new(FaultStore::new(store.clone(), faults));
    let writer = open(&store, small()).await;
    writer.upsert((0..IDS).map(|id| row(id, 1)).collect()).await.unwrap();
    let reader = open(&wrapped, small().with_role(Role::Reader)).await;
    // Every id is there all the time; each holds a write between the last that was made when it was asked and the newest.
    let (made, begun) =
        (std::sync::Mutex::new(vec![1; IDS as usize]), std::sync::Mutex::new(vec![1; IDS as usize]));
    let (done, asked) = (std::cell::Cell::new(false), std::cell::Cell::new(0));
    let write = async {
        let mut rng = fastrand::Rng::with_seed(9);
        for n in 2.. {
            if n > 900 && asked.get() > 100 {
                break;
            }
            let id = rng.u64(..IDS);
            begun.lock().unwrap()[id as usize] = n;
            writer.upsert(vec![row(id, n)]).await.unwrap();
            made.lock().unwrap()[id as usize] = n;
            match rng.u8(..16) {
                0..3 => writer.flush().await.unwrap(),
                3 => writer.vacuum().await.unwrap(),
                4 => writer.optimize().await.unwrap(),
                _ => Env::system().sleep(Duration::from_millis(1)).await,
            }
        }
        done.set(true);
    };
    let mut again = 0;
    let read = async {
        let mut rng = fastrand::Rng::with_seed(8);
        while !done.get() {
            let least = made.lock().unwrap().clone();
            if let Err(error) = reader.refresh().await {
                assert!(error.kind().is_retryable(), "{error}");
                again += 1;
                continue;
            }
            let id = rng.u64(..IDS);
            let seen = if rng.bool() {
                reader.get(&id.into()).await.map(|row| vec![row.unwrap_or_else(|| panic!("{id} is gone"))])
            } else {
                let exact = SearchOptions::new().with_exact(true);
                reader.search(&[0.5; DIMS as usize], IDS as usize, &exact).await.map(|answer| {
                    assert_eq!(answer.hits.len(), IDS as usize, "as many as there are");
                    Vec::new()
                })
            };
            let most = begun.lock().unwrap().clone();
            match seen {
                Ok(rows) => {
                    asked.set(asked.get() + 1);
                    for row in rows {
                        let (write, id) = (write_of(Some(&row)), id as usize);
                        assert!(
                            (least[id]..=most[id]).contains(&write),
                            "{id} holds {write}: {} to {}",
                            least[id],
                            most[id]
                        );
                    }
                }
                Err(error) => {
                    assert!(error.kind().is_retryable(), "{error}");
                    again += 1;
                }
            }
        }
    };
    tokio::join!(write, read);
    println!("{} answers, {again} to be asked again", asked.get());
}
