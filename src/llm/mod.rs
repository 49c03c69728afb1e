//! The LLM side: what is asked, what comes back, and every way it can fail.
//!
//! Callers see [`ChatModel`] and [`Embeddings`], and nothing of HTTP. Each error
//! names one [`Failure`](crate::domain::Failure), the closed set that answers and
//! metrics share. [`Models`] builds the models of the config; `stack.rs` has the
//! layers that a call goes through.

mod attempt;
mod body;
mod chat;
mod classify;
mod client;
mod completion;
mod config;
mod embeddings;
mod endpoint;
mod error;
mod in_flight;
mod layers;
mod lenient;
pub mod metrics;
mod model;
mod models;
mod pace;
mod prices;
mod record;
mod retry;
mod retry_budget;
mod stack;
mod times;
pub mod tokens;
mod transport;
mod upstream;
mod work;

pub use chat::{
    ChatModel, ChatReply, ChatRequest, FinishReason, ModelSpec, OutputFormat, TokenProbability,
};
pub use config::{
    BaseUrl, Capabilities, Deployment, InvalidBaseUrl, LlmConfig, MaxTokensName, ModelConfig,
    ModelUpstream, UpstreamConfig,
};
pub use embeddings::{EmbedError, Embeddings, EmbeddingsConfig};
pub use error::LlmError;
pub use in_flight::InFlight;
pub use model::UpstreamModel;
pub use models::{ModelUnavailable, Models};
pub use prices::Prices;
pub use record::{CallEnd, CallRecord};
pub use times::{Attempts, CallTimes, LastFailure};
pub use upstream::{LlmConfigError, SecretMissing};

/// The log target of the client library, which writes whole bodies there at
/// WARN and ERROR: filtered out of every log.
pub const BODY_LOGGING_TARGET: &str = "async_openai";
