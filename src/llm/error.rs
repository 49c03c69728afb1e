//! The closed set of ways in which a call fails.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::Failure;

/// Why a call gave no reply. Messages name upstreams and statuses, never
/// prompts, keys or answers.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LlmError {
    /// The caller's deadline came first, and no attempt had failed before.
    #[error("the deadline passed before the model answered")]
    Deadline,
    /// An attempt took longer than the upstream's attempt timeout.
    #[error("upstream {upstream} gave no complete answer within {} ms", limit.as_millis())]
    Timeout {
        /// Name of the upstream in the config.
        upstream: Arc<str>,
        /// The attempt's limit.
        limit: Duration,
    },
    /// No connection, a 5xx, or a body that isn't what was asked for.
    #[error("upstream {upstream} failed: {detail}")]
    Upstream {
        /// Name of the upstream in the config.
        upstream: Arc<str>,
        /// What went wrong, without any of the upstream's own text.
        detail: Arc<str>,
    },
    /// The upstream wants a person: key, permission, model name or quota.
    #[error("upstream {upstream} rejected the call: {detail}")]
    Rejected {
        /// Name of the upstream in the config.
        upstream: Arc<str>,
        /// The status and what usually causes it.
        detail: Arc<str>,
    },
    /// The upstream answers, but not as the config says it does.
    #[error("upstream {upstream} answers otherwise than the config says: {detail}")]
    Misconfigured {
        /// Name of the upstream in the config.
        upstream: Arc<str>,
        /// The key, what is wrong with it and what would be right.
        detail: Arc<str>,
    },
    /// 429.
    #[error("upstream {upstream} limits the rate")]
    RateLimited {
        /// Name of the upstream in the config.
        upstream: Arc<str>,
        /// How long it asked us to wait.
        retry_after: Option<Duration>,
    },
    /// Our own limit on calls in flight or waiting.
    #[error("too many LLM calls are in flight")]
    Overloaded,
    /// The prompt doesn't fit the model's context.
    #[error("the prompt is larger than the model's context")]
    ContextOverflow,
    /// A recording is played, and this is how the call failed when it was made.
    #[error("the recorded call failed: {}", .0.as_str())]
    Recorded(Failure),
}

impl LlmError {
    /// The reason that answers and metrics show.
    #[must_use]
    pub const fn failure(&self) -> Failure {
        match self {
            Self::Deadline => Failure::Deadline,
            Self::Timeout { .. } => Failure::UpstreamTimeout,
            Self::Upstream { .. } => Failure::UpstreamError,
            Self::Rejected { .. } | Self::Misconfigured { .. } => Failure::UpstreamRejected,
            Self::RateLimited { .. } => Failure::UpstreamRateLimited,
            Self::Overloaded => Failure::Overloaded,
            Self::ContextOverflow => Failure::ContextOverflow,
            Self::Recorded(failure) => *failure,
        }
    }
}
