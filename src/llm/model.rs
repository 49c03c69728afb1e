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

/// What a model's tokens cost, in US dollars for a million.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Prices {
    pub input_usd_per_mtok: f64,
    pub output_usd_per_mtok: f64,
}

impl Prices {
    fn usage(self, input_tokens: u64, output_tokens: u64) -> Usage {
        let usd = |tokens: u64, per_mtok: f64| tokens as f64 * per_mtok / 1e6;
        let cost_usd = usd(input_tokens, self.input_usd_per_mtok)
            + usd(output_tokens, self.output_usd_per_mtok);
        Usage { input_tokens, output_tokens, cost_usd }
    }
}

/// A model of the config, ready to be asked.
pub struct UpstreamModel {
    name: Arc<str>,
    spec: ModelSpec,
    prices: Prices,
    stack: ModelStack<ChatRequest, Answer>,
}

impl UpstreamModel {
    pub(super) fn new(
        spec: ModelSpec,
        prices: Prices,
        stack: ModelStack<ChatRequest, Answer>,
    ) -> Self {
        Self { name: spec.name.as_str().into(), spec, prices, stack }
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
        self.prices.usage(input, output)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_for_a_million_tokens() {
        let prices = Prices { input_usd_per_mtok: 0.25, output_usd_per_mtok: 2.0 };
        let usage = prices.usage(2_000_000, 500_000);
        assert!((usage.cost_usd - 1.5).abs() < 1e-12, "{}", usage.cost_usd);
        assert_eq!((usage.input_tokens, usage.output_tokens), (2_000_000, 500_000));
    }
}
