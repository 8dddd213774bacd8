//! The child of another user: makes the store, or tries it.

use larder_store_core::config::StoreConfig;
use larder_store_core::{Call, GetOptions, Got, Key, Op, PutOptions};

use crate::args::Args;
use crate::{Outcome, process, stores, value};

/// The name of the role.
pub(super) const ROLE: &str = "role-permissions";

/// Plays the role. What came is on the output: `ok`, or the kind of the error, its operation and its words.
///
/// # Errors
/// Its arguments are wrong; a store that must be made is not.
pub(super) fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let config = StoreConfig::parse(&args.need("url")?)?;
    let what = args.need("try")?;
    args.finish()?;
    let came = stores::block_on(attempt(&config, &what));
    match came {
        Ok(()) => println!("ok"),
        Err(error) => {
            println!("{:?}\t{}\t{error}\t{}", error.kind(), error.op(), error.advice().unwrap_or_default())
        }
    }
    Ok(())
}

async fn attempt(config: &StoreConfig, what: &str) -> larder_store_core::Result<()> {
    let store = stores::open(config).await?;
    let keys = [Key::new("k")?, Key::new("folder/k")?];
    match what {
        "open" => {}
        "get" => {
            let got = store.get_opts(&keys[0], &GetOptions::new()).await?;
            let right = matches!(&got, Got::Found { body, .. } if value::check("k", body).is_ok());
            assert!(right, "a get gave {got:?}");
        }
        _ => {
            for key in &keys {
                store.put_opts(key, value::make(key.as_str(), 1, 100), &PutOptions::new()).await?;
            }
            for key in &keys {
                let got = store.get_opts(key, &GetOptions::new()).await?.into_body();
                let right = got.is_some_and(|body| value::check(key.as_str(), &body).is_ok());
                assert!(right, "what was put is not there");
            }
        }
    }
    store.close(&Call::default()).await.map_err(|e| e.during(Op::Close))
}
