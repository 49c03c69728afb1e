//! Ends a call in time.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tower::{Layer, Service};

use crate::llm::LlmError;
use crate::llm::attempt::{AttemptFailure, Call};

/// Ends calls at their `late_until`, with their last failure where there was
/// one. That no attempt starts after the deadline is up to the retry policy and
/// [`super::RecordLayer`], which see the attempts.
#[derive(Clone, Copy)]
pub(in crate::llm) struct DeadlineLayer;

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> DeadlineService<S> {
        DeadlineService { inner }
    }
}

/// See [`DeadlineLayer`].
#[derive(Clone)]
pub(in crate::llm) struct DeadlineService<S> {
    inner: S,
}

impl<S, R> Service<Call<R>> for DeadlineService<S>
where
    S: Service<Call<R>, Error = AttemptFailure>,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
    R: Send + Sync + 'static,
{
    type Response = S::Response;
    type Error = AttemptFailure;
    type Future = BoxFuture<'static, Result<S::Response, AttemptFailure>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), AttemptFailure>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        let end = call.times.late_until.max(call.times.deadline).instant();
        let seen = call.clone();
        let answer = self.inner.call(call);
        Box::pin(async move {
            match tokio::time::timeout_at(end, answer).await {
                Ok(Err(AttemptFailure { error: LlmError::Deadline, .. })) | Err(_) => {
                    Err(AttemptFailure::last(seen.out_of_time()))
                }
                Ok(result) => result,
            }
        })
    }
}
