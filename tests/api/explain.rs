//! Explanations over HTTP: what is shown, what isn't, and what they may cost.

use serde_json::{Value, json};
use std::time::Duration;
use test_case::test_case;

use crate::fake_llm::{Chat, FakeLlm, Received, Reply};
use crate::search::Shop;

/// Ranks as documents came and explains by `explain`.
async fn llm(explain: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> FakeLlm {
    let rank = FakeLlm::script(|_| 0.5);
    FakeLlm::start(
        move |_, request| {
            if explains(request) { explain(request) } else { rank(request) }
        },
    )
    .await
}

fn explains(request: &Received) -> bool {
    request.user().contains("{\"items\"")
}

/// One claim with quotes for the only document.
fn said(claim: &str, quotes: &[&str]) -> Reply {
    Reply::content(json!({"items": [{"id": 1, "claim": claim, "quotes": quotes}]}).to_string())
}

fn tents(more: &Value) -> Value {
    let mut body = json!({"query": "light tent", "top_n": 2, "explain": true});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

/// The part of a result's field that a quote names.
fn quoted(result: &Value, quote: &Value) -> String {
    let field = result["document"][quote["field"].as_str().unwrap()].as_str().unwrap();
    let (start, end) = (quote["start"].as_u64().unwrap(), quote["end"].as_u64().unwrap());
    let length = usize::try_from(end - start).unwrap();
    field.chars().skip(usize::try_from(start).unwrap()).take(length).collect()
}

#[tokio::test]
async fn quotes_stand_where_they_are_said_to_and_a_repeat_pays_nothing() {
    let server = llm(|request| {
        let of_two = request.user().contains("two hikers");
        let quotes: &[&str] =
            if of_two { &["LIGHT  tent", "three hikers"] } else { &["two cabins"] };
        said("It is a tent.", quotes)
    })
    .await;
    let shop = Shop::open(&server.base_url()).await;
    let first = shop.search(&tents(&json!({}))).await;
    assert_eq!(first["ranking"]["status"], "llm", "{first}");
    for result in first["results"].as_array().unwrap() {
        let explanation = &result["explanation"];
        assert_eq!(
            (&explanation["kind"], &explanation["text"]),
            (&json!("llm"), &json!("It is a tent."))
        );
        for quote in explanation["quotes"].as_array().unwrap() {
            assert_eq!(quoted(result, quote), quote["text"].as_str().unwrap());
        }
    }
    let texts = first["results"].to_string();
    assert!(
        texts.contains("\"text\":\"light tent\"") && !texts.contains("three hikers"),
        "{texts}"
    );
    let info = &first["explain"];
    assert_eq!(
        (&info["llm"], &info["classical"], &info["reason"]),
        (&json!(2), &json!(0), &Value::Null)
    );
    assert_eq!(info["quotes"], json!({"located": 2, "dropped": 1}));
    assert_eq!((&info["prompt"], &info["calls"]), (&json!("explain@v1"), &json!(2)));

    let asked = || server.received().iter().filter(|request| explains(request)).count();
    assert_eq!(asked(), 2);
    let again = shop.search(&tents(&json!({}))).await;
    assert_eq!(asked(), 2, "a repeat asks nothing");
    assert_eq!(again["results"][0]["explanation"], first["results"][0]["explanation"]);
    assert_eq!((&again["explain"]["calls"], &again["usage"]["cost_usd"]), (&json!(0), &json!(0.0)));
    // One more result costs one more call.
    shop.search(&tents(&json!({"top_n": 3}))).await;
    assert_eq!(asked(), 3);
}

#[test_case(said("It is light.", &["a very light tent"]) ; "quotes that are not there")]
#[test_case(said("It is light.", &[]) ; "no quotes")]
#[test_case(said("It weighs 900 g.", &["tent"]) ; "an invented number")]
#[test_case(said("Buyers call it “the best of all”.", &["tent"]) ; "invented words")]
#[test_case(said("<img src=x onerror=alert(1)> light", &["tent"]) ; "markup")]
#[test_case(said("Buy at https://evil.example/", &["tent"]) ; "an address")]
#[tokio::test]
async fn what_can_not_be_shown_true_is_explained_classically(reply: Reply) {
    let server = llm(move |_| reply.clone()).await;
    let shop = Shop::open(&server.base_url()).await;
    let answer = shop.search(&tents(&json!({"top_n": 1}))).await;
    let explanation = &answer["results"][0]["explanation"];
    assert_eq!(explanation["kind"], "classical", "{answer}");
    assert!(explanation["text"].as_str().unwrap().starts_with("Matches “"), "{explanation}");
    for quote in explanation["quotes"].as_array().unwrap() {
        assert_eq!(quoted(&answer["results"][0], quote), quote["text"].as_str().unwrap());
    }
    assert_eq!(answer["explain"]["unverified"], 1);
    assert_eq!(answer["explain"]["reason"], Value::Null);
    assert_eq!(answer["ranking"]["status"], "llm", "the ranking is the LLM's all the same");
}

#[test_case(Reply::status(500), "upstream_error" ; "broken")]
#[test_case(Reply::content("It is a nice tent."), "malformed_output" ; "prose")]
#[test_case(Reply::content("I'm sorry, I can't help with that."), "refused" ; "refusal")]
#[tokio::test]
async fn a_failure_costs_the_explanation_and_nothing_else(reply: Reply, reason: &str) {
    let server = llm(move |_| reply.clone()).await;
    let shop = Shop::open(&server.base_url()).await;
    let answer = shop.search(&tents(&json!({}))).await;
    assert_eq!(answer["ranking"]["status"], "llm", "{answer}");
    assert_eq!(answer["explain"]["reason"], reason);
    assert_eq!(
        (&answer["explain"]["llm"], &answer["explain"]["classical"]),
        (&json!(0), &json!(2))
    );
    assert_eq!(answer["results"][1]["explanation"]["kind"], "classical");
}

#[tokio::test]
async fn explanations_never_delay_the_answer_past_its_deadline() {
    let server = llm(|_| Reply::Hang).await;
    let shop = Shop::open(&server.base_url()).await;
    let answer = shop.search(&tents(&json!({"deadline_ms": 700}))).await;
    assert_eq!(answer["ranking"]["status"], "llm", "{answer}");
    assert_eq!(answer["explain"]["reason"], "upstream_timeout", "an attempt has a limit too");
    assert_eq!(answer["results"][0]["explanation"]["kind"], "classical");
    let total = answer["timing_ms"]["total"].as_f64().unwrap();
    assert!((400.0..=700.0).contains(&total), "{total} ms");
}

#[tokio::test]
async fn one_slow_document_does_not_cost_the_others_their_explanation() {
    let server = llm(|request| {
        if request.user().contains("two cabins") {
            Reply::Hang
        } else {
            said("It is light.", &["light tent"])
        }
    })
    .await;
    let shop = Shop::open(&server.base_url()).await;
    let answer = shop.search(&tents(&json!({"deadline_ms": 1500}))).await;
    let kinds: Vec<_> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| (result["id"].as_str().unwrap(), result["explanation"]["kind"].clone()))
        .collect();
    assert!(kinds.contains(&("tent-1", json!("llm"))), "{kinds:?}");
    assert!(kinds.contains(&("tent-2", json!("classical"))), "{kinds:?}");
}

#[tokio::test]
async fn requests_at_the_same_time_share_the_calls() {
    let server = llm(|_| said("A tent.", &["tent"]).after(Duration::from_millis(100))).await;
    let shop = Shop::open(&server.base_url()).await;
    let body = tents(&json!({}));
    let answers = futures::future::join_all((0..20).map(|_| shop.search(&body))).await;
    assert_eq!(server.received().iter().filter(|request| explains(request)).count(), 2);
    assert!(answers.iter().all(|answer| answer["explain"]["llm"] == 2), "{answers:?}");
    let calls: u64 = answers.iter().map(|it| it["explain"]["calls"].as_u64().unwrap()).sum();
    assert_eq!(calls, 2);
}

#[tokio::test]
async fn without_being_asked_nothing_is_explained() {
    let server = llm(|_| said("A tent.", &["tent"])).await;
    let shop = Shop::open(&server.base_url()).await;
    for body in [json!({"query": "tent"}), json!({"query": "tent", "explain": false})] {
        let answer = shop.search(&body).await;
        assert!(answer.get("explain").is_none(), "{answer}");
        assert!(answer["results"][0].get("explanation").is_none(), "{answer}");
    }
    assert!(!server.received().iter().any(explains));
}

#[tokio::test]
async fn a_pipeline_without_a_model_explains_by_its_first_stage() {
    let server = llm(|_| said("A tent.", &["tent"])).await;
    let shop = Shop::open(&server.base_url()).await;
    let body = json!({"query": "hiking boots", "pipeline": "bm25", "explain": true});
    let answer = shop.search(&body).await;
    assert_eq!(answer["explain"]["reason"], "no_llm_configured");
    let explanation = &answer["results"][0]["explanation"];
    let text = explanation["text"].as_str().unwrap();
    assert!(text.starts_with("Matches “hiking”, “boot” (BM25 "), "{text}");
    assert_eq!(explanation["quotes"].as_array().unwrap().len(), 2);
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn stored_documents_are_explained_by_their_ids() {
    let server = llm(|_| said("It is a boot.", &["hiking boot"])).await;
    let shop = Shop::open(&server.base_url()).await;
    let body = json!({"query": "vegan boots", "ids": ["boot-2", "tent-1"]});
    let (status, answer) = shop.app.ask("/v1/explain", &body).await;
    assert_eq!(status, 200, "{answer}");
    let ids: Vec<_> =
        answer["explanations"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(ids, ["boot-2", "tent-1"]);
    assert_eq!(answer["explanations"][0]["explanation"]["kind"], "llm");
    assert_eq!(answer["explanations"][1]["explanation"]["kind"], "classical");
    assert_eq!(answer["explain"]["unverified"], 1);
    let usage = &answer["usage"];
    assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(200), &json!(20)));
}

#[tokio::test]
async fn a_contrast_shows_both_in_their_order() {
    let server = llm(|_| {
        Reply::content(
            json!({"items": [
                {"id": 2, "claim": "The other is of leather.", "quotes": ["full-grain leather"]},
                {"id": 1, "claim": "This one has none.", "quotes": ["no leather", "full-grain"]},
            ]})
            .to_string(),
        )
    })
    .await;
    let shop = Shop::open(&server.base_url()).await;
    let body = json!({"query": "vegan boots", "ids": ["boot-2", "boot-1"], "contrast": true});
    let (status, answer) = shop.app.ask("/v1/explain", &body).await;
    assert_eq!(status, 200, "{answer}");
    let first = &answer["explanations"][0];
    assert_eq!(
        (&first["id"], &first["explanation"]["text"]),
        (&json!("boot-2"), &json!("This one has none."))
    );
    let quotes = first["explanation"]["quotes"].as_array().unwrap();
    assert_eq!(quotes.len(), 1, "the other document's words are no quote of this one");
    assert_eq!(answer["explanations"][1]["explanation"]["quotes"][0]["text"], "full-grain leather");
    let shown = server.received()[0].passages();
    let order: Vec<_> =
        shown.iter().map(|(label, text)| (*label, text.contains("Vegan"))).collect();
    assert_eq!(order, [(1, true), (2, false)]);
    assert_eq!(answer["explain"]["prompt"], "contrast@v1");
}

#[test_case(json!({"ids": []}), 422, "ids" ; "none")]
#[test_case(json!({"ids": ["a", "a"]}), 422, "ids" ; "twice")]
#[test_case(json!({"ids": ["tent-1", "nothing", "never"]}), 404, "ids" ; "unknown")]
#[test_case(json!({"ids": ["tent-1"], "contrast": true}), 422, "ids" ; "a contrast of one")]
#[test_case(json!({"ids": ["tent-1"], "query": " "}), 422, "query" ; "no query")]
#[test_case(json!({"ids": ["tent-1"], "pipeline": "none"}), 404, "pipeline" ; "no pipeline")]
#[test_case(json!({"ids": ["tent-1"], "prompt": "rerank-listwise@v1"}), 422, "prompt" ; "another task")]
#[test_case(json!({"ids": ["tent-1"], "why": 1}), 422, "why" ; "unknown field")]
#[tokio::test]
async fn mistakes_are_named(more: Value, status: u16, field: &str) {
    let server = llm(|_| said("A tent.", &["tent"])).await;
    let shop = Shop::open(&server.base_url()).await;
    let mut body = json!({"query": "tent"});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    let (found, problem) = shop.app.ask("/v1/explain", &body).await;
    assert_eq!((found.as_u16(), &problem["field"]), (status, &json!(field)), "{problem}");
    if status == 404 && field == "ids" {
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("\"nothing\", \"never\"") && !detail.contains("tent-1"),
            "{detail}"
        );
    }
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn cohere_clients_get_quotes_as_relevant_spans() {
    let server = llm(|_| said("It is light.", &["wiegt 900 g"])).await;
    let shop = Shop::open(&server.base_url()).await;
    let documents = ["„Größe L“ wiegt 900 g", "a heavy light tent"];
    let mut body = json!({"query": "light tent", "model": "shop", "documents": documents,
        "relevant_spans": {"mode": "enabled"}});
    let (status, answer) = shop.app.ask("/v2/rerank", &body).await;
    assert_eq!(status, 200, "{answer}");
    let spans = |answer: &Value, index: u64| {
        let results = answer["results"].as_array().unwrap();
        let result = results.iter().find(|result| result["index"] == index).unwrap();
        result["relevant_spans"].clone()
    };
    assert_eq!(spans(&answer, 0), json!([{"start": 10, "end": 21, "score": 1.0}]));
    let matched =
        json!([{"start": 8, "end": 13, "score": 0.5}, {"start": 14, "end": 18, "score": 0.5}]);
    assert_eq!(spans(&answer, 1), matched, "no quote of it: what the query matches");

    body["relevant_spans"] = json!({"mode": "enabled", "threshold": 0.9, "max_spans": 1});
    let (_, answer) = shop.app.ask("/v2/rerank", &body).await;
    assert_eq!(spans(&answer, 1), json!([]));
    body["relevant_spans"] = json!({"mode": "disabled"});
    let (_, answer) = shop.app.ask("/v2/rerank", &body).await;
    assert_eq!(spans(&answer, 0), Value::Null);
    body["relevant_spans"] = json!({"threshold": 2});
    let (status, _) = shop.app.ask("/v2/rerank", &body).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn what_became_of_quotes_is_counted() {
    let server = llm(|_| said("It is light.", &["light tent", "a heavy one"])).await;
    let shop = Shop::open(&server.base_url()).await;
    shop.search(&tents(&json!({"top_n": 1}))).await;
    let metrics = shop.app.get("/metrics").await.text().await.unwrap();
    for name in [
        "rankgate_explanation_quotes_total{prompt=\"explain@v1\",model=\"fake\",outcome=\"located\"}",
        "rankgate_explanation_quotes_total{prompt=\"explain@v1\",model=\"fake\",outcome=\"dropped\"}",
        "rankgate_explanations_checked_total{prompt=\"explain@v1\",model=\"fake\",outcome=\"kept\"}",
        "rankgate_explanations_total{pipeline=\"shop\",kind=\"llm\"}",
    ] {
        assert!(metrics.contains(name), "{name} is missing");
    }
}

#[tokio::test]
async fn a_reply_that_ends_early_keeps_what_is_whole() {
    let server = llm(|_| {
        let cut =
            r#"{"items": [{"id": 1, "claim": "It is light.", "quotes": ["light tent"]}, {"id""#;
        Reply::Chat(Chat { finish: "length", ..Chat::new(cut) })
    })
    .await;
    let shop = Shop::open(&server.base_url()).await;
    let answer = shop.search(&tents(&json!({"top_n": 1}))).await;
    assert_eq!(answer["results"][0]["explanation"]["kind"], "llm", "{answer}");
}
