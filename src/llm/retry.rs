//! Whether, where and when a call is tried again.

use std::sync::Arc;

use tokio::time::{Instant, Sleep, sleep_until};
use tower::retry::Policy;

use super::attempt::{Again, AttemptFailure, Call, Tried};
use super::pace::Pace;
use super::retry_budget::RetryBudget;

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
    fn next<R>(
        &self,
        call: &mut Call<R>,
        failure: &AttemptFailure,
        now: Instant,
    ) -> Option<Instant> {
        note(call, failure, self.targets.len(), now);
        if failure.again == Again::Nowhere {
            return None;
        }
        let in_time = |start: &Instant| *start < call.times.deadline.instant();
        let count = self.targets.len();
        let (upstream, start) = (1..=count)
            .map(|step| (call.upstream + step) % count)
            .filter(|&upstream| self.may_try(upstream, call))
            .map(|upstream| (upstream, start(&call.tried[upstream], call.pace, now)))
            .find(|(_, start)| in_time(start))?;
        let budget = &self.targets[upstream].budget;
        let start = if call.tried[upstream].attempts == 0 {
            // The budget keeps trouble from being multiplied where it is; passing a
            // call on to an upstream that hasn't seen it is what that one is for.
            budget.earn(now);
            start
        } else if budget.spend(now) {
            start
        } else {
            Some(start.max(now + call.pace.without_budget()?)).filter(in_time)?
        };
        call.upstream = upstream;
        Some(start)
    }

    fn may_try<R>(&self, upstream: usize, call: &Call<R>) -> bool {
        let Tried { attempts, given_up, .. } = call.tried[upstream];
        !given_up && attempts < call.pace.attempts(self.targets[upstream].max_attempts)
    }
}

fn note<R>(call: &mut Call<R>, failure: &AttemptFailure, upstreams: usize, now: Instant) {
    call.tried.resize(upstreams, Tried::default());
    let tried = &mut call.tried[call.upstream];
    tried.attempts += 1;
    tried.given_up |= failure.again != Again::Anywhere;
    let Some(wait) = failure.retry_after else { return };
    // A time too far away to be one is never.
    match now
        .checked_add(wait)
        .filter(|_| call.pace.longest_asked().is_none_or(|most| wait <= most))
    {
        Some(not_before) => tried.not_before = Some(not_before),
        None => tried.given_up = true,
    }
}

/// When an upstream may be tried: one that hasn't failed at once, another after
/// a growing wait with jitter, and not before it asked to be.
fn start(tried: &Tried, pace: Pace, now: Instant) -> Instant {
    let Some(repeats) = tried.attempts.checked_sub(1) else { return now };
    let backed_off = now + pace.backoff(repeats);
    tried.not_before.map_or(backed_off, |not_before| not_before.max(backed_off))
}

impl<R, A> Policy<Call<R>, A, AttemptFailure> for RetryPolicy {
    type Future = Sleep;

    fn retry(
        &mut self,
        call: &mut Call<R>,
        result: &mut Result<A, AttemptFailure>,
    ) -> Option<Sleep> {
        let failure = result.as_ref().err()?;
        self.next(call, failure, Instant::now()).map(sleep_until)
    }

    /// Called before each attempt; the first one of a call earns retries.
    fn clone_request(&mut self, call: &Call<R>) -> Option<Call<R>> {
        if call.tried.is_empty() {
            self.targets[call.upstream].budget.earn(Instant::now());
        }
        Some(call.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::Deadline;
    use crate::llm::pace::Patience;
    use crate::llm::{CallTimes, LlmError};

    fn call(deadline_ms: u64) -> Call<()> {
        paced(deadline_ms, Pace::Prompt)
    }

    fn paced(deadline_ms: u64, pace: Pace) -> Call<()> {
        let times = CallTimes::until(Deadline::after(Duration::from_millis(deadline_ms)));
        Call::new((), times, pace)
    }

    const PATIENT: Pace = Pace::Patient(Patience::OF_INDEXING);

    /// The call as its first attempt gets it.
    fn begun(policy: &mut RetryPolicy, call: &Call<()>) -> Call<()> {
        Policy::<_, (), _>::clone_request(policy, call).unwrap()
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
    fn path(policy: &RetryPolicy, call: &mut Call<()>, failure: &AttemptFailure) -> Vec<usize> {
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
        let wait = Duration::from_millis(50)..=Duration::from_millis(100);
        assert!(wait.contains(&(again - now)), "{:?}", again - now);
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
            let mut call = begun(&mut policy, &call(60_000));
            assert_eq!(path(&policy, &mut call, &broken()), [0, 1]);
        }
    }

    #[test]
    fn when_everything_fails_attempts_stay_within_the_budget() {
        let mut policy = policy(1, 3);
        let mut attempts = 0;
        for _ in 0..1000 {
            let mut call = begun(&mut policy, &call(60_000));
            attempts += path(&policy, &mut call, &broken()).len();
        }
        // A tenth, five at once, and a little for the time that the loop takes.
        assert!((1100..=1200).contains(&attempts), "{attempts}");
    }

    #[test]
    fn patience_has_attempts_of_its_own() {
        let week_ms = 7 * 86_400_000;
        assert_eq!(path(&policy(1, 3), &mut paced(week_ms, PATIENT), &broken()), [0; 10]);
    }

    #[test]
    fn patience_waits_as_long_as_asked_but_not_for_ever() {
        let (policy, now) = (policy(1, 3), Instant::now());
        let week_ms = 7 * 86_400_000;
        let minutes = |minutes: u64| limited(minutes * 60_000);
        let asked = policy.next(&mut paced(week_ms, PATIENT), &minutes(10), now);
        assert_eq!(asked, Some(now + Duration::from_mins(10)));
        assert_eq!(policy.next(&mut paced(week_ms, PATIENT), &minutes(11), now), None);
    }

    #[test]
    fn without_budget_patience_waits_longest_and_the_prompt_give_up() {
        let (policy, now) = (policy(1, 3), Instant::now());
        while policy.targets[0].budget.spend(now) {}
        assert_eq!(policy.next(&mut call(60_000), &broken(), now), None);
        let start = policy.next(&mut paced(120_000, PATIENT), &broken(), now).unwrap();
        let wait = Duration::from_secs(30)..=Duration::from_mins(1);
        assert!(wait.contains(&(start - now)), "{:?}", start - now);
        assert_eq!(policy.next(&mut paced(20_000, PATIENT), &broken(), now), None);
    }
}
