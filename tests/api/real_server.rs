//! The engine against a real Qdrant, server or cluster. Does nothing unless
//! `RANKGATE_TEST_QDRANT_URL` names its gRPC address, and, where it asks for
//! one, `RANKGATE_TEST_QDRANT_API_KEY` its key:
//!
//! ```text
//! RANKGATE_TEST_QDRANT_URL=http://127.0.0.1:6334 cargo test --test api real_server -- --ignored
//! ```
//!
//! Every test works in a collection of its own and removes it afterwards.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::FutureExt;
use qdrant_client::Qdrant;
use rankgate::domain::DocId;
use rankgate::retrieve::{CollectionConfig, RetrievalMode, ServerEngine, UPDATED_AT, point_id};
use secrecy::SecretString;
use uuid::Uuid;

use crate::server_engine::bench::{
    DOCS, Letters, Side, config, corpus, document, embedded, indexed, patience, search,
};
use crate::server_engine::filters::assert_language;
use crate::server_engine::parity::assert_agree;

/// What BM25 and cosine may differ by between builds of the engine.
const TOLERANCE: f32 = 1e-5;

const ALL: [RetrievalMode; 3] = [RetrievalMode::Bm25, RetrievalMode::Dense, RetrievalMode::Hybrid];

/// A real server, and the name of one collection on it.
struct Real {
    url: String,
    key: Option<String>,
    collection: String,
}

impl Real {
    fn new() -> Option<Self> {
        let Ok(url) = std::env::var("RANKGATE_TEST_QDRANT_URL") else {
            println!("RANKGATE_TEST_QDRANT_URL is not set: nothing was tested");
            return None;
        };
        let key = std::env::var("RANKGATE_TEST_QDRANT_API_KEY").ok();
        let collection = format!("rankgate-test-{}", Uuid::now_v7());
        Some(Self { url, key, collection })
    }

    fn side(
        &self,
        keys: &str,
        encoder: &std::sync::Arc<Letters>,
        configs: &BTreeMap<String, CollectionConfig>,
    ) -> Side {
        let key = self.key.clone().map(SecretString::from);
        let names = BTreeMap::from([(DOCS.to_owned(), self.collection.clone())]);
        let engine = ServerEngine::new(&config(&self.url, keys), key).unwrap();
        let engine = engine.with_names(names).with_collections(configs.clone());
        Side::new(engine, encoder, configs)
    }

    /// Runs a test, and removes the collection however it ends.
    async fn run(self, test: impl AsyncFnOnce(&Self)) {
        let outcome = AssertUnwindSafe(test(&self)).catch_unwind().await;
        let client = Qdrant::from_url(&self.url).api_key(self.key).skip_compatibility_check();
        let removed = client.build().unwrap().delete_collection(self.collection).await;
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
        removed.unwrap();
    }
}

/// One shard: IDF is counted in each by itself.
#[tokio::test]
#[ignore = "asks a real Qdrant"]
async fn a_real_server_agrees_with_the_embedded_engine() {
    for parts in [1, 3] {
        for configs in [BTreeMap::new(), indexed()] {
            let Some(real) = Real::new() else { return };
            real.run(async |real| {
                let encoder = Letters::new(parts);
                let (ours, _folder) = embedded(&encoder, &configs);
                let theirs = real.side("shard_number = 1", &encoder, &configs);
                assert_agree(&ours, &theirs, TOLERANCE, &ALL).await;
            })
            .await;
        }
    }
}

/// What doesn't count over all documents is the same for any number of shards.
#[tokio::test]
#[ignore = "asks a real Qdrant"]
async fn shards_make_no_difference_to_embeddings() {
    let Some(real) = Real::new() else { return };
    real.run(async |real| {
        let encoder = Letters::new(1);
        let (ours, _folder) = embedded(&encoder, &indexed());
        let keys = "shard_number = 3\nread_consistency = \"majority\"\nwrite_ordering = \"medium\"";
        let theirs = real.side(keys, &encoder, &indexed());
        assert_agree(&ours, &theirs, TOLERANCE, &[RetrievalMode::Dense]).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "asks a real Qdrant"]
async fn a_real_server_agrees_with_the_filter_language() {
    let Some(real) = Real::new() else { return };
    real.run(async |real| {
        let side = real.side("shard_number = 1", &Letters::new(1), &BTreeMap::new());
        assert_language(&side).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "asks a real Qdrant"]
async fn a_real_server_keeps_what_it_is_given() {
    let Some(real) = Real::new() else { return };
    real.run(async |real| {
        let side = real.side("upsert_batch = 10", &Letters::new(3), &indexed());
        let documents = corpus(60);
        side.fill(documents.clone()).await;
        let deep = (0..28).fold(serde_json::json!(1), |inner, _| serde_json::json!({ "a": inner }));
        let deep = document("deep", "tent", &deep);
        let writer = side.documents.writer(DOCS).await.unwrap();
        writer.write(vec![deep.clone()]).await.unwrap();
        assert_eq!(writer.documents_stored().await.unwrap(), 61);
        let collection = side.engine.open(DOCS, patience()).await.unwrap();
        let ids: Vec<_> = documents.iter().map(|document| point_id(&document.id)).collect();
        let stored = collection.documents(ids.clone(), patience()).await.unwrap();
        for (id, document) in ids.iter().zip(&documents) {
            assert_eq!(stored[id], *document);
        }
        let found = side.ask(search("tent")).await.unwrap();
        assert!(found.candidates.iter().any(|it| *it.document == deep));
        let newest = collection.newest(patience()).await.unwrap().unwrap();
        assert_eq!(newest.to_string(), "2025-12-01T00:00:00Z", "{UPDATED_AT}");
        let page = collection.ids(None, 40, patience()).await.unwrap();
        let rest = collection.ids(page.next, 40, patience()).await.unwrap();
        assert_eq!((page.ids.len(), rest.ids.len(), rest.next), (40, 21, None));
        assert!(writer.delete(&DocId::new("d7").unwrap()).await.unwrap());
        assert_eq!(writer.documents_stored().await.unwrap(), 60);
        // Another process opens the same.
        let other = real.side("", &Letters::new(3), &indexed());
        assert!(!other.found(search("tent")).await.is_empty());
        assert_eq!(
            other.documents.writer(DOCS).await.unwrap().average_length().to_bits(),
            writer.average_length().to_bits()
        );
    })
    .await;
}

#[tokio::test]
#[ignore = "asks a real Qdrant"]
async fn two_writers_share_a_real_collection() {
    let Some(real) = Real::new() else { return };
    real.run(async |real| {
        let sides = [0, 1].map(|_| real.side("", &Letters::new(1), &BTreeMap::new()));
        let documents = corpus(40);
        let write = async |n: usize| {
            let writer = sides[n].documents.writer_or_new(DOCS, 7.0).await.unwrap();
            writer.write(documents[n * 20..][..20].to_vec()).await.unwrap();
        };
        futures::join!(write(0), write(1));
        let writer = sides[0].documents.writer(DOCS).await.unwrap();
        assert_eq!(writer.documents_stored().await.unwrap(), 40);
    })
    .await;
}
