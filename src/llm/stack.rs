//! The layers between a model and its upstreams. Each line says why it stands
//! where it stands; requests go down, answers come up.

use std::sync::Arc;
use std::time::Duration;

use tower::retry::RetryLayer;
use tower::timeout::TimeoutLayer;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceBuilder};

use super::LlmError;
use super::attempt::{Answered, AttemptFailure, Call};
use super::in_flight::InFlight;
use super::layers::{DeadlineLayer, Failover, InFlightLayer, RecordLayer};
use super::retry::{RetryPolicy, Target};

/// The service that answers calls to a model: an `A` for an `R`.
pub(super) type ModelStack<R, A> = BoxCloneSyncService<Call<R>, A, LlmError>;

/// The service that makes one attempt on one upstream.
pub(super) type UpstreamStack<R, A> = BoxCloneSyncService<Call<R>, A, AttemptFailure>;

/// What surrounds all of a model's upstreams, outermost first.
pub(super) fn model_stack<R, A>(
    in_flight: &InFlight,
    targets: Arc<[Target]>,
    upstreams: Arc<[UpstreamStack<R, A>]>,
) -> ModelStack<R, A>
where
    R: Send + Sync + 'static,
    A: Send + 'static,
{
    let stack = ServiceBuilder::new()
        // Outermost, so that callers see the closed set of errors and nothing else.
        .map_err(|failure: AttemptFailure| failure.error)
        // Sheds what the queue can't hold and lets the rest wait for a place. Outside
        // the retries: a call keeps its place, and waiting never delays a retry.
        .layer(InFlightLayer::new(in_flight.clone()))
        // Around the retries, which would otherwise each get the whole time.
        .layer(DeadlineLayer)
        // Inside the deadline, and around the choice of upstream, which a retry changes.
        .layer(RetryLayer::new(RetryPolicy::new(targets)))
        // Innermost: one attempt, on the upstream that the retry policy chose.
        .service(Failover::new(upstreams));
    BoxCloneSyncService::new(stack)
}

/// What surrounds one upstream of a model, outermost first.
pub(super) fn upstream_stack<C, R>(
    client: C,
    upstream: &Arc<str>,
    model: &Arc<str>,
    attempt_timeout: Duration,
) -> UpstreamStack<R, C::Response>
where
    C: Service<Call<R>, Error = BoxError> + Clone + Send + Sync + 'static,
    C::Future: Send + 'static,
    C::Response: Answered + Send + 'static,
    R: Send + Sync + 'static,
{
    let stack = ServiceBuilder::new()
        // Outermost of an attempt, so that it sees every end of it, timeouts and
        // abandoned ones included.
        .layer(RecordLayer::new(upstream, model, attempt_timeout))
        // Directly around the client, whose future ends with the whole body read.
        .layer(TimeoutLayer::new(attempt_timeout))
        .service(client);
    BoxCloneSyncService::new(stack)
}
