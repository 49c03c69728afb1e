//! The native routes and their errors.

use serde_json::{Value, json};

use crate::app::{CLASSICAL, TestApp};

async fn refused(app: &TestApp, body: &Value) -> (u16, Value) {
    let response = app.post("/v1/search", body).await;
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let status = response.status().as_u16();
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    (status, problem)
}

#[tokio::test]
async fn problems_name_the_field() {
    let app = TestApp::classical().await;
    for (extra, field) in [
        (json!({"query": ""}), "query"),
        (json!({"query": 7}), "query"),
        (json!({"top_n": 0}), "top_n"),
        (json!({"top_n": -1}), "top_n"),
        (json!({"candidates": 0}), "candidates"),
        (json!({"candidates": 10_001}), "candidates"),
        (json!({"strategy": "best"}), "strategy"),
        (json!({"filter": []}), "filter"),
        (json!({"context": "x"}), "context"),
        (json!({"deadline_ms": 0}), "deadline_ms"),
        (json!({"explain": "yes"}), "explain"),
        (json!({"stream": "yes"}), "stream"),
        (json!({"qery": "x"}), "qery"),
    ] {
        let mut body = json!({"query": "tent"});
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        let (status, problem) = refused(&app, &body).await;
        assert_eq!((status, &problem["field"]), (422, &json!(field)), "{problem}");
    }
}

#[tokio::test]
async fn a_search_needs_a_pipeline_with_a_collection() {
    let app = TestApp::classical().await;
    let body = json!({"query": "tent", "explain": false, "stream": false, "user": "u"});
    let (status, problem) = refused(&app, &body).await;
    assert_eq!((status, &problem["field"]), (422, &json!("pipeline")), "{problem}");
    let (status, problem) = refused(&app, &json!({"query": "tent", "pipeline": "no"})).await;
    assert_eq!((status, &problem["code"]), (404, &json!("unknown_pipeline")), "{problem}");
}

#[tokio::test]
async fn bodies_that_can_not_be_read_are_bad_requests() {
    let app = TestApp::classical().await;
    for (text, status) in [("{", 400), ("", 400), ("[\"tent\"]", 422), ("3", 422)] {
        let response = app.post_text("/v1/search", text).await;
        assert_eq!(response.status(), status, "{text}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
    let request = app.client.post(format!("{}/v1/search", app.url)).body("query=tent");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(request.send().await.unwrap().status(), 415);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whole_or_in_pieces() {
    let small = format!("[server]\nmax_body = \"1KiB\"\n{CLASSICAL}");
    let app = TestApp::start(&small).await;
    let text = json!({"query": "x".repeat(2000)}).to_string();
    for route in ["/v1/search", "/v1/rerank", "/v2/rerank", "/rerank", "/voyage/v1/rerank"] {
        assert_eq!(app.post_text(route, text.clone()).await.status(), 413, "{route}");
        let pieces = futures::stream::iter(
            text.as_bytes().chunks(100).map(<[u8]>::to_vec).collect::<Vec<_>>(),
        );
        let pieces = futures::StreamExt::map(pieces, Ok::<_, std::io::Error>);
        let request = app.client.post(format!("{}{route}", app.url));
        let response = request.body(reqwest::Body::wrap_stream(pieces)).send().await.unwrap();
        assert_eq!(response.status(), 413, "{route}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_have_answers_in_form() {
    let app = TestApp::classical().await;
    let response = app.get("/nothing").await;
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert!(response.headers().contains_key("x-request-id"));
    assert_eq!(app.get("/v1/search").await.status(), 405);
    let response = app.get("/v2/rerank").await;
    assert_eq!(response.status(), 405);
    let answer: Value = response.json().await.unwrap();
    assert!(answer["message"].as_str().unwrap().contains("POST"), "{answer}");
}
