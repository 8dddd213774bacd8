//! Two who write.

use std::sync::Arc;
use std::time::Duration;

use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{ErrorKind, Op, Store};
use larder_vector::{Collection, Metric, Row, SearchOptions, VectorStore};

use crate::places::{memory, open, options};

fn row(n: u64, x: f32) -> Row {
    Row::new(n, vec![x, 1.0])
}

async fn count(collection: &Collection) -> usize {
    let options = SearchOptions::new().with_exact(true);
    collection.search(&[0.0, 0.0], 1000, &options).await.unwrap().hits.len()
}

/// A writer stops just before its put; meanwhile another takes over, and seals and removes the log as far as it goes. Whatever the
/// first one does when it goes on, it is told that it writes no more.
#[tokio::test]
async fn a_writer_that_slept_is_fenced_however_late() {
    let store = memory();
    // Its first put into the log says that it is the writer, the second is a write, the third sleeps.
    let sleep = Fault::before([Op::Put]).keys("wal/").nth(3).times(1).delay(Duration::from_millis(600));
    let sleepy: Arc<dyn Store> = Arc::new(FaultStore::new(store.clone(), Faults::new(1, [sleep]).unwrap()));
    let first = open(&sleepy, options(2, Metric::L2)).await;
    first.upsert(vec![row(1, 1.0)]).await.unwrap();
    let asleep = async { first.upsert(vec![row(2, 2.0)]).await };
    let meanwhile = async {
        let second = open(&store, options(2, Metric::L2)).await;
        for n in 10..20 {
            second.upsert(vec![row(n, n as f32)]).await.unwrap();
        }
        second.flush().await.unwrap();
        second
    };
    let (told, second) = futures_util::future::join(asleep, meanwhile).await;
    let error = told.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.advice().is_some_and(|hint| hint.contains("open")), "{error:?}");
    assert_eq!(first.upsert(vec![row(3, 3.0)]).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(first.flush().await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(count(&second).await, 11, "what it was told was written is there, and nothing else");
    // It can still read.
    first.refresh().await.unwrap();
    assert_eq!(count(&first).await, 11);
    second.close().await.unwrap();
    assert_eq!(count(&open(&store, options(2, Metric::L2)).await).await, 11);
}

/// The first one seals while the second takes over: whichever manifest comes first, nothing is lost or doubled.
#[tokio::test]
async fn a_seal_meets_another_writer() {
    for (seed, millis) in (0..12).map(|seed| (seed, 10 * seed)) {
        let store = memory();
        let slow = Fault::before([Op::Put]).keys("manifest").nth(3).times(1).delay(Duration::from_millis(60));
        let slowly: Arc<dyn Store> =
            Arc::new(FaultStore::new(store.clone(), Faults::new(seed, [slow]).unwrap()));
        let first = open(&slowly, options(2, Metric::L2)).await;
        first.upsert((0..50).map(|n| row(n, n as f32)).collect()).await.unwrap();
        let sealing = async { first.flush().await };
        let meanwhile = async {
            larder_store_core::Env::system().sleep(Duration::from_millis(millis)).await;
            let second = open(&store, options(2, Metric::L2)).await;
            second.delete(vec![3.into()]).await.unwrap();
            second
        };
        let (sealed, second) = futures_util::future::join(sealing, meanwhile).await;
        if let Err(error) = sealed {
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        }
        assert_eq!(count(&second).await, 49);
        second.flush().await.unwrap();
        assert_eq!(count(&second).await, 49);
        second.close().await.unwrap();
        assert_eq!(count(&open(&store, options(2, Metric::L2)).await).await, 49);
    }
}
