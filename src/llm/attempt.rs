//! One attempt: what the layers pass inward, and how an attempt fails.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_openai::error::OpenAIError;
use tokio::time::Instant;

use super::pace::Pace;
use super::{CallTimes, LlmError};

/// A call on its way through the layers, which asks for an `R`.
pub(super) struct Call<R> {
    /// What is asked.
    pub request: Arc<R>,
    /// When it has to end, and where its failures are noted.
    pub times: CallTimes,
    /// How it waits between attempts.
    pub pace: Pace,
    /// Index of the upstream that the next attempt goes to.
    pub upstream: usize,
    /// What has been tried so far, by upstream; empty before the first failure.
    pub tried: Vec<Tried>,
    /// What its failed attempts leave behind.
    pub failed: Arc<Failed>,
}

/// Not derived: that would ask the same of `R`.
impl<R> Clone for Call<R> {
    fn clone(&self) -> Self {
        Self {
            request: Arc::clone(&self.request),
            times: self.times.clone(),
            pace: self.pace,
            upstream: self.upstream,
            tried: self.tried.clone(),
            failed: Arc::clone(&self.failed),
        }
    }
}

impl<R> Call<R> {
    pub fn new(request: R, times: CallTimes, pace: Pace) -> Self {
        Self {
            request: Arc::new(request),
            times,
            pace,
            upstream: 0,
            tried: Vec::new(),
            failed: Arc::default(),
        }
    }

    /// The error of a call that ran out of time: its last failure, if any.
    pub fn out_of_time(&self) -> LlmError {
        self.failed.last().unwrap_or(LlmError::Deadline)
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

/// An answer, as metrics see it.
pub(super) trait Answered {
    /// How the attempt that brought it ended.
    fn outcome(&self) -> &'static str {
        "ok"
    }
}

/// The failed attempts of a call: how many, and the error of the latest.
#[derive(Debug, Default)]
pub(super) struct Failed(Mutex<(u32, Option<LlmError>)>);

impl Failed {
    pub fn note(&self, error: LlmError) {
        let mut failed = self.get();
        *failed = (failed.0 + 1, Some(error));
    }

    pub fn last(&self) -> Option<LlmError> {
        self.get().1.clone()
    }

    pub fn count(&self) -> u32 {
        self.get().0
    }

    fn get(&self) -> MutexGuard<'_, (u32, Option<LlmError>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// No connection, a 5xx or an answer that can't be read.
    pub fn upstream(upstream: &Arc<str>, detail: impl Into<Arc<str>>) -> Self {
        let error = LlmError::Upstream { upstream: Arc::clone(upstream), detail: detail.into() };
        Self { error, again: Again::Anywhere, retry_after: None }
    }

    /// The upstream wants a person.
    pub fn rejected(upstream: &Arc<str>, detail: impl Into<Arc<str>>) -> Self {
        let error = LlmError::Rejected { upstream: Arc::clone(upstream), detail: detail.into() };
        Self { error, again: Again::Elsewhere, retry_after: None }
    }

    /// The config doesn't describe the upstream's answers.
    pub fn misconfigured(upstream: &Arc<str>, detail: impl Into<Arc<str>>) -> Self {
        let detail = detail.into();
        let error = LlmError::Misconfigured { upstream: Arc::clone(upstream), detail };
        Self { error, again: Again::Elsewhere, retry_after: None }
    }

    /// What async-openai reports; our own failures pass through it boxed.
    pub fn of_client(upstream: &Arc<str>, error: OpenAIError) -> Self {
        let unknown = || Self::upstream(upstream, "the answer can't be read");
        match error {
            OpenAIError::Boxed(error) => {
                error.downcast::<Self>().map_or_else(|_| unknown(), |failure| *failure)
            }
            _ => unknown(),
        }
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

/// How the transport hands its failures through async-openai; read back by
/// [`AttemptFailure::of_client`].
impl From<AttemptFailure> for OpenAIError {
    fn from(failure: AttemptFailure) -> Self {
        Self::Boxed(Box::new(failure))
    }
}
