//! The shape of one call.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::{CallTimes, LlmError, Prices};
use crate::domain::Usage;

/// One chat model behind one or more upstreams, with retries, limits and
/// accounting inside.
pub trait ChatModel: Send + Sync + 'static {
    /// What is known of the model.
    fn spec(&self) -> &ModelSpec;

    /// Tokens of `text` by the model's tokenizer, or the nearest one known.
    fn count_tokens(&self, text: &str) -> usize;

    /// The longest prefix of `text` of at most `max_tokens` tokens, cut at a
    /// character boundary.
    fn truncate<'a>(&self, text: &'a str, max_tokens: usize) -> &'a str;

    /// Asks once, as far as the caller can see, within `times`. Dropping the
    /// future cancels the call.
    fn chat(
        self: Arc<Self>,
        request: ChatRequest,
        times: CallTimes,
    ) -> BoxFuture<'static, Result<ChatReply, LlmError>>;
}

/// What callers may rely on of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    /// Its name in the config.
    pub name: String,
    /// The name that answers show: the upstream's name for it.
    pub model: String,
    /// Tokens that prompt and answer may take together.
    pub context_tokens: usize,
    /// Whether it enforces a JSON schema.
    pub json_schema: bool,
    /// Whether it returns log probabilities.
    pub logprobs: bool,
    /// What its tokens cost.
    pub prices: Prices,
    /// Fingerprint of everything that shapes its answers (model, upstreams'
    /// names for it, params, capabilities): a contributor to cache keys.
    pub fingerprint: blake3::Hash,
}

/// What is asked of a model.
#[derive(Clone, PartialEq)]
pub struct ChatRequest {
    /// The system message; none is sent when empty.
    pub system: String,
    /// The user message.
    pub user: String,
    /// What the answer has to look like.
    pub output: OutputFormat,
    /// Most tokens that the answer may take.
    pub max_output_tokens: u32,
    /// How many alternatives of the first token are wanted with their log
    /// probabilities; ignored where the model has none.
    pub top_logprobs: Option<u8>,
    /// Seed of the model's sampling, sent where the model takes one.
    pub seed: Option<i64>,
}

/// What an answer has to look like.
#[derive(Clone, Debug, PartialEq)]
pub enum OutputFormat {
    /// Anything.
    Text,
    /// JSON by this schema, enforced where the model can and left to the
    /// prompt's words where it can't.
    Json {
        /// The schema's name, as upstreams want one.
        name: &'static str,
        /// The JSON schema.
        schema: serde_json::Value,
    },
}

/// What a model answered.
#[derive(Clone, PartialEq)]
pub struct ChatReply {
    /// The text; empty where there was none.
    pub content: String,
    /// Why the model stopped.
    pub finish: FinishReason,
    /// The upstream's own refusal field, if set.
    pub refusal: Option<String>,
    /// Alternatives of the first token of the answer, most probable first;
    /// empty where none came back.
    pub first_token: Vec<TokenProbability>,
    /// What the call cost, from the upstream's account or, where it gives
    /// none, our estimate.
    pub usage: Usage,
}

/// Why a model stopped writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// By itself.
    Stop,
    /// At the output limit.
    Length,
    /// A content filter stepped in.
    ContentFilter,
    /// Anything else, or not told.
    Other,
}

/// A token that the model could have started with.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenProbability {
    /// The token's text.
    pub token: String,
    /// Its natural logarithmic probability, at most 0.
    pub logprob: f64,
}
