//! Voyage, Text Embeddings Inference, and `/rerank` without a prefix.

use serde_json::{Value, json};

use crate::app::{CLASSICAL, TestApp};

const TEXTS: [&str; 3] = ["wool socks", "tarp for one person, a light shelter", "family tent"];
const QUERY: &str = "shelter for one hiker";

fn voyage(extra: &Value) -> Value {
    merged(
        json!({ "model": "default", "query": QUERY, "documents": TEXTS, "truncation": true }),
        extra,
    )
}

fn tei(extra: &Value) -> Value {
    merged(json!({ "query": QUERY, "texts": TEXTS, "raw_scores": false }), extra)
}

fn merged(mut body: Value, extra: &Value) -> Value {
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

#[tokio::test]
async fn voyage_has_its_shape() {
    let app = TestApp::classical().await;
    let (status, answer) = app.ask("/voyage/v1/rerank", &voyage(&json!({}))).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&answer["object"], &answer["model"]), (&json!("list"), &json!("default")));
    assert_eq!(answer["usage"], json!({"total_tokens": 0}));
    assert_eq!(answer["data"][0]["index"], 1);
    assert_eq!(answer["data"].as_array().unwrap().len(), 3);
    assert!(answer["data"][0].get("document").is_none());
    assert_eq!(answer["x_rankgate"]["status"], "classical");
    let extra = json!({"top_k": 1, "return_documents": true});
    let (_, answer) = app.ask("/voyage/v1/rerank", &voyage(&extra)).await;
    let [only] = answer["data"].as_array().unwrap().as_slice() else { panic!("{answer}") };
    assert_eq!(only["document"], TEXTS[1]);
}

#[tokio::test]
async fn voyages_errors_are_details_with_statuses_that_its_client_knows() {
    let app = TestApp::classical().await;
    for (extra, told) in [
        (json!({"documents": []}), "list of documents must not be empty"),
        (json!({"query": " "}), "query must not be empty"),
        (json!({"model": "rerank-2.5"}), "rerank-2.5"),
        (json!({"top_k": -1}), "top_k"),
        (json!({"documents": [{"text": "a"}]}), "documents[0]"),
    ] {
        let (status, answer) = app.ask("/voyage/v1/rerank", &voyage(&extra)).await;
        assert_eq!(status, 400, "{answer}");
        let detail = answer["detail"].as_str().unwrap();
        assert!(detail.contains(told), "{answer}");
        assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
    }
    let response = app.get("/voyage/v1/rerank").await;
    assert_eq!(response.status(), 405);
    assert!(response.json::<Value>().await.unwrap()["detail"].is_string());
}

#[tokio::test]
async fn texts_are_answered_with_a_score_for_each() {
    let app = TestApp::classical().await;
    let extra = json!({"truncate": true, "truncation_direction": "right", "top_n": 1});
    let (status, answer) = app.ask("/rerank", &tei(&extra)).await;
    assert_eq!(status, 200, "{answer}");
    let entries = answer.as_array().unwrap();
    assert_eq!((entries.len(), &entries[0]["index"]), (3, &json!(1)));
    let scores: Vec<f64> = entries.iter().map(|it| it["score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    assert!(entries[0].get("text").is_none());
    let (_, answer) = app.ask("/rerank", &tei(&json!({"return_text": true}))).await;
    assert_eq!(answer[0]["text"], TEXTS[1]);
}

#[tokio::test]
async fn its_errors_say_what_kind_they_are() {
    let app = TestApp::classical().await;
    for (extra, status, kind) in [
        (json!({"texts": []}), 400, "Empty"),
        (json!({"texts": null}), 400, "Empty"),
        (json!({"texts": ["a", 2]}), 422, "Validation"),
        (json!({"query": ""}), 422, "Validation"),
        (json!({"query": 3}), 422, "Validation"),
    ] {
        let (found, answer) = app.ask("/rerank", &tei(&extra)).await;
        assert_eq!((found.as_u16(), &answer["error_type"]), (status, &json!(kind)), "{answer}");
        assert!(answer["error"].is_string());
    }
    let response = app.post_text("/rerank", "{").await;
    assert_eq!(response.status(), 400);
    let answer: Value = response.json().await.unwrap();
    for member in ["error", "error_type", "message", "detail"] {
        assert!(answer[member].is_string(), "it may be a request of either: {answer}");
    }
    let full = TestApp::start(&format!("{CLASSICAL}\n[limits]\nmax_in_flight = 0\n")).await;
    let (status, answer) = full.ask("/rerank", &tei(&json!({}))).await;
    assert_eq!((status.as_u16(), &answer["error_type"]), (429, &json!("Overloaded")));
}

#[tokio::test]
async fn without_texts_it_is_the_same_as_under_v1() {
    let app = TestApp::classical().await;
    let body = json!({"query": QUERY, "documents": TEXTS, "top_n": 2, "return_documents": true});
    let (status, bare) = app.ask("/rerank", &body).await;
    assert_eq!(status, 200, "{bare}");
    let (_, v1) = app.ask("/v1/rerank", &body).await;
    assert_eq!((&bare["results"], &bare["object"]), (&v1["results"], &v1["object"]));
    let wrong = json!({"query": QUERY, "documents": ["a", 3]});
    let (status, answer) = app.ask("/rerank", &wrong).await;
    assert_eq!(status, 400);
    assert!(answer["message"].as_str().unwrap().contains("documents[1]"), "{answer}");
    assert!(answer.get("error_type").is_none());
    let unknown = json!({"query": QUERY, "documents": TEXTS, "model": "rerank-v9"});
    assert_eq!(app.ask("/rerank", &unknown).await.0, 404);
}

#[tokio::test]
async fn a_pipeline_says_in_which_form_documents_come_back() {
    let config = CLASSICAL
        .replace("[pipelines.second]", "[pipelines.second]\nreturned_documents = \"text\"");
    let app = TestApp::start(&config).await;
    let sent = json!([TEXTS[0], {"text": TEXTS[1], "title": "Tarp", "brand": "x"}]);
    let body = |pipeline: &str, wanted: bool| json!({"model": pipeline, "query": QUERY, "documents": sent, "return_documents": wanted});
    let whole = json!({"text": TEXTS[1], "title": "Tarp", "brand": "x"});
    for path in ["/v1/rerank", "/rerank"] {
        for (pipeline, tarp, socks) in [
            ("default", whole.clone(), json!({"text": TEXTS[0]})),
            ("second", json!(TEXTS[1]), json!(TEXTS[0])),
        ] {
            let (status, answer) = app.ask(path, &body(pipeline, true)).await;
            assert_eq!(status, 200, "{answer}");
            let [first, last] = answer["results"].as_array().unwrap().as_slice() else {
                panic!("{answer}")
            };
            assert_eq!((&first["document"], &last["document"]), (&tarp, &socks), "{path}");
            let (_, answer) = app.ask(path, &body(pipeline, false)).await;
            assert!(answer["results"][0].get("document").is_none(), "{answer}");
        }
    }
}

#[tokio::test]
async fn every_path_is_counted() {
    let app = TestApp::classical().await;
    app.ask("/voyage/v1/rerank", &voyage(&json!({}))).await;
    app.ask("/rerank", &tei(&json!({}))).await;
    let metrics = app.get("/metrics").await.text().await.unwrap();
    for route in ["/voyage/v1/rerank", "/rerank"] {
        let line = format!("rankgate_requests_total{{route=\"{route}\"");
        assert!(metrics.contains(&line), "{route}: {metrics}");
    }
}
