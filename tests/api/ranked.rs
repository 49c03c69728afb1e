//! What the LLM decides, what is cached, shared, late or cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use test_case::test_case;

use crate::app::TestApp;
use crate::fake_llm::{FakeLlm, Reply};
use crate::faults::{body, config, indexes};

/// Likes a bivouac sack best, then the tarp.
fn taste(text: &str) -> f64 {
    match text {
        text if text.contains("bivouac") => 0.9,
        text if text.contains("tarp") => 0.7,
        text if text.contains("tent") => 0.3,
        _ => 0.0,
    }
}

async fn competent() -> (FakeLlm, TestApp) {
    let server = FakeLlm::competent(taste).await;
    let app = TestApp::start(&config(&server.base_url())).await;
    (server, app)
}

#[test_case("default", "ordinal", 1 ; "single")]
#[test_case("graded", "graded", 2 ; "graded")]
#[test_case("pointwise", "graded", 4 ; "pointwise")]
#[tokio::test]
async fn each_strategy_ranks_by_the_llm(pipeline: &str, score_kind: &str, calls: u64) {
    let (server, app) = competent().await;
    let (status, answer) = app.ask("/v2/rerank", &body(pipeline)).await;
    assert_eq!(status, 200, "{answer}");
    let ranking = &answer["x_rankgate"];
    assert_eq!((&ranking["status"], &ranking["cache"]), (&json!("llm"), &json!("miss")));
    assert_eq!(ranking["reason"], Value::Null);
    assert_eq!(ranking["score_kind"], score_kind);
    assert_eq!(ranking["calls"], calls);
    assert_eq!(ranking["coverage"], 1.0);
    // Yes or No alone can't tell the sack from the tarp: both are a Yes.
    let best = if pipeline == "pointwise" { 2 } else { 1 };
    assert!(indexes(&answer)[..best].contains(&3), "{answer}");
    assert_eq!(server.hits() as u64, calls);
}

#[tokio::test]
async fn a_repeat_is_a_hit_and_costs_nothing() {
    let (server, app) = competent().await;
    let (_, first) = app.ask("/v2/rerank", &body("default")).await;
    let (_, again) = app.ask("/v2/rerank", &body("default")).await;
    assert_eq!(again["x_rankgate"]["cache"], "hit");
    assert_eq!(again["x_rankgate"]["status"], "llm");
    assert_eq!(again["x_rankgate"]["calls"], 0);
    assert_eq!(indexes(&first), indexes(&again));
    assert_eq!(server.hits(), 1);
    let metrics = app.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("cache=\"hit\""));
}

#[tokio::test]
async fn changed_documents_and_other_queries_are_asked_anew() {
    let (server, app) = competent().await;
    app.ask("/v2/rerank", &body("default")).await;
    let mut changed = body("default");
    changed["documents"][1] = json!("tarp for two");
    let mut other = body("default");
    other["query"] = json!("shelter for one biker");
    for asked in [changed, other] {
        let (_, answer) = app.ask("/v2/rerank", &asked).await;
        assert_eq!(answer["x_rankgate"]["cache"], "miss", "{answer}");
    }
    assert_eq!(server.hits(), 3);
}

#[tokio::test]
async fn what_is_asked_at_the_same_time_is_asked_once() {
    let server = FakeLlm::start(|_, request| {
        let labels: Vec<u64> = request.passages().iter().map(|(label, _)| *label).collect();
        Reply::content(json!({ "ranking": labels }).to_string()).after(Duration::from_millis(100))
    })
    .await;
    let app = TestApp::start(&config(&server.base_url())).await;
    let asked = body("default");
    let answers = futures::future::join_all((0..20).map(|_| app.ask("/v2/rerank", &asked))).await;
    let cache = |word: &str| {
        answers.iter().filter(|(_, answer)| answer["x_rankgate"]["cache"] == word).count()
    };
    assert_eq!(server.hits(), 1);
    assert_eq!(cache("miss"), 1);
    assert_eq!(cache("coalesced") + cache("hit"), 19);
    assert!(
        answers
            .iter()
            .all(|(status, answer)| { *status == 200 && answer["x_rankgate"]["status"] == "llm" })
    );
}

#[tokio::test]
async fn a_late_reply_fills_the_cache() {
    let gate = Arc::new(AtomicBool::new(false));
    let server = FakeLlm::start(move |_, request| {
        let scores: Vec<Value> = request
            .passages()
            .iter()
            .map(|(label, text)| json!({"id": label, "grade": (taste(text) * 10.0).round()}))
            .collect();
        let reply = Reply::content(json!({ "scores": scores }).to_string());
        if gate.swap(true, Ordering::SeqCst) {
            reply
        } else {
            reply.after(Duration::from_millis(150))
        }
    })
    .await;
    let slow =
        config(&server.base_url()).replace("attempt_timeout_ms = 200", "attempt_timeout_ms = 5000");
    let app = TestApp::start(&slow).await;
    let mut hurried = body("graded");
    hurried["deadline_ms"] = json!(60);
    let (_, answer) = app.ask("/v2/rerank", &hurried).await;
    assert_ne!(answer["x_rankgate"]["status"], "llm", "{answer}");
    for _ in 0..100 {
        let (_, again) = app.ask("/v2/rerank", &body("graded")).await;
        assert_eq!(again["x_rankgate"]["status"], "llm");
        if again["x_rankgate"]["cache"] == "hit" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.hits(), 2, "the two windows of the first request, and no more");
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_calls() {
    let server = FakeLlm::always(Reply::content("{}").after(Duration::from_mins(1))).await;
    let slow = config(&server.base_url())
        .replace("attempt_timeout_ms = 200", "attempt_timeout_ms = 60000")
        .replace("deadline_ms = 1500", "deadline_ms = 60000");
    let app = TestApp::start(&slow).await;
    let asked = body("default");
    {
        let request = app.post("/v2/rerank", &asked);
        tokio::select! {
            _ = request => panic!("it can't be answered yet"),
            () = server.wait_for_hits(1) => {}
        }
    }
    server.wait_until_idle().await;
}

#[tokio::test]
async fn the_kill_switch_works_by_a_reload() {
    let (server, app) = competent().await;
    app.rewrite(&format!("{}\n[llm]\nenabled = false\n", config(&server.base_url())));
    for _ in 0..400 {
        let (_, answer) = app.ask("/v2/rerank", &body("default")).await;
        if answer["x_rankgate"]["reason"] == "llm_disabled" {
            assert_eq!(answer["x_rankgate"]["status"], "classical");
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the reload never took hold");
}

#[tokio::test]
async fn one_document_and_strategy_none_want_no_llm() {
    let (server, app) = competent().await;
    let one = json!({"query": "tent", "documents": ["a tent"]});
    let (_, answer) = app.ask("/v2/rerank", &one).await;
    assert_eq!(answer["x_rankgate"]["reason"], "not_requested");
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn documents_that_do_not_fit_the_model_leave_the_ranking_partial() {
    let server = FakeLlm::competent(taste).await;
    let small = config(&server.base_url())
        .replace("model = \"fake-1\"", "model = \"fake-1\"\ncontext_tokens = 600")
        .replace("window = 2", "window = 20");
    let app = TestApp::start(&small).await;
    let text = "a long text about a shelter ".repeat(60);
    let documents: Vec<String> = (0..10).map(|n| format!("{n} {text}")).collect();
    let asked = json!({"model": "graded", "query": "tent", "documents": documents});
    let (_, answer) = app.ask("/v2/rerank", &asked).await;
    let ranking = &answer["x_rankgate"];
    assert_eq!(ranking["status"], "partial", "{ranking}");
    assert_eq!(ranking["reason"], "context_overflow", "{ranking}");
    assert_eq!(indexes(&answer).len(), 10);
}

#[tokio::test]
async fn calls_are_bounded_by_max_calls() {
    let server = FakeLlm::competent(taste).await;
    let bounded = config(&server.base_url()).replace("window = 2\n", "window = 2\nmax_calls = 1\n");
    let app = TestApp::start(&bounded).await;
    let (_, answer) = app.ask("/v2/rerank", &body("graded")).await;
    assert_eq!(answer["x_rankgate"]["status"], "partial");
    assert_eq!(answer["x_rankgate"]["reason"], "budget_exhausted");
    assert_eq!(server.hits(), 1);
}
