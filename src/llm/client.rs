//! The innermost layer of a chat model: one attempt through async-openai.

use std::sync::Arc;
use std::task::{Context, Poll};

use async_openai::Client;
use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tower::{BoxError, Service};

use super::ChatRequest;
use super::attempt::{AttemptFailure, Call};
use super::body::body;
use super::completion::{Answer, Completion};
use super::config::Capabilities;
use super::endpoint::Endpoint;
use super::transport::{AnswerKind, Transport, Unusable};
use super::upstream::Upstream;

/// What stands in for the body of a prompt that a content filter stopped, so
/// that it is read like an answer that one stopped.
const FILTERED: &[u8] =
    br#"{"choices":[{"finish_reason":"content_filter","message":{"content":null}}]}"#;

/// Chat completions, as the transport fetches them.
#[derive(Clone)]
struct ChatAnswers;

impl AnswerKind for ChatAnswers {
    const CHECK: &'static str = "params and capabilities";

    fn max_bytes(&self) -> usize {
        2 * 1024 * 1024
    }

    fn filtered(&self) -> Option<Bytes> {
        Some(Bytes::from_static(FILTERED))
    }

    /// Checks that async-openai will read it.
    async fn receive(&self, body: Bytes) -> Result<Bytes, Unusable> {
        match serde_json::from_slice::<Completion>(&body) {
            Ok(completion) if completion.has_answer() => Ok(body),
            Ok(Completion { error: Some(error), .. }) if !error.is_null() => {
                Err(Unusable::Error(error))
            }
            Ok(_) => Err(Unusable::Broken("the answer holds no choice".into())),
            Err(_) => Err(Unusable::Broken("the answer is no chat completion".into())),
        }
    }
}

/// One model on one upstream.
#[derive(Clone)]
pub(super) struct ModelClient {
    client: Client<Endpoint>,
    upstream: Arc<str>,
    model: Arc<str>,
    capabilities: Arc<Capabilities>,
    params: Arc<Map<String, Value>>,
}

impl ModelClient {
    pub fn new(
        upstream: &Upstream,
        model: Arc<str>,
        capabilities: Arc<Capabilities>,
        params: Arc<Map<String, Value>>,
    ) -> Self {
        let transport = Transport::new(upstream, ChatAnswers);
        // Its own transport repeats requests by itself; ours doesn't.
        let client = Client::build(upstream.http.clone(), upstream.endpoint.clone())
            .with_http_service(transport);
        let upstream = Arc::clone(&upstream.name);
        Self { client, upstream, model, capabilities, params }
    }

    async fn ask(&self, call: &Call<ChatRequest>) -> Result<Answer, AttemptFailure> {
        let body = body(&call.request, &self.model, &self.capabilities, &self.params);
        let completion = self.client.chat().create_byot(body).await;
        let completion: Completion =
            completion.map_err(|error| AttemptFailure::of_client(&self.upstream, error))?;
        completion
            .into_answer()
            .ok_or_else(|| AttemptFailure::upstream(&self.upstream, "the answer holds no choice"))
    }
}

impl Service<Call<ChatRequest>> for ModelClient {
    type Response = Answer;
    /// What the timeout layer above wants.
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Answer, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<ChatRequest>) -> Self::Future {
        let client = self.clone();
        Box::pin(async move { client.ask(&call).await.map_err(Into::into) })
    }
}
