//! Suites run by the program against a real upstream: what is measured is what
//! is served, and what has to hold decides the exit status.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fake_llm::{FakeLlm, Reply};
use crate::program::{command, folder};

pub(crate) const CONFIG: &str = r#"
[collections.shop]
language = "english"

[upstreams.fake]
base_url = "{base_url}"
max_attempts = 1

[models.fake]
upstreams = ["fake"]
model = "fake-1"
input_usd_per_mtok = 10.0
output_usd_per_mtok = 10.0
capabilities = { json_schema = true, seed = true }

[pipelines.default]
collection = "shop"
retrieve = { mode = "bm25", limit = 10 }
strategy = "single"
prompt = "rerank-listwise@v1"
model = "fake"
"#;

pub(crate) const SUITE: &str = r#"
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
"#;

/// Long enough for calls to meet.
const PAUSE: Duration = Duration::from_millis(50);

const COLORS: [&str; 8] = ["red", "blue", "green", "black", "white", "pink", "grey", "brown"];

/// Tents that name their own worth; for each of eight queries the one of the
/// highest worth is relevant, and BM25 finds it last.
pub(crate) fn shop(config: &str, suite: &str) -> TempDir {
    let dir = folder(Some(config));
    let data = dir.path().join("shop");
    std::fs::create_dir_all(data.join("qrels")).unwrap();
    let (mut corpus, mut queries) = (Vec::new(), Vec::new());
    let mut qrels = vec!["query-id\tcorpus-id\tscore".to_owned()];
    for (at, color) in COLORS.iter().enumerate() {
        queries.push(json!({"_id": format!("q{at}"), "text": format!("{color} tent")}));
        qrels.push(format!("q{at}\t{color}-3\t2"));
        qrels.push(format!("q{at}\t{color}-2\t1"));
        for worth in 1..=3 {
            let repeated = format!("{color} tent ").repeat(4 - worth);
            let text = format!("{repeated}worth {worth}");
            corpus.push(json!({"_id": format!("{color}-{worth}"), "title": "", "text": text}));
        }
    }
    queries.push(json!({"_id": "q-unjudged", "text": "a stove"}));
    let lines =
        |values: &[Value]| values.iter().map(|value| value.to_string() + "\n").collect::<String>();
    std::fs::write(data.join("corpus.jsonl"), lines(&corpus)).unwrap();
    std::fs::write(data.join("queries.jsonl"), lines(&queries)).unwrap();
    std::fs::write(data.join("qrels/test.tsv"), qrels.join("\n")).unwrap();
    std::fs::write(dir.path().join("suite.toml"), suite).unwrap();
    dir
}

pub(crate) fn worth(text: &str) -> f64 {
    let last = text.trim().rsplit(' ').next();
    last.and_then(|worth| worth.parse::<f64>().ok()).unwrap_or(0.0) / 4.0
}

/// Runs the program beside the upstream of this test.
pub(crate) async fn run(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = command(dir, arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

pub(crate) fn metric<'a>(summary: &'a Value, variant: &str, metric: &str) -> &'a Value {
    let variants = summary["variants"].as_array().unwrap();
    let variant = variants.iter().find(|it| it["name"] == variant).unwrap();
    let metrics = variant["metrics"].as_array().unwrap();
    metrics.iter().find(|it| it["metric"] == metric).unwrap()
}

#[tokio::test]
async fn what_is_measured_is_what_is_served() {
    let server = FakeLlm::competent(worth).await;
    let dir = shop(&CONFIG.replace("{base_url}", &server.base_url()), SUITE);
    let (status, out, err) =
        run(dir.path(), &["eval", "run", "suite.toml", "--out", "out", "--json"]).await;
    assert_eq!(status, 0, "{err}");
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(summary["queries"], 8, "the unjudged query is left out: {out}");
    let better = metric(&summary, "llm", "ndcg@3");
    assert_eq!(better["mean"], 1.0);
    let against = &better["against_baseline"];
    assert_eq!((&against["wins"], &against["losses"]), (&json!(8), &json!(0)));
    assert_eq!(against["verdict"]["kind"], "better");
    assert!(
        against["p_holm"].as_f64().unwrap() < 0.05 && against["ci95"]["lower"].as_f64() > Some(0.0)
    );
    let saved: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("out/summary.json")).unwrap())
            .unwrap();
    assert_eq!(saved, summary);

    // The run file scores as the summary says.
    let arguments = [
        "eval",
        "score",
        "--qrels",
        "shop/qrels/test.tsv",
        "--run",
        "out/classical.trec",
        "--metrics",
        "ndcg@3,mrr@10",
        "--json",
    ];
    let (status, out, err) = run(dir.path(), &arguments).await;
    assert_eq!(status, 0, "{err}");
    let scored: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(scored["mean"]["ndcg@3"], metric(&summary, "classical", "ndcg@3")["mean"]);

    // And the rows are what the gateway serves.
    let (status, _, err) =
        run(dir.path(), &["index", "--collection", "shop", "--data", "shop"]).await;
    assert_eq!(status, 0, "{err}");
    let (_, out, _) = run(dir.path(), &["search", "green tent", "--json"]).await;
    let answer: Value = serde_json::from_str(&out).unwrap();
    let results = answer["results"].as_array().unwrap().iter().map(|it| it["id"].clone());
    let rows = std::fs::read_to_string(dir.path().join("out/per_query.jsonl")).unwrap();
    let row = rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let row = row.into_iter().find(|it| it["variant"] == "llm" && it["query"] == "q2").unwrap();
    let order = row["order"].as_array().unwrap();
    assert_eq!(results.collect::<Vec<_>>(), order[..order.len().min(10)]);
    assert_eq!((&row["status"], &answer["ranking"]["status"]), (&json!("llm"), &json!("llm")));
    assert_eq!(order[0], "green-3");
}

#[tokio::test]
async fn the_page_tells_the_run_and_loads_nothing() {
    let server = FakeLlm::competent(worth).await;
    let dir = shop(&CONFIG.replace("{base_url}", &server.base_url()), SUITE);
    let corpus = dir.path().join("shop/corpus.jsonl");
    let documents = std::fs::read_to_string(&corpus).unwrap();
    let hostile = documents.replace(r#""title":"""#, r#""title":"<script>alert(1)</script>""#);
    assert_ne!(documents, hostile);
    std::fs::write(&corpus, &hostile).unwrap();
    let (status, _, err) = run(dir.path(), &["eval", "run", "suite.toml", "--out", "out"]).await;
    assert_eq!(status, 0, "{err}");
    let page = std::fs::read_to_string(dir.path().join("out/report.html")).unwrap();

    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script"), "{page}");
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src="));
    let mut links = page.match_indices("href=\"").map(|(at, name)| &page[at + name.len()..]);
    assert!(links.all(|link| link.starts_with('#')));
    for tag in ["section", "table", "tr", "svg", "figure", "details", "ol", "li", "dl", "div"] {
        let count = |text: &str| page.matches(text).count();
        let open = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
        assert_eq!(open, count(&format!("</{tag}>")), "{tag}");
    }
    let lock = include_str!("../../prompts/prompts.lock");
    let hash = lock.lines().find_map(|line| line.strip_suffix("  rerank-listwise/v1.md")).unwrap();
    for told in [
        "<h3>classical</h3>",
        "<h3>llm</h3>",
        "<p class=\"word\"><span aria-hidden=\"true\">▲ </span>Better</p>",
        "Queries: 8 better, 0 the same, 0 worse.",
        "red tent",
        "worth 3",
        "grade 2, relevant",
        "not judged",
        "rankgate eval run suite.toml --out out",
        "baseline = &quot;classical&quot;",
        "fake-1",
        hash,
        blake3::hash(hostile.as_bytes()).to_hex().as_str(),
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
}

#[tokio::test]
async fn two_variants_of_any_runs_are_compared() {
    let server = FakeLlm::competent(worth).await;
    let dir = shop(&CONFIG.replace("{base_url}", &server.base_url()), SUITE);
    for (out, more) in [("all", &[][..]), ("few", &["--limit", "6", "--variant", "classical"])] {
        let (status, _, err) =
            run(dir.path(), &[&["eval", "run", "suite.toml", "--out", out], more].concat()).await;
        assert_eq!(status, 0, "{err}");
    }
    let compare = ["eval", "compare", "all:classical", "all:llm", "--metric", "ndcg@3"];
    let (status, out, err) = run(dir.path(), &compare).await;
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("| all:llm | 1.0000 (+0.") && out.contains("; 8/0/0)"), "{out}");
    assert!(out.contains("`all:llm` against `all:classical`, ndcg@3: "), "{out}");
    assert!(!out.contains("mrr@10"), "only what was asked for: {out}");
    // The only variant needs no name; what only one has is left out, and told.
    let compare = ["eval", "compare", "few", "all:llm", "--metric", "mrr@10", "--json"];
    let (status, out, err) = run(dir.path(), &compare).await;
    assert_eq!(status, 0, "{err}");
    let compared: Value = serde_json::from_str(&out).unwrap();
    let [metric] = compared["metrics"].as_array().unwrap().as_slice() else { panic!("{out}") };
    assert_eq!((&metric["n"], &metric["against_baseline"]["n"]), (&json!(6), &json!(6)));
    assert!(err.contains("2 queries are in only one of the two"), "{err}");
    for (baseline, problem) in [
        ("all", "name one of its variants as DIR:VARIANT: classical, llm"),
        ("all:best", "there is no variant \"best\"; there are: classical, llm"),
        ("nowhere", "nowhere/per_query.jsonl: "),
    ] {
        let compare = ["eval", "compare", baseline, "all:llm", "--metric", "mrr@10"];
        let (status, out, err) = run(dir.path(), &compare).await;
        assert_eq!((status, out.as_str()), (2, ""), "{err}");
        assert!(err.contains(problem), "{err}");
    }
    // Without a metric all that both have are in the table of the report.
    let (status, out, err) =
        run(dir.path(), &["eval", "compare", "all:classical", "all:llm"]).await;
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("| variant | ndcg@3 | mrr@10 |"), "{out}");
    let (status, _, err) = run(dir.path(), &["eval", "compare", "few", "few"]).await;
    assert_eq!(status, 2);
    assert!(err.contains("both are few: there is nothing to compare"), "{err}");
    let compare = ["eval", "compare", "few", "all:llm", "--metric", "ndcg@10"];
    let (status, _, err) = run(dir.path(), &compare).await;
    assert_eq!(status, 2);
    assert!(err.contains("few: ndcg@10 was not measured; there are: ndcg@3, mrr@10"), "{err}");
}

#[tokio::test]
async fn gates_decide_the_exit_status_and_say_why() {
    let server = FakeLlm::competent(worth).await;
    let gates = "[[gates]]\nvariant = \"llm\"\nmetric = \"ndcg@3\"\nmin_delta = 0.0\n\
        [[gates]]\nvariant = \"llm\"\nmetric = \"cost_usd\"\nmax = 0.001\n";
    let dir = shop(&CONFIG.replace("{base_url}", &server.base_url()), &format!("{SUITE}{gates}"));
    let (status, out, err) = run(dir.path(), &["eval", "run", "suite.toml"]).await;
    assert_eq!(status, 1, "{out}{err}");
    assert!(out.contains("- passed: llm: ndcg@3 differs from classical's by +0."), "{out}");
    // Eight calls of 100 and 10 tokens.
    assert!(err.contains("failed: llm: cost_usd is 0.0088, at most 0.001 is allowed"), "{err}");
    let (status, ..) =
        run(dir.path(), &["eval", "run", "suite.toml", "--variant", "classical"]).await;
    assert_eq!(status, 0, "what wasn't run isn't judged");
}

#[tokio::test]
async fn as_many_queries_are_asked_at_a_time_as_is_said() {
    let script = FakeLlm::script(worth);
    let server = FakeLlm::start(move |_, request| script(request).after(PAUSE)).await;
    let dir = shop(&CONFIG.replace("{base_url}", &server.base_url()), SUITE);
    let one = ["eval", "run", "suite.toml", "--side-by-side", "1"];
    let (status, _, err) = run(dir.path(), &one).await;
    assert_eq!((status, server.hits(), server.most_in_flight()), (0, 8, 1), "{err}");
    let (status, _, err) = run(dir.path(), &["eval", "run", "suite.toml"]).await;
    assert_eq!((status, server.hits()), (0, 16), "{err}");
    assert!((2..=4).contains(&server.most_in_flight()), "{}", server.most_in_flight());
    let none = ["eval", "run", "suite.toml", "--side-by-side", "0"];
    let (status, _, err) = run(dir.path(), &none).await;
    assert_eq!(status, 2);
    assert!(err.contains("use a number from 1 to 64"), "{err}");
}

#[tokio::test]
async fn a_failing_model_is_counted_and_never_a_hole() {
    let server = FakeLlm::always(Reply::status(500)).await;
    let suite = format!("max_degraded = 0.02\n{SUITE}");
    let dir = shop(&CONFIG.replace("{base_url}", &server.base_url()), &suite);
    let (status, out, err) = run(dir.path(), &["eval", "run", "suite.toml", "--limit", "3"]).await;
    assert_eq!(status, 1, "{out}{err}");
    assert!(out.contains("3 fallback (3 upstream_error)"), "{out}");
    assert!(err.contains("llm: 100.0 % of the rankings are partial or fallback"), "{err}");
    assert!(out.contains("the same for each of the 3 queries"), "{out}");
}

#[tokio::test]
async fn faithfulness_of_explanations_is_measured() {
    let rank = FakeLlm::script(worth);
    let server = FakeLlm::start(move |_, request| {
        if !request.user().contains("{\"items\"") {
            return rank(request);
        }
        // Worth 3 is quoted truly, worth 2 falsely, and of worth 1 nothing is said.
        let reply = match request.user() {
            user if user.contains("worth 3") => json!({"items": [{"id": 1, "claim": "A tent.", "quotes": ["worth 3", "no such words"]}]}),
            user if user.contains("worth 2") => json!({"items": [{"id": 1, "claim": "A tent.", "quotes": ["worth 9"]}]}),
            _ => json!({"items": []}),
        };
        Reply::content(reply.to_string())
    })
    .await;
    let suite = format!("top_n = 3\n{SUITE}explain = \"on\"\n");
    let dir = shop(&CONFIG.replace("{base_url}", &server.base_url()), &suite);
    let (status, out, err) = run(dir.path(), &["eval", "run", "suite.toml", "--json"]).await;
    assert_eq!(status, 0, "{err}");
    let summary: Value = serde_json::from_str(&out).unwrap();
    let variants = summary["variants"].as_array().unwrap();
    assert!(variants[0].get("explanations").is_none());
    let found = &variants[1]["explanations"];
    assert_eq!(
        (&found["llm"], &found["classical"], &found["unverified"]),
        (&json!(8), &json!(16), &json!(8))
    );
    assert_eq!(found["quotes"], json!({"located": 8, "dropped": 16}));
    assert_eq!(found["quote_precision_before"], 8.0 / 24.0);
    assert_eq!(found["quote_precision_after"], 1.0);
    assert_eq!(found["classical_rate"], 16.0 / 24.0);
}

#[tokio::test]
async fn what_can_not_be_run_is_named() {
    let dir = shop(&CONFIG.replace("{base_url}", "http://127.0.0.1:1/v1"), SUITE);
    let suite = |more: &str| std::fs::write(dir.path().join("suite.toml"), more).unwrap();
    for (text, problem) in [
        (format!("{SUITE}windw = 3\n"), "variant llm: unknown field `windw`"),
        (format!("{SUITE}prompt = \"nothing@v1\"\n"), "there is no prompt \"nothing@v1\""),
        (
            SUITE.replace("pipeline = \"default\"\nstrategy", "pipeline = \"other\"\nstrategy"),
            "there is no pipeline \"other\"; there are: default",
        ),
        (SUITE.replace("\"shop\"", "\"nowhere\""), "nowhere/queries.jsonl: "),
        (SUITE.replace("ndcg@3", "best"), "there is no metric \"best\""),
        (format!("split = \"dev\"\n{SUITE}"), "qrels/dev.tsv: "),
    ] {
        suite(&text);
        let (status, out, err) = run(dir.path(), &["eval", "run", "suite.toml"]).await;
        assert_eq!((status, out.as_str()), (2, ""), "{err}");
        assert!(err.contains(problem), "{problem}: {err}");
    }
    let (status, _, err) = run(dir.path(), &["eval", "run", "suite.toml", "--variant", "x"]).await;
    assert_eq!(status, 2, "{err}");
}

#[tokio::test]
async fn the_quick_start_suite_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = folder(None);
    let suite = root.join("evals/quickstart.toml");
    let config = root.join("config/demo.toml");
    let arguments = ["--config", config.to_str().unwrap(), "eval", "run", suite.to_str().unwrap()];
    let (status, out, err) = run(dir.path(), &[&arguments[..], &["--json"]].concat()).await;
    assert_eq!(status, 0, "{err}");
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&summary["queries"], &summary["baseline"]), (&json!(40), &json!("hybrid")));
    let mean = |variant| metric(&summary, variant, "ndcg@10")["mean"].as_f64().unwrap();
    let (hybrid, bm25, dense) = (mean("hybrid"), mean("bm25"), mean("dense"));
    assert!(hybrid > bm25 && bm25 > dense && dense > 0.5, "{hybrid} {bm25} {dense}");
}
