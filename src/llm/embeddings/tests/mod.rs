//! Embedding over HTTP: what is sent, what is taken for an answer, and what
//! becomes of failures.

mod batches;
mod failures;
mod server;

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;
use test_case::test_case;

use self::server::{Reply, Server, vectors};
use super::*;
use crate::llm::config::UpstreamConfig;
use crate::llm::pace::Patience;
use crate::llm::upstream::Upstream;

/// Patience for tests: the waits are short, their number is small.
const PATIENCE: Patience = Patience {
    attempts: 4,
    backoff: (Duration::from_millis(1), Duration::from_millis(4)),
    longest_asked: Duration::from_secs(10),
};

/// A model of three dimensions on `server`, after a change of its config; the
/// upstream has further `keys`.
fn model_with(
    server: &Server,
    keys: &str,
    change: impl FnOnce(&mut EmbeddingsConfig),
) -> Arc<Embeddings> {
    let upstream = format!("base_url = \"{}\"\n{keys}", server.base_url());
    let upstream: UpstreamConfig = toml::from_str(&upstream).unwrap();
    let env = |name: &str| (name == "KEY").then(|| "SECRET-KEY".to_owned());
    let upstream = Upstream::build("up", &upstream, &env).unwrap().unwrap();
    let mut config = EmbeddingsConfig::of("up", "embedder", 3);
    change(&mut config);
    Arc::new(Embeddings::on(upstream, &config, PATIENCE))
}

fn model(server: &Server) -> Arc<Embeddings> {
    model_with(server, "", |_| {})
}

/// So many texts, each with a vector of its own.
fn texts(number: usize) -> Vec<String> {
    (0..number).map(|number| format!("secret {}", "x".repeat(number))).collect()
}

/// Time enough for everything that is meant to succeed.
fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

fn within(ms: u64) -> Deadline {
    Deadline::after(Duration::from_millis(ms))
}

#[tokio::test]
async fn a_request_carries_what_is_configured() {
    let server = Server::always(Reply::Vectors).await;
    let keys = "api_key = { env = \"KEY\" }\nheaders = { x-team = \"search\" }";
    let model = model_with(&server, keys, |_| {});
    assert_eq!(model.embed(texts(2), Some(soon())).await.unwrap(), vectors(&texts(2)));
    let seen = &server.seen()[0];
    assert_eq!(seen.path, "/v1/embeddings");
    assert_eq!(seen.headers["authorization"], "Bearer SECRET-KEY");
    assert_eq!(seen.headers["x-team"], "search");
    let body = json!({ "model": "embedder", "input": texts(2), "encoding_format": "float" });
    assert_eq!(seen.body, body);
}

#[tokio::test]
async fn a_length_is_asked_for_where_the_config_says_so() {
    let server = Server::always(Reply::Vectors).await;
    let model = model_with(&server, "", |config| config.send_dimensions = true);
    model.embed(texts(1), Some(soon())).await.unwrap();
    assert_eq!(server.seen()[0].body["dimensions"], 3);
}

#[tokio::test]
async fn vectors_are_put_in_order_by_their_index() {
    let data = json!([
        { "index": 2, "embedding": [0, 0, 3] },
        { "index": 0, "embedding": [1, 0, 0] },
        { "index": 1, "embedding": "AAAAAAAAAEAAAAAA" }
    ]);
    let server = Server::always(Reply::data(&data)).await;
    let vectors = model(&server).embed(texts(3), None).await.unwrap();
    assert_eq!(vectors, [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]]);
}

#[tokio::test]
async fn nothing_is_asked_about_nothing() {
    let server = Server::always(Reply::Vectors).await;
    assert_eq!(model(&server).embed(Vec::new(), None).await.unwrap(), Vec::<Vec<f32>>::new());
    let with_empty = vec!["a".to_owned(), String::new()];
    let error = model(&server).embed(with_empty, None).await.unwrap_err();
    assert!(matches!(error, EmbedError::Empty { position: 1 }), "{error:?}");
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn an_answer_may_be_as_large_as_its_vectors() {
    let number = vec![-0.012_345_678_901_234_567; 1536];
    let entry = |index| json!({ "index": index, "embedding": number });
    let data = json!((0..128).map(entry).collect::<Vec<_>>());
    assert!(data.to_string().len() > 4 * 1024 * 1024);
    let server = Server::always(Reply::data(&data)).await;
    let model = model_with(&server, "", |config| config.dimensions = 1536);
    let vectors = model.embed(texts(128), None).await.unwrap();
    assert_eq!((vectors.len(), vectors[127].len()), (128, 1536));
}

#[test_case(json!({ "usage": { "prompt_tokens": 12 } }), 12 ; "by the upstream's account")]
#[test_case(json!({}), 4 ; "by ours")]
#[tokio::test]
async fn attempts_and_tokens_are_counted(usage: serde_json::Value, tokens: u64) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let mut body = json!({ "data": [
        { "index": 0, "embedding": [1, 0, 0] }, { "index": 1, "embedding": [1, 0, 0] }
    ] });
    body.as_object_mut().unwrap().extend(usage.as_object().unwrap().clone());
    let server = Server::queue(vec![Reply::status(500), Reply::Json(body)]).await;
    let texts = vec!["hello world".to_owned(), "hello again".to_owned()];
    model(&server).embed(texts, None).await.unwrap();
    let rendered = recorder.handle().render();
    let lines = [
        "rankgate_llm_attempts_total{upstream=\"up\",model=\"embedder\",outcome=\"ok\"} 1".to_owned(),
        "rankgate_llm_attempts_total{upstream=\"up\",model=\"embedder\",outcome=\"upstream_error\"} 1"
            .to_owned(),
        format!("rankgate_llm_tokens_total{{model=\"embedder\",direction=\"input\"}} {tokens}"),
    ];
    for line in lines {
        assert!(rendered.contains(&line), "{line} is not in\n{rendered}");
    }
}

#[test]
fn a_text_is_cut_to_what_the_model_takes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(Server::always(Reply::Vectors));
    let model = model_with(&server, "", |config| config.max_tokens = 2);
    assert_eq!(model.cut("hello world again"), "hello world");
    assert_eq!(model.cut("é"), "é");
    assert_eq!(model_with(&server, "", |_| {}).cut("hello world again"), "hello world again");
}
