//! Stacks that cannot be, and calls that a stack refuses.

use std::path::Path;

use larder::{ErrorKind, StoreExt};

use crate::rows::Rows;

const SECTION: &str = "Stacks";

pub(crate) async fn add(rows: &mut Rows, root: &Path) {
    let path = root.join("stack");
    let folder = Some(path.as_path());
    let at = path.display();
    let refused = [
        ("a stack that does not say how fresh", ErrorKind::Invalid, format!("memory: | file:{at}")),
        ("a front without a bound", ErrorKind::Unsupported, format!("file:{at} | memory:?fresh=30s")),
        (
            "an origin that evicts",
            ErrorKind::Invalid,
            format!("memory: | lmdb:{at}?role=cache&capacity=16MiB&fresh=30s"),
        ),
        (
            "a reading policy that is to come",
            ErrorKind::Unsupported,
            format!("memory: | file:{at}?fresh=30s&read=origin-first"),
        ),
        (
            "a writing policy that is to come",
            ErrorKind::Unsupported,
            format!("memory: | file:{at}?fresh=30s&write=write-back"),
        ),
        (
            "policies that contradict each other",
            ErrorKind::Invalid,
            format!("memory: | file:{at}?fresh=always&read=front-only"),
        ),
    ];
    for (cause, kind, stack) in refused {
        rows.add(SECTION, cause, folder, kind, larder::open(&stack).await);
    }

    let front = root.join("front");
    let folder = Some(front.as_path());
    let stack = format!("lmdb:{}?capacity=16MiB | file:{at}?fresh=sole_writer", front.display());
    std::fs::create_dir_all(front.join("larder.fence")).unwrap();
    let no_fence = larder::open(&stack).await;
    rows.add(
        SECTION,
        "a fence that cannot be attached, under `fresh=sole_writer`",
        folder,
        ErrorKind::Unavailable,
        no_fence,
    );
    std::fs::remove_dir(front.join("larder.fence")).unwrap();

    let store = larder::open(&stack).await.unwrap();
    std::fs::remove_file(front.join("larder.fence")).unwrap();
    std::fs::create_dir(front.join("larder.fence")).unwrap();
    let lost = store.put("k", "v").await;
    rows.add(
        SECTION,
        "a fence that is gone while open, under `fresh=sole_writer`",
        folder,
        ErrorKind::Unavailable,
        lost,
    );
    store.close(&Default::default()).await.unwrap();

    let store = larder::open(&format!("memory: | file:{at}?fresh=30s&read=front-only")).await.unwrap();
    rows.add(
        SECTION,
        "nothing in the fronts, under `read=front-only`",
        None,
        ErrorKind::Unavailable,
        store.get("k").await,
    );
}
