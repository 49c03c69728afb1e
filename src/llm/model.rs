//! A chat model behind its upstreams.

use std::sync::Arc;

use futures::future::BoxFuture;
use tower::ServiceExt;

use super::attempt::Call;
use super::completion::Answer;
use super::pace::Pace;
use super::stack::ModelStack;
use super::{CallTimes, ChatModel, ChatReply, ChatRequest, LlmError, ModelSpec, metrics, tokens};
use crate::domain::Usage;

/// Tokens that the frame of a message adds, as far as is known.
const TOKENS_PER_MESSAGE: usize = 4;

/// A model of the config, ready to be asked.
pub struct UpstreamModel {
    name: Arc<str>,
    spec: ModelSpec,
    stack: ModelStack<ChatRequest, Answer>,
}

impl UpstreamModel {
    pub(super) fn new(spec: ModelSpec, stack: ModelStack<ChatRequest, Answer>) -> Self {
        Self { name: spec.name.as_str().into(), spec, stack }
    }

    async fn ask(&self, request: ChatRequest, times: CallTimes) -> Result<ChatReply, LlmError> {
        let call = Call::new(request, times, Pace::Prompt);
        let request = Arc::clone(&call.request);
        let answer = self.stack.clone().oneshot(call).await?;
        let usage = self.usage(&request, &answer);
        metrics::usage(&self.name, &usage);
        let Answer { content, finish, refusal, first_token, .. } = answer;
        Ok(ChatReply { content, finish, refusal, first_token, usage })
    }

    /// From the upstream's account, and our estimate where it gives none.
    fn usage(&self, request: &ChatRequest, answer: &Answer) -> Usage {
        let input = answer.input_tokens.unwrap_or_else(|| {
            let messages = [&request.system, &request.user];
            let messages = messages.into_iter().filter(|text| !text.is_empty());
            messages.map(|text| tokens::count(text) + TOKENS_PER_MESSAGE).sum::<usize>() as u64
        });
        let output = answer.output_tokens.unwrap_or_else(|| tokens::count(&answer.content) as u64);
        self.spec.prices.usage(input, output)
    }
}

impl ChatModel for UpstreamModel {
    fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    fn count_tokens(&self, text: &str) -> usize {
        tokens::count(text)
    }

    fn truncate<'a>(&self, text: &'a str, max_tokens: usize) -> &'a str {
        tokens::truncate(text, max_tokens)
    }

    fn chat(
        self: Arc<Self>,
        request: ChatRequest,
        times: CallTimes,
    ) -> BoxFuture<'static, Result<ChatReply, LlmError>> {
        Box::pin(async move { self.ask(request, times).await })
    }
}
