//! Whether, where and when a call is tried again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use tower::retry::Policy;
use tower::util::rng::{HasherRng, Rng};

use super::attempt::{Again, AttemptFailure, Call, Tried};
use super::completion::Answer;
use super::retry_budget::RetryBudget;

/// Shortest and longest wait before the same upstream is tried again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What the policy knows of an upstream.
#[derive(Clone)]
pub(super) struct Target {
    pub max_attempts: u32,
    /// Shared by every model on the upstream.
    pub budget: Arc<RetryBudget>,
}

/// The retry policy of one model.
#[derive(Clone)]
pub(super) struct RetryPolicy {
    targets: Arc<[Target]>,
}

impl RetryPolicy {
    pub const fn new(targets: Arc<[Target]>) -> Self {
        Self { targets }
    }

    /// Decides on the next attempt of `call` after `failure`, noting both in
    /// it; `None`: the failure stands.
    fn next(&self, call: &mut Call, failure: &AttemptFailure, now: Instant) -> Option<Instant> {
        let deadline = call.times.deadline.instant();
        note(call, failure, self.targets.len(), now);
        if failure.again == Again::Nowhere {
            return None;
        }
        let count = self.targets.len();
        let (upstream, start) = (1..=count)
            .map(|step| (call.upstream + step) % count)
            .filter(|&upstream| self.may_try(upstream, &call.tried))
            .map(|upstream| (upstream, start(&call.tried[upstream], now)))
            .find(|&(_, start)| start < deadline)?;
        let budget = &self.targets[upstream].budget;
        if call.tried[upstream].attempts == 0 {
            // The budget keeps trouble from being multiplied where it is; passing a
            // call on to an upstream that hasn't seen it is what that one is for.
            budget.earn(now);
        } else if !budget.spend(now) {
            return None;
        }
        call.upstream = upstream;
        Some(start)
    }

    fn may_try(&self, upstream: usize, tried: &[Tried]) -> bool {
        let Tried { attempts, given_up, .. } = tried[upstream];
        !given_up && attempts < self.targets[upstream].max_attempts
    }
}

fn note(call: &mut Call, failure: &AttemptFailure, upstreams: usize, now: Instant) {
    call.tried.resize(upstreams, Tried::default());
    let tried = &mut call.tried[call.upstream];
    tried.attempts += 1;
    tried.given_up |= failure.again != Again::Anywhere;
    // A time too far away to be one is never.
    match failure.retry_after.map(|wait| now.checked_add(wait)) {
        Some(None) => tried.given_up = true,
        Some(not_before) => tried.not_before = not_before,
        None => {}
    }
}

/// When an upstream may be tried: one that hasn't failed at once, another after
/// a growing wait with jitter, and not before it asked to be.
fn start(tried: &Tried, now: Instant) -> Instant {
    let Some(repeats) = tried.attempts.checked_sub(1) else { return now };
    let (shortest, longest) = BACKOFF;
    let full = shortest.saturating_mul(2u32.saturating_pow(repeats)).min(longest);
    let wait = full.mul_f64(0.5 + 0.5 * HasherRng::default().next_f64());
    let backed_off = now + wait;
    tried.not_before.map_or(backed_off, |not_before| not_before.max(backed_off))
}

impl Policy<Call, Answer, AttemptFailure> for RetryPolicy {
    type Future = Sleep;

    fn retry(
        &mut self,
        call: &mut Call,
        result: &mut Result<Answer, AttemptFailure>,
    ) -> Option<Sleep> {
        let failure = result.as_ref().err()?;
        self.next(call, failure, Instant::now()).map(sleep_until)
    }

    /// Called before each attempt; the first one of a call earns retries.
    fn clone_request(&mut self, call: &Call) -> Option<Call> {
        if call.tried.is_empty() {
            self.targets[call.upstream].budget.earn(Instant::now());
        }
        Some(call.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Deadline;
    use crate::llm::{CallTimes, ChatRequest, LlmError, OutputFormat};

    fn call(deadline_ms: u64) -> Call {
        let request = ChatRequest {
            system: String::new(),
            user: String::new(),
            output: OutputFormat::Text,
            max_output_tokens: 1,
            top_logprobs: None,
            seed: None,
        };
        Call::new(request, CallTimes::until(Deadline::after(Duration::from_millis(deadline_ms))))
    }

    fn policy(upstreams: usize, max_attempts: u32) -> RetryPolicy {
        let budget = || Arc::new(RetryBudget::new(Instant::now()));
        let targets = (0..upstreams).map(|_| Target { max_attempts, budget: budget() });
        RetryPolicy::new(targets.collect())
    }

    fn broken() -> AttemptFailure {
        AttemptFailure::upstream(&"u".into(), "broken")
    }

    fn limited(wait_ms: u64) -> AttemptFailure {
        AttemptFailure::rate_limited(&"u".into(), Some(Duration::from_millis(wait_ms)))
    }

    /// The upstreams that a call goes to while each attempt fails alike.
    fn path(policy: &RetryPolicy, call: &mut Call, failure: &AttemptFailure) -> Vec<usize> {
        let mut path = vec![call.upstream];
        while policy.next(call, failure, Instant::now()).is_some() {
            path.push(call.upstream);
        }
        path
    }

    #[test]
    fn a_lone_upstream_gets_its_attempts_and_no_more() {
        assert_eq!(path(&policy(1, 3), &mut call(60_000), &broken()), [0, 0, 0]);
        assert_eq!(path(&policy(1, 1), &mut call(60_000), &broken()), [0]);
    }

    #[test]
    fn attempts_go_round() {
        assert_eq!(path(&policy(3, 2), &mut call(60_000), &broken()), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn a_rejection_is_not_repeated_where_it_came_from() {
        let rejected = AttemptFailure::rejected(&"u".into(), "status 401");
        assert_eq!(path(&policy(2, 3), &mut call(60_000), &rejected), [0, 1]);
    }

    #[test]
    fn a_call_that_is_wrong_itself_is_not_repeated() {
        let overflow = AttemptFailure::last(LlmError::ContextOverflow);
        assert_eq!(path(&policy(2, 3), &mut call(60_000), &overflow), [0]);
    }

    #[test]
    fn another_upstream_is_tried_at_once_and_the_same_after_a_wait() {
        let (policy, mut call, now) = (policy(2, 3), call(60_000), Instant::now());
        assert_eq!(policy.next(&mut call, &broken(), now), Some(now));
        let again = policy.next(&mut call, &broken(), now).unwrap();
        assert!(again >= now + BACKOFF.0 / 2 && again <= now + BACKOFF.0);
    }

    #[test]
    fn waits_grow_up_to_a_limit() {
        let now = Instant::now();
        for (attempts, least_ms, most_ms) in
            [(1, 50, 100), (2, 100, 200), (5, 800, 1600), (99, 2500, 5000)]
        {
            let wait = start(&Tried { attempts, ..Tried::default() }, now) - now;
            let range = Duration::from_millis(least_ms)..=Duration::from_millis(most_ms);
            assert!(range.contains(&wait), "{attempts}: {wait:?}");
        }
    }

    #[test]
    fn what_the_upstream_asks_for_is_honoured_where_it_fits() {
        let (policy, mut call, now) = (policy(1, 3), call(60_000), Instant::now());
        let start = policy.next(&mut call, &limited(5_000), now);
        assert_eq!(start, Some(now + Duration::from_secs(5)));
    }

    #[test]
    fn no_attempt_starts_after_the_deadline() {
        assert_eq!(path(&policy(1, 3), &mut call(1_000), &limited(2_000)), [0]);
        assert_eq!(path(&policy(1, 3), &mut call(1_000), &limited(u64::MAX)), [0]);
        assert_eq!(path(&policy(1, 3), &mut call(0), &broken()), [0]);
    }

    #[test]
    fn a_limited_upstream_does_not_keep_others_from_being_tried() {
        assert_eq!(path(&policy(2, 3), &mut call(1_000), &limited(2_000)), [0, 1]);
    }

    #[test]
    fn passing_calls_on_needs_no_budget() {
        let mut policy = policy(2, 1);
        for _ in 0..1000 {
            let mut call = policy.clone_request(&call(60_000)).unwrap();
            assert_eq!(path(&policy, &mut call, &broken()), [0, 1]);
        }
    }

    #[test]
    fn when_everything_fails_attempts_stay_within_the_budget() {
        let mut policy = policy(1, 3);
        let mut attempts = 0;
        for _ in 0..1000 {
            let mut call = policy.clone_request(&call(60_000)).unwrap();
            attempts += path(&policy, &mut call, &broken()).len();
        }
        // A tenth, five at once, and a little for the time that the loop takes.
        assert!((1100..=1200).contains(&attempts), "{attempts}");
    }
}
