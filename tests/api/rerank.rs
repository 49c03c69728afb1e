//! The rerank dialects.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::app::{CLASSICAL, TestApp};

const ROUTES: [&str; 2] = ["/v1/rerank", "/v2/rerank"];

fn body() -> Value {
    json!({
        "model": "default",
        "query": "shelter for one hiker",
        "documents": ["wool socks", "tarp for one person, a light shelter", "family tent"],
    })
}

fn with(extra: &Value) -> Value {
    let mut body = body();
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn indexes(answer: &Value) -> Vec<u64> {
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|result| result["index"].as_u64().unwrap()).collect()
}

fn message(answer: &Value) -> &str {
    answer["message"].as_str().unwrap()
}

#[tokio::test]
async fn answers_have_each_document_once_and_falling_scores() {
    let app = TestApp::classical().await;
    for route in ROUTES {
        let (status, answer) = app.ask(route, &body()).await;
        assert_eq!(status, 200, "{answer}");
        let found: BTreeSet<u64> = indexes(&answer).into_iter().collect();
        assert_eq!(found, BTreeSet::from([0, 1, 2]));
        let scores: Vec<f64> = answer["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| result["relevance_score"].as_f64().unwrap())
            .collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
        assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)), "{scores:?}");
        assert_eq!(answer["x_rankgate"]["status"], "classical");
        assert_eq!(answer["x_rankgate"]["reason"], "not_requested");
        assert_eq!(answer["x_rankgate"]["pipeline"], "default");
    }
}

#[tokio::test]
async fn cohere_v2_has_its_shape_and_no_documents() {
    let app = TestApp::classical().await;
    // LiteLLM sends return_documents to v2 too.
    let (_, answer) = app.ask("/v2/rerank", &with(&json!({"return_documents": true}))).await;
    assert_eq!(answer["meta"]["api_version"], json!({"version": "2"}));
    assert_eq!(answer["meta"]["billed_units"], json!({"search_units": 1}));
    assert_eq!(answer["meta"]["tokens"], json!({"input_tokens": 0, "output_tokens": 0}));
    assert!(answer["id"].is_string());
    let first = answer["results"][0].as_object().unwrap();
    assert_eq!(first.keys().collect::<Vec<_>>(), ["index", "relevance_score"]);
}

#[tokio::test]
async fn v1_answers_with_the_fields_of_cohere_and_jina() {
    let app = TestApp::classical().await;
    let (_, answer) = app.ask("/v1/rerank", &body()).await;
    assert_eq!(answer["object"], "list");
    assert_eq!(answer["model"], "default");
    assert_eq!(answer["usage"], json!({"total_tokens": 0}));
    assert_eq!(answer["meta"]["api_version"]["version"], "1");
    assert!(answer["results"][0].get("document").is_none());

    let documents = json!(["wool socks", {"text": "a tarp", "title": "Tarp", "brand": "x"}]);
    let asked = with(&json!({"documents": documents.clone(), "return_documents": true}));
    let (_, answer) = app.ask("/v1/rerank", &asked).await;
    for result in answer["results"].as_array().unwrap() {
        let index = usize::try_from(result["index"].as_u64().unwrap()).unwrap();
        let sent = match &documents[index] {
            Value::String(text) => json!({"text": text}),
            object => object.clone(),
        };
        assert_eq!(result["document"], sent);
    }
}

#[tokio::test]
async fn what_clients_send_besides_is_let_through() {
    let app = TestApp::classical().await;
    for route in ROUTES {
        let extra = json!({
            "max_tokens_per_doc": null, "priority": 3, "relevant_spans": {"mode": "enabled"},
            "instruction": "x", "return_documents": false, "user": "u", "deadline_ms": 400,
        });
        let (status, answer) = app.ask(route, &with(&extra)).await;
        assert_eq!(status, 200, "{answer}");
        let (status, _) = app.ask(route, &with(&json!({"max_tokens_per_doc": 64}))).await;
        assert_eq!(status, 200);
    }
}

#[tokio::test]
async fn top_n_cuts_the_answer() {
    let app = TestApp::classical().await;
    for route in ROUTES {
        for (top_n, expected) in [(json!(1), 1), (json!(99), 3), (json!(0), 3), (json!(null), 3)] {
            let (_, answer) = app.ask(route, &with(&json!({"top_n": top_n}))).await;
            assert_eq!(indexes(&answer).len(), expected, "{top_n}");
        }
        for top_n in [json!(-1), json!("2"), json!(1.5)] {
            let (status, answer) = app.ask(route, &with(&json!({"top_n": top_n}))).await;
            assert_eq!(status, 400);
            assert!(message(&answer).contains("top_n"), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_model_is_a_pipeline_or_an_alias() {
    let app = TestApp::classical().await;
    for (model, pipeline) in
        [(json!("rerank-v3.5"), "default"), (json!("second"), "second"), (json!(null), "default")]
    {
        for route in ROUTES {
            let (status, answer) = app.ask(route, &with(&json!({"model": model}))).await;
            assert_eq!(status, 200, "{answer}");
            assert_eq!(answer["x_rankgate"]["pipeline"], pipeline);
        }
    }
    for route in ROUTES {
        let (status, answer) = app.ask(route, &with(&json!({"model": "rerank-v9"}))).await;
        assert_eq!(status, 404);
        assert!(message(&answer).contains("rerank-v9"), "{answer}");
        assert!(message(&answer).contains("default, second"), "{answer}");
    }
}

#[tokio::test]
async fn errors_are_in_the_words_that_clients_know() {
    let app = TestApp::classical().await;
    let no_documents = "invalid request: list of documents must not be empty";
    let no_query = "invalid request: query must not be empty or be only whitespace";
    for (extra, expected) in [
        (json!({"documents": []}), no_documents),
        (json!({"documents": null}), no_documents),
        (json!({"query": " \n"}), no_query),
        (json!({"query": null}), no_query),
        (json!({"model": ""}), "a model parameter is required for this endpoint."),
    ] {
        for route in ROUTES {
            let (status, answer) = app.ask(route, &with(&extra)).await;
            assert_eq!(status, 400);
            assert_eq!(message(&answer), expected);
            let detail = answer.get("detail").cloned();
            let wanted = (route == "/v1/rerank").then(|| json!(expected));
            assert_eq!(detail, wanted, "Jina's clients read `detail`");
            assert!(answer["id"].is_string());
        }
    }
}

#[tokio::test]
async fn wrong_bodies_are_bad_requests_that_name_the_place() {
    let app = TestApp::classical().await;
    for route in ROUTES {
        for text in ["", "{", "[1]", "\"x\"", "{\"query\": \"a\"} trailing"] {
            let response = app.post_text(route, text).await;
            assert_eq!(response.status(), 400, "{text}");
            let answer: Value = response.json().await.unwrap();
            assert!(!message(&answer).is_empty());
        }
        for (extra, place) in [
            (json!({"documents": ["a", 3]}), "documents[1]"),
            (json!({"documents": "a"}), "documents"),
            (json!({"query": 3}), "query"),
            (json!({"deadline_ms": 0}), "deadline_ms"),
            (json!({"deadline_ms": 600_001}), "deadline_ms"),
        ] {
            let (status, answer) = app.ask(route, &with(&extra)).await;
            assert_eq!(status, 400, "{answer}");
            assert!(message(&answer).contains(place), "{answer}");
        }
    }
    let objects = with(&json!({"documents": [{"text": "a"}]}));
    assert_eq!(app.ask("/v2/rerank", &objects).await.0, 400, "v2 has strings only");
}

#[tokio::test]
async fn ten_thousand_documents_are_taken_and_no_more() {
    let app = TestApp::classical().await;
    for (n, status) in [(10_000, 200), (10_001, 400)] {
        let documents: Vec<String> = (0..n).map(|n| format!("document {n}")).collect();
        let asked = with(&json!({"documents": documents, "top_n": 2, "deadline_ms": 60_000}));
        let (found, answer) = app.ask("/v2/rerank", &asked).await;
        assert_eq!(found, status, "{answer}");
        if status == 200 {
            assert_eq!(answer["meta"]["billed_units"]["search_units"], 100);
        }
    }
}

#[tokio::test]
async fn answers_carry_the_headers_of_the_contract() {
    let app = TestApp::classical().await;
    for route in ROUTES {
        let request = app.client.post(format!("{}{route}", app.url)).json(&body());
        let response = request.header("x-request-id", "mine-7").send().await.unwrap();
        let header = |name: &str| response.headers().get(name).map(|v| v.to_str().unwrap());
        assert_eq!(header("x-request-id"), Some("mine-7"));
        assert_eq!(header("x-rankgate-status"), Some("classical"));
        assert_eq!(header("x-rankgate-reason"), Some("not_requested"));
        assert_eq!(header("x-rankgate-cache"), Some("off"));
        assert_eq!(header("x-rankgate-pipeline"), Some("default"));
        assert_eq!(header("x-rankgate-prompt"), None, "null ones are left out");
        let timing = header("server-timing").unwrap();
        assert!(timing.contains("rerank;dur=") && timing.contains("total;dur="), "{timing}");
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["id"], "mine-7");
    }
}

#[tokio::test]
async fn a_deadline_in_the_header_is_read() {
    let app = TestApp::classical().await;
    for (sent, status) in [("250", 200), ("0", 400), ("soon", 400)] {
        let request = app.client.post(format!("{}/v2/rerank", app.url)).json(&body());
        let response = request.header("x-rankgate-deadline-ms", sent).send().await.unwrap();
        assert_eq!(response.status(), status, "{sent}");
    }
}

#[tokio::test]
async fn a_full_gateway_turns_away_at_once_and_probes_still_pass() {
    let app = TestApp::start(&format!("{CLASSICAL}\n[limits]\nmax_in_flight = 0\n")).await;
    for route in ROUTES {
        let response = app.post(route, &body()).await;
        assert_eq!(response.status(), 429);
        let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=3).contains(&wait));
        let answer: Value = response.json().await.unwrap();
        assert!(message(&answer).contains("try again"), "{answer}");
    }
    for path in ["/healthz", "/readyz", "/metrics", "/v1/pipelines"] {
        assert_eq!(app.get(path).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn a_key_that_clients_always_send_is_ignored() {
    let app = TestApp::classical().await;
    let request = app.client.post(format!("{}/v2/rerank", app.url)).json(&body());
    let response = request.bearer_auth("anything").send().await.unwrap();
    assert_eq!(response.status(), 200);
}
