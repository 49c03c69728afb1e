//! Probes, lists and metrics.

use serde_json::{Value, json};

use crate::app::{CLASSICAL, TestApp};

#[tokio::test]
async fn it_lives_and_is_ready() {
    let app = TestApp::classical().await;
    assert_eq!(app.get("/healthz").await.status(), 200);
    app.eventually("/readyz", |text| text.contains("\"status\":\"ready\"")).await;
    assert_eq!(app.get("/readyz").await.status(), 200);
}

#[tokio::test]
async fn a_dependency_that_is_down_is_told_and_nothing_more() {
    let config = CLASSICAL.replace("[pipelines.second]", "[pipelines.second]\ncollection = \"c\"");
    let config = format!("[retrieval]\ndata_dir = \"{{dir}}/data\"\n{config}");
    let app = TestApp::start(&config).await;
    let response = app.get("/readyz").await;
    assert_eq!(response.status(), 200);
    let body: Value = response.json().await.unwrap();
    let dependency = &body["dependencies"][0];
    assert_eq!(dependency["kind"], "collection");
    assert_eq!(dependency["name"], "c");
    assert_eq!(dependency["ok"], false, "it was never indexed: {body}");
    assert!(dependency["problem"].is_string());
}

#[tokio::test]
async fn pipelines_and_prompts_are_listed() {
    let app = TestApp::classical().await;
    let body: Value = app.get("/v1/pipelines").await.json().await.unwrap();
    let pipelines = body["pipelines"].as_array().unwrap();
    assert_eq!(pipelines.len(), 2);
    assert_eq!(pipelines[0]["name"], "default");
    assert_eq!(pipelines[0]["default"], true);
    assert_eq!(pipelines[0]["aliases"], json!(["rerank-v3.5"]));
    assert_eq!(pipelines[1]["deadline_ms"], 500);
    let body: Value = app.get("/v1/prompts").await.json().await.unwrap();
    assert!(body["prompts"].is_array(), "{body}");
    assert_eq!(body["refused"], Value::Null);
}

#[tokio::test]
async fn ranked_requests_are_counted_as_they_were_answered() {
    // The pipelines have names of their own: all tests share one recorder.
    let config = "[prompts]\ndir = \"{dir}/prompts\"\n[server]\n\
                  default_pipeline = \"counted\"\n[pipelines.counted]\nstrategy = \"none\"\n";
    let app = TestApp::start(config).await;
    let body = json!({"query": "tent", "documents": ["a", "b"]});
    for _ in 0..3 {
        assert_eq!(app.post("/v2/rerank", &body).await.status(), 200);
    }
    app.post("/v2/rerank", &json!({"query": "tent", "documents": []})).await;
    let response = app.get("/metrics").await;
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
    let text = response.text().await.unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("rankgate_requests_total") && line.contains("counted"))
        .unwrap();
    for label in [
        "route=\"/v2/rerank\"",
        "pipeline=\"counted\"",
        "status=\"classical\"",
        "reason=\"not_requested\"",
        "cache=\"off\"",
    ] {
        assert!(line.contains(label), "{line}");
    }
    assert!(line.ends_with(" 3"), "{line}");
    assert!(text.contains("reason=\"invalid_value\""), "{text}");
    for name in ["rankgate_request_duration_seconds_bucket", "rankgate_overhead_seconds_bucket"] {
        assert!(text.contains(name), "{text}");
    }
}
