//! Passes an attempt to the upstream that the call names.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tower::{Service, ServiceExt};

use crate::llm::attempt::{AttemptFailure, Call};
use crate::llm::stack::UpstreamStack;

/// A model's upstreams in failover order.
pub(in crate::llm) struct Failover<R, A> {
    upstreams: Arc<[UpstreamStack<R, A>]>,
}

impl<R, A> Failover<R, A> {
    pub const fn new(upstreams: Arc<[UpstreamStack<R, A>]>) -> Self {
        Self { upstreams }
    }
}

/// Not derived: that would ask the same of `R` and `A`.
impl<R, A> Clone for Failover<R, A> {
    fn clone(&self) -> Self {
        Self { upstreams: Arc::clone(&self.upstreams) }
    }
}

impl<R, A> Service<Call<R>> for Failover<R, A>
where
    R: Send + Sync + 'static,
    A: Send + 'static,
{
    type Response = A;
    type Error = AttemptFailure;
    type Future = BoxFuture<'static, Result<A, AttemptFailure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AttemptFailure>> {
        // Which upstream it will be shows only in the call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        let upstream = self.upstreams[call.upstream].clone();
        Box::pin(upstream.oneshot(call))
    }
}
