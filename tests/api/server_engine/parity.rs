//! A server gives the candidates, scores and order of the embedded engine.

use std::collections::BTreeMap;
use std::time::Duration;

use rankgate::domain::{Candidate, DocId};
use rankgate::retrieve::{Freshness, RetrievalMode, Retrieve, ServerEngine, UPDATED_AT, point_id};
use test_case::test_case;

use super::bench::{
    DOCS, Letters, Side, config, corpus, embedded, filters, indexed, patience, search,
};
use crate::qdrant::QdrantServer;

/// Queries from one word to many, one of them unknown to all documents.
const QUERIES: [&str; 5] =
    ["tent", "warm winter jacket", "gas stove for a summer night", "red", "xylophone"];

/// Every kind of search, on the documents of [`corpus`].
pub fn searches() -> Vec<Retrieve> {
    let freshness = Freshness { half_life: Duration::from_hours(24 * 90), weight: 0.4 };
    let mut searches = Vec::new();
    for query in QUERIES {
        for mode in [RetrievalMode::Bm25, RetrievalMode::Dense, RetrievalMode::Hybrid] {
            for filter in filters() {
                let limit = if filter.is_empty() { 40 } else { 7 };
                searches.push(Retrieve { mode, filter, limit, ..search(query) });
            }
        }
        searches.push(Retrieve { freshness: Some(freshness), ..search(query) });
    }
    searches
}

/// Whether two answers are the same. Scores may differ by `tolerance`, and
/// documents whose scores are as near to each other may stand in either order.
pub fn assert_same(ours: &[Candidate], theirs: &[Candidate], tolerance: f32, what: &Retrieve) {
    assert_eq!(ours.len(), theirs.len(), "{what:?}");
    let near = |a: Option<f32>, b: Option<f32>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= tolerance * a.abs().max(1.0),
        (None, None) => true,
        _ => false,
    };
    let score = |it: &Candidate| it.scores.fusion.or(it.scores.bm25).or(it.scores.dense);
    for (place, (our, their)) in ours.iter().zip(theirs).enumerate() {
        assert!(near(score(our), score(their)), "place {place} of {what:?}: {our:?} {their:?}");
        let Some(same) = theirs.iter().find(|it| it.document.id == our.document.id) else {
            let last = ours.last().and_then(score);
            assert!(near(score(our), last), "{what:?}: only the last places may be shared");
            continue;
        };
        assert_eq!(our.document, same.document);
        assert_eq!(our.collection, same.collection);
        for (ours, theirs) in [
            (our.scores.bm25, same.scores.bm25),
            (our.scores.dense, same.scores.dense),
            (our.scores.fusion, same.scores.fusion),
            (our.scores.freshness, same.scores.freshness),
        ] {
            assert!(near(ours, theirs), "{what:?}: {our:?} {same:?}");
        }
    }
}

/// Fills both sides with the same documents, and compares their answers to
/// every kind of search.
pub async fn assert_agree(ours: &Side, theirs: &Side, tolerance: f32, modes: &[RetrievalMode]) {
    ours.fill(corpus(200)).await;
    theirs.fill(corpus(200)).await;
    let mut found = 0;
    for request in searches().into_iter().filter(|it| modes.contains(&it.mode)) {
        let ours = ours.ask(request.clone()).await.unwrap();
        let theirs = theirs.ask(request.clone()).await.unwrap();
        found += ours.candidates.len();
        assert_same(&ours.candidates, &theirs.candidates, tolerance, &request);
    }
    assert!(found > 100, "{found}");
}

const MODES: [RetrievalMode; 3] =
    [RetrievalMode::Bm25, RetrievalMode::Dense, RetrievalMode::Hybrid];

/// The engine adds up the weights of terms in an order that is another one in
/// every index, so that the last bits of BM25 differ.
const LAST_BITS: f32 = 1e-6;

#[test_case(1, "" ; "one embedding a document")]
#[test_case(3, "" ; "several embeddings a document")]
#[test_case(1, "upsert_batch = 7" ; "many small batches")]
#[tokio::test]
async fn candidates_scores_and_order_are_the_same(parts: usize, keys: &str) {
    for configs in [BTreeMap::new(), indexed()] {
        let server = QdrantServer::start().await;
        let encoder = Letters::new(parts);
        let (ours, _folder) = embedded(&encoder, &configs);
        let engine = ServerEngine::new(&config(&server.url(), keys), None).unwrap();
        let theirs = Side::new(engine.with_collections(configs.clone()), &encoder, &configs);
        assert_agree(&ours, &theirs, LAST_BITS, &MODES).await;
    }
}

#[test_case(1 ; "one embedding a document")]
#[test_case(3 ; "several embeddings a document")]
#[tokio::test]
async fn what_is_stored_is_the_same(parts: usize) {
    let server = QdrantServer::start().await;
    let encoder = Letters::new(parts);
    let (ours, _folder) = embedded(&encoder, &BTreeMap::new());
    let engine = ServerEngine::new(&config(&server.url(), ""), None).unwrap();
    let theirs = Side::new(engine, &encoder, &BTreeMap::new());
    let documents = corpus(60);
    let ids: Vec<_> = documents.iter().map(|document| point_id(&document.id)).collect();
    let mut answers = Vec::new();
    for side in [&ours, &theirs] {
        side.fill(documents.clone()).await;
        let collection = side.engine.open(DOCS, patience()).await.unwrap();
        let mut pages = Vec::new();
        let mut from = None;
        loop {
            let page = collection.ids(from, 25, patience()).await.unwrap();
            pages.push(page.ids);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(collection.name(), DOCS);
        answers.push((
            pages,
            collection.count(patience()).await.unwrap(),
            collection.newest(patience()).await.unwrap(),
            collection.documents(ids.clone(), patience()).await.unwrap(),
            collection.fingerprints(ids.clone(), patience()).await.unwrap(),
            collection.embeddings(ids.clone(), patience()).await.unwrap(),
            collection.manifest(),
            collection.index_type(UPDATED_AT),
        ));
    }
    assert_eq!(answers[0].1, 60);
    assert_eq!(answers[0], answers[1]);
    // Written again, nothing is stored; removed, it is gone.
    let writer = theirs.documents.writer(DOCS).await.unwrap();
    let written = writer.write(documents).await.unwrap();
    assert_eq!((written.stored, written.unchanged), (0, 60));
    let id = DocId::new("d7").unwrap();
    assert!(writer.delete(&id).await.unwrap());
    assert!(!writer.delete(&id).await.unwrap());
    assert_eq!(writer.documents_stored().await.unwrap(), 59);
}

#[tokio::test]
async fn a_collection_without_dates_has_no_newest() {
    let server = QdrantServer::start().await;
    let side = Side::server(&server.url());
    side.fill(vec![super::bench::document("a", "tent", &super::bench::nothing())]).await;
    let collection = side.engine.open(DOCS, patience()).await.unwrap();
    assert_eq!(collection.newest(patience()).await.unwrap(), None);
}
