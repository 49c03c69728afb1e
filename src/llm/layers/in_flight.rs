//! Holds a call back while too many are in flight.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tower::{Layer, Service, ServiceExt};

use crate::llm::LlmError;
use crate::llm::attempt::{AttemptFailure, Call};
use crate::llm::in_flight::InFlight;

/// Lets a call through when it gets a place, and fails it as overloaded when
/// the queue is full or its deadline comes first. Not tower's load shed around
/// its concurrency limit: together they refuse instead of waiting, and the limit
/// can't change.
#[derive(Clone)]
pub(in crate::llm) struct InFlightLayer {
    limit: InFlight,
}

impl InFlightLayer {
    pub const fn new(limit: InFlight) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for InFlightLayer {
    type Service = InFlightService<S>;

    fn layer(&self, inner: S) -> InFlightService<S> {
        InFlightService { limit: self.limit.clone(), inner }
    }
}

/// See [`InFlightLayer`].
#[derive(Clone)]
pub(in crate::llm) struct InFlightService<S> {
    limit: InFlight,
    inner: S,
}

impl<S, R> Service<Call<R>> for InFlightService<S>
where
    S: Service<Call<R>, Error = AttemptFailure> + Clone + Send + 'static,
    S::Future: Send + 'static,
    R: Send + Sync + 'static,
{
    type Response = S::Response;
    type Error = AttemptFailure;
    type Future = BoxFuture<'static, Result<S::Response, AttemptFailure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AttemptFailure>> {
        // Waiting happens in the call, which knows its deadline.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        let limit = self.limit.clone();
        let inner = self.inner.clone();
        Box::pin(async move {
            let place = limit.acquire(call.times.deadline).await;
            let _place = place.map_err(|_| AttemptFailure::last(LlmError::Overloaded))?;
            inner.oneshot(call).await
        })
    }
}
