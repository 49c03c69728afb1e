//! A server that is away, silent, slow, or refuses.

use std::sync::Arc;
use std::time::Duration;

use rankgate::domain::Deadline;
use rankgate::retrieve::{
    Collection, EngineError, Point, Retrieve, RetrieveError, ServerEngine, SparseVector, point_id,
};
use secrecy::SecretString;
use test_case::test_case;
use tonic::Code;

use super::bench::{DOCS, Letters, Side, config, corpus, document, nothing, patience, search};
use crate::fake_llm::eventually;
use crate::qdrant::QdrantServer;

/// Soon over, so that a call that nobody answers ends.
fn soon() -> Deadline {
    Deadline::after(Duration::from_millis(300))
}

fn hurried() -> Retrieve {
    Retrieve { deadline: soon(), ..search("tent") }
}

/// A server with documents, and an engine that has opened their collection.
async fn opened(keys: &str) -> (QdrantServer, Side) {
    let server = QdrantServer::start().await;
    let side = Side::configured(&server.url(), keys);
    side.fill(corpus(20)).await;
    assert!(!side.found(search("tent")).await.is_empty());
    (server, side)
}

fn with_key(server: &QdrantServer, key: Option<&str>) -> Side {
    let key = key.map(SecretString::from);
    let engine = ServerEngine::new(&config(&server.url(), ""), key).unwrap();
    Side::new(engine, &Letters::new(1), &std::collections::BTreeMap::new())
}

fn points(ids: std::ops::Range<usize>) -> Vec<Point> {
    ids.map(|n| {
        let document = document(&n.to_string(), "tent", &nothing());
        let bm25 = SparseVector { indices: vec![1], values: vec![1.0] };
        Point { id: point_id(&document.id), document, bm25, dense: vec![vec![1.0; 16]] }
    })
    .collect()
}

async fn collection(side: &Side) -> Arc<dyn Collection> {
    side.engine.open(DOCS, patience()).await.unwrap()
}

#[tokio::test]
async fn a_server_that_is_away_is_named_and_waited_for_by_nobody() {
    let (server, side) = opened("").await;
    server.stop().await;
    for side in [side, Side::server(&server.url())] {
        let error = side.error(search("tent")).await;
        assert!(matches!(error, RetrieveError::Engine(_)), "{error}");
        let error = error.to_string();
        assert!(error.contains(&format!("no Qdrant answers at {}: ", server.url())), "{error}");
        assert!(error.contains("refused"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_comes_back_is_used_again() {
    let (server, side) = opened("").await;
    for _ in 0..3 {
        server.stop().await;
        side.error(search("tent")).await;
        server.restart().await;
        // Every connection of before is broken.
        for _ in 0..8 {
            assert!(!side.found(search("tent")).await.is_empty());
        }
        let writer = side.documents.writer(DOCS).await.unwrap();
        writer.write(vec![document("late", "rope", &nothing())]).await.unwrap();
    }
    // Also where nobody asked meanwhile.
    server.restart().await;
    assert!(!side.found(search("tent")).await.is_empty());
}

#[tokio::test]
async fn a_silent_server_costs_no_more_than_the_deadline() {
    let (server, side) = opened("").await;
    server.faults().hang();
    let error = side.error(hurried()).await;
    assert!(matches!(error, RetrieveError::Deadline), "{error}");
    let collection = collection(&side).await;
    for error in [
        collection.upsert(points(0..3), soon()).await.unwrap_err(),
        collection.delete(vec![points(0..1)[0].id], soon()).await.unwrap_err(),
        collection.count(soon()).await.unwrap_err(),
        collection.ids(None, 5, soon()).await.unwrap_err(),
        collection.newest(soon()).await.unwrap_err(),
        side.engine.open("other", soon()).await.map(|_| ()).unwrap_err(),
    ] {
        assert!(matches!(error, EngineError::Deadline(_)), "{error}");
    }
    server.faults().clear();
    assert!(!side.found(search("tent")).await.is_empty());
}

#[tokio::test]
async fn a_passed_deadline_asks_nobody() {
    let (server, side) = opened("").await;
    let before = server.calls("Query");
    let past = Deadline::after(Duration::ZERO);
    let error = side.error(Retrieve { deadline: past, ..search("tent") }).await;
    assert!(matches!(error, RetrieveError::Deadline), "{error}");
    assert_eq!(server.calls("Query"), before);
}

#[tokio::test]
async fn a_search_waits_for_its_timeout_and_a_write_for_its_deadline() {
    let (server, side) = opened("timeout_ms = 200").await;
    let collection = collection(&side).await;
    server.faults().hang();
    let error = side.error(search("tent")).await.to_string();
    assert!(error.contains("no answer within 200 ms (retrieval.server.timeout_ms)"), "{error}");
    let error = collection.count(patience()).await.unwrap_err().to_string();
    assert!(error.contains("timeout_ms"), "{error}");
    // Slower than a search may be.
    server.faults().delay(Duration::from_millis(600));
    collection.upsert(points(0..3), patience()).await.unwrap();
}

#[tokio::test]
async fn a_slow_server_is_waited_for() {
    let (server, side) = opened("").await;
    server.faults().delay(Duration::from_millis(50));
    assert!(!side.found(search("tent")).await.is_empty());
}

#[test_case(Code::Internal ; "internal")]
#[test_case(Code::Unknown ; "unknown")]
#[test_case(Code::Cancelled ; "cancelled")]
#[test_case(Code::ResourceExhausted ; "exhausted")]
#[tokio::test]
async fn what_the_server_refuses_is_told_by_its_code_and_not_asked_again(code: Code) {
    let (server, side) = opened("").await;
    let collection = collection(&side).await;
    let before = server.calls("Count");
    server.faults().refuse(code);
    let error = collection.count(patience()).await.unwrap_err().to_string();
    assert!(error.contains(&format!("Qdrant answered {code:?}")), "{error}");
    assert!(!error.contains("scripted"), "{error}");
    assert_eq!(server.calls("Count") - before, 1);
}

#[tokio::test]
async fn an_unavailable_replica_is_asked_once_more() {
    let (server, side) = opened("").await;
    let collection = collection(&side).await;
    let before = server.calls("Count");
    server.faults().refuse_next(1, Code::Unavailable);
    assert_eq!(collection.count(patience()).await.unwrap(), 20);
    assert_eq!(server.calls("Count") - before, 2);
    server.faults().refuse(Code::Unavailable);
    let error = collection.count(patience()).await.unwrap_err().to_string();
    assert!(error.contains("Unavailable"), "{error}");
    assert_eq!(server.calls("Count") - before, 4);
}

#[tokio::test]
async fn a_deadline_that_the_server_keeps_is_one() {
    let (server, side) = opened("").await;
    server.faults().refuse(Code::DeadlineExceeded);
    let error = side.error(search("tent")).await;
    assert!(matches!(error, RetrieveError::Deadline), "{error}");
}

#[test_case(Code::Unauthenticated, "the key is wrong" ; "unknown")]
#[test_case(Code::PermissionDenied, "doesn't cover collection \"docs\"" ; "without the right")]
#[tokio::test]
async fn a_key_is_sent_and_never_shown(otherwise: Code, wrong: &str) {
    let (server, _) = opened("").await;
    server.faults().require_api_key("right-key", otherwise);
    let right = with_key(&server, Some("right-key"));
    assert!(!right.found(search("tent")).await.is_empty());
    let asked = server.asked("Query");
    assert_eq!(asked.last().unwrap().api_key.as_deref(), Some("right-key"));
    let missing = with_key(&server, None).error(search("tent")).await.to_string();
    assert!(missing.contains("retrieval.api_key: "), "{missing}");
    assert!(missing.contains("no key is configured"), "{missing}");
    let refused = with_key(&server, Some("wrong-key")).error(search("tent")).await.to_string();
    assert!(refused.contains(wrong), "{refused}");
    assert!(!refused.contains("wrong-key"), "{refused}");
}

#[test]
fn a_key_that_no_header_can_carry_is_refused_unseen() {
    let key = SecretString::from("line\nbreak");
    let engine = ServerEngine::new(&config("http://127.0.0.1:1", ""), Some(key));
    let error = engine.map(|_| ()).unwrap_err();
    assert_eq!(error.key(), "api_key");
    assert!(!error.to_string().contains("line"), "{error}");
    let engine = ServerEngine::new(&config("http://user:secret@127.0.0.1:1", ""), None);
    let error = engine.map(|_| ()).unwrap_err();
    assert_eq!(error.key(), "url");
    let error = error.to_string();
    assert!(error.contains("leave them out") && !error.contains("secret"), "{error}");
}

/// Neither needs a runtime, nor a server.
#[test]
fn an_engine_is_made_without_asking_anybody() {
    for url in ["http://127.0.0.1:1", "https://127.0.0.1:1"] {
        ServerEngine::new(&config(url, ""), None).unwrap();
    }
}

#[tokio::test]
async fn encryption_that_the_server_does_not_speak_is_told() {
    let (server, _) = opened("").await;
    let side = Side::server(&server.url().replace("http://", "https://"));
    let error = side.error(search("tent")).await.to_string();
    assert!(error.contains("no Qdrant answers at https://"), "{error}");
}

#[tokio::test]
async fn a_batch_that_fails_says_how_many_were_stored() {
    let (server, side) = opened("upsert_batch = 10\nupsert_concurrency = 1").await;
    let collection = collection(&side).await;
    let mut batch = points(100..130);
    batch[25].dense = vec![vec![1.0; 4]];
    let error = collection.upsert(batch, patience()).await.unwrap_err();
    assert!(matches!(error, EngineError::OtherShape { .. }), "{error}");
    let error = error.to_string();
    assert!(error.contains("20 of 30 documents were stored before"), "{error}");
    assert!(error.contains("16, not 4"), "{error}");
    assert_eq!(collection.count(patience()).await.unwrap(), 40);
    assert_eq!(server.asked("Upsert").last().unwrap().points, 10);
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_configured() {
    let (server, side) = opened("upsert_batch = 2\nupsert_concurrency = 3").await;
    let collection = collection(&side).await;
    let before = server.calls("Upsert");
    server.faults().hang();
    let under_way = || server.calls("Upsert") - before;
    let writing = collection.upsert(points(0..20), patience());
    let watching = async {
        eventually("three are under way", || under_way() >= 3).await;
        // They hang for good; who came after them would be answered.
        server.faults().clear();
        collection.count(patience()).await.unwrap();
        under_way()
    };
    match futures::future::select(writing, std::pin::pin!(watching)).await {
        futures::future::Either::Left((written, _)) => panic!("{written:?}"),
        futures::future::Either::Right((under_way, _)) => assert_eq!(under_way, 3),
    }
}
