//! Search over a real embedded index: retrieve, filter, rerank.

use std::path::Path;

use rankgate::app::documents;
use rankgate::config::{ConfigSource, Environment};
use rankgate::retrieve::{BadLine, IndexJob, Progress, index};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_case::test_case;

use crate::app::TestApp;
use crate::fake_llm::{FakeLlm, Reply};
use crate::faults;

const PRODUCTS: [(&str, &str, &str, f64, &str); 5] = [
    ("tent-1", "Trekking tent", "A light tent for two hikers.", 199.0, "nylon"),
    ("tent-2", "Family tent", "A tall tent with two cabins for four.", 399.0, "cotton"),
    ("boot-1", "Leather boot", "A sturdy hiking boot of full-grain leather.", 149.0, "leather"),
    ("boot-2", "Vegan boot", "A hiking boot that contains no leather.", 79.0, "nylon"),
    (
        "stove-1",
        "Gas stove",
        "A burner for cartridges, boils a litre in four minutes.",
        45.0,
        "steel",
    ),
];

struct Quiet;

impl Progress for Quiet {
    fn bad_line(&self, line: &BadLine) {
        panic!("{line}");
    }
    fn checking(&self, _done: u64, _total: u64) {}
    fn indexing(&self, _done: u64, _total: u64) {}
    fn optimizing(&self) {}
}

/// A gateway over the products, and the folder that has to outlive it.
pub struct Shop {
    pub app: TestApp,
    _data: TempDir,
}

impl Shop {
    pub async fn open(base_url: &str) -> Self {
        Self::configured(&faults::config(base_url), "").await
    }

    /// With an upstream that is waited for until the deadline.
    pub async fn patient(base_url: &str) -> Self {
        let upstream = faults::config(base_url)
            .replace("attempt_timeout_ms = 200", "attempt_timeout_ms = 60000");
        Self::configured(&upstream, "").await
    }

    /// With a limit on the requests under way.
    pub async fn limited(base_url: &str, most: usize) -> Self {
        let limits = format!("[limits]\nmax_in_flight = {most}\n");
        Self::configured(&faults::config(base_url), &limits).await
    }

    async fn configured(upstream: &str, more: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let config = format!(
            r#"
[server]
default_pipeline = "shop"

[retrieval]
data_dir = "{}/index"

[collections.shop]
indexed = {{ price = "float", material = "keyword", released = "datetime" }}

[pipelines.shop]
collection = "shop"
strategy = "single"
prompt = "rerank-listwise@v1"
model = "fake"

[pipelines.windows]
collection = "shop"
window = 2
prompt = "rerank-graded@v1"
strategy = "graded"
model = "fake"

[pipelines.bm25]
collection = "shop"
retrieve = {{ mode = "bm25", limit = 3 }}
strategy = "none"

[pipelines.dense]
collection = "shop"
retrieve = {{ mode = "dense", limit = 3 }}
strategy = "none"

[pipelines.everything]
collection = ["shop", "guides"]
strategy = "none"

[pipelines.recent]
collection = "guides"
retrieve = {{ max_age = "30d", freshness = {{ half_life = "7d", weight = 0.2 }} }}
strategy = "none"

[pipelines.missing]
collection = "nothing-here"
strategy = "none"
{more}
{upstream}"#,
            data.path().display()
        );
        let (file, corpus) = (data.path().join("rankgate.toml"), data.path().join("corpus.jsonl"));
        std::fs::write(&file, &config).unwrap();
        std::fs::write(&corpus, lines()).unwrap();
        index_into(&file, &corpus, "shop", PRODUCTS.len()).await;
        std::fs::write(&corpus, guides()).unwrap();
        index_into(&file, &corpus, "guides", 3).await;
        Self { app: TestApp::start(&config).await, _data: data }
    }

    pub async fn search(&self, body: &Value) -> Value {
        let (status, answer) = self.app.ask("/v1/search", body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

fn lines() -> String {
    let line = |(id, title, text, price, material): &(&str, &str, &str, f64, &str)| {
        let metadata =
            json!({"price": price, "material": material, "released": "2025-03-01T00:00:00Z"});
        json!({"_id": id, "title": title, "text": text, "metadata": metadata}).to_string()
    };
    PRODUCTS.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A collection beside the products, with an id that one of them has too.
fn guides() -> String {
    let today = jiff::Timestamp::now().to_string();
    let line = |id: &str, text: &str, changed: &str| {
        json!({"_id": id, "text": text, "metadata": {"updated_at": changed}}).to_string()
    };
    [
        line("tent-1", "A guide to choosing a light tent", "2020-01-01T00:00:00Z"),
        line("knots", "A guide to knots", &today),
        json!({"_id": "undated", "text": "A guide without a date"}).to_string(),
    ]
    .join("\n")
}

async fn index_into(config: &Path, corpus: &Path, name: &str, stored: usize) {
    let loaded = ConfigSource::new(Some(config.to_owned()), Environment::default()).load().unwrap();
    let documents = documents(&loaded).unwrap();
    let job = IndexJob { collection: name.into(), data: corpus.to_owned(), prune: false };
    let report = index(&documents, &job, &Quiet).await.unwrap();
    assert_eq!(report.stored, stored as u64);
}

fn ids(answer: &Value) -> Vec<&str> {
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|result| result["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_llm_decides_the_order_of_what_was_retrieved() {
    let likes_stoves = FakeLlm::competent(|text| if text.contains("stove") { 1.0 } else { 0.1 });
    let server = likes_stoves.await;
    let shop = Shop::open(&server.base_url()).await;
    let answer = shop.search(&json!({"query": "tent for two hikers"})).await;
    assert_eq!(ids(&answer)[0], "stove-1", "{answer}");
    assert_eq!(answer["ranking"]["status"], "llm");
    let first = &answer["results"][0];
    assert_eq!(first["rank"], 1);
    assert_eq!(first["document"]["title"], "Gas stove");
    assert_eq!(first["document"]["metadata"]["price"], 45.0);
    let first_stage = &first["first_stage_rank"];
    assert_ne!(first_stage, 1, "the first stage knew better");
    let tent = answer["results"].as_array().unwrap().iter().find(|r| r["id"] == "tent-1").unwrap();
    assert_eq!(tent["first_stage_rank"], 1);
    for component in ["bm25", "dense", "fusion"] {
        assert!(tent["scores"][component].as_f64().is_some(), "{component}: {tent}");
    }
}

#[test_case("bm25", "leather boot", "boot-1" ; "bm25")]
#[test_case("dense", "cooker for camping", "stove-1" ; "dense_knows_words_that_are_not_there")]
#[tokio::test]
async fn each_component_works_alone(pipeline: &str, query: &str, best: &str) {
    let shop = Shop::open("http://127.0.0.1:9/v1").await;
    let answer = shop.search(&json!({"query": query, "pipeline": pipeline})).await;
    assert_eq!(ids(&answer)[0], best, "{answer}");
    assert_eq!(answer["ranking"]["status"], "classical");
    assert_eq!(answer["ranking"]["reason"], "not_requested");
}

#[test_case(json!({"price": {"lt": 80}, "not": {"material": "leather"}}), &["boot-2", "stove-1"] ; "range_and_not")]
#[test_case(json!({"material": ["cotton", "steel"]}), &["stove-1", "tent-2"] ; "any_of")]
#[test_case(json!({"released": {"gt": "2026-01-01T00:00:00Z"}}), &[] ; "date")]
#[test_case(json!({"colour": "red"}), &[] ; "a_key_that_no_document_has")]
#[tokio::test]
async fn filters_hold_for_every_result(filter: Value, expected: &[&str]) {
    let shop = Shop::open("http://127.0.0.1:9/v1").await;
    let body = json!({"query": "hiking boot", "strategy": "none", "filter": filter});
    let answer = shop.search(&body).await;
    let mut found = ids(&answer);
    found.sort_unstable();
    assert_eq!(found, expected, "{answer}");
}

#[tokio::test]
async fn an_llm_that_is_down_leaves_the_first_stage_as_it_was() {
    let server = FakeLlm::always(Reply::status(500)).await;
    let shop = Shop::open(&server.base_url()).await;
    let query = json!({"query": "light tent"});
    let fallen = shop.search(&query).await;
    let classical = shop.search(&json!({"query": "light tent", "strategy": "none"})).await;
    assert_eq!(ids(&fallen), ids(&classical));
    assert_eq!(fallen["ranking"]["status"], "fallback");
    assert_eq!(fallen["ranking"]["reason"], "upstream_error");
}

#[tokio::test]
async fn a_missing_collection_is_a_503_that_says_how_to_make_it() {
    let shop = Shop::open("http://127.0.0.1:9/v1").await;
    let body = json!({"query": "tent", "pipeline": "missing"});
    let (status, problem) = shop.app.ask("/v1/search", &body).await;
    assert_eq!(status, 503, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("rankgate index"), "{problem}");
    let (_, ready) = shop.app.ask_readiness().await;
    let missing =
        &ready["dependencies"].as_array().unwrap().iter().find(|d| d["name"] == "nothing-here");
    assert_eq!(missing.unwrap()["ok"], false, "{ready}");
}

#[tokio::test]
async fn several_collections_are_searched_as_one() {
    let shop = Shop::open("http://127.0.0.1:9/v1").await;
    let answer = shop.search(&json!({"query": "light tent", "pipeline": "everything"})).await;
    let results = answer["results"].as_array().unwrap();
    let places: Vec<_> =
        results.iter().map(|it| (it["collection"].as_str().unwrap(), &it["id"])).collect();
    assert!(places.contains(&("shop", &json!("tent-1"))), "{answer}");
    assert!(places.contains(&("guides", &json!("tent-1"))), "{answer}");
}

#[tokio::test]
async fn one_of_several_collections_can_be_asked_for() {
    let shop = Shop::open("http://127.0.0.1:9/v1").await;
    let body = json!({"query": "light tent", "pipeline": "everything", "collection": "guides"});
    let answer = shop.search(&body).await;
    let results = answer["results"].as_array().unwrap();
    assert!(!results.is_empty() && results.iter().all(|it| it["collection"] == "guides"));
    let body = json!({"query": "light tent", "collection": "guides"});
    let (status, problem) = shop.app.ask("/v1/search", &body).await;
    assert_eq!((status.as_u16(), &problem["field"]), (422, &json!("collection")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("\"shop\""), "{problem}");
}

#[tokio::test]
async fn a_pipeline_leaves_out_what_is_too_old() {
    let shop = Shop::open("http://127.0.0.1:9/v1").await;
    let answer = shop.search(&json!({"query": "guide", "pipeline": "recent"})).await;
    assert_eq!(ids(&answer), ["knots"], "{answer}");
    let freshness = &answer["results"][0]["scores"]["freshness"];
    assert!(freshness.as_f64().unwrap() > 0.9, "{answer}");
}

#[tokio::test]
async fn metrics_tell_the_age_of_the_newest_document() {
    let shop = Shop::open("http://127.0.0.1:9/v1").await;
    let name = "rankgate_collection_newest_age_seconds{collection=\"guides\"} ";
    let young = |text: &str| {
        let age = text.lines().find_map(|line| line.strip_prefix(name)?.parse::<f64>().ok());
        age.is_some_and(|age| (0.0..3600.0).contains(&age))
    };
    shop.app.eventually("/metrics", young).await;
}
