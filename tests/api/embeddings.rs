//! Embeddings from an upstream, as the rest of the gateway gets them.

use std::collections::BTreeMap;
use std::time::Duration;

use rankgate::domain::{Deadline, Failure};
use rankgate::llm::{EmbedError, Embeddings, EmbeddingsConfig, LlmError, UpstreamConfig};

use crate::fake_embeddings::{FakeEmbeddings, Mood, vector};
use crate::fake_llm::refused_url;

const DIMENSIONS: usize = 64;

fn model_at(url: &str, change: impl FnOnce(&mut EmbeddingsConfig)) -> Embeddings {
    let upstream = format!("base_url = \"{url}\"\napi_key = {{ env = \"KEY\" }}");
    let upstream: UpstreamConfig = toml::from_str(&upstream).unwrap();
    let mut config = EmbeddingsConfig::of("up", "embedder", DIMENSIONS);
    change(&mut config);
    let upstreams = BTreeMap::from([("up".to_owned(), upstream)]);
    let env = |name: &str| (name == "KEY").then(|| "SECRET-KEY".to_owned());
    Embeddings::build(&config, &upstreams, &env).unwrap().unwrap()
}

fn model(upstream: &FakeEmbeddings) -> Embeddings {
    model_at(&upstream.base_url(), |_| {})
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn nearness(a: &[f32], b: &[f32]) -> f32 {
    std::iter::zip(a, b).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn texts_about_the_same_are_near_each_other() {
    let upstream = FakeEmbeddings::start(DIMENSIONS).await;
    let given = texts(&["a tent for two", "a TENT, for rain", "espresso machine"]);
    let vectors = model(&upstream).embed(given.clone(), Some(soon())).await.unwrap();
    for (text, found) in std::iter::zip(&given, &vectors) {
        assert!(nearness(&vector(text, DIMENSIONS), found) > 0.999, "{text}");
    }
    assert!(nearness(&vectors[0], &vectors[1]) > nearness(&vectors[0], &vectors[2]) + 0.3);
    let received = &upstream.received()[0];
    assert_eq!(received.path, "/v1/embeddings");
    assert_eq!(received.body["model"], "embedder");
    assert_eq!(received.headers["authorization"], "Bearer SECRET-KEY");
    assert_eq!((upstream.hits(), upstream.texts()), (1, given));
}

#[tokio::test]
async fn an_index_is_embedded_through_limits_and_failures() {
    let upstream = FakeEmbeddings::start(DIMENSIONS).await;
    let limited = vec![("retry-after-ms", "20".to_owned())];
    upstream.be_next([Mood::Failing { status: 429, headers: limited }, Mood::failing(503)]);
    upstream.be(Mood::AtMost(16));
    let given: Vec<_> = (0..100).map(|number| format!("document number {number}")).collect();
    let model = model_at(&upstream.base_url(), |config| config.max_batch = 32);
    let vectors = model.embed(given.clone(), None).await.unwrap();
    for (text, found) in std::iter::zip(&given, &vectors) {
        assert!(nearness(&vector(text, DIMENSIONS), found) > 0.999, "{text}");
    }
    let answered = upstream.received().iter().filter(|one| one.texts.len() <= 16).count();
    assert_eq!((vectors.len(), answered), (100, 7));
}

#[tokio::test]
async fn a_query_ends_by_its_deadline() {
    let upstream = FakeEmbeddings::start(DIMENSIONS).await;
    upstream.be(Mood::Hanging);
    let model = model(&upstream);
    let deadline = Some(Deadline::after(Duration::from_millis(500)));
    let query = model.embed(texts(&["a tent"]), deadline);
    let (result, ()) = tokio::join!(query, upstream.wait_for_hits(1));
    let error = result.unwrap_err();
    assert!(matches!(error, EmbedError::Llm(LlmError::Deadline)), "{error:?}");
    upstream.be(Mood::Well);
    model.embed(texts(&["a tent"]), Some(soon())).await.unwrap();
    assert_eq!(upstream.hits(), 2);
}

#[tokio::test]
async fn a_model_of_another_length_is_told_from_a_failure() {
    let upstream = FakeEmbeddings::start(DIMENSIONS).await;
    upstream.be(Mood::OfLength(48));
    let error = model(&upstream).embed(texts(&["a tent"]), None).await.unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("vectors of 48 numbers and embedding.dimensions says 64"),
        "{message}"
    );
    assert_eq!(upstream.hits(), 1);
}

#[tokio::test]
async fn nobody_there_is_an_error_of_the_upstream() {
    let model = model_at(&refused_url().await, |_| {});
    let error = model.embed(texts(&["a tent"]), Some(soon())).await.unwrap_err();
    let EmbedError::Llm(error) = error else { panic!("{error:?}") };
    assert_eq!(error.failure(), Failure::UpstreamError);
    assert!(error.to_string().contains("connection refused"), "{error}");
}
