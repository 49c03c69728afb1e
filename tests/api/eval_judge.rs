//! What documents that nobody judged may hide, and a judge who says.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::eval::{self, worth};
use crate::fake_llm::{FakeLlm, Received, Reply};
use crate::program::folder;

const CONFIG: &str = r#"
[collections.shop]
language = "english"

[upstreams.fake]
base_url = "{base_url}"
max_attempts = 1

[models.ranker]
upstreams = ["fake"]
model = "rank-1"

[models.judge]
upstreams = ["fake"]
model = "judge-1"
input_usd_per_mtok = 10.0
output_usd_per_mtok = 10.0

[models.same]
upstreams = [{ name = "fake", model = "Rank-1" }]
model = "another-name"

[models.keyless]
upstreams = ["keyed"]

[upstreams.keyed]
base_url = "{base_url}"
api_key = { env = "NOT_SET_ANYWHERE" }

[pipelines.default]
collection = "shop"
retrieve = { mode = "bm25", limit = 6 }
strategy = "single"
prompt = "rerank-listwise@v1"
model = "ranker"
"#;

const SUITE: &str = r#"
dataset = "shop"
metrics = ["ndcg@3", "mrr@10"]
baseline = "classical"

[[variants]]
name = "classical"
pipeline = "default"
strategy = "none"

[[variants]]
name = "llm"
pipeline = "default"

[judge]
model = "judge"
"#;

const COLORS: [&str; 4] = ["red", "blue", "green", "black"];

/// Three tents of each color. Of those of its color BM25 finds the one of worth 1
/// first and the one of worth 3 last, and then the other colors' of worth 1. Only
/// the one of worth 2 was ever judged.
fn shop(base_url: &str, suite: &str) -> TempDir {
    let dir = folder(Some(&CONFIG.replace("{base_url}", base_url)));
    let data = dir.path().join("shop");
    std::fs::create_dir_all(data.join("qrels")).unwrap();
    let (mut corpus, mut queries) = (Vec::new(), Vec::new());
    let mut qrels = vec!["query-id\tcorpus-id\tscore".to_owned()];
    for (at, color) in COLORS.iter().enumerate() {
        queries.push(json!({"_id": format!("q{at}"), "text": format!("{color} tent")}));
        qrels.push(format!("q{at}\t{color}-2\t1"));
        for worth in 1..=3 {
            let text = format!("{}worth {worth}", format!("{color} tent ").repeat(4 - worth));
            corpus.push(json!({"_id": format!("{color}-{worth}"), "text": text}));
        }
    }
    let lines =
        |values: &[Value]| values.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    std::fs::write(data.join("corpus.jsonl"), lines(&corpus)).unwrap();
    std::fs::write(data.join("queries.jsonl"), lines(&queries)).unwrap();
    std::fs::write(data.join("qrels/test.tsv"), qrels.join("\n")).unwrap();
    std::fs::write(dir.path().join("suite.toml"), suite).unwrap();
    dir
}

fn judges(request: &Received) -> bool {
    request.body["model"] == "judge-1"
}

/// An upstream whose ranker ranks by worth and whose judge does as told.
async fn upstream(judge: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> FakeLlm {
    let rank = FakeLlm::script(worth);
    FakeLlm::start(move |_, request| if judges(request) { judge(request) } else { rank(request) })
        .await
}

/// Grades by worth: 3 for the highest, and as `of_one` says for worth 1.
fn graded(request: &Received, of_one: u8) -> Reply {
    let grade = |text: &str| if text.contains("worth 3") { 3 } else { of_one };
    let scores = request.passages().into_iter();
    let scores = scores.map(|(label, text)| json!({"id": label, "grade": grade(&text)}));
    Reply::content(json!({"scores": scores.collect::<Vec<_>>()}).to_string())
}

/// Runs the suite beside the upstream of this test.
async fn run(dir: &Path, more: &[&str]) -> (i32, String, String) {
    eval::run(dir, &[&["eval", "run", "suite.toml"], more].concat()).await
}

fn summary(out: &str) -> Value {
    serde_json::from_str(out).unwrap()
}

fn holes<'a>(summary: &'a Value, variant: &str) -> &'a Value {
    let mut variants = summary["variants"].as_array().unwrap().iter();
    &variants.find(|it| it["name"] == variant).unwrap()["holes"]
}

fn close(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - expected).abs() < 1e-6, "{value}, not {expected}");
}

#[tokio::test]
async fn holes_are_filled_by_a_judge_who_knows_no_ranking() {
    let server = upstream(|request| graded(request, 0)).await;
    let dir = shop(&server.base_url(), SUITE);
    let (status, out, err) = run(dir.path(), &["--json", "--out", "out"]).await;
    assert_eq!(status, 0, "{err}");
    let summary = summary(&out);
    for variant in ["classical", "llm"] {
        let found = holes(&summary, variant);
        assert_eq!((&found["metric"], &found["seen"]), (&json!("ndcg@3"), &json!(12)));
        assert_eq!((&found["unjudged"], &found["ungraded"]), (&json!(8), &json!(0)));
        // The only judged one is second of three, and first where the others are gone.
        close(&found["as_not_relevant"], 0.630_930);
        close(&found["condensed"], 1.0);
    }
    // Relevant are then the one of worth 2 and the one of worth 3.
    close(&holes(&summary, "classical")["judge_filled"], 0.693_426);
    close(&holes(&summary, "llm")["judge_filled"], 1.0);

    let judge = &summary["judge"];
    assert_eq!((&judge["model"], &judge["prompt"]), (&json!("judge-1"), &json!("judge@v1")));
    assert_eq!((&judge["documents"], &judge["ungraded"]), (&json!(8), &json!(0)));
    assert_eq!((&judge["calls"], &judge["failures"]), (&json!(4), &json!({})));
    // Four calls of 100 and 10 tokens, in no variant's account.
    close(&judge["usage"]["cost_usd"], 0.0044);
    close(&summary["variants"][1]["usage"]["cost_usd"], 0.0);

    // Each pair once for all variants, nothing that was judged, and no names.
    let asked: Vec<Received> = server.received().into_iter().filter(judges).collect();
    let mut shown: BTreeMap<String, usize> = BTreeMap::new();
    for request in &asked {
        assert!(!request.user().contains("classical") && !request.user().contains("llm"));
        for (_, text) in request.passages() {
            *shown.entry(text.trim().to_owned()).or_default() += 1;
        }
    }
    assert_eq!(shown.len(), 8, "{shown:?}");
    assert!(shown.iter().all(|(text, n)| *n == 1 && !text.contains("worth 2")), "{shown:?}");

    let page = std::fs::read_to_string(dir.path().join("out/report.md")).unwrap();
    assert!(page.contains("| classical | 8 of 12 | 0.6309 | 1.0000 | 0.6934 |"), "{page}");
    assert!(page.contains("Judge: judge-1 with `judge@v1` graded 8 of 8 documents"), "{page}");
    // The set knows only relevant or not, and the grades are of its form.
    let grades = std::fs::read_to_string(dir.path().join("out/judge.tsv")).unwrap();
    let rows: Vec<&str> = grades.lines().collect();
    assert_eq!(&rows[..3], ["query-id\tcorpus-id\tscore", "q0\tred-1\t0", "q0\tred-3\t1"]);
    assert_eq!(rows.len(), 9);
}

#[tokio::test]
async fn a_judge_who_fails_is_told_and_the_run_ends() {
    let server = upstream(|_| Reply::status(500)).await;
    let dir = shop(&server.base_url(), SUITE);
    let (status, out, err) = run(dir.path(), &["--json"]).await;
    assert_eq!(status, 0, "{err}");
    let summary = summary(&out);
    let found = holes(&summary, "llm");
    close(&found["as_not_relevant"], 0.630_930);
    assert!(found.get("judge_filled").is_none(), "nothing was graded: {found}");
    assert_eq!((&found["unjudged"], &found["ungraded"]), (&json!(8), &json!(8)));
    let judge = &summary["judge"];
    assert_eq!((&judge["documents"], &judge["ungraded"]), (&json!(8), &json!(8)));
    let failures = judge["failures"].as_object().unwrap().values().filter_map(Value::as_u64);
    assert_eq!(failures.sum::<u64>(), 4, "{judge}");
    let (_, page, _) = run(dir.path(), &[]).await;
    assert!(page.contains("| llm | 8 of 12 | 0.6309 | 1.0000 | – |"), "{page}");
    assert!(page.contains("graded 0 of 8") && page.contains("without a usable reply: "), "{page}");
}

#[tokio::test]
async fn what_gets_no_grade_is_asked_about_again_and_counted() {
    // 9 is no grade of this scale.
    let server = upstream(|request| graded(request, 9)).await;
    let dir = shop(&server.base_url(), SUITE);
    let (status, out, err) = run(dir.path(), &["--json"]).await;
    assert_eq!(status, 0, "{err}");
    let summary = summary(&out);
    let found = holes(&summary, "llm");
    assert_eq!((&found["unjudged"], &found["ungraded"]), (&json!(8), &json!(4)));
    close(&found["judge_filled"], 1.0);
    let judge = &summary["judge"];
    assert_eq!((&judge["ungraded"], &judge["calls"]), (&json!(4), &json!(8)));
    assert_eq!(judge["failures"], json!({"malformed_output": 4}));
}

#[tokio::test]
async fn without_a_judge_holes_are_measured_in_two_ways() {
    let server = upstream(|_| Reply::status(500)).await;
    let suite = SUITE.split("[judge]").next().unwrap();
    let dir = shop(&server.base_url(), suite);
    let (status, out, err) = run(dir.path(), &["--json", "--out", "out"]).await;
    assert_eq!(status, 0, "{err}");
    let summary = summary(&out);
    assert!(summary.get("judge").is_none() && holes(&summary, "llm").get("judge_filled").is_none());
    close(&holes(&summary, "llm")["condensed"], 1.0);
    assert_eq!(holes(&summary, "llm")["ungraded"], 0);
    assert!(!server.received().iter().any(judges));
    assert!(!dir.path().join("out/judge.tsv").exists());
}

#[tokio::test]
async fn who_can_not_judge_is_refused_before_anything_is_asked() {
    let server = upstream(|request| graded(request, 0)).await;
    let dir = shop(&server.base_url(), SUITE);
    let judge = |line: &str| SUITE.replace("model = \"judge\"", line);
    for (suite, problem) in [
        (
            judge("model = \"ranker\""),
            "suite.toml: judge.model: \"ranker\" is the model that variant llm ranks with",
        ),
        (judge("model = \"same\""), "variant llm ranks with (Rank-1)"),
        (
            judge("model = \"nobody\""),
            "there is no model \"nobody\"; there are: judge, keyless, ranker, same",
        ),
        (judge("model = \"keyless\""), "judge.model: \"keyless\" can't be called"),
        (
            judge("model = \"judge\"\nprompt = \"rerank-graded@v1\""),
            "rerank-graded@v1 is for rerank.graded; name a prompt of the task judge",
        ),
        (
            judge("model = \"judge\"\nprompt = \"judge@v99\""),
            "judge.prompt: there is no prompt \"judge@v99\"",
        ),
        (judge("model = \"judge\"\nper_call = 0"), "suite.toml: "),
    ] {
        std::fs::write(dir.path().join("suite.toml"), suite).unwrap();
        let (status, out, err) = run(dir.path(), &[]).await;
        assert_eq!((status, out.as_str()), (2, ""), "{err}");
        assert!(err.contains(problem), "{problem}: {err}");
    }
    assert_eq!(server.hits(), 0);
    // What only explains doesn't rank, and neither does what strategy none leaves idle.
    let idle = "name = \"llm\"\nstrategy = \"none\"\nexplain_model = \"ranker\"";
    let idle = judge("model = \"ranker\"").replace("name = \"llm\"", idle);
    std::fs::write(dir.path().join("suite.toml"), idle).unwrap();
    let (status, _, err) = run(dir.path(), &["--limit", "1"]).await;
    assert_eq!(status, 0, "{err}");
}
