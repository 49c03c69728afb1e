//! Each strategy over HTTP, what it may consume, and what it need not ask
//! twice.

use serde_json::{Value, json};
use test_case::test_case;

use crate::app::TestApp;
use crate::fake_llm::{FakeLlm, Reply};

const MODEL: &str = r#"
[upstreams.fake]
base_url = "{base_url}"
attempt_timeout_ms = 60000
max_attempts = 1

[models.fake]
upstreams = ["fake"]
model = "fake-1"
input_usd_per_mtok = 1000.0
output_usd_per_mtok = 1000.0
capabilities = { json_schema = true, seed = true }

[pipelines.default]
window = 5
model = "fake"
deadline_ms = 20000
late_ms = 0
"#;

const LISTWISE: &str = "prompt = \"rerank-listwise@v1\"\n";

/// A gateway whose only pipeline has these keys besides.
async fn gateway(server: &FakeLlm, keys: &str) -> TestApp {
    TestApp::start(&format!("{}{keys}\n", MODEL.replace("{base_url}", &server.base_url()))).await
}

/// Documents that name their own worth, the best ones last.
fn body(documents: std::ops::Range<usize>) -> Value {
    let documents: Vec<String> = documents.map(|worth| format!("tent worth {worth}")).collect();
    json!({"query": "tent", "documents": documents})
}

fn worth(text: &str) -> f64 {
    let last = text.trim().rsplit(' ').next();
    last.and_then(|worth| worth.parse::<f64>().ok()).unwrap_or(0.0) / 12.0
}

async fn ranked(app: &TestApp, body: &Value) -> (Value, Value) {
    let (status, answer) = app.ask("/v2/rerank", body).await;
    assert_eq!(status, 200, "{answer}");
    let ranking = answer["x_rankgate"].clone();
    (answer, ranking)
}

#[test_case("single", "prompt = \"rerank-listwise@v1\"\nwindow = 12", 1 ; "single")]
#[test_case("sliding", LISTWISE, 5 ; "sliding")]
#[test_case("blocks", LISTWISE, 12 ; "blocks")]
#[test_case("refine", LISTWISE, 4 + 4 + 3 ; "refine")]
#[test_case("topdown", LISTWISE, 10 ; "topdown")]
#[test_case("graded", "prompt = \"rerank-graded@v1\"", 3 ; "graded")]
#[test_case("pointwise", "prompt = \"rerank-pointwise@v1\"", 12 ; "pointwise")]
#[test_case("pairwise", "prompt = \"rerank-pairwise@v1\"", 45 ; "pairwise")]
#[test_case(
    "pairwise",
    "prompt = { \"rerank.pairwise\" = \"rerank-pairwise@v1\", \"rerank.listwise\" = \"rerank-listwise@v1\" }",
    11 + 45
    ; "pairwise after refine"
)]
#[tokio::test]
async fn each_strategy_finds_the_best(strategy: &str, keys: &str, most_calls: u64) {
    let server = FakeLlm::competent(worth).await;
    let keys = keys.replace("window = 12", "");
    let app = gateway(&server, &format!("strategy = \"{strategy}\"\n{keys}")).await;
    let candidates = if strategy == "single" { 0..5 } else { 0..12 };
    let best = candidates.end - 1;
    let (answer, ranking) = ranked(&app, &body(candidates.clone())).await;
    assert_eq!(ranking["status"], "llm", "{ranking}");
    assert_eq!(ranking["strategy"], strategy);
    assert_eq!(ranking["coverage"], 1.0);
    assert!(ranking["calls"].as_u64().unwrap() <= most_calls, "{ranking}");
    let first = answer["results"][0]["index"].as_u64().unwrap();
    // Ten of the classical first are compared where pairs stand alone.
    let expected =
        if keys.contains("rerank-pairwise") && !keys.contains("listwise") { 9 } else { best };
    assert_eq!(first, expected as u64, "{answer}");
    let (_, again) = ranked(&app, &body(candidates)).await;
    assert_eq!((&again["cache"], &again["calls"]), (&json!("hit"), &json!(0)));
}

#[tokio::test]
async fn what_a_request_learnt_before_its_deadline_is_not_asked_again() {
    let server = FakeLlm::competent(worth).await;
    let app = gateway(&server, &format!("strategy = \"refine\"\n{LISTWISE}")).await;
    // The head's window and two of the strided ones are answered, then nothing.
    let answered = 3;
    let script = FakeLlm::script(worth);
    server.set(move |hit, request| if hit < answered { script(request) } else { Reply::Hang });
    let mut hurried = body(0..12);
    hurried["deadline_ms"] = json!(700);
    let (_, first) = ranked(&app, &hurried).await;
    assert_eq!((&first["status"], &first["reason"]), (&json!("partial"), &json!("deadline")));
    server.set(|_, _| Reply::Hang);
    let (_, still) = ranked(&app, &hurried).await;
    assert_eq!(still["status"], "partial", "known before the first reply: {still}");
    let asked = server.hits();
    let script = FakeLlm::script(worth);
    server.set(move |_, request| script(request));
    let (_, second) = ranked(&app, &body(0..12)).await;
    assert_eq!(second["status"], "llm", "{second}");
    assert_eq!(second["recalled"], answered, "{second}");
    let calls = second["calls"].as_u64().unwrap();
    assert_eq!(server.hits() - asked, usize::try_from(calls).unwrap());
}

#[tokio::test]
async fn a_request_that_overlaps_pays_only_for_what_is_new() {
    let server = FakeLlm::competent(worth).await;
    let app = gateway(&server, "strategy = \"graded\"\nprompt = \"rerank-graded@v1\"").await;
    let (_, first) = ranked(&app, &body(0..5)).await;
    assert_eq!(first["calls"], 1);
    let (answer, second) = ranked(&app, &body(0..6)).await;
    assert_eq!((&second["cache"], &second["calls"]), (&json!("miss"), &json!(1)), "{second}");
    let shown = server.received()[1].passages();
    assert_eq!(shown.len(), 1, "only the new document: {shown:?}");
    assert_eq!(answer["results"][0]["index"], 5);
    assert_eq!(second["status"], "llm");
}

#[test_case("min_margin = 0.0", "classical", "spend_gate", 0 ; "any margin will do")]
#[test_case("min_margin = 1.0", "llm", "", 1 ; "no margin will do")]
#[tokio::test]
async fn a_confident_first_stage_needs_no_llm(gate: &str, status: &str, reason: &str, hits: usize) {
    let server = FakeLlm::competent(worth).await;
    let app = gateway(&server, &format!("strategy = \"single\"\n{LISTWISE}{gate}")).await;
    let (_, ranking) = ranked(&app, &body(0..4)).await;
    assert_eq!(ranking["status"], status, "{ranking}");
    assert_eq!(ranking["reason"].as_str().unwrap_or_default(), reason);
    assert_eq!(server.hits(), hits);
}

#[test_case("", "refine", "llm", "" ; "everything")]
#[test_case("max_calls = 1", "single", "llm", "" ; "one call")]
#[test_case("max_calls = 0", "auto", "fallback", "budget_exhausted" ; "no call")]
#[test_case("max_input_tokens = 200", "auto", "fallback", "budget_exhausted" ; "hardly a token")]
#[test_case("max_cost_usd = 0.0", "auto", "fallback", "budget_exhausted" ; "no money")]
#[tokio::test]
async fn auto_takes_the_richest_that_can_be_afforded(
    limit: &str,
    strategy: &str,
    status: &str,
    reason: &str,
) {
    let server = FakeLlm::competent(worth).await;
    let app = gateway(&server, &format!("strategy = \"auto\"\n{LISTWISE}{limit}")).await;
    let (_, ranking) = ranked(&app, &body(0..5)).await;
    let shown = (&ranking["strategy"], &ranking["status"]);
    assert_eq!(shown, (&json!(strategy), &json!(status)), "{ranking}");
    assert_eq!(ranking["reason"].as_str().unwrap_or_default(), reason);
    assert_eq!(server.hits() > 0, status == "llm");
}

#[tokio::test]
async fn auto_learns_how_long_calls_take() {
    let server = FakeLlm::competent(worth).await;
    let app = gateway(&server, &format!("strategy = \"auto\"\n{LISTWISE}")).await;
    let mut hurried = body(0..5);
    hurried["deadline_ms"] = json!(600);
    // A model that was never asked is taken to need a second.
    let (_, ranking) = ranked(&app, &hurried).await;
    assert_eq!((&ranking["status"], &ranking["reason"]), (&json!("fallback"), &json!("deadline")));
    assert_eq!((server.hits(), &ranking["strategy"]), (0, &json!("auto")));
    ranked(&app, &body(20..25)).await;
    hurried["query"] = json!("a tent");
    let (_, ranking) = ranked(&app, &hurried).await;
    assert_eq!(ranking["status"], "llm", "{ranking}");
}

#[test_case("max_input_tokens = 10" ; "tokens")]
#[test_case("max_cost_usd = 0.01" ; "money")]
#[tokio::test]
async fn no_call_begins_that_the_budget_has_no_room_for(limit: &str) {
    let server = FakeLlm::competent(worth).await;
    let app = gateway(&server, &format!("strategy = \"single\"\n{LISTWISE}{limit}")).await;
    let (_, ranking) = ranked(&app, &body(0..5)).await;
    assert_eq!(ranking["status"], "fallback");
    assert_eq!(ranking["reason"], "budget_exhausted");
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn replies_on_the_tail_alone_leave_the_classical_order() {
    let server = FakeLlm::competent(worth).await;
    let app = gateway(&server, &format!("strategy = \"refine\"\n{LISTWISE}")).await;
    // The head's window hangs, and all but one of the others.
    let script = FakeLlm::script(worth);
    server.set(move |hit, request| if hit == 9 { script(request) } else { Reply::Hang });
    let mut hurried = body(0..45);
    hurried["deadline_ms"] = json!(600);
    let (answer, ranking) = ranked(&app, &hurried).await;
    assert_eq!((&ranking["status"], &ranking["reason"]), (&json!("fallback"), &json!("deadline")));
    assert!(ranking["coverage"].as_f64().unwrap() > 0.0, "{ranking}");
    let mut order = answer["results"].as_array().unwrap().iter().map(|it| it["index"].as_u64());
    assert!(order.by_ref().eq((0..45).map(Some)), "{answer}");
}
