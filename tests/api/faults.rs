//! What callers get when the upstream fails: always 200 with every document
//! once, by the deadline, and the truth about it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use test_case::test_case;

use crate::app::TestApp;
use crate::fake_llm::{Chat, FakeLlm, Reply, refused_url};
use crate::raw_upstream::{RawUpstream, Step};

/// A gateway whose pipelines ask this upstream, one for each strategy.
pub fn config(base_url: &str) -> String {
    format!(
        r#"
[upstreams.fake]
base_url = "{base_url}"
attempt_timeout_ms = 200
max_attempts = 2

[models.fake]
upstreams = ["fake"]
model = "fake-1"
input_usd_per_mtok = 1.0
output_usd_per_mtok = 2.0
capabilities = {{ json_schema = true, seed = true }}

[pipelines.default]
strategy = "single"
prompt = {{ "rerank.listwise" = "rerank-listwise@v1", "rerank.graded" = "rerank-graded@v1", "rerank.pointwise" = "rerank-pointwise@v1" }}
model = "fake"
deadline_ms = 1500
late_ms = 0

[pipelines.graded]
strategy = "graded"
window = 2
prompt = "rerank-graded@v1"
model = "fake"
deadline_ms = 1500
late_ms = 2000

[pipelines.pointwise]
strategy = "pointwise"
prompt = "rerank-pointwise@v1"
model = "fake"
deadline_ms = 1500
"#
    )
}

pub fn body(model: &str) -> Value {
    json!({
        "model": model,
        "query": "shelter for one hiker",
        "documents": ["wool socks", "tarp for one", "family tent", "bivouac sack"],
    })
}

pub fn indexes(answer: &Value) -> Vec<u64> {
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|result| result["index"].as_u64().unwrap()).collect()
}

/// Asks once; checks what holds under every fault, and gives the ranking.
async fn ask(base_url: &str) -> Value {
    let app = TestApp::start(&config(base_url)).await;
    let response = app.post("/v2/rerank", &body("default")).await;
    assert_eq!(response.status(), 200);
    let header =
        |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (status, reason) = (header("x-rankgate-status"), header("x-rankgate-reason"));
    let answer: Value = response.json().await.unwrap();
    let found: BTreeSet<u64> = indexes(&answer).into_iter().collect();
    assert_eq!(found, BTreeSet::from([0, 1, 2, 3]));
    let ranking = answer["x_rankgate"].clone();
    assert_eq!(status.as_deref(), ranking["status"].as_str());
    assert_eq!(reason.as_deref(), ranking["reason"].as_str());
    let metrics = app.get("/metrics").await.text().await.unwrap();
    let label = format!("reason=\"{}\"", reason.as_deref().unwrap_or_default());
    assert!(metrics.contains(&label), "the metric says it too: {label}");
    ranking
}

async fn ask_server(server: &FakeLlm) -> Value {
    ask(&server.base_url()).await
}

#[test_case(Reply::status(500), "upstream_error" ; "status_500")]
#[test_case(Reply::status(401), "upstream_rejected" ; "status_401")]
#[test_case(Reply::status(429), "upstream_rate_limited" ; "status_429")]
#[test_case(Reply::status(429).header("retry-after", 86400), "upstream_rate_limited" ; "status_429_for_a_day")]
#[test_case(Reply::text(200, "{\"choices\": ["), "upstream_error" ; "invalid_json")]
#[test_case(Reply::json(200, &json!({"choices": []})), "upstream_error" ; "empty_choices")]
#[test_case(Reply::content("I'm sorry, but I cannot rank these 2 passages."), "refused" ; "refusal_prose")]
#[test_case(Reply::content("{\"ranking\": [77, 78, 79, 80]}"), "malformed_output" ; "only_invented_ids")]
#[test_case(Reply::content("The best one is surely a tent."), "malformed_output" ; "prose")]
#[test_case(Reply::Chat(Chat { finish: "length", ..Chat::new("{\"ranking\": [") }), "truncated" ; "cut_short")]
#[test_case(Reply::content("{\"ranking\": [1]}").after(Duration::from_mins(1)), "upstream_timeout" ; "hang")]
#[test_case(Reply::trickle("{\"ranking\": [1, 2, 3, 4]}", 50, Duration::from_millis(100)), "upstream_timeout" ; "slow_body")]
#[tokio::test]
async fn a_failing_upstream_gives_the_classical_order(reply: Reply, reason: &str) {
    let ranking = ask_server(&FakeLlm::always(reply).await).await;
    assert_eq!(ranking["status"], "fallback", "{ranking}");
    assert_eq!(ranking["reason"], reason, "{ranking}");
    assert_eq!(ranking["coverage"], 0.0);
    assert_eq!(ranking["calls"], ranking["failed_calls"], "{ranking}");
}

#[tokio::test]
async fn a_refused_connection_gives_the_classical_order() {
    let ranking = ask(&refused_url().await).await;
    assert_eq!(
        (&ranking["status"], &ranking["reason"]),
        (&json!("fallback"), &json!("upstream_error"))
    );
}

#[tokio::test]
async fn a_reset_in_the_middle_gives_the_classical_order() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n{".to_vec();
    let server = RawUpstream::start(vec![Step::Read, Step::Write(head), Step::Reset]).await;
    let ranking = ask(&server.base_url()).await;
    assert_eq!(
        (&ranking["status"], &ranking["reason"]),
        (&json!("fallback"), &json!("upstream_error"))
    );
}

/// Labels are shuffled, so a scripted reply has to name labels that exist, not
/// certain documents.
#[test_case("{\"ranking\": [4, 3, 3, 2, 1]}", json!({"missing": 0, "duplicate": 1, "unknown": 0}) ; "duplicate")]
#[test_case("{\"ranking\": [4, 3]}", json!({"missing": 2, "duplicate": 0, "unknown": 0}) ; "missing")]
#[test_case("{\"ranking\": [4, 99, 3, 2, 1]}", json!({"missing": 0, "duplicate": 0, "unknown": 1}) ; "invented")]
#[tokio::test]
async fn a_reply_that_can_be_mended_counts(content: &str, repairs: Value) {
    let ranking = ask_server(&FakeLlm::always(Reply::content(content)).await).await;
    assert_eq!((&ranking["status"], &ranking["reason"]), (&json!("llm"), &Value::Null));
    assert_eq!(ranking["repairs"], repairs);
    assert_eq!(ranking["coverage"], 1.0);
}

#[tokio::test]
async fn windows_that_fail_are_no_vote_and_leave_the_rest_partial() {
    let server = FakeLlm::start(|_, request| {
        let passages = request.passages();
        if passages.iter().any(|(_, text)| text.contains("socks")) {
            return Reply::status(500);
        }
        let graded = |(label, text): &(u64, String)| {
            json!({"id": label, "grade": if text.contains("bivouac") { 9 } else { 2 }})
        };
        let scores: Vec<Value> = passages.iter().map(graded).collect();
        Reply::content(json!({ "scores": scores }).to_string())
    })
    .await;
    let app = TestApp::start(&config(&server.base_url())).await;
    let (status, answer) = app.ask("/v2/rerank", &body("graded")).await;
    assert_eq!(status, 200);
    let ranking = &answer["x_rankgate"];
    assert_eq!(ranking["status"], "partial", "{ranking}");
    assert_eq!(ranking["reason"], "upstream_error");
    assert_eq!(ranking["coverage"], 0.5);
    assert_eq!(ranking["score_kind"], "ordinal");
    assert_eq!(ranking["failed_calls"], 1);
}

#[tokio::test]
async fn what_no_attempt_had_failed_is_a_deadline() {
    let server = FakeLlm::always(Reply::content("{}").after(Duration::from_mins(1))).await;
    let app = TestApp::start(&config(&server.base_url())).await;
    let mut asked = body("default");
    asked["deadline_ms"] = json!(100);
    let (status, answer) = app.ask("/v2/rerank", &asked).await;
    assert_eq!(status, 200);
    assert_eq!(answer["x_rankgate"]["status"], "fallback");
    assert_eq!(answer["x_rankgate"]["reason"], "deadline");
}
