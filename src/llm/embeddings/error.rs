//! The closed set of ways in which embedding fails.

use crate::llm::LlmError;

/// Why there are no vectors. Messages name upstreams, keys of the config and
/// positions, never a text.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EmbedError {
    /// A request failed: as every call to an upstream can.
    #[error(transparent)]
    Llm(#[from] LlmError),
    /// A request without a deadline kept failing.
    #[error("{error}; given up after attempt {attempts}{}", hint(error))]
    GivenUp {
        /// Attempts that failed.
        attempts: u32,
        /// How the last one failed.
        error: LlmError,
    },
    /// The upstream refuses a text as too large, alone in its request.
    #[error(
        "text {position} is too large for the model: lower embedding.max_tokens to what it takes, \
         with some room, because its tokens may be other ones than those counted"
    )]
    TooLarge {
        /// Its position in the call, counted from 0.
        position: usize,
    },
    /// A text without a character has no vector.
    #[error("text {position} is empty, and models embed no empty texts")]
    Empty {
        /// Its position in the call, counted from 0.
        position: usize,
    },
}

/// What may help where waiting did not.
fn hint(error: &LlmError) -> String {
    match error {
        LlmError::RateLimited { retry_after: Some(wait), .. } => {
            format!(": it asks to be left alone for {} s", wait.as_secs())
        }
        LlmError::Timeout { upstream, .. } => {
            format!(": raise upstreams.{upstream}.attempt_timeout_ms or lower embedding.max_batch")
        }
        _ => String::new(),
    }
}
