//! Passes an attempt to the upstream that the call names.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tower::{Service, ServiceExt};

use crate::llm::attempt::{AttemptFailure, Call};
use crate::llm::completion::Answer;
use crate::llm::stack::UpstreamStack;

/// A model's upstreams in failover order.
#[derive(Clone)]
pub(in crate::llm) struct Failover {
    upstreams: Arc<[UpstreamStack]>,
}

impl Failover {
    pub const fn new(upstreams: Arc<[UpstreamStack]>) -> Self {
        Self { upstreams }
    }
}

impl Service<Call> for Failover {
    type Response = Answer;
    type Error = AttemptFailure;
    type Future = BoxFuture<'static, Result<Answer, AttemptFailure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AttemptFailure>> {
        // Which upstream it will be shows only in the call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let upstream = self.upstreams[call.upstream].clone();
        Box::pin(upstream.oneshot(call))
    }
}
