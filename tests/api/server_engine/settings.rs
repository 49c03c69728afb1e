//! What is configured is what the server is told.

use std::collections::BTreeMap;

use qdrant_client::Qdrant;
use qdrant_client::qdrant::read_consistency::Value;
use qdrant_client::qdrant::{
    CreateAliasBuilder, ReadConsistencyType, ShardKey, ShardKeySelector, WriteOrderingType,
};
use rankgate::domain::DocId;
use rankgate::retrieve::{Point, ServerEngine, SparseVector, UPDATED_AT, point_id};
use test_case::test_case;

use super::bench::{DOCS, Letters, Side, config, corpus, document, nothing, patience, search};
use crate::qdrant::{Asked, QdrantServer};

const READS: [&str; 4] = ["Query", "Points/Get", "Scroll", "Count"];
const WRITES: [&str; 2] = ["Upsert", "Points/Delete"];

/// Every kind of request, to one server.
async fn asked_everything(keys: &str) -> (QdrantServer, BTreeMap<&'static str, Vec<Asked>>) {
    let server = QdrantServer::start().await;
    let side = Side::configured(&server.url(), keys);
    side.fill(corpus(20)).await;
    side.found(search("tent")).await;
    let writer = side.documents.writer(DOCS).await.unwrap();
    writer.delete(&DocId::new("d1").unwrap()).await.unwrap();
    let collection = side.engine.open(DOCS, patience()).await.unwrap();
    assert!(collection.index_type(UPDATED_AT).is_some());
    collection.newest(patience()).await.unwrap();
    collection.count(patience()).await.unwrap();
    let asked = READS.into_iter().chain(WRITES).map(|rpc| (rpc, server.asked(rpc))).collect();
    (server, asked)
}

#[tokio::test]
async fn by_default_nothing_is_asked_that_qdrant_does_anyway() {
    let (_server, asked) = asked_everything("").await;
    for (rpc, asked) in asked {
        assert!(!asked.is_empty(), "{rpc}");
        for asked in asked {
            assert_eq!(asked.read_consistency, None, "{rpc}");
            assert_eq!(asked.shard_key_selector, None, "{rpc}");
            assert_eq!(asked.ordering, None, "{rpc}");
            assert_eq!(asked.api_key, None, "{rpc}");
            assert_eq!(asked.wait, WRITES.contains(&rpc).then_some(true), "{rpc}");
            let seconds = asked.timeout.unwrap();
            let most = if WRITES.contains(&rpc) { 61 } else { 60 };
            assert!((1..=most).contains(&seconds), "{rpc}: {seconds}");
        }
    }
}

#[tokio::test]
async fn the_time_of_a_search_is_told_to_the_server() {
    let (_server, asked) = asked_everything("timeout_ms = 2500").await;
    assert!(asked["Query"].iter().all(|asked| asked.timeout == Some(3)), "{asked:?}");
}

#[test_case("\"majority\"", Value::Type(ReadConsistencyType::Majority.into()) ; "majority")]
#[test_case("\"quorum\"", Value::Type(ReadConsistencyType::Quorum.into()) ; "quorum")]
#[test_case("\"all\"", Value::Type(ReadConsistencyType::All.into()) ; "all")]
#[test_case("2", Value::Factor(2) ; "two replicas")]
#[tokio::test]
async fn every_read_has_the_configured_consistency(consistency: &str, expected: Value) {
    let (_server, asked) = asked_everything(&format!("read_consistency = {consistency}")).await;
    for rpc in READS {
        for asked in &asked[rpc] {
            assert_eq!(asked.read_consistency.unwrap().value, Some(expected), "{rpc}");
        }
    }
}

#[test_case("medium", WriteOrderingType::Medium ; "medium")]
#[test_case("strong", WriteOrderingType::Strong ; "strong")]
#[tokio::test]
async fn every_write_has_the_configured_ordering(ordering: &str, expected: WriteOrderingType) {
    let (server, asked) = asked_everything(&format!("write_ordering = \"{ordering}\"")).await;
    let indexes = server.asked("CreateFieldIndex");
    assert!(!indexes.is_empty());
    for asked in WRITES.iter().flat_map(|rpc| &asked[rpc]).chain(&indexes) {
        assert_eq!(asked.ordering.unwrap().r#type(), expected, "{asked:?}");
    }
}

#[test_case("\"eu\"", "eu".into() ; "a text")]
#[test_case("7", 7.into() ; "a number")]
#[tokio::test]
async fn every_request_names_the_shard_key(key: &str, expected: ShardKey) {
    let (server, asked) = asked_everything(&format!("shard_key = {key}")).await;
    let expected = Some(ShardKeySelector { shard_keys: vec![expected], fallback: None });
    for (rpc, asked) in asked {
        assert!(!asked.is_empty(), "{rpc}");
        for asked in asked {
            assert_eq!(asked.shard_key_selector, expected, "{rpc}");
        }
    }
    // Others reach it under the same key only.
    let error = Side::server(&server.url()).error(search("tent")).await.to_string();
    assert!(error.contains("set retrieval.server.shard_key"), "{error}");
    // A second writer finds the shards made, and one of another key makes its
    // own; who only reads doesn't.
    let side = Side::configured(&server.url(), &format!("shard_key = {key}"));
    side.documents.writer_or_new(DOCS, 5.0).await.unwrap();
    let side = Side::configured(&server.url(), "shard_key = \"us\"");
    let error = side.error(search("tent")).await.to_string();
    assert!(error.contains("no shards of this retrieval.server.shard_key"), "{error}");
    side.fill(vec![document("late", "tent", &nothing())]).await;
    assert!(!side.found(search("tent")).await.is_empty());
}

#[tokio::test]
async fn a_collection_may_have_another_name_or_an_alias_on_the_server() {
    let server = QdrantServer::start().await;
    let raw = Qdrant::from_url(&server.url()).skip_compatibility_check().build().unwrap();
    let side_of = |remote: &str| {
        let names = BTreeMap::from([(DOCS.to_owned(), remote.to_owned())]);
        let engine = ServerEngine::new(&config(&server.url(), ""), None).unwrap();
        Side::new(engine.with_names(names), &Letters::new(1), &BTreeMap::new())
    };
    for (remote, text) in [("shop_v1", "old tent"), ("shop_v2", "new tent")] {
        side_of(remote).fill(vec![document(text, text, &nothing())]).await;
    }
    let list = raw.list_collections().await.unwrap().collections;
    let mut names: Vec<_> = list.into_iter().map(|it| it.name).collect();
    names.sort_unstable();
    assert_eq!(names, ["shop_v1", "shop_v2"]);
    let side = side_of("live");
    for (remote, text) in [("shop_v1", "old tent"), ("shop_v2", "new tent")] {
        raw.create_alias(CreateAliasBuilder::new(remote, "live")).await.unwrap();
        let found = side.ask(search("tent")).await.unwrap();
        assert_eq!(found.candidates[0].document.text, text);
        // Everyone here knows it by our name.
        assert_eq!(found.candidates[0].collection.as_deref(), Some(DOCS));
        raw.delete_alias("live").await.unwrap();
    }
    let error = side.error(search("tent")).await.to_string();
    assert!(error.contains("no collection \"docs\""), "{error}");
    // Written through an alias.
    raw.create_alias(CreateAliasBuilder::new("shop_v1", "live")).await.unwrap();
    side.fill(vec![document("written", "rope", &nothing())]).await;
    assert!(side_of("shop_v1").found(search("rope")).await.contains(&"written".to_owned()));
}

#[tokio::test]
async fn documents_are_written_in_batches() {
    let server = QdrantServer::start().await;
    Side::configured(&server.url(), "upsert_batch = 30").fill(corpus(100)).await;
    assert_eq!(server.calls("Upsert"), 4);
    assert_eq!(server.largest_upsert(), 30);
    let server = QdrantServer::start().await;
    Side::server(&server.url()).fill(corpus(100)).await;
    assert_eq!((server.calls("Upsert"), server.largest_upsert()), (2, 64));
}

#[tokio::test]
async fn long_documents_make_small_batches() {
    let server = QdrantServer::start().await;
    let side = Side::server(&server.url());
    let long = |n: usize| document(&n.to_string(), &"tent ".repeat(600_000), &nothing());
    side.fill((0..6).map(long).collect()).await;
    assert_eq!((server.calls("Upsert"), server.largest_upsert()), (3, 2));
    assert_eq!(side.found(search("tent")).await.len(), 6);
}

#[tokio::test]
async fn of_points_with_one_id_the_last_counts() {
    let server = QdrantServer::start().await;
    let side = Side::configured(&server.url(), "upsert_batch = 1");
    side.fill(corpus(3)).await;
    let collection = side.engine.open(DOCS, patience()).await.unwrap();
    let id = point_id(&DocId::new("a").unwrap());
    let points = (0..20).map(|n| Point {
        id,
        document: document("a", &n.to_string(), &nothing()),
        bm25: SparseVector::default(),
        dense: Vec::new(),
    });
    collection.upsert(points.collect(), patience()).await.unwrap();
    let stored = collection.documents(vec![id], patience()).await.unwrap();
    assert_eq!(stored[&id].text, "19");
    assert!(collection.embeddings(vec![id], patience()).await.unwrap().is_empty());
}

#[tokio::test]
async fn many_documents_are_read_in_several_requests() {
    let server = QdrantServer::start().await;
    let side = Side::server(&server.url());
    let documents = corpus(1200);
    side.fill(documents.clone()).await;
    let collection = side.engine.open(DOCS, patience()).await.unwrap();
    let ids: Vec<_> = documents.iter().map(|document| point_id(&document.id)).collect();
    let before = server.calls("Points/Get");
    let stored = collection.documents(ids.clone(), patience()).await.unwrap();
    assert_eq!(server.calls("Points/Get") - before, 3);
    assert_eq!(stored.len(), 1200);
    for (id, document) in ids.iter().zip(&documents) {
        assert_eq!(stored[id], *document);
    }
}
