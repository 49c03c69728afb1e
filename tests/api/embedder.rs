//! Searching with embeddings from an upstream: what is asked of it, what is
//! paid for once, and what happens while it is down.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::fake_embeddings::{FakeEmbeddings, Mood};

/// A gateway whose embeddings come from this server.
async fn start(embeddings: &FakeEmbeddings) -> TestApp {
    let config = format!(
        r#"
[server]
default_pipeline = "hybrid"

[retrieval]
data_dir = "{{dir}}/index"

[embedding]
provider = "openai"
upstream = "embedder"
model = "words"
dimensions = 64
query_prefix = "query: "
document_prefix = "passage: "

[upstreams.embedder]
base_url = "{}"
max_attempts = 1

[pipelines.hybrid]
collection = "shop"
strategy = "none"
deadline_ms = 2000

[pipelines.dense]
collection = "shop"
retrieve = {{ mode = "dense" }}
strategy = "none"
deadline_ms = 2000
"#,
        embeddings.base_url()
    );
    TestApp::start(&config).await
}

fn line(id: &str, text: &str, price: u32) -> String {
    json!({"_id": id, "text": text, "metadata": {"price": price}}).to_string()
}

async fn store(app: &TestApp, lines: &[String]) -> Value {
    let url = format!("{}/v1/collections/shop/documents", app.url);
    let request = app.client.post(url).header("content-type", "application/x-ndjson");
    let response = request.body(lines.join("\n")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.unwrap()
}

fn shop(price: u32) -> [String; 3] {
    [
        line("tent", "a light tent", price),
        line("stove", "a gas stove", price),
        line("pan", "a steel pan", price),
    ]
}

async fn search(app: &TestApp, pipeline: &str, query: &str) -> (StatusCode, Value) {
    app.ask("/v1/search", &json!({"query": query, "pipeline": pipeline})).await
}

#[tokio::test]
async fn documents_and_queries_are_embedded_with_their_prefixes() {
    let embeddings = FakeEmbeddings::start(64).await;
    let app = start(&embeddings).await;
    store(&app, &shop(10)).await;
    let (status, answer) = search(&app, "dense", "gas stove").await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["results"][0]["id"], "stove", "{answer}");
    assert_eq!(answer["results"].as_array().unwrap().len(), 3);
    let texts = embeddings.texts();
    assert!(texts.contains(&"passage: a gas stove".to_owned()), "{texts:?}");
    assert_eq!(texts.last().unwrap(), "query: gas stove");
    let body = &embeddings.received()[0].body;
    assert_eq!((&body["model"], &body["dimensions"]), (&json!("words"), &json!(64)));
}

#[tokio::test]
async fn nothing_is_paid_for_twice() {
    let embeddings = FakeEmbeddings::start(64).await;
    let app = start(&embeddings).await;
    store(&app, &shop(10)).await;
    assert_eq!(embeddings.texts().len(), 3);
    assert_eq!(store(&app, &shop(10)).await["unchanged"], 3);
    assert_eq!(store(&app, &shop(20)).await["stored"], 3, "their prices have changed");
    for _ in 0..3 {
        search(&app, "dense", "tent").await;
    }
    assert_eq!(embeddings.texts().len(), 4, "three documents and one query");
}

#[tokio::test]
async fn while_the_embedder_is_down_hybrid_serves_bm25_and_says_so() {
    let embeddings = FakeEmbeddings::start(64).await;
    let app = start(&embeddings).await;
    store(&app, &shop(10)).await;
    for mood in [Mood::failing(500), Mood::Hanging, Mood::failing(401), Mood::OfLength(63)] {
        embeddings.be(mood.clone());
        let query = format!("tent {mood:?}");
        let (status, answer) = search(&app, "hybrid", &query).await;
        assert_eq!(status, 200, "{mood:?}: {answer}");
        assert_eq!(answer["ranking"]["degraded"], "embedding", "{mood:?}");
        assert_eq!(answer["results"][0]["id"], "tent", "{mood:?}");
        let (status, problem) = search(&app, "dense", &query).await;
        assert_eq!(status, 503, "{mood:?}: {problem}");
        assert!(!problem.to_string().contains("tent Failing"), "{problem}");
    }
    embeddings.be(Mood::Well);
    let (_, answer) = search(&app, "hybrid", "tent").await;
    assert_eq!(answer["ranking"].get("degraded"), None, "{answer}");
}

#[tokio::test]
async fn documents_that_can_not_be_embedded_are_not_acknowledged() {
    let embeddings = FakeEmbeddings::start(64).await;
    let app = start(&embeddings).await;
    store(&app, &shop(10)).await;
    embeddings.be(Mood::failing(401));
    let url = format!("{}/v1/collections/shop/documents", app.url);
    let request = app.client.post(url).header("content-type", "application/x-ndjson");
    let response = request.body(line("boot", "a leather boot", 5)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let problem: Value = response.json().await.unwrap();
    assert_eq!((&problem["stored"], &problem["code"]), (&json!(0), &json!("storage")), "{problem}");
    let (_, answer) = search(&app, "hybrid", "leather boot").await;
    assert!(!answer.to_string().contains("a leather boot"), "{answer}");
}
