//! Runs that are recorded, interrupted, played and priced: replies are paid for
//! once, and a replay needs no model.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::eval::{CONFIG, SUITE, metric, run, shop, worth};
use crate::fake_llm::{FakeLlm, Reply, refused_url};
use crate::program::command;

/// Files of a folder with their texts.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let text = |path: &Path| std::fs::read_to_string(path).unwrap();
    entries.map(|it| (it.file_name().into_string().unwrap(), text(&it.path()))).collect()
}

fn configured(dir: &Path, base_url: &str) {
    let config = dir.join("config");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("rankgate.toml"), CONFIG.replace("{base_url}", base_url)).unwrap();
}

#[tokio::test]
async fn a_replay_needs_no_model_and_gives_the_same_files() {
    let server = FakeLlm::competent(worth).await;
    let dir = shop(&CONFIG.replace("{base_url}", &server.base_url()), SUITE);
    let record = ["eval", "run", "suite.toml", "--record", "kept", "--out", "out"];
    let (status, _, err) = run(dir.path(), &record).await;
    assert_eq!((status, server.hits()), (0, 8), "{err}");
    let kept = files(&dir.path().join("kept"));
    let names: Vec<&str> = kept.keys().map(String::as_str).collect();
    assert_eq!(names, ["candidates.jsonl", "latencies.jsonl", "recording.json", "replies.jsonl"]);
    for name in ["candidates.jsonl", "latencies.jsonl", "replies.jsonl"] {
        let keys: Vec<String> = kept[name]
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["key"].to_string())
            .collect();
        assert!(keys.is_sorted() && !keys.is_empty(), "{name}: {keys:?}");
    }
    assert_eq!(kept["replies.jsonl"].lines().count(), 8, "a line for each call");
    assert!(!kept["replies.jsonl"].contains("worth"), "no text of documents");

    configured(dir.path(), &refused_url().await);
    std::fs::remove_dir_all(dir.path().join(".rankgate")).unwrap();
    for out in ["first", "second"] {
        let replay = ["eval", "run", "suite.toml", "--replay", "kept", "--out", out];
        let (status, _, err) = run(dir.path(), &replay).await;
        assert_eq!(status, 0, "{err}");
    }
    // The page names the command, and so the folder that it was given.
    let written = |out: &str| {
        let mut files = files(&dir.path().join(out));
        let page = files.get_mut("report.html").unwrap();
        let command = page.lines().find(|line| line.contains("aria-label=\"Command\"")).unwrap();
        *page = page.replace(command, "");
        files
    };
    let recorded = written("out");
    assert_eq!(written("first"), recorded);
    assert_eq!(written("second"), recorded);
    assert_eq!(files(&dir.path().join("kept")), kept, "a replay changes nothing");
    assert!(!dir.path().join(".rankgate").exists(), "nothing was indexed");
    assert_eq!(server.hits(), 8);
}

#[tokio::test]
async fn a_missing_reply_is_named_by_what_has_changed() {
    let server = FakeLlm::competent(worth).await;
    let prompt = include_str!("../../prompts/rerank-listwise/v1.md");
    let suite = format!("{SUITE}prompt = \"mine@v1\"\n");
    let dir = shop(&CONFIG.replace("{base_url}", &server.base_url()), &suite);
    let write = |text: &str| {
        let file = dir.path().join("prompts/mine/v1.md");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    write(prompt);
    let released = dir.path().join("prompts/rerank-listwise/v1.md");
    std::fs::create_dir_all(released.parent().unwrap()).unwrap();
    std::fs::write(released, prompt).unwrap();
    let (status, _, err) =
        run(dir.path(), &["eval", "run", "suite.toml", "--record", "kept"]).await;
    assert_eq!(status, 0, "{err}");
    let changed = prompt.replace("You rank search results.", "You rank what was found.");
    assert_ne!(changed, prompt);
    write(&changed);
    let replay = ["eval", "run", "suite.toml", "--replay", "kept"];
    let (status, out, err) = run(dir.path(), &replay).await;
    assert_eq!((status, out.as_str()), (2, ""), "{err}");
    for told in [
        "variant llm: the recording in kept doesn't have all that is asked for",
        "prompt mine@v1 was changed (sha256 ",
        "rankgate eval run suite.toml --record kept",
    ] {
        assert!(err.contains(told), "{told}: {err}");
    }
    let (status, out, err) =
        run(dir.path(), &["eval", "run", "suite.toml", "--replay", "no"]).await;
    assert_eq!((status, out.as_str()), (2, ""), "{err}");
    assert!(err.contains("no: there is no recording") && err.contains("--record no"), "{err}");
    let both = ["eval", "run", "suite.toml", "--replay", "kept", "--record", "kept"];
    assert_eq!(run(dir.path(), &both).await.0, 2);
    assert_eq!(server.hits(), 8);
}

#[tokio::test]
async fn replies_that_are_there_are_not_asked_for_again() {
    let server = FakeLlm::competent(worth).await;
    let dir = shop(&CONFIG.replace("{base_url}", &server.base_url()), SUITE);
    let record = ["eval", "run", "suite.toml", "--record", "kept"];
    let (status, _, err) = run(dir.path(), &[&record[..], &["--limit", "3"]].concat()).await;
    assert_eq!((status, server.hits()), (0, 3), "{err}");
    for _ in 0..2 {
        let (status, _, err) = run(dir.path(), &record).await;
        assert_eq!((status, server.hits()), (0, 8), "{err}");
    }
    // Other prices change nothing of what is asked, another model does.
    let config = CONFIG.replace("{base_url}", &server.base_url());
    std::fs::write(dir.path().join("config/rankgate.toml"), config.replace("fake-1", "fake-2"))
        .unwrap();
    let (status, _, err) = run(dir.path(), &record).await;
    assert_eq!((status, server.hits()), (0, 16), "{err}");
    let replies = std::fs::read_to_string(dir.path().join("kept/replies.jsonl")).unwrap();
    assert_eq!(replies.matches("fake-2").count(), 8);
    assert!(!replies.contains("fake-1"), "what no run needs is dropped");
}

#[tokio::test]
async fn an_interrupted_run_goes_on_where_it_was() {
    let script = FakeLlm::script(worth);
    let first = ["Query: red tent", "Query: blue tent", "Query: green tent"];
    let server = FakeLlm::start(move |_, request| {
        let is_first = first.iter().any(|query| request.user().contains(query));
        if is_first { script(request) } else { Reply::Hang }
    })
    .await;
    let dir = shop(&CONFIG.replace("{base_url}", &server.base_url()), SUITE);
    let mut child = command(dir.path(), &["eval", "run", "suite.toml"]).spawn().unwrap();
    // Four are asked at a time: the first three were answered before these.
    server.wait_for_hits(7).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let asked = server.hits();
    let script = FakeLlm::script(worth);
    server.set(move |_, request| script(request));
    let (status, out, err) = run(dir.path(), &["eval", "run", "suite.toml", "--json"]).await;
    assert_eq!(status, 0, "{err}");
    assert!(
        err.contains("going on where an interrupted run stopped: 3 replies are there"),
        "{err}"
    );
    assert_eq!(server.hits() - asked, 5, "three of eight are there already");
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(metric(&summary, "llm", "ndcg@3")["mean"], 1.0);
    // A finished run leaves nothing behind: the next one asks for itself.
    let (status, _, err) = run(dir.path(), &["eval", "run", "suite.toml"]).await;
    assert_eq!((status, server.hits() - asked), (0, 13), "{err}");
    assert!(!err.contains("going on"), "{err}");
}

#[tokio::test]
async fn failures_are_played_as_they_were_and_asked_again_when_recorded() {
    let server = FakeLlm::always(Reply::status(500)).await;
    let dir = shop(&CONFIG.replace("{base_url}", &server.base_url()), SUITE);
    let record = ["eval", "run", "suite.toml", "--record", "kept", "--limit", "3"];
    let (status, _, err) = run(dir.path(), &record).await;
    assert_eq!((status, server.hits()), (0, 3), "{err}");
    let replay = ["eval", "run", "suite.toml", "--replay", "kept", "--limit", "3"];
    let (status, out, err) = run(dir.path(), &replay).await;
    assert_eq!((status, server.hits()), (0, 3), "{err}");
    assert!(out.contains("3 fallback (3 upstream_error)"), "{out}");
    let script = FakeLlm::script(worth);
    server.set(move |_, request| script(request));
    let (status, out, err) = run(dir.path(), &record).await;
    assert_eq!((status, server.hits()), (0, 6), "{err}");
    assert!(out.contains("3 llm"), "{out}");
}

#[tokio::test]
async fn repeats_are_asked_for_each_and_measured_together() {
    // Every other round it is right.
    let server = FakeLlm::start(|_, request| {
        let mut labels = request.passages();
        labels.sort_by(|a, b| worth(&b.1).total_cmp(&worth(&a.1)));
        let mut labels: Vec<u64> = labels.into_iter().map(|(label, _)| label).collect();
        // A coin that falls otherwise with another delimiter.
        let mix = |hash: u32, byte: u8| hash.wrapping_mul(31).wrapping_add(u32::from(byte));
        if request.user().bytes().fold(0, mix) >> 16 & 1 == 0 {
            labels.reverse();
        }
        Reply::content(json!({ "ranking": labels }).to_string())
    })
    .await;
    let suite = format!("repeats = 3\n{SUITE}");
    let dir = shop(&CONFIG.replace("{base_url}", &server.base_url()), &suite);
    let record = ["eval", "run", "suite.toml", "--record", "kept", "--out", "out", "--json"];
    let (status, out, err) = run(dir.path(), &record).await;
    assert_eq!((status, server.hits()), (0, 24), "{err}");
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(summary["queries"], 8);
    let repeats = &summary["variants"][1]["repeats"];
    let means = repeats["means"].as_array().unwrap();
    let mean = means.iter().map(|mean| mean.as_f64().unwrap()).sum::<f64>() / 3.0;
    let whole = metric(&summary, "llm", "ndcg@3");
    assert!((mean - whole["mean"].as_f64().unwrap()).abs() < 1e-12, "{out}");
    assert_eq!(whole["n"], 8, "answers to one query are no witnesses of their own");
    assert!(repeats["same_first"].as_f64().unwrap() < 1.0, "{out}");
    assert_eq!(summary["variants"][0]["repeats"]["same_order"], 1.0);
    let files = files(&dir.path().join("out"));
    assert!(files.contains_key("llm.trec") && files.contains_key("llm@3.trec"));
    assert_ne!(files["llm.trec"], files["llm@2.trec"]);
    assert_eq!(files["per_query.jsonl"].lines().count(), 48);
    let (status, again, err) =
        run(dir.path(), &["eval", "run", "suite.toml", "--replay", "kept", "--json"]).await;
    assert_eq!((status, server.hits()), (0, 24), "{err}");
    assert_eq!(again, out);
    let compare = ["eval", "compare", "out:classical", "out:llm", "--metric", "ndcg@3", "--json"];
    let (status, compared, err) = run(dir.path(), &compare).await;
    assert_eq!(status, 0, "{err}");
    let compared: Value = serde_json::from_str(&compared).unwrap();
    assert_eq!(compared["metrics"][0]["n"], 8);
}

#[tokio::test]
async fn a_run_file_can_be_the_first_stage_in_any_order() {
    let server = FakeLlm::competent(worth).await;
    let mut lines = Vec::new();
    for at in 0..8 {
        let color = ["red", "blue", "green", "black", "white", "pink", "grey", "brown"][at];
        // Best first, and one more than the index would find.
        for (rank, id) in [format!("{color}-3"), format!("{color}-2"), "red-1".into()]
            .iter()
            .enumerate()
            .filter(|(_, id)| at > 0 || *id != "red-1")
        {
            lines.push(format!("q{at} Q0 {id} {} {} mine\n", rank + 1, 10 - rank));
        }
    }
    let lines = lines.concat();
    let suite = format!(
        "candidates = \"mine.trec\"\n{SUITE}[[variants]]\nname = \"shuffled\"\npipeline = \
         \"default\"\nstrategy = \"none\"\nshuffle = 7\n"
    );
    let dir = shop(&CONFIG.replace("{base_url}", &server.base_url()), &suite);
    std::fs::write(dir.path().join("mine.trec"), &lines).unwrap();
    let arguments = ["eval", "run", "suite.toml", "--out", "out", "--json"];
    let (status, out, err) = run(dir.path(), &arguments).await;
    assert_eq!(status, 0, "{err}");
    assert!(!dir.path().join(".rankgate/eval").exists(), "nothing was indexed");
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(metric(&summary, "classical", "ndcg@3")["mean"], 1.0);
    assert_eq!(metric(&summary, "llm", "ndcg@3")["mean"], 1.0);
    assert!(metric(&summary, "shuffled", "ndcg@3")["mean"].as_f64().unwrap() < 1.0, "{out}");
    let classical = std::fs::read_to_string(dir.path().join("out/classical.trec")).unwrap();
    let columns = |text: &str| -> Vec<(String, String)> {
        let of = |line: &str| {
            let fields: Vec<&str> = line.split(' ').collect();
            (fields[0].to_owned(), fields[2].to_owned())
        };
        text.lines().map(of).collect()
    };
    assert_eq!(columns(&classical), columns(&lines), "the run's own order");
    std::fs::write(dir.path().join("mine.trec"), "q1 Q0 gone 1 1 mine\n").unwrap();
    let (status, _, err) = run(dir.path(), &arguments).await;
    assert_eq!(status, 2, "{err}");
    assert!(err.contains("mine.trec: query \"q1\": there is no document \"gone\""), "{err}");
}

#[tokio::test]
async fn a_suite_is_priced_without_asking_anybody() {
    let server = FakeLlm::competent(worth).await;
    let suite = format!("repeats = 2\n{SUITE}explain = \"on\"\n");
    let dir = shop(&CONFIG.replace("{base_url}", &server.base_url()), &suite);
    let (status, out, err) = run(dir.path(), &["eval", "estimate", "suite.toml", "--json"]).await;
    assert_eq!((status, server.hits()), (0, 0), "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let [classical, llm] = report["variants"].as_array().unwrap().as_slice() else {
        panic!("{out}")
    };
    assert_eq!((&classical["calls"], &classical["usage"]["cost_usd"]), (&json!(0), &json!(0.0)));
    // Each of eight queries is ranked in one call, and ten documents explained.
    assert_eq!((&llm["answers"], &llm["calls"]), (&json!(16), &json!(176)));
    let usage = &llm["usage"];
    let tokens = usage["input_tokens"].as_f64().unwrap() + usage["output_tokens"].as_f64().unwrap();
    let cost = usage["cost_usd"].as_f64().unwrap();
    assert!((cost - tokens * 10.0 / 1e6).abs() < 1e-9 && tokens > 64.0 * 100.0, "{out}");
    assert_eq!(report["usage"], *usage);
    let (status, out, err) =
        run(dir.path(), &["eval", "estimate", "suite.toml", "--limit", "2"]).await;
    assert_eq!((status, server.hits()), (0, 0), "{err}");
    assert!(out.contains("llm ") && out.contains("About: "), "{out}");
}

/// nDCG@8 of what the local model said when it was recorded.
const RECORDED: [(&str, f64); 5] = [
    ("hybrid", 0.615_151_799_642_813),
    ("bm25", 0.584_141_229_546_778_9),
    ("dense", 0.542_568_738_543_93),
    ("pointwise", 0.659_364_394_817_094_3),
    ("listwise", 0.605_909_504_594_595_6),
];

#[tokio::test]
async fn the_recorded_suite_of_the_local_model_is_played() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = crate::program::folder(None);
    let path = |name: &str| root.join(name).to_str().unwrap().to_owned();
    let (config, suite) = (path("config/demo.toml"), path("evals/local.toml"));
    let recorded = path("evals/recorded/local");
    let arguments = [
        "--config", &config, "eval", "run", &suite, "--replay", &recorded, "--out", "out", "--json",
    ];
    let (status, out, err) = run(dir.path(), &arguments).await;
    assert_eq!(status, 0, "{err}");
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(summary["queries"], 40);
    for variant in summary["variants"].as_array().unwrap() {
        let name = variant["name"].as_str().unwrap();
        let asks = matches!(name, "pointwise" | "listwise");
        let expected = if asks { "llm" } else { "classical" };
        assert_eq!(variant["statuses"], json!({ expected: 40 }), "{name}");
        let latency = variant["latency_p50_ms"].as_f64().unwrap();
        assert_eq!(latency > 1000.0, asks, "{name}: latencies are the recorded ones");
    }
    let mean = |variant| metric(&summary, variant, "ndcg@8")["mean"].as_f64().unwrap();
    for (variant, expected) in RECORDED {
        assert!((mean(variant) - expected).abs() < 1e-9, "{variant}: {}", mean(variant));
    }
}
