//! Faults, the record of what was asked, and a server that goes and comes.

use std::time::Duration;

use qdrant_client::Qdrant;
use qdrant_client::qdrant::read_consistency::Value as Consistency;
use qdrant_client::qdrant::shard_key::Key;
use qdrant_client::qdrant::{
    QueryBatchPoints, QueryPoints, ReadConsistencyType, ShardKeySelector, UpsertPoints,
    WriteOrdering, WriteOrderingType,
};
use test_case::test_case;
use tonic::Code;

use super::{GOODS, Shop, client, lamp, refusal, stove, tent, upsert};
use crate::fake_llm::eventually;
use crate::qdrant::{Asked, QdrantServer};

#[tokio::test]
async fn so_many_calls_are_refused() {
    let server = QdrantServer::start().await;
    let client = client(&server);
    server.faults().refuse_next(2, Code::ResourceExhausted);
    for _ in 0..2 {
        let refused = client.health_check().await.unwrap_err().to_string();
        assert!(refused.contains("scripted"), "{refused}");
    }
    client.health_check().await.unwrap();
    assert_eq!(server.calls("HealthCheck"), 3);
    server.faults().refuse_next(0, Code::Internal);
    client.health_check().await.unwrap();
}

#[test_case(Code::Unavailable, 2 ; "one that the client asks for again")]
#[test_case(Code::DeadlineExceeded, 1 ; "one that it takes for an answer")]
#[tokio::test]
async fn all_calls_are_refused_until_none_is(code: Code, attempts: usize) {
    let server = QdrantServer::start().await;
    let client = client(&server);
    server.faults().refuse(code);
    for request in 1..=3 {
        assert_eq!(refusal(client.health_check().await).0, code);
        assert_eq!(server.calls("HealthCheck"), request * attempts);
    }
    server.faults().clear();
    client.health_check().await.unwrap();
}

#[tokio::test]
async fn a_hanging_server_takes_calls_and_never_answers() {
    let server = QdrantServer::start().await;
    let hasty = Qdrant::from_url(&server.url()).skip_compatibility_check();
    let hasty = hasty.timeout(Duration::from_millis(50)).build().unwrap();
    server.faults().hang();
    let (_, message) = refusal(hasty.health_check().await);
    assert!(message.contains("Timeout expired"), "{message}");
    assert!(server.calls("HealthCheck") > 0);
    server.faults().clear();
    client(&server).health_check().await.unwrap();
}

#[tokio::test]
async fn a_slow_server_answers_late() {
    let server = QdrantServer::start().await;
    let hasty = Qdrant::from_url(&server.url()).skip_compatibility_check();
    let hasty = hasty.timeout(Duration::from_millis(50)).build().unwrap();
    server.faults().delay(Duration::from_mins(10));
    let (_, message) = refusal(hasty.health_check().await);
    assert!(message.contains("Timeout expired"), "{message}");
    server.faults().delay(Duration::from_millis(100));
    client(&server).health_check().await.unwrap();
}

#[test_case(None, Code::Unauthenticated, "Must provide an API key or an Authorization bearer token" ; "no key")]
#[test_case(Some("wrong"), Code::Unauthenticated, "Invalid API key or JWT" ; "an unknown key")]
#[test_case(Some("read-only"), Code::PermissionDenied, "Write access denied" ; "a weak key")]
#[tokio::test]
async fn a_key_is_required(key: Option<&str>, code: Code, expected: &str) {
    let server = QdrantServer::start().await;
    server.faults().require_api_key("secret", code);
    let with = |key: Option<&str>| {
        let config = Qdrant::from_url(&server.url()).skip_compatibility_check();
        config.api_key(key.map(str::to_owned)).build().unwrap()
    };
    let refused = refusal(with(key).list_collections().await);
    assert_eq!(refused, (code, expected.to_owned()));
    with(Some("secret")).list_collections().await.unwrap();
    let asked = server.asked("Collections/List");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].api_key.as_deref(), Some("secret"));
    assert_eq!(server.calls("Collections/List"), 2);
}

#[tokio::test]
async fn a_bearer_token_is_a_key() {
    let server = QdrantServer::start().await;
    server.faults().require_api_key("secret", Code::Unauthenticated);
    let config = Qdrant::from_url(&server.url()).skip_compatibility_check();
    let bearer = config.header("authorization", "Bearer secret").build().unwrap();
    bearer.health_check().await.unwrap();
}

fn shards() -> ShardKeySelector {
    vec![Key::Keyword("a".to_owned())].into()
}

#[tokio::test]
async fn writes_are_noted_with_what_they_ask_for() {
    let shop = Shop::open().await;
    let ordering = WriteOrdering { r#type: WriteOrderingType::Strong.into() };
    let demanding = UpsertPoints {
        ordering: Some(ordering),
        shard_key_selector: Some(shards()),
        timeout: Some(7),
        wait: None,
        ..upsert(vec![tent()])
    };
    shop.client.upsert_points(demanding).await.unwrap();
    let rpc = "Points/Upsert".to_owned();
    let plain = Asked { rpc, wait: Some(true), points: 4, ..Asked::default() };
    let demanding = Asked {
        wait: None,
        ordering: Some(ordering),
        shard_key_selector: Some(shards()),
        timeout: Some(7),
        points: 1,
        ..plain.clone()
    };
    assert_eq!(shop.server.asked("Upsert"), [plain, demanding]);
    assert_eq!(shop.server.largest_upsert(), 4);
    shop.client.upsert_points_chunked(upsert(vec![tent(), stove(), lamp()]), 2).await.unwrap();
    assert_eq!(shop.server.calls("Upsert"), 4);
    assert_eq!(shop.server.largest_upsert(), 4);
}

#[tokio::test]
async fn reads_are_noted_with_what_they_ask_for() {
    let shop = Shop::open().await;
    let majority = Consistency::Type(ReadConsistencyType::Majority.into());
    let query = QueryPoints {
        collection_name: GOODS.to_owned(),
        query: Some(vec![1.0, 0.0, 0.0, 0.0].into()),
        using: Some("dense".to_owned()),
        read_consistency: Some(majority.into()),
        shard_key_selector: Some(shards()),
        timeout: Some(2),
        ..QueryPoints::default()
    };
    shop.client.query(query.clone()).await.unwrap();
    let single = Asked {
        rpc: "Points/Query".to_owned(),
        read_consistency: Some(majority.into()),
        shard_key_selector: Some(shards()),
        timeout: Some(2),
        ..Asked::default()
    };
    assert_eq!(shop.server.asked("Query"), std::slice::from_ref(&single));
    // In a batch only the shards are a query's own matter.
    let anywhere = QueryPoints { shard_key_selector: None, ..query.clone() };
    let batch = QueryBatchPoints {
        collection_name: GOODS.to_owned(),
        query_points: vec![query, anywhere],
        read_consistency: Some(Consistency::Factor(2).into()),
        timeout: Some(3),
    };
    shop.client.query_batch(batch).await.unwrap();
    let first = Asked {
        rpc: "Points/QueryBatch".to_owned(),
        read_consistency: Some(Consistency::Factor(2).into()),
        timeout: Some(3),
        ..single
    };
    let second = Asked { shard_key_selector: None, ..first.clone() };
    assert_eq!(shop.server.asked("QueryBatch"), [first, second]);
    assert_eq!(shop.server.calls("QueryBatch"), 1);
}

#[tokio::test]
async fn services_that_share_a_name_are_told_apart() {
    let shop = Shop::open().await;
    shop.client.collection_info(GOODS).await.unwrap();
    assert_eq!(shop.server.calls("Collections/Get"), 1);
    assert_eq!(shop.server.calls("Points/Get"), 0);
    assert_eq!(shop.server.calls("Get"), 1);
}

#[tokio::test]
async fn a_server_comes_back_with_its_data() {
    let shop = Shop::open().await;
    let url = shop.server.url();
    shop.server.stop().await;
    let (code, message) = refusal(client(&shop.server).health_check().await);
    assert_eq!(code, Code::Internal);
    assert!(message.contains("ConnectionRefused"), "{message}");
    refusal(shop.client.health_check().await);
    shop.server.restart().await;
    assert_eq!(shop.server.url(), url);
    let info = shop.client.collection_info(GOODS).await.unwrap().result.unwrap();
    assert_eq!(info.points_count, Some(4));
    // Also where it was never stopped.
    shop.server.restart().await;
    assert!(shop.client.collection_exists(GOODS).await.unwrap());
}

#[tokio::test]
async fn a_stop_breaks_calls_that_hang() {
    let server = QdrantServer::start().await;
    server.faults().hang();
    let waiting = client(&server);
    let call = tokio::spawn(async move { refusal(waiting.health_check().await) });
    eventually("a call", || server.calls("HealthCheck") == 1).await;
    server.stop().await;
    // The client asks again, and finds nobody.
    assert_eq!(call.await.unwrap().0, Code::Internal);
}

#[tokio::test]
async fn a_dropped_server_is_gone() {
    let server = QdrantServer::start().await;
    let client = client(&server);
    client.health_check().await.unwrap();
    drop(server);
    assert_eq!(refusal(client.health_check().await).0, Code::Internal);
}
