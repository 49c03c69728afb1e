//! What is tried again, how often, and what the caller learns.

use std::time::Instant;

use test_case::test_case;

use super::*;
use crate::domain::Failure;
use crate::llm::LlmError;

fn reason(error: &EmbedError) -> Failure {
    match error {
        EmbedError::Llm(error) | EmbedError::GivenUp { error, .. } => error.failure(),
        other => panic!("{other:?}"),
    }
}

fn quota() -> Reply {
    Reply::Status(429, None, json!({ "error": { "code": "insufficient_quota" } }))
}

fn entry(embedding: &serde_json::Value) -> Reply {
    Reply::data(&json!([{ "index": 0, "embedding": embedding }]))
}

#[test_case(Reply::status(400) ; "bad request")]
#[test_case(Reply::status(401) ; "bad key")]
#[test_case(Reply::status(403) ; "forbidden")]
#[test_case(Reply::status(404) ; "no model")]
#[test_case(quota() ; "quota")]
#[test_case(entry(&json!([1, 2])) ; "another length")]
#[tokio::test]
async fn what_wants_a_person_is_not_tried_again(reply: Reply) {
    let server = Server::always(reply).await;
    for deadline in [Some(soon()), None] {
        let error = model(&server).embed(texts(1), deadline).await.unwrap_err();
        assert!(matches!(error, EmbedError::Llm(_)), "{error:?}");
        assert_eq!(reason(&error), Failure::UpstreamRejected);
    }
    assert_eq!(server.hits(), 2);
}

#[tokio::test]
async fn another_length_names_the_key_and_the_remedy() {
    let server = Server::always(entry(&json!([1, 2]))).await;
    let error = model(&server).embed(texts(1), Some(soon())).await.unwrap_err();
    let message = "upstream up answers otherwise than the config says: the model gives vectors of 2 \
                   numbers and embedding.dimensions says 3: set embedding.dimensions = 2";
    assert_eq!(error.to_string(), message);
}

#[test_case(Reply::status(429), Failure::UpstreamRateLimited ; "limited")]
#[test_case(Reply::status(500), Failure::UpstreamError ; "broken")]
#[test_case(Reply::status(503), Failure::UpstreamError ; "unavailable")]
#[test_case(Reply::Json(json!({ "error": "overloaded" })), Failure::UpstreamError ; "error as success")]
#[test_case(Reply::data(&json!([])), Failure::UpstreamError ; "wrong count")]
#[test_case(entry(&json!([1, null, 3])), Failure::UpstreamError ; "no number")]
#[test_case(entry(&json!([0, 0, 0])), Failure::UpstreamError ; "zeros")]
#[test_case(Reply::Endless, Failure::UpstreamError ; "endless")]
#[tokio::test]
async fn what_may_pass_is_tried_again(reply: Reply, expected: Failure) {
    let server = Server::always(reply).await;
    let error = model(&server).embed(texts(1), Some(soon())).await.unwrap_err();
    assert_eq!((reason(&error), server.hits()), (expected, 3));

    let error = model(&server).embed(texts(1), None).await.unwrap_err();
    assert!(matches!(error, EmbedError::GivenUp { attempts: 4, .. }), "{error:?}");
    assert_eq!((reason(&error), server.hits()), (expected, 3 + 4));
    assert!(error.to_string().ends_with("; given up after attempt 4"), "{error}");
}

#[test_case(Some(soon()) ; "with a deadline")]
#[test_case(None ; "without")]
#[tokio::test]
async fn a_limit_is_waited_out(deadline: Option<Deadline>) {
    let limited = Reply::Status(429, Some(300), json!(null));
    let server = Server::queue(vec![limited, Reply::Vectors]).await;
    let model = model(&server);
    let start = Instant::now();
    assert_eq!(model.embed(texts(2), deadline).await.unwrap(), vectors(&texts(2)));
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
    assert_eq!(server.hits(), 2);
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_or_beyond_patience_ends_the_call() {
    let server = Server::always(Reply::Status(429, Some(60_000), json!(null))).await;
    let model = model(&server);
    let error = model.embed(texts(1), Some(soon())).await.unwrap_err();
    assert!(matches!(error, EmbedError::Llm(LlmError::RateLimited { .. })), "{error:?}");
    let error = model.embed(texts(1), None).await.unwrap_err();
    let message = "upstream up limits the rate; given up after attempt 1: it asks to be left alone \
                   for 60 s";
    assert_eq!(error.to_string(), message);
    assert_eq!(server.hits(), 2);
}

#[tokio::test]
async fn an_outage_is_waited_out_without_a_deadline() {
    let outage = vec![Reply::status(500), Reply::status(503), Reply::status(429), Reply::Vectors];
    let server = Server::queue(outage).await;
    assert_eq!(model(&server).embed(texts(2), None).await.unwrap(), vectors(&texts(2)));
    assert_eq!(server.hits(), 4);
}

#[tokio::test]
async fn retries_stay_within_the_budget() {
    let server = Server::always(Reply::status(500)).await;
    let model = model(&server);
    let start = Instant::now();
    let calls = (0..40).map(|_| model.embed(texts(1), Some(soon())));
    for result in futures::future::join_all(calls).await {
        assert_eq!(reason(&result.unwrap_err()), Failure::UpstreamError);
    }
    let allowed = 1.1 * 40.0 + 5.0 + 5.0 * start.elapsed().as_secs_f64();
    let hits = server.hits();
    assert!(hits > 40 && hits as f64 <= allowed, "{hits} requests, {allowed} allowed");
}

#[tokio::test]
async fn a_hanging_upstream_costs_no_more_than_the_deadline() {
    let server = Server::always(Reply::Hang).await;
    let error = model(&server).embed(texts(1), Some(within(100))).await.unwrap_err();
    assert!(matches!(error, EmbedError::Llm(LlmError::Deadline)), "{error:?}");
    server.wait_until_idle().await;
    assert_eq!(server.hits(), 1);
}

#[tokio::test]
async fn no_request_starts_after_the_deadline() {
    let server = Server::always(Reply::Vectors).await;
    let error = model(&server).embed(texts(1), Some(within(0))).await.unwrap_err();
    assert!(matches!(error, EmbedError::Llm(LlmError::Deadline)), "{error:?}");
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn an_attempt_that_hangs_is_followed_by_another() {
    let server = Server::queue(vec![Reply::Hang, Reply::Vectors]).await;
    let model = model_with(&server, "attempt_timeout_ms = 200", |_| {});
    assert_eq!(model.embed(texts(2), None).await.unwrap(), vectors(&texts(2)));
    assert_eq!(server.hits(), 2);
}

#[tokio::test]
async fn requests_that_take_too_long_are_given_up_with_a_remedy() {
    let server = Server::always(Reply::Hang).await;
    let model = model_with(&server, "attempt_timeout_ms = 20", |_| {});
    let message = "upstream up gave no complete answer within 20 ms; given up after attempt 4: raise \
                   upstreams.up.attempt_timeout_ms or lower embedding.max_batch";
    assert_eq!(model.embed(texts(2), None).await.unwrap_err().to_string(), message);
}

#[test_case(400, json!("SECRET-KEY secret") ; "bad request")]
#[test_case(401, json!({ "message": "wrong key SECRET-KEY" }) ; "bad key")]
#[test_case(413, json!({ "message": "secret is too long" }) ; "too large")]
#[test_case(500, json!({ "message": "failed on secret" }) ; "broken")]
#[tokio::test]
async fn no_error_shows_the_key_or_a_text(status: u16, error: serde_json::Value) {
    let server = Server::always(Reply::Status(status, None, json!({ "error": error }))).await;
    let model = model_with(&server, "api_key = { env = \"KEY\" }", |_| {});
    for deadline in [Some(soon()), None] {
        let error = model.embed(texts(2), deadline).await.unwrap_err();
        let shown = format!("{error} {error:?}").to_lowercase();
        assert!(!shown.contains("secret"), "{shown}");
    }
    assert_eq!(server.seen()[0].headers["authorization"], "Bearer SECRET-KEY");
}
