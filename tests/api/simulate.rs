//! The simulated model as a program of its own, asked as any upstream is and
//! by a gateway.

use std::path::Path;

use reqwest::Client;
use serde_json::{Value, json};
use test_case::test_case;

use crate::app::TestApp;
use crate::program::{Server, command};

const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/evals/data/outdoor");

/// A model that answers at once, but for these options.
pub struct Model {
    server: Server,
    url: String,
    client: Client,
}

impl Model {
    pub fn start(options: &[&str]) -> Self {
        // The client wants one, for plain HTTP too; a second install is refused.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (corpus, qrels) = (format!("{SHOP}/corpus.jsonl"), format!("{SHOP}/qrels/test.tsv"));
        let mut arguments = vec!["simulate", "--corpus", &corpus, "--qrels", &qrels];
        arguments.extend(["--listen", "127.0.0.1:0", "--latency-ms", "1", "--stall-rate", "0"]);
        arguments.extend(["--input-us-per-token", "0", "--output-us-per-token", "0"]);
        arguments.extend(["--profile", "strong", "--relevance-scale", "4"]);
        arguments.extend(options);
        let mut server = Server::run(command(Path::new(SHOP), &arguments));
        let url = server.url();
        Self { server, url, client: Client::builder().no_proxy().build().unwrap() }
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.client.get(format!("{}{path}", self.url)).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub async fn complete(&self, body: impl Into<String>) -> reqwest::Response {
        let url = format!("{}/v1/chat/completions", self.url);
        let request = self.client.post(url).header("content-type", "application/json");
        request.body(body.into()).send().await.unwrap()
    }
}

fn lines(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(format!("{SHOP}/{file}")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub const QUERY: &str = "2 person 3-season tent";
const QUERY_ID: &str = "q01";

/// Documents with this grade for the query.
pub fn of_grade(wanted: &str, most: usize) -> Vec<Value> {
    let qrels = std::fs::read_to_string(format!("{SHOP}/qrels/test.tsv")).unwrap();
    let grade = |id: &Value| {
        let start = format!("{QUERY_ID}\t{}\t", id.as_str().unwrap());
        qrels.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or("0")
    };
    let documents = lines("corpus.jsonl").into_iter();
    documents.filter(|it| grade(&it["_id"]) == wanted).take(most).collect()
}

/// Five documents of the highest grade for the query among fifteen without
/// one; true are those of the five.
fn candidates() -> Vec<(String, bool)> {
    let texts = |wanted: &str, most: usize| -> Vec<String> {
        let text = |it: &Value| {
            format!("{}\n{}", it["title"].as_str().unwrap(), it["text"].as_str().unwrap())
        };
        of_grade(wanted, most).iter().map(text).collect()
    };
    let (best, others) = (texts("3", 5), texts("0", 15));
    assert_eq!((best.len(), others.len()), (5, 15));
    let mut candidates: Vec<_> = others.into_iter().map(|text| (text, false)).collect();
    for (at, text) in best.into_iter().enumerate() {
        candidates.insert(at * 3 + 5, (text, true));
    }
    candidates
}

fn chat(more: &Value) -> String {
    let passages: Vec<String> =
        (1..).zip(candidates()).map(|(label, (text, _))| format!("[{label}] {text}")).collect();
    let user = format!(
        "Query: {QUERY}\n\n{}\n\nOrder them: {{\"ranking\": [label, …]}}",
        passages.join("\n")
    );
    let mut body = json!({ "model": "any", "messages": [{ "role": "user", "content": user }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body.to_string()
}

#[tokio::test]
async fn answers_as_an_upstream_does_and_ends_in_order() {
    let model = Model::start(&[]);
    assert_eq!(model.get("/v1/models").await.1["data"][0]["id"], "simulated");
    let health = model.client.get(format!("{}/healthz", model.url)).send().await.unwrap();
    assert_eq!(health.status(), 200);

    let schema = json!({ "type": "object", "properties": { "ranking": { "type": "array" } } });
    let format = json!({ "type": "json_schema", "json_schema": { "name": "r", "schema": schema } });
    let body = chat(&json!({ "response_format": format }));
    let answer: Value = model.complete(body.clone()).await.json().await.unwrap();
    let content = answer["choices"][0]["message"]["content"].as_str().unwrap();
    let ranking: Value = serde_json::from_str(content).unwrap();
    let labels: Vec<u64> =
        ranking["ranking"].as_array().unwrap().iter().map(|it| it.as_u64().unwrap()).collect();
    let mut best = labels[..5].to_vec();
    best.sort_unstable();
    assert_eq!((best, labels.len()), (vec![6, 9, 12, 15, 18], 20));
    let again: Value = model.complete(body).await.json().await.unwrap();
    assert_eq!(again["choices"], answer["choices"]);

    let (_, stats) = model.get("/stats").await;
    let usage = &answer["usage"];
    assert_eq!(stats["calls"], 2);
    assert_eq!(stats["input_tokens"], 2 * usage["prompt_tokens"].as_u64().unwrap());
    assert_eq!(stats["output_tokens"], 2 * usage["completion_tokens"].as_u64().unwrap());
    assert_eq!((&stats["passages"], &stats["unrecognised_passages"]), (&json!(40), &json!(0)));
    let log = model.server.end();
    assert!(log.contains("stopped") && !log.contains("tent"), "{log}");
}

#[tokio::test]
async fn refuses_in_the_form_of_the_api() {
    let model = Model::start(&["--requests-per-minute", "4"]);
    for (body, status, part) in [
        (chat(&json!({ "stream": true })), 400, "stream: true is not simulated"),
        ("{".to_owned(), 400, "not a chat completion request"),
        (chat(&json!({ "max_tokens": "ten" })), 400, "max_tokens"),
    ] {
        let response = model.complete(body).await;
        assert_eq!(response.status(), status);
        let error = response.json::<Value>().await.unwrap()["error"].clone();
        assert_eq!(error["type"], "invalid_request_error");
        assert!(error["message"].as_str().unwrap().contains(part), "{error}");
    }
    assert_eq!(model.get("/v1/nothing").await.0, 404);
    assert_eq!(model.get("/v1/chat/completions").await.0, 405);
    assert_eq!(model.complete(chat(&json!({}))).await.status(), 200);
    let limited = model.complete(chat(&json!({}))).await;
    assert_eq!(limited.status(), 429);
    let wait: u64 = limited.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=15).contains(&wait), "{wait}");
    assert_eq!(limited.json::<Value>().await.unwrap()["error"]["code"], "rate_limit_exceeded");
    let (_, stats) = model.get("/stats").await;
    assert_eq!((&stats["rejected"], &stats["faults"]), (&json!(3), &json!({ "rate_limited": 1 })));
}

/// A gateway whose only model is this one.
pub async fn gateway(model: &Model) -> TestApp {
    let pipeline = |strategy: &str, prompt: &str| {
        format!(
            "[pipelines.{strategy}]\nstrategy = \"{strategy}\"\nprompt = \"{prompt}@v1\"\n\
             model = \"simulated\"\ndeadline_ms = 60000\n"
        )
    };
    TestApp::start(&format!(
        "[server]\ndefault_pipeline = \"single\"\n\
         [upstreams.simulator]\nbase_url = \"{}/v1\"\n\
         [models.simulated]\nupstreams = [\"simulator\"]\nmodel = \"simulated\"\n\
         context_tokens = 32000\n\
         capabilities = {{ json_schema = true, logprobs = true, seed = true, temperature = true, \
         max_tokens = \"max_tokens\" }}\n{}{}{}{}",
        model.url,
        pipeline("single", "rerank-listwise"),
        pipeline("graded", "rerank-graded"),
        pipeline("pointwise", "rerank-pointwise"),
        pipeline("pairwise", "rerank-pairwise"),
    ))
    .await
}

async fn rank(app: &TestApp, pipeline: &str) -> Value {
    let documents: Vec<String> = candidates().into_iter().map(|(text, _)| text).collect();
    let body = json!({ "model": pipeline, "query": QUERY, "documents": documents, "top_n": 5 });
    let (status, answer) = app.ask("/v2/rerank", &body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[test_case("single", &[]; "single")]
#[test_case("graded", &[]; "graded")]
#[test_case("pointwise", &[]; "pointwise")]
#[test_case("single", &["--no-json-schema", "--fenced-rate", "0.5"]; "without schemas")]
#[tokio::test]
async fn a_gateway_ranks_what_is_relevant_first(pipeline: &str, options: &[&str]) {
    let model = Model::start(options);
    let answer = rank(&gateway(&model).await, pipeline).await;
    assert_eq!(answer["x_rankgate"]["status"], "llm", "{answer}");
    let candidates = candidates();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 5);
    for result in results {
        let at = usize::try_from(result["index"].as_u64().unwrap()).unwrap();
        assert!(candidates[at].1, "{answer}");
    }
    let (_, stats) = model.get("/stats").await;
    assert_eq!(stats["unrecognised_passages"], 0, "{stats}");
    assert_eq!(stats["unrecognised_queries"], 0, "{stats}");
}

#[test_case("single", "--malformed-rate", "malformed_output"; "malformed")]
#[test_case("graded", "--refuse-rate", "refused"; "refused")]
#[test_case("pointwise", "--malformed-rate", ""; "nothing but the beginning of a word")]
#[test_case("single", "--fail-rate", "upstream_error"; "failed")]
#[tokio::test]
async fn a_gateway_falls_back_where_all_goes_wrong(pipeline: &str, option: &str, reason: &str) {
    let model = Model::start(&[option, "1"]);
    let ranking = rank(&gateway(&model).await, pipeline).await["x_rankgate"].clone();
    assert_eq!(ranking["status"], "fallback", "{ranking}");
    assert!(ranking["reason"].as_str().unwrap().contains(reason), "{ranking}");
}
