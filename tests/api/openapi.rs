//! The gateway's own description, and the page that shows it. That answers are
//! as it says is tried with many more requests by `tests/openapi/`.

use serde_json::{Value, json};

use crate::app::TestApp;

async fn document(app: &TestApp) -> Value {
    let response = app.get("/openapi.json").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    response.json().await.unwrap()
}

/// Every operation that is described: method, path, and what is said of it.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    })
}

#[tokio::test]
async fn what_is_described_is_there() {
    let app = TestApp::classical().await;
    let document = document(&app).await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut seen = 0;
    for (method, path, operation) in operations(&document) {
        let url = format!("{}{}", app.url, path.replace(['{', '}'], ""));
        let method = method.to_uppercase().parse().unwrap();
        let response = app.client.request(method, url).send().await.unwrap();
        let status = response.status();
        assert!(status != 405 && status != 500, "{path}: {status}");
        assert!(operation["responses"].get(status.as_str()).is_some(), "{path}: {status}");
        seen += 1;
    }
    assert_eq!(seen, 16);
}

#[tokio::test]
async fn no_route_that_answers_in_json_is_left_out() {
    let app = TestApp::classical().await;
    let document = document(&app).await;
    for (method, path) in [
        ("post", "/v1/search"),
        ("post", "/v1/explain"),
        ("post", "/v1/rerank"),
        ("post", "/v2/rerank"),
        ("post", "/rerank"),
        ("post", "/voyage/v1/rerank"),
        ("get", "/v1/pipelines"),
        ("get", "/v1/prompts"),
        ("post", "/v1/collections/{name}/documents"),
        ("delete", "/v1/collections/{name}/documents/{id}"),
        ("get", "/healthz"),
        ("get", "/readyz"),
        ("get", "/metrics"),
        ("get", "/openapi.json"),
    ] {
        assert!(document["paths"][path].get(method).is_some(), "{method} {path}");
    }
}

#[tokio::test]
async fn statuses_are_those_of_each_api() {
    let app = TestApp::classical().await;
    let document = document(&app).await;
    let has = |path: &str, status: &str| {
        document["paths"][path]["post"]["responses"].get(status).is_some()
    };
    for (path, wrong_value, unknown_pipeline) in [
        ("/v1/search", "422", Some("404")),
        ("/v2/rerank", "400", Some("404")),
        ("/voyage/v1/rerank", "400", None),
    ] {
        assert!(has(path, wrong_value), "{path}");
        assert_eq!(has(path, "422"), wrong_value == "422", "{path}");
        assert_eq!(has(path, "404"), unknown_pipeline.is_some(), "{path}");
        assert!(has(path, "429") && has(path, "413"), "{path}");
    }
    assert!(has("/v1/search", "503") && !has("/v2/rerank", "503"));
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let app = TestApp::classical().await;
    let page = app.get("/docs").await.text().await.unwrap();
    assert!(!page.contains("://"), "{page}");
    let files = page.split('"').filter(|it| it.starts_with("/docs/")).collect::<Vec<_>>();
    assert_eq!(files.len(), 3);
    for path in files.into_iter().chain(["/docs"]) {
        let response = app.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{path}");
    }
}

#[tokio::test]
async fn a_whole_number_may_be_written_with_a_fraction_of_nothing() {
    let app = TestApp::classical().await;
    let rerank = |top_n: Value| json!({"query": "tent", "documents": ["a tent", "a tarp", "a pan"], "top_n": top_n});
    for top_n in [json!(2), json!(2.0)] {
        let answer = app.post("/v2/rerank", &rerank(top_n)).await;
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["results"].as_array().unwrap().len(), 2);
    }
    let refused = app.post("/v2/rerank", &rerank(json!(2.5))).await;
    assert_eq!(refused.status(), 400);
    let message: Value = refused.json().await.unwrap();
    assert!(message["message"].as_str().unwrap().contains("top_n: 2.5 is no whole number"));
}
