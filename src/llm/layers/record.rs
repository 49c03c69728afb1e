//! Sees each attempt begin and end.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use tower::timeout::error::Elapsed;
use tower::{BoxError, Layer, Service};

use crate::llm::attempt::{Answered, AttemptFailure, Call};
use crate::llm::{LlmError, metrics};

/// Lets no attempt start after the deadline, counts those that do by how they
/// end, and notes failures where the caller sees them at once.
#[derive(Clone)]
pub(in crate::llm) struct RecordLayer {
    upstream: Arc<str>,
    model: Arc<str>,
    attempt_timeout: Duration,
}

impl RecordLayer {
    pub fn new(upstream: &Arc<str>, model: &Arc<str>, attempt_timeout: Duration) -> Self {
        Self { upstream: Arc::clone(upstream), model: Arc::clone(model), attempt_timeout }
    }

    fn failure(&self, error: BoxError) -> AttemptFailure {
        if error.is::<Elapsed>() {
            return AttemptFailure::timeout(&self.upstream, self.attempt_timeout);
        }
        match error.downcast::<AttemptFailure>() {
            Ok(failure) => *failure,
            Err(_) => AttemptFailure::upstream(&self.upstream, "unknown error"),
        }
    }
}

impl<S> Layer<S> for RecordLayer {
    type Service = RecordService<S>;

    fn layer(&self, inner: S) -> RecordService<S> {
        RecordService { record: self.clone(), inner }
    }
}

/// See [`RecordLayer`].
#[derive(Clone)]
pub(in crate::llm) struct RecordService<S> {
    record: RecordLayer,
    inner: S,
}

impl<S, R> Service<Call<R>> for RecordService<S>
where
    S: Service<Call<R>, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: Answered + Send + 'static,
{
    type Response = S::Response;
    type Error = AttemptFailure;
    type Future = BoxFuture<'static, Result<S::Response, AttemptFailure>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), AttemptFailure>> {
        self.inner.poll_ready(context).map_err(|error| self.record.failure(error))
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        if call.times.deadline.has_passed() {
            let late = AttemptFailure::last(LlmError::Deadline);
            return Box::pin(async { Err(late) });
        }
        call.times.attempts.begin(&self.record.upstream);
        let record = self.record.clone();
        let (failures, failed) = (Arc::clone(&call.times.failures), Arc::clone(&call.failed));
        let answer = self.inner.call(call);
        Box::pin(async move {
            let mut attempt = Attempt { record: &record, outcome: "cancelled" };
            match answer.await {
                Ok(answer) => {
                    attempt.outcome = answer.outcome();
                    Ok(answer)
                }
                Err(error) => {
                    let failure = record.failure(error);
                    let reason = failure.error.failure();
                    attempt.outcome = reason.as_str();
                    failures.set(reason);
                    failed.note(failure.error.clone());
                    tracing::info!(
                        model = &*record.model,
                        upstream = &*record.upstream,
                        error = %failure.error,
                        "an attempt failed"
                    );
                    Err(failure)
                }
            }
        })
    }
}

/// An attempt under way; counted when it ends, by being dropped at the latest.
struct Attempt<'a> {
    record: &'a RecordLayer,
    outcome: &'static str,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        metrics::attempt(&self.record.upstream, &self.record.model, self.outcome);
    }
}
