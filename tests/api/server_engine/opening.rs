//! Collections that are missing, made, made twice at once, of another shape,
//! or changed behind our back.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use qdrant_client::Qdrant;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CreateCollection, Distance, Modifier, SparseVectorConfig, SparseVectorParams, VectorParams,
    VectorParamsMap, VectorsConfig,
};
use rankgate::domain::Document;
use rankgate::retrieve::{
    CollectionConfig, EngineError, IndexType, RetrieveError, ServerEngine, WriteError,
};
use serde_json::json;

use super::bench::{DOCS, Letters, Side, config, corpus, document, nothing, patience, search};
use crate::qdrant::QdrantServer;

fn raw(server: &QdrantServer) -> Qdrant {
    Qdrant::from_url(&server.url()).skip_compatibility_check().build().unwrap()
}

/// A collection of somebody else's.
fn foreign(dense: &str, distance: Distance, modifier: Option<Modifier>) -> CreateCollection {
    let params = VectorParams { size: 16, distance: distance.into(), ..VectorParams::default() };
    let sparse = SparseVectorParams { modifier: modifier.map(Into::into), index: None };
    let map = HashMap::from([(dense.to_owned(), params)]);
    CreateCollection {
        collection_name: DOCS.to_owned(),
        vectors_config: Some(VectorsConfig {
            config: Some(Config::ParamsMap(VectorParamsMap { map })),
        }),
        sparse_vectors_config: Some(SparseVectorConfig {
            map: HashMap::from([("bm25".to_owned(), sparse)]),
        }),
        ..CreateCollection::default()
    }
}

#[tokio::test]
async fn a_missing_collection_is_said_to_be_missing() {
    let server = QdrantServer::start().await;
    let side = Side::server(&server.url());
    let error = side.error(search("tent")).await;
    assert!(matches!(&error, RetrieveError::NoCollection(name) if name == DOCS), "{error}");
    assert!(error.to_string().contains("rankgate index --collection docs"), "{error}");
    assert_eq!(server.calls("Create"), 0);
    // Once it is there it is found, without a restart.
    Side::server(&server.url()).fill(corpus(20)).await;
    assert!(!side.found(search("tent")).await.is_empty());
}

#[tokio::test]
async fn a_name_that_is_none_asks_nobody() {
    let server = QdrantServer::start().await;
    let side = Side::server(&server.url());
    let opened = side.engine.open("a/b", patience()).await.map(|_| ());
    assert!(matches!(opened, Err(EngineError::InvalidName(_))), "{opened:?}");
    assert!(side.documents.writer_or_new("", 1.0).await.is_err());
    assert_eq!(server.calls("Collections/Get") + server.calls("Create"), 0);
}

#[tokio::test]
async fn collections_of_others_are_left_alone() {
    let cases = [
        (foreign("text", Distance::Cosine, Some(Modifier::Idf)), "the dense vector \"text\""),
        (foreign("dense", Distance::Cosine, None), "lacks the modifier IDF"),
        (foreign("dense", Distance::Cosine, Some(Modifier::Idf)), "rankgate did not make it"),
        (foreign("dense", Distance::Dot, Some(Modifier::Idf)), "rankgate did not make it"),
    ];
    for (created, word) in cases {
        let server = QdrantServer::start().await;
        raw(&server).create_collection(created).await.unwrap();
        let side = Side::server(&server.url());
        let Err(WriteError::Engine(error)) = side.documents.writer_or_new(DOCS, 5.0).await else {
            panic!("a foreign collection was taken");
        };
        assert!(matches!(error, EngineError::OtherShape { .. }), "{error}");
        for part in ["\"docs\"", word, "index into another collection"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        let found = side.error(search("tent")).await.to_string();
        assert!(found.contains(word), "{found}");
        assert_eq!(server.calls("CreateFieldIndex"), 0);
    }
}

#[tokio::test]
async fn a_server_that_keeps_no_manifest_is_too_old() {
    let server = QdrantServer::start().await;
    server.pretend_version("1.15.4");
    let side = Side::server(&server.url());
    let made = side.documents.writer_or_new(DOCS, 5.0).await.map(|_| ());
    let error = made.unwrap_err().to_string();
    assert!(error.contains("Qdrant 1.15") && error.contains("1.16 or later"), "{error}");
    assert_eq!(server.calls("Create"), 0, "what can't be used was made");
    // Made by somebody who did not look.
    let ours = foreign("dense", Distance::Cosine, Some(Modifier::Idf));
    raw(&server).create_collection(ours).await.unwrap();
    let error = side.error(search("tent")).await.to_string();
    assert!(error.contains("1.16 or later"), "{error}");
}

#[tokio::test]
async fn an_embedding_of_another_length_is_refused() {
    let server = QdrantServer::start().await;
    Side::server(&server.url()).fill(corpus(20)).await;
    let engine = ServerEngine::new(&config(&server.url(), ""), None).unwrap();
    let side = Side::new(engine, &Letters::sized(1, 8), &BTreeMap::new());
    let error = side.error(search("tent")).await.to_string();
    assert!(error.contains("16 dimensions") && error.contains("8 dimensions"), "{error}");
}

#[tokio::test]
async fn two_writers_that_make_a_collection_at_once_share_it() {
    let server = QdrantServer::start().await;
    let (one, other) = (Side::server(&server.url()), Side::server(&server.url()));
    // Both learn that it is missing before either has made it.
    server.faults().delay(Duration::from_millis(50));
    let documents = corpus(40);
    let (first, second) = documents.split_at(20);
    futures::join!(write(&one, first), write(&other, second));
    server.faults().clear();
    assert_eq!(server.calls("Create"), 2, "they did not meet");
    for side in [&one, &other] {
        let writer = side.documents.writer(DOCS).await.unwrap();
        assert_eq!(writer.documents_stored().await.unwrap(), 40);
    }
}

async fn write(side: &Side, documents: &[Document]) {
    let writer = side.documents.writer_or_new(DOCS, 7.0).await.unwrap();
    writer.write(documents.to_vec()).await.unwrap();
}

#[tokio::test]
async fn what_another_process_changes_counts_for_the_next_writer() {
    let server = QdrantServer::start().await;
    let (one, other) = (Side::server(&server.url()), Side::server(&server.url()));
    let seen = one.documents.writer_or_new(DOCS, 7.0).await.unwrap();
    assert_eq!(seen.average_length().to_bits(), 7_f64.to_bits());
    // Nothing is stored yet, so that the other one's measure is taken over.
    let writer = other.documents.writer_or_new(DOCS, 21.0).await.unwrap();
    writer.write(corpus(10)).await.unwrap();
    let seen = one.documents.writer_or_new(DOCS, 7.0).await.unwrap();
    assert_eq!(seen.average_length().to_bits(), 21_f64.to_bits());
}

#[tokio::test]
async fn a_collection_that_is_gone_is_forgotten_and_found_again() {
    let server = QdrantServer::start().await;
    let side = Side::server(&server.url());
    side.fill(corpus(20)).await;
    assert!(!side.found(search("tent")).await.is_empty());
    raw(&server).delete_collection(DOCS).await.unwrap();
    for _ in 0..3 {
        let error = side.error(search("tent")).await;
        assert!(matches!(error, RetrieveError::NoCollection(_)), "{error}");
    }
    Side::server(&server.url()).fill(vec![document("new", "tent", &nothing())]).await;
    assert_eq!(side.found(search("tent")).await, ["new"]);
}

#[tokio::test]
async fn a_collection_that_was_replaced_is_looked_at_again() {
    let server = QdrantServer::start().await;
    let side = Side::server(&server.url());
    side.fill(corpus(20)).await;
    let raw = raw(&server);
    raw.delete_collection(DOCS).await.unwrap();
    raw.create_collection(foreign("text", Distance::Cosine, Some(Modifier::Idf))).await.unwrap();
    side.error(search("tent")).await;
    let error = side.error(search("tent")).await.to_string();
    assert!(error.contains("it has the dense vector \"text\""), "{error}");
    // The same kind again, with several embeddings a document.
    raw.delete_collection(DOCS).await.unwrap();
    let engine = ServerEngine::new(&config(&server.url(), ""), None).unwrap();
    Side::new(engine, &Letters::new(3), &BTreeMap::new()).fill(corpus(20)).await;
    let error = side.error(search("tent")).await.to_string();
    assert!(error.contains("index into a new collection"), "{error}");
}

#[tokio::test]
async fn indexes_follow_the_configuration() {
    let server = QdrantServer::start().await;
    let raw = raw(&server);
    let side = |indexed: &[(&str, IndexType)]| {
        let indexed = indexed.iter().map(|(key, index)| ((*key).to_owned(), *index)).collect();
        let settings = CollectionConfig { indexed, ..CollectionConfig::default() };
        let configs = BTreeMap::from([(DOCS.to_owned(), settings)]);
        let engine = ServerEngine::new(&config(&server.url(), ""), None).unwrap();
        Side::new(engine.with_collections(configs.clone()), &Letters::new(1), &configs)
    };
    let indexes = || async {
        let info = raw.collection_info(DOCS).await.unwrap().result.unwrap();
        let mut indexes: Vec<_> = info
            .payload_schema
            .iter()
            .map(|(path, index)| format!("{path}: {}", index.data_type().as_str_name()))
            .collect();
        indexes.sort_unstable();
        indexes
    };
    let made = side(&[("brand", IndexType::Keyword), ("a.b", IndexType::Float)]);
    made.fill(vec![document("a", "tent", &json!({"brand": "x", "a.b": 1}))]).await;
    assert_eq!(
        indexes().await,
        ["metadata.\"a.b\": Float", "metadata.brand: Keyword", "metadata.updated_at: Datetime"]
    );
    let calls = || server.calls("CreateFieldIndex") + server.calls("DeleteFieldIndex");
    let before = calls();
    made.found(search("tent")).await;
    made.documents.writer_or_new(DOCS, 5.0).await.unwrap();
    assert_eq!(calls(), before, "what is right was made again");
    // A search aligns them too.
    side(&[("brand", IndexType::Bool), ("price", IndexType::Float)]).found(search("tent")).await;
    assert_eq!(
        indexes().await,
        ["metadata.brand: Bool", "metadata.price: Float", "metadata.updated_at: Datetime"]
    );
    side(&[]).documents.writer_or_new(DOCS, 5.0).await.unwrap();
    assert_eq!(indexes().await, ["metadata.updated_at: Datetime"]);
}

#[tokio::test]
async fn an_opened_collection_is_not_opened_again_by_the_next_search() {
    let server = QdrantServer::start().await;
    Side::server(&server.url()).fill(corpus(20)).await;
    let side = Side::server(&server.url());
    let before = server.calls("Collections/Get");
    let searches = (0..10).map(|_| side.found(search("tent")));
    futures::future::join_all(searches).await;
    side.found(search("stove")).await;
    assert_eq!(server.calls("Collections/Get") - before, 1);
}

#[tokio::test]
async fn metadata_that_the_protocol_cannot_carry_is_refused_by_name() {
    let server = QdrantServer::start().await;
    let side = Side::server(&server.url());
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!({ "a": inner }));
    // The deepest that is let through comes back.
    let deepest = document("deep", "tent", &nested(28));
    side.fill(vec![deepest.clone()]).await;
    let found = side.ask(search("tent")).await.unwrap();
    assert_eq!(*found.candidates[0].document, deepest);
    let writer = side.documents.writer(DOCS).await.unwrap();
    let error = writer.write(vec![document("deeper", "tent", &nested(29))]).await.unwrap_err();
    assert!(error.to_string().contains("document \"deeper\" is nested more than 28"), "{error}");
}
