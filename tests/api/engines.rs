//! The whole gateway over either engine: two lines of configuration apart, with
//! the same answers.

use std::process::Command;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::qdrant::QdrantServer;

/// A configuration with these lines in its `[retrieval]` table.
fn config(retrieval: &str) -> String {
    format!(
        r#"
[server]
default_pipeline = "hybrid"

[retrieval]
data_dir = "{{dir}}/index"
{retrieval}

[collections.shop]
indexed = {{ price = "float", "a.b" = "keyword" }}

[pipelines.hybrid]
collection = "shop"
strategy = "none"

[pipelines.bm25]
collection = "shop"
retrieve = {{ mode = "bm25" }}
strategy = "none"

[pipelines.dense]
collection = "shop"
retrieve = {{ mode = "dense" }}
strategy = "none"
"#
    )
}

fn on(server: &QdrantServer) -> String {
    config(&format!("engine = \"qdrant\"\nurl = \"{}\"", server.url()))
}

fn corpus() -> String {
    let texts = [
        "A light tent for two hikers",
        "A family tent with two cabins",
        "A gas stove that boils water in four minutes",
        "A leather boot for long hikes",
        "A hiking boot without leather",
    ];
    let long = "A guide to pitching tents in wind, in rain and on sand. ".repeat(40);
    let lines = texts.iter().copied().chain([long.as_str()]).enumerate().map(|(n, text)| {
        let metadata = json!({"price": n, "a.b": "x", "updated_at": "2026-01-01T00:00:00Z"});
        json!({"_id": format!("doc-{n}"), "text": text, "metadata": metadata}).to_string()
    });
    lines.collect::<Vec<_>>().join("\n")
}

async fn store(app: &TestApp) {
    let url = format!("{}/v1/collections/shop/documents", app.url);
    let request = app.client.post(url).header("content-type", "application/x-ndjson");
    let answer = request.body(corpus()).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!((&answer["stored"], &answer["documents"]), (&json!(6), &json!(6)), "{answer}");
}

/// Everything that a search tells but its id and times, with scores as exact
/// as engines agree on.
async fn searched(app: &TestApp) -> Vec<Value> {
    let mut all = Vec::new();
    for pipeline in ["hybrid", "bm25", "dense"] {
        for (query, filter) in [
            ("tent for hiking", json!({})),
            ("boot", json!({"price": {"gte": 4}, "not": {"a.b": "y"}})),
            ("a stove for camping", json!({"a.b": ["x"], "updated_at": {"gt": "2025-01-01"}})),
        ] {
            let body = json!({"query": query, "pipeline": pipeline, "filter": filter});
            let (status, answer) = app.ask("/v1/search", &body).await;
            assert_eq!(status, 200, "{answer}");
            for result in answer["results"].as_array().unwrap() {
                let mut result = result.clone();
                for score in result["scores"].as_object_mut().unwrap().values_mut() {
                    *score = format!("{:.5}", score.as_f64().unwrap()).into();
                }
                result["relevance_score"].take();
                all.push(result);
            }
        }
    }
    all
}

#[tokio::test]
async fn two_keys_change_the_engine_and_nothing_else() {
    let server = QdrantServer::start().await;
    let embedded = TestApp::start(&config("")).await;
    let remote = TestApp::start(&on(&server)).await;
    store(&embedded).await;
    store(&remote).await;
    let expected = searched(&embedded).await;
    assert!(expected.len() > 20);
    assert_eq!(searched(&remote).await, expected);
}

#[tokio::test]
async fn a_collection_moves_to_a_server_and_back_without_being_embedded_again() {
    let server = QdrantServer::start().await;
    let mut embedded = TestApp::start(&config("")).await;
    store(&embedded).await;
    let expected = searched(&embedded).await;
    let folder = embedded.dir().to_owned();
    // One process at a time holds the folder.
    embedded.stop();
    (&mut embedded.served).await.unwrap();

    let there = folder.join("there.toml");
    let dir = folder.to_str().unwrap();
    std::fs::write(&there, on(&server).replace("{dir}", dir)).unwrap();
    assert_eq!(copied(&there, "embedded"), "shop: 6 documents (6 stored, 0 unchanged, 0 pruned)");
    assert_eq!(copied(&there, "embedded"), "shop: 6 documents (0 stored, 6 unchanged, 0 pruned)");
    let remote = TestApp::start(&on(&server)).await;
    assert_eq!(searched(&remote).await, expected);

    let back = folder.join("back.toml");
    let text = config(&format!("url = \"{}\"", server.url()));
    std::fs::write(&back, text.replace("{dir}", &format!("{dir}/again"))).unwrap();
    assert_eq!(copied(&back, "qdrant"), "shop: 6 documents (6 stored, 0 unchanged, 0 pruned)");
    let search = Command::new(env!("CARGO_BIN_EXE_rankgate"))
        .args(["search", "tent for hiking", "--json", "--config"])
        .arg(&back)
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&search.stdout).unwrap();
    let ids = |results: &mut dyn Iterator<Item = &Value>| {
        results.map(|result| result["id"].clone()).collect::<Vec<_>>()
    };
    let found = answer["results"].as_array().unwrap();
    assert_eq!(ids(&mut found.iter()), ids(&mut expected.iter().take(found.len())));
}

/// Copies the collection and gives the line that tells of it.
fn copied(config: &std::path::Path, from: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_rankgate"))
        .args(["index", "--collection", "shop", "--from", from, "--config"])
        .arg(config)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{problem}");
    said.trim().trim_end_matches(", 0 bad lines").to_owned()
}

#[tokio::test]
async fn a_server_that_is_away_is_told_by_its_address_and_comes_back() {
    let server = QdrantServer::start().await;
    let app = TestApp::start(&on(&server)).await;
    store(&app).await;
    server.stop().await;
    let body = json!({"query": "tent", "deadline_ms": 1500});
    let (status, problem) = app.ask("/v1/search", &body).await;
    assert_eq!(status, 503, "{problem}");
    let (_, ready) = app.ask_readiness().await;
    let shop = ready["dependencies"].as_array().unwrap().iter().find(|it| it["name"] == "shop");
    let told = shop.unwrap()["problem"].as_str().unwrap();
    assert!(told.contains("retrieval.url") && told.contains(&server.url()), "{told}");
    let documents = json!({"query": "tent", "documents": ["a pan", "a tent"]});
    let (status, answer) = app.ask("/v2/rerank", &documents).await;
    assert_eq!(status, 200, "documents that a request brings need no engine: {answer}");

    server.restart().await;
    app.eventually("/readyz", |text| text.contains("\"name\":\"shop\",\"ok\":true")).await;
    let (status, answer) = app.ask("/v1/search", &json!({"query": "tent"})).await;
    assert_eq!(status, 200, "{answer}");
}
