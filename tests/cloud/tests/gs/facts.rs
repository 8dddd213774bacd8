//! What the service does on the wire, as the official crate sees it: one list, checked on the double and on the real
//! service.

use google_cloud_storage::model_ext::ReadRange;

use crate::real;
use crate::service::{Service, double, refused, refused_by_code};

macro_rules! facts {
    ($($fact:ident,)*) => {
        async fn all(service: &Service) {
            $($fact(service).await;)*
        }
    };
}

facts! {
    creation_is_decided_once,
    a_write_names_a_generation,
    generations_grow,
    reads_have_conditions,
    ranges,
    downloads_tell_metadata,
    deletes_have_conditions,
    listings,
    names,
    a_wrong_checksum_is_refused,
    a_rewrite_takes_the_new_metadata,
    compositions,
    updates_keep_the_generation,
    sessions,
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_double() {
    let double = double();
    all(&Service::of(&double).await).await;
    assert_eq!(double.uploads("bucket"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_google() {
    let Some(bucket) = real::bucket("facts::on_google") else { return };
    let service = Service::real(&bucket, real::prefix()).await;
    all(&service).await;
    let control = &service.control;
    let left =
        control.list_objects().set_parent(&service.bucket).set_prefix(&service.prefix).send().await.unwrap();
    for object in left.objects {
        let gone = control.delete_object().set_bucket(&service.bucket).set_object(object.name).send().await;
        gone.unwrap();
    }
}

async fn creation_is_decided_once(s: &Service) {
    let all = (0..16).map(|n| async move { s.write("once", &n.to_string(), Some(0)).await });
    let done = futures_util::future::join_all(all).await;
    let (made, others): (Vec<_>, Vec<_>) = done.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    assert!(others.into_iter().all(|one| refused(one) == 412));
}

async fn a_write_names_a_generation(s: &Service) {
    let first = s.write("cas", "1", None).await.unwrap();
    let second = s.write("cas", "2", Some(first.generation)).await.unwrap();
    assert_eq!(refused(s.write("cas", "3", Some(first.generation)).await), 412);
    assert_eq!(refused(s.write("absent", "3", Some(first.generation)).await), 412);
    assert_eq!(s.read("cas").await.unwrap(), b"2");
    let all = (0..16).map(|n| async move { s.write("cas", &n.to_string(), Some(second.generation)).await });
    let done = futures_util::future::join_all(all).await;
    assert_eq!(done.iter().filter(|one| one.is_ok()).count(), 1);
}

async fn generations_grow(s: &Service) {
    let mut last = 0;
    for _ in 0..3 {
        let now = s.write("grow", "v", None).await.unwrap().generation;
        assert!(now > last, "{now} after {last}");
        last = now;
        let gone = s.control.delete_object().set_bucket(&s.bucket).set_object(s.name("grow")).send().await;
        gone.unwrap();
    }
}

async fn reads_have_conditions(s: &Service) {
    let now = s.write("read", "value", None).await.unwrap().generation;
    let read = |name: &str| s.storage.read_object(s.bucket.as_str(), s.name(name));
    assert_eq!(refused(read("read").set_if_generation_not_match(now).send().await), 304);
    assert_eq!(refused(read("read").set_if_generation_match(now + 1).send().await), 412);
    assert_eq!(refused(read("nothing").send().await), 404);
    assert_eq!(refused(read("read").set_generation(now + 1).send().await), 404);
    let found = read("read").set_if_generation_match(now).send().await.unwrap().object();
    assert_eq!((found.generation, found.size), (now, 5));
}

async fn ranges(s: &Service) {
    s.write("range", "0123456789", None).await.unwrap();
    for (range, want) in [
        (ReadRange::segment(2, 3), "234"),
        (ReadRange::offset(7), "789"),
        (ReadRange::tail(2), "89"),
        (ReadRange::tail(20), "0123456789"),
        (ReadRange::segment(8, 20), "89"),
    ] {
        let read = s.storage.read_object(s.bucket.as_str(), s.name("range")).set_read_range(range);
        let mut read = read.send().await.unwrap();
        assert_eq!(read.object().size, 10, "the size is that of the whole");
        let mut whole = Vec::new();
        while let Some(piece) = read.next().await {
            whole.extend_from_slice(&piece.unwrap());
        }
        assert_eq!(whole, want.as_bytes());
    }
    let past =
        s.storage.read_object(s.bucket.as_str(), s.name("range")).set_read_range(ReadRange::offset(10));
    assert_eq!(refused(past.send().await), 416);
}

/// The store reads its facts from there; where they are missing, it asks once more.
async fn downloads_tell_metadata(s: &Service) {
    let write =
        s.storage.write_object(s.bucket.as_str(), s.name("meta"), "v").set_metadata([("larder", "1;x")]);
    write.set_cache_control("no-store").set_content_language("de").send_buffered().await.unwrap();
    let found = s.storage.read_object(s.bucket.as_str(), s.name("meta")).send().await.unwrap().object();
    assert_eq!(found.metadata.get("larder").map(String::as_str), Some("1;x"));
    assert_eq!(found.content_language, "de");
    let got = s.control.get_object().set_bucket(&s.bucket).set_object(s.name("meta")).send().await.unwrap();
    assert_eq!(got.metadata.get("larder").map(String::as_str), Some("1;x"));
    assert_eq!((got.cache_control.as_str(), got.size, got.metageneration), ("no-store", 1, 1));
}

async fn deletes_have_conditions(s: &Service) {
    let now = s.write("gone", "v", None).await.unwrap().generation;
    let delete = || s.control.delete_object().set_bucket(&s.bucket).set_object(s.name("gone"));
    let stale = delete().set_if_generation_match(now + 1).send().await;
    assert_eq!(refused_by_code(stale), "FAILED_PRECONDITION");
    delete().set_if_generation_match(now).send().await.unwrap();
    assert_eq!(refused_by_code(delete().send().await), "NOT_FOUND");
    let get = s.control.get_object().set_bucket(&s.bucket).set_object(s.name("gone")).send().await;
    assert_eq!(refused_by_code(get), "NOT_FOUND");
}

async fn listings(s: &Service) {
    let names = ["l/a-b", "l/a/b", "l/a/c", "l/ab", "l/\u{e9}", "l/\u{10ffff}"];
    for name in names.iter().rev() {
        s.write(name, "v", None).await.unwrap();
    }
    let strip = |name: &str| name.strip_prefix(s.prefix.as_str()).unwrap().to_owned();
    let list = || s.control.list_objects().set_parent(&s.bucket).set_prefix(s.name("l/"));
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let page = list().set_page_size(2).set_page_token(&token).send().await.unwrap();
        assert!(page.objects.len() <= 2);
        found.extend(page.objects.iter().map(|object| strip(&object.name)));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, names, "in the order of bytes");
    let page = list().set_lexicographic_start(s.name("l/a/c")).send().await.unwrap();
    assert_eq!(page.objects.iter().map(|object| strip(&object.name)).collect::<Vec<_>>(), names[2..]);
    let page = list().set_delimiter("/").send().await.unwrap();
    assert_eq!(page.prefixes, [s.name("l/a/")]);
    assert_eq!(page.objects.len(), 4);
    assert_eq!(page.objects[0].checksums.as_ref().and_then(|sums| sums.crc32c), Some(crc32c(b"v")));
}

fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

async fn names(s: &Service) {
    for name in ["n/a/../b", "n/ ", "n//", "n/%2F?#&+", "n/\u{1}", "n/\u{202e}x"] {
        s.write(name, name, Some(0)).await.unwrap_or_else(|e| panic!("{name:?}: {e}"));
        assert_eq!(s.read(name).await.unwrap(), name.as_bytes(), "{name:?}");
    }
    let longest = "x".repeat(1024 - s.prefix.len());
    s.write(&longest, "v", None).await.unwrap();
    assert_eq!(refused(s.write(&format!("{longest}x"), "v", None).await), 400);
    assert_eq!(refused(s.write("a\nb", "v", None).await), 400);
    for name in [".", "..", ".well-known/acme-challenge/x"] {
        let write = s.storage.write_object(s.bucket.as_str(), name, "v").send_buffered().await;
        assert_eq!(refused(write), 400, "{name:?}");
    }
}

async fn a_wrong_checksum_is_refused(s: &Service) {
    let write = s.storage.write_object(s.bucket.as_str(), s.name("sum"), "value").with_known_crc32c(7_u32);
    assert_eq!(refused(write.send_buffered().await), 400);
    assert_eq!(refused(s.storage.read_object(s.bucket.as_str(), s.name("sum")).send().await), 404);
}

async fn a_rewrite_takes_the_new_metadata(s: &Service) {
    let write = s.storage.write_object(s.bucket.as_str(), s.name("from"), "value").set_metadata([("a", "1")]);
    let source = write.send_buffered().await.unwrap();
    let mut described = google_cloud_storage::model::Object::new();
    described.metadata.insert("b".into(), "2".into());
    described.content_type = "text/plain".into();
    let rewrite = |source: i64| {
        s.control
            .rewrite_object()
            .set_source_bucket(&s.bucket)
            .set_source_object(s.name("from"))
            .set_source_generation(source)
            .set_destination_bucket(&s.bucket)
            .set_destination_name(s.name("to"))
            .set_destination(described.clone())
    };
    let done = rewrite(source.generation).set_if_generation_match(0).send().await.unwrap();
    assert!(done.done, "{done:?}");
    let made = done.resource.unwrap();
    assert_eq!((made.metadata.len(), made.metadata.get("b").map(String::as_str)), (1, Some("2")));
    assert_eq!(s.read("to").await.unwrap(), b"value");
    let again = rewrite(source.generation).set_if_generation_match(0).send().await;
    assert_eq!(refused_by_code(again), "FAILED_PRECONDITION");
    assert_eq!(refused_by_code(rewrite(source.generation + 1).send().await), "NOT_FOUND");
}

async fn compositions(s: &Service) {
    let mut sources = Vec::new();
    for (name, value) in [("c/1", "one "), ("c/2", "two "), ("c/3", "three")] {
        s.write(name, value, None).await.unwrap();
        let source = google_cloud_storage::model::compose_object_request::SourceObject::new();
        sources.push(source.set_name(s.name(name)));
    }
    let target = google_cloud_storage::model::Object::new().set_bucket(&s.bucket).set_name(s.name("c/all"));
    let compose =
        || s.control.compose_object().set_destination(target.clone()).set_source_objects(sources.clone());
    let made = compose().set_if_generation_match(0).send().await.unwrap();
    assert_eq!((made.size, made.component_count), (13, 3));
    let sums = made.checksums.unwrap();
    assert_eq!((sums.crc32c, sums.md5_hash.len()), (Some(crc32c(b"one two three")), 0));
    assert_eq!(s.read("c/all").await.unwrap(), b"one two three");
    let again = compose().set_if_generation_match(0).send().await;
    assert_eq!(refused_by_code(again), "FAILED_PRECONDITION");
}

async fn updates_keep_the_generation(s: &Service) {
    let made = s.write("u", "value", None).await.unwrap();
    let mut object = google_cloud_storage::model::Object::new().set_bucket(&s.bucket).set_name(s.name("u"));
    object.cache_control = "no-store".into();
    let mut asked = google_cloud_storage::model::UpdateObjectRequest::new().set_object(object);
    asked.update_mask.get_or_insert_default().paths = vec!["cache_control".into()];
    let update = s.control.update_object().with_request(asked);
    let now = update.set_if_generation_match(made.generation).send().await.unwrap();
    assert_eq!((now.generation, now.metageneration), (made.generation, made.metageneration + 1));
    assert_eq!(now.cache_control, "no-store");
    let stale = s.storage.write_object(s.bucket.as_str(), s.name("u"), "w");
    let stale = stale.set_if_metageneration_match(made.metageneration).send_buffered().await;
    assert_eq!(refused(stale), 412);
}

/// The crate's own uploads in pieces, where nothing goes wrong.
async fn sessions(s: &Service) {
    let value = bytes::Bytes::from((0..3_000_001_u32).map(|n| n as u8).collect::<Vec<_>>());
    for size in [3_000_001, 2 << 20, 0] {
        let part = value.slice(..size);
        let write = s.storage.write_object(s.bucket.as_str(), s.name("pieces"), part.clone());
        let write =
            write.with_resumable_upload_threshold(0_usize).with_resumable_upload_buffer_size(1_usize << 20);
        let made = write.send_buffered().await.unwrap();
        assert_eq!(made.size, size as i64);
        assert_eq!(s.read("pieces").await.unwrap(), part);
        let write = s.storage.write_object(s.bucket.as_str(), s.name("pieces"), part.clone());
        let write = write.with_resumable_upload_threshold(0_usize).set_if_generation_match(made.generation);
        write.send_unbuffered().await.unwrap();
        assert_eq!(s.read("pieces").await.unwrap(), part);
    }
    let stale = s.storage.write_object(s.bucket.as_str(), s.name("pieces"), value);
    let stale = stale.with_resumable_upload_threshold(0_usize).set_if_generation_match(1_i64);
    assert_eq!(refused(stale.send_buffered().await), 412);
}
