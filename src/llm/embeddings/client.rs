//! The innermost layer of an embedding model: one attempt through
//! async-openai.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use async_openai::Client;
use bytes::Bytes;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::IgnoredAny;
use tower::{BoxError, Service};

use super::answer::{Answer, Expected};
use super::config::EmbeddingsConfig;
use super::texts::Texts;
use crate::llm::attempt::{AttemptFailure, Call};
use crate::llm::transport::{AnswerKind, Transport, Unusable};
use crate::llm::upstream::Upstream;
use crate::llm::work;

/// One embedding model on one upstream.
#[derive(Clone)]
pub(super) struct EmbeddingClient {
    upstream: Arc<Upstream>,
    model: Arc<str>,
    dimensions: usize,
    send_dimensions: bool,
}

/// What is sent.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a [String],
    encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
}

impl EmbeddingClient {
    pub fn new(upstream: Arc<Upstream>, config: &EmbeddingsConfig) -> Self {
        Self {
            upstream,
            model: config.model.as_str().into(),
            dimensions: config.dimensions,
            send_dimensions: config.send_dimensions,
        }
    }

    async fn ask(&self, call: &Call<Texts>) -> Result<Answer, AttemptFailure> {
        let Self { upstream, dimensions, send_dimensions, .. } = self;
        let receipt = Receipt::new(Expected {
            texts: call.request.len(),
            dimensions: *dimensions,
            asked: *send_dimensions,
        });
        let body = Body {
            model: &self.model,
            input: call.request.as_slice(),
            encoding_format: "float",
            dimensions: send_dimensions.then_some(*dimensions),
        };
        let client = Client::build(upstream.http.clone(), upstream.endpoint.clone())
            .with_http_service(Transport::new(upstream, receipt.clone()));
        let stub: Result<IgnoredAny, _> = client.embeddings().create_byot(body).await;
        stub.map_err(|error| AttemptFailure::of_client(&upstream.name, error))?;
        receipt
            .take()
            .ok_or_else(|| AttemptFailure::upstream(&upstream.name, "the answer can't be read"))
    }
}

impl Service<Call<Texts>> for EmbeddingClient {
    type Response = Answer;
    /// What the timeout layer above wants.
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Answer, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<Texts>) -> Self::Future {
        let client = self.clone();
        Box::pin(async move { client.ask(&call).await.map_err(Into::into) })
    }
}

/// Where the transport leaves the answer of one attempt, once read.
/// async-openai gets an empty object instead: it would read megabytes of numbers
/// on an async thread, while queries wait.
#[derive(Clone)]
struct Receipt {
    expected: Expected,
    answer: Arc<Mutex<Option<Answer>>>,
}

impl Receipt {
    fn new(expected: Expected) -> Self {
        Self { expected, answer: Arc::default() }
    }

    fn take(&self) -> Option<Answer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl AnswerKind for Receipt {
    const CHECK: &'static str = "embedding.model, embedding.send_dimensions and the texts";

    fn max_bytes(&self) -> usize {
        self.expected.max_bytes()
    }

    async fn receive(&self, body: Bytes) -> Result<Bytes, Unusable> {
        let expected = self.expected;
        let answer = work::sized(body.len(), move || expected.read(&body)).await?;
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        Ok(Bytes::from_static(b"{}"))
    }
}
