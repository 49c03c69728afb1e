//! One attempt: what the layers pass inward, and how an attempt fails.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_openai::error::OpenAIError;
use tokio::time::Instant;

use super::{CallTimes, ChatRequest, LlmError};

/// A call on its way through the layers.
#[derive(Clone)]
pub(super) struct Call {
    /// What is asked.
    pub request: Arc<ChatRequest>,
    /// When it has to end, and where its failures are noted.
    pub times: CallTimes,
    /// Index of the upstream that the next attempt goes to.
    pub upstream: usize,
    /// What has been tried so far, by upstream; empty before the first failure.
    pub tried: Vec<Tried>,
    /// The error of the latest failed attempt.
    pub last: Arc<LastError>,
}

impl Call {
    pub fn new(request: ChatRequest, times: CallTimes) -> Self {
        Self {
            request: Arc::new(request),
            times,
            upstream: 0,
            tried: Vec::new(),
            last: Arc::default(),
        }
    }

    /// The error of a call that ran out of time: its last failure, if any.
    pub fn out_of_time(&self) -> LlmError {
        self.last.get().unwrap_or(LlmError::Deadline)
    }
}

/// What a call has tried on one upstream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tried {
    /// Attempts that failed there.
    pub attempts: u32,
    /// Whether the upstream is out of the question for this call.
    pub given_up: bool,
    /// The upstream asked for no attempt before.
    pub not_before: Option<Instant>,
}

/// The error of the latest failed attempt of a call.
#[derive(Debug, Default)]
pub(super) struct LastError(Mutex<Option<LlmError>>);

impl LastError {
    pub fn set(&self, error: LlmError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    pub fn get(&self) -> Option<LlmError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Where another attempt may make sense after a failed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// Anywhere: the trouble may pass.
    Anywhere,
    /// On another upstream: this one will say the same again.
    Elsewhere,
    /// Nowhere: it is the call itself.
    Nowhere,
}

/// A failed attempt: the closed error, and what it means for the next one.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub(super) struct AttemptFailure {
    pub error: LlmError,
    pub again: Again,
    /// How long the upstream asked us to wait, whatever its status.
    pub retry_after: Option<Duration>,
}

impl AttemptFailure {
    /// The end of the call.
    pub const fn last(error: LlmError) -> Self {
        Self { error, again: Again::Nowhere, retry_after: None }
    }

    /// No connection, a 5xx or no chat completion.
    pub fn upstream(upstream: &Arc<str>, detail: impl Into<Arc<str>>) -> Self {
        let error = LlmError::Upstream { upstream: Arc::clone(upstream), detail: detail.into() };
        Self { error, again: Again::Anywhere, retry_after: None }
    }

    /// The upstream wants a person.
    pub fn rejected(upstream: &Arc<str>, detail: impl Into<Arc<str>>) -> Self {
        let error = LlmError::Rejected { upstream: Arc::clone(upstream), detail: detail.into() };
        Self { error, again: Again::Elsewhere, retry_after: None }
    }

    pub fn rate_limited(upstream: &Arc<str>, retry_after: Option<Duration>) -> Self {
        let error = LlmError::RateLimited { upstream: Arc::clone(upstream), retry_after };
        Self { error, again: Again::Anywhere, retry_after }
    }

    pub fn timeout(upstream: &Arc<str>, limit: Duration) -> Self {
        let error = LlmError::Timeout { upstream: Arc::clone(upstream), limit };
        Self { error, again: Again::Anywhere, retry_after: None }
    }

    pub fn after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }
}

/// How the transport hands its failures through async-openai; read back by a
/// downcast.
impl From<AttemptFailure> for OpenAIError {
    fn from(failure: AttemptFailure) -> Self {
        Self::Boxed(Box::new(failure))
    }
}
