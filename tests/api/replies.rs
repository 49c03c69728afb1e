//! What comes of replies that are no plain rankings, and how they are counted.

use serde_json::{Value, json};
use test_case::test_case;

use crate::app::TestApp;
use crate::fake_llm::{Chat, FakeLlm, Received, Reply};
use crate::faults::{body, config, indexes};

/// Asks the pipeline with two windows of graded documents.
async fn graded(reply: Reply) -> Value {
    let server = FakeLlm::always(reply).await;
    let app = TestApp::start(&config(&server.base_url())).await;
    let (status, answer) = app.ask("/v2/rerank", &body("graded")).await;
    assert_eq!(status, 200, "{answer}");
    let mut found = indexes(&answer);
    found.sort_unstable();
    assert_eq!(found, [0, 1, 2, 3]);
    answer["x_rankgate"].clone()
}

#[test_case("{\"scores\": [{\"id\": 0, \"grade\": 9}, {\"id\": 1, \"grade\": 2}]}", "malformed_output" ; "counted_from_zero")]
#[test_case("{\"scores\": [{\"id\": 1, \"grade\": NaN}, {\"id\": 2, \"grade\": NaN}]}", "malformed_output" ; "not_numbers")]
#[test_case("{\"scores\": [{\"id\": 1, \"grade\": 95}, {\"id\": 2, \"grade\": 40}]}", "malformed_output" ; "another_scale")]
#[test_case("{\"scores\": [9, 2]}", "malformed_output" ; "by_position")]
#[test_case("{\"ranking\": [2, 1]}", "malformed_output" ; "order_instead")]
#[test_case("Relevance: high\nRelevance: 3", "malformed_output" ; "words_without_labels")]
#[test_case("The 2 documents get 9 of 10.", "malformed_output" ; "prose")]
#[test_case("I cannot grade these 2 documents.", "refused" ; "refusal")]
#[test_case("<think>[1]: 9, [2]: 2", "truncated" ; "endless_thought")]
#[tokio::test]
async fn grades_that_say_nothing_give_the_classical_order(content: &str, reason: &str) {
    let ranking = graded(Reply::content(content)).await;
    assert_eq!((&ranking["status"], &ranking["reason"]), (&json!("fallback"), &json!(reason)));
    assert_eq!(ranking["repairs"], json!({"missing": 0, "duplicate": 0, "unknown": 0}));
    assert_eq!(ranking["calls"], ranking["failed_calls"]);
}

const GRADES: &str = "{\"scores\": [{\"id\": 1, \"grade\": 9}, {\"id\": 2, \"grade\": 2}]}";

#[test_case(Chat { finish: "content_filter", ..Chat::new(GRADES) }, "filtered" ; "filter")]
#[test_case(Chat { refusal: Some("No.".into()), ..Chat::new(GRADES) }, "refused" ; "refusal_field")]
#[test_case(Chat { finish: "length", ..Chat::new("{\"scores\": [{\"id\"") }, "truncated" ; "cut")]
#[test_case(Chat { finish: "tool_calls", ..Chat::new(Value::Null) }, "malformed_output" ; "tool_call")]
#[tokio::test]
async fn how_a_reply_ended_counts(chat: Chat, reason: &str) {
    let ranking = graded(Reply::Chat(chat)).await;
    assert_eq!((&ranking["status"], &ranking["reason"]), (&json!("fallback"), &json!(reason)));
}

/// Two windows get the same reply, so that each repair counts twice.
#[test_case("[1]: 8.9 (fits)\n[2]: 2/10", json!([0, 0, 0]) ; "lines")]
#[test_case("```json\n{\"scores\": {\"1\": 9, \"[2]\": \"2\"}}\n```", json!([0, 0, 0]) ; "fenced_map")]
#[test_case("[1] Relevance: high\n[2] Relevance: 3", json!([2, 0, 0]) ; "a_word_for_a_grade")]
#[test_case(
    "{\"scores\": [{\"id\": 1, \"grade\": 9}, {\"id\": 1, \"grade\": 0}, {\"id\": 2, \"grade\": 2}]}",
    json!([0, 2, 0]) ; "duplicate")]
#[test_case(
    "{\"scores\": [{\"id\": 1, \"grade\": 9}, {\"id\": 7, \"grade\": 9}, {\"id\": 2, \"grade\": 2}]}",
    json!([0, 0, 2]) ; "invented")]
#[tokio::test]
async fn grades_that_can_be_mended_count(content: &str, repairs: Value) {
    let ranking = graded(Reply::content(content)).await;
    assert_eq!((&ranking["status"], &ranking["reason"]), (&json!("llm"), &Value::Null));
    let [missing, duplicate, unknown] = ["missing", "duplicate", "unknown"];
    let counted = &ranking["repairs"];
    assert_eq!(json!([counted[missing], counted[duplicate], counted[unknown]]), repairs);
    assert_eq!(ranking["coverage"], 1.0);
}

#[tokio::test]
async fn a_reply_below_half_is_asked_for_once_more() {
    let replies = ["{\"ranking\": [3]}", "{\"ranking\": [3, 1]}"].map(Reply::content);
    let server = FakeLlm::queue(replies.to_vec()).await;
    let app = TestApp::start(&config(&server.base_url())).await;
    let (_, answer) = app.ask("/v2/rerank", &body("default")).await;
    let ranking = &answer["x_rankgate"];
    assert_eq!((&ranking["status"], &ranking["reason"]), (&json!("llm"), &Value::Null));
    assert_eq!((&ranking["calls"], &ranking["failed_calls"]), (&json!(2), &json!(1)));
    assert_eq!(ranking["repairs"]["missing"], 2, "of the reply that counts: {ranking}");
}

/// Replies as the query wants them.
fn by_query(_: usize, request: &Received) -> Reply {
    let mut labels: Vec<u64> = request.passages().iter().map(|(label, _)| *label).collect();
    let user = request.user();
    if user.contains("refuse") {
        return Reply::content("I cannot rank these 4 passages.");
    } else if user.contains("babble") {
        return Reply::content("They are all fine.");
    } else if user.contains("break off") {
        return Reply::Chat(Chat { finish: "length", ..Chat::new("{\"ranking\": [") });
    } else if user.contains("filter") {
        return Reply::Chat(Chat { finish: "content_filter", ..Chat::new("") });
    } else if user.contains("backwards") {
        labels.reverse();
    } else if user.contains("stutter") {
        labels.push(labels[0]);
    }
    Reply::content(json!({ "ranking": labels }).to_string())
}

#[tokio::test]
async fn replies_are_counted_by_prompt_model_and_outcome() {
    let server = FakeLlm::start(by_query).await;
    // The counters are those of the whole process: a name of its own.
    let metered = config(&server.base_url())
        .replace("[models.fake]", "[models.metered]")
        .replace("model = \"fake\"\n", "model = \"metered\"\n");
    let app = TestApp::start(&metered).await;
    for query in ["echo", "backwards", "stutter", "refuse", "babble", "break off", "filter"] {
        let mut asked = body("default");
        asked["query"] = json!(query);
        let (status, _) = app.ask("/v2/rerank", &asked).await;
        assert_eq!(status, 200);
    }
    let metrics = app.get("/metrics").await.text().await.unwrap();
    let count = |name: &str, label: &str| {
        let labels = format!("{{prompt=\"rerank-listwise@v1\",model=\"metered\"{label}}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(&labels));
        line.map(|count| count.parse::<u32>().unwrap())
    };
    for (outcome, expected) in [
        ("ok", 2),
        ("repaired", 1),
        ("refused", 1),
        // Asked for once more each.
        ("malformed_output", 2),
        ("truncated", 2),
        ("filtered", 1),
    ] {
        let label = format!(",outcome=\"{outcome}\"");
        assert_eq!(count("rankgate_llm_replies_total", &label), Some(expected), "{outcome}");
    }
    assert_eq!(count("rankgate_llm_repairs_total", ",kind=\"duplicate\""), Some(1));
    assert_eq!(count("rankgate_llm_repairs_total", ",kind=\"missing\""), None);
    // The one with a stutter repeats the order too.
    assert_eq!(count("rankgate_llm_identity_total", ""), Some(2));
    for name in ["replies", "identity", "repairs"] {
        assert!(metrics.contains(&format!("# HELP rankgate_llm_{name}_total ")), "{name}");
    }
}
