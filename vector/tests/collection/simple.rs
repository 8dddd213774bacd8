//! What a first user does.

use bytes::Bytes;
use larder_vector::{Filter, Id, Metric, Row, SearchOptions, VectorStore};

use crate::places::{memory, open, options};

fn payload(lang: &str) -> Bytes {
    let mut out = vec![0xa1, 0x64];
    out.extend_from_slice(b"lang");
    out.push(0x60 | lang.len() as u8);
    out.extend_from_slice(lang.as_bytes());
    out.into()
}

fn ids(answer: &larder_vector::Answer) -> Vec<String> {
    answer.hits.iter().map(|hit| hit.id.to_string()).collect()
}

#[tokio::test]
async fn rows_come_back_before_and_behind_a_seal_and_a_restart() {
    for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
        let store = memory();
        let places = open(&store, options(3, metric)).await;
        let row = |n: u64, x: f32| {
            Row::new(n, vec![x, 1.0, 0.5]).with_payload(payload(if n.is_multiple_of(2) {
                "en"
            } else {
                "de"
            }))
        };
        places.upsert((1..=20).map(|n| row(n, n as f32)).collect()).await.unwrap();
        places.upsert(vec![Row { id: Id::text("seven").unwrap(), ..row(7, 7.5) }]).await.unwrap();
        places.delete(vec![3.into()]).await.unwrap();
        let check = async |places: &larder_vector::Collection, what: &str| {
            let got = places.get(&7.into()).await.unwrap().unwrap();
            assert_eq!((got.vector, got.payload), (vec![7.0, 1.0, 0.5], payload("de")), "{what}");
            assert_eq!(places.get(&3.into()).await.unwrap(), None, "{what}");
            assert!(places.get(&Id::text("seven").unwrap()).await.unwrap().is_some(), "{what}");
            if metric == Metric::L2 {
                let query = [2.9, 1.0, 0.5];
                let answer = places.search(&query, 3, &SearchOptions::new()).await.unwrap();
                assert_eq!(ids(&answer), ["2", "4", "1"], "{what}");
                let german = SearchOptions::new().with_filter(Filter::eq("lang", "de"));
                let answer = places.search(&query, 2, &german).await.unwrap();
                assert_eq!(ids(&answer), ["1", "5"], "{what}");
                assert_eq!(answer.hits[0].payload, Some(payload("de")));
            }
            let all = places.search(&[1.0, 0.0, 0.0], 100, &SearchOptions::new()).await.unwrap();
            assert_eq!(all.hits.len(), 20, "{what}");
            assert_eq!(places.stats().rows, 20, "{what}");
        };
        check(&places, "in memory").await;
        places.flush().await.unwrap();
        check(&places, "sealed").await;
        places.close().await.unwrap();
        let places = open(&store, options(3, metric)).await;
        check(&places, "opened again").await;
        places.upsert(vec![row(3, 3.0)]).await.unwrap();
        places.delete(vec![3.into(), 99.into()]).await.unwrap();
        check(&places, "written again").await;
        places.optimize().await.unwrap();
        check(&places, "rewritten").await;
        places.flush().await.unwrap();
        places.optimize().await.unwrap();
        check(&places, "rewritten again").await;
        places.close().await.unwrap();
    }
}
