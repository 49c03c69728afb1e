//! The LLM side: what is asked, what comes back, and every way it can fail.
//!
//! Callers see [`ChatModel`] and nothing of HTTP. Each error names one
//! [`Failure`], the closed set that answers and metrics share.

mod chat;
mod error;
mod times;

pub use chat::{
    ChatModel, ChatReply, ChatRequest, FinishReason, ModelSpec, OutputFormat, TokenProbability,
};
pub use error::LlmError;
pub use times::{CallTimes, LastFailure};
