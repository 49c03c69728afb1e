//! The calls that answers tell where a request asks for them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fake_llm::{FakeLlm, Received, Reply};
use crate::search::Shop;

/// Replies of every kind that the requests here ask for.
fn reply(request: &Received) -> Reply {
    if request.user().contains("{\"items\"") {
        let said = json!({"items": [{"id": 1, "claim": "It is a tent.", "quotes": ["tent"]}]});
        return Reply::content(said.to_string());
    }
    let graded = |(label, text): &(u64, String)| json!({"id": label, "grade": text.len() % 10});
    let scores: Vec<Value> = request.passages().iter().map(graded).collect();
    Reply::content(json!({ "scores": scores }).to_string())
}

fn asked(more: &Value) -> Value {
    let mut body = json!({"query": "light tent", "trace": true, "strategy": "graded", "prompt": "rerank-graded@v1"});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn calls(answer: &Value) -> &Vec<Value> {
    answer["trace"]["calls"].as_array().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// The trace and the counts of an answer say the same.
fn agrees(answer: &Value) {
    let calls = calls(answer);
    let failed =
        |call: &&&Value| !["ok", "unfinished"].contains(&call["outcome"].as_str().unwrap());
    for (part, purpose) in [("ranking", "rank"), ("explain", "explain")] {
        let count = |name: &str| answer[part][name].as_u64().unwrap_or(0);
        let of: Vec<&Value> = calls.iter().filter(|call| call["purpose"] == purpose).collect();
        assert_eq!(of.len() as u64, count("calls"), "{answer}");
        assert_eq!(of.iter().filter(failed).count() as u64, count("failed_calls"), "{answer}");
    }
    for name in ["input_tokens", "output_tokens", "cost_usd"] {
        let sum: f64 = calls.iter().map(|call| number(&call[name])).sum();
        assert!((sum - number(&answer["usage"][name])).abs() < 1e-9, "{name}: {answer}");
    }
    let total = number(&answer["timing_ms"]["total"]);
    for call in calls {
        let (start, took) = (number(&call["start_ms"]), number(&call["took_ms"]));
        assert!(start >= 0.0 && took >= 0.0 && start + took <= total + 1.0, "{call} in {total} ms");
        assert_eq!(call["model"], "fake-1");
        assert_eq!(call["round"].is_u64(), call["purpose"] == "rank", "{call}");
        assert!(call["documents"].as_u64().unwrap() > 0);
    }
}

fn outcomes(answer: &Value) -> Vec<&str> {
    calls(answer).iter().map(|call| call["outcome"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_call_that_is_counted_is_told_and_no_other() {
    let server = FakeLlm::start(|_, request| reply(request)).await;
    let shop = Shop::open(&server.base_url()).await;
    let body = asked(&json!({"pipeline": "windows", "explain": true, "top_n": 3}));
    let first = shop.search(&body).await;
    agrees(&first);
    assert_eq!(calls(&first).len(), server.hits());
    assert_eq!((&first["ranking"]["calls"], &first["explain"]["calls"]), (&json!(3), &json!(3)));
    let [ranking, explaining] = [&calls(&first)[0], calls(&first).last().unwrap()];
    assert_eq!((&ranking["round"], &ranking["documents"]), (&json!(1), &json!(2)));
    assert_eq!((&ranking["upstream"], &ranking["attempts"]), (&json!("fake"), &json!(1)));
    assert!(number(&explaining["start_ms"]) >= number(&ranking["start_ms"]));
    assert!(!first["trace"].to_string().contains("tent"), "no text of documents or queries");
    // What was kept took no call.
    let again = shop.search(&body).await;
    agrees(&again);
    assert_eq!((&again["ranking"]["cache"], calls(&again).len()), (&json!("hit"), 0));
    // Who doesn't ask gets the answer as it was.
    let plain = shop.search(&asked(&json!({"pipeline": "windows", "trace": false}))).await;
    assert!(plain.get("trace").is_none(), "{plain}");
}

#[tokio::test]
async fn failed_calls_and_repeated_attempts_are_told_as_such() {
    let server = FakeLlm::start(|hit, request| match hit {
        0 => Reply::status(500),
        1 => Reply::content("No idea."),
        _ => reply(request),
    })
    .await;
    let shop = Shop::open(&server.base_url()).await;
    let answer = shop.search(&asked(&json!({}))).await;
    agrees(&answer);
    assert_eq!(outcomes(&answer), ["malformed_output", "ok"], "{answer}");
    let attempts: Vec<&Value> = calls(&answer).iter().map(|call| &call["attempts"]).collect();
    assert_eq!(attempts, [&json!(2), &json!(1)]);
    assert!(number(&calls(&answer)[0]["input_tokens"]) > 0.0, "what can't be read costs, too");
}

#[tokio::test]
async fn a_call_without_any_reply_is_told_with_its_attempts() {
    let server = FakeLlm::always(Reply::Hang).await;
    let shop = Shop::open(&server.base_url()).await;
    let answer = shop.search(&asked(&json!({}))).await;
    agrees(&answer);
    assert_eq!(outcomes(&answer), ["upstream_timeout"], "{answer}");
    assert_eq!(calls(&answer)[0]["attempts"], 2);
    assert!(number(&calls(&answer)[0]["took_ms"]) > 200.0, "both attempts are in it");
}

#[tokio::test]
async fn explanations_that_come_too_late_have_failed() {
    let server = FakeLlm::start(|_, request| {
        if request.user().contains("{\"items\"") { Reply::Hang } else { reply(request) }
    })
    .await;
    let shop = Shop::open(&server.base_url()).await;
    let answer =
        shop.search(&asked(&json!({"explain": true, "top_n": 1, "deadline_ms": 1500}))).await;
    agrees(&answer);
    let explaining: Vec<&Value> =
        calls(&answer).iter().filter(|call| call["purpose"] == "explain").collect();
    assert_eq!(explaining.len(), 1, "{answer}");
    assert_eq!(explaining[0]["outcome"], answer["explain"]["reason"], "{answer}");
}

#[tokio::test]
async fn who_shares_the_calls_of_another_made_none() {
    let server =
        FakeLlm::start(|_, request| reply(request).after(Duration::from_millis(300))).await;
    let shop = Shop::open(&server.base_url()).await;
    let body = asked(&json!({"deadline_ms": 10_000}));
    let (one, other) = tokio::join!(shop.search(&body), shop.search(&body));
    agrees(&one);
    agrees(&other);
    assert_eq!(calls(&one).len() + calls(&other).len(), 1, "{one} {other}");
}

#[tokio::test]
async fn a_stream_tells_them_at_its_end_alone() {
    let server = FakeLlm::start(|_, request| reply(request)).await;
    let shop = Shop::open(&server.base_url()).await;
    let events = crate::stream::events(&shop.app, &asked(&json!({"stream": true}))).await;
    let (last, before) = events.split_last().unwrap();
    assert_eq!(last.0, "done");
    agrees(&last.1);
    assert!(before.iter().all(|(_, event)| event.get("trace").is_none()));
}

#[tokio::test]
async fn explanations_alone_tell_theirs() {
    let server = FakeLlm::start(|_, request| reply(request)).await;
    let shop = Shop::open(&server.base_url()).await;
    let body = json!({"query": "light tent", "ids": ["tent-1", "tent-2"], "trace": true});
    let (status, answer) = shop.app.ask("/v1/explain", &body).await;
    assert_eq!(status, 200, "{answer}");
    agrees(&answer);
    assert_eq!((calls(&answer).len(), server.hits()), (2, 2));
}
