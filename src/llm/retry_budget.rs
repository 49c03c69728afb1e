//! What retries an upstream is spared.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Retries that every call earns.
const PER_CALL: f64 = 0.1;
/// Retries that come in each second besides.
const PER_SECOND: f64 = 5.0;
/// Retries that can be saved up. With the line above it keeps any second below
/// ten retries more than calls have earned.
const MOST_SAVED: f64 = 5.0;

/// A bucket of retries for one upstream, so that its trouble isn't multiplied:
/// over any time it allows at most a tenth of the calls, five a second and five
/// more. Not tower's budget: under steady traffic its window shrinks to half,
/// and it allows twice what it says.
#[derive(Debug)]
pub(super) struct RetryBudget(Mutex<Saved>);

#[derive(Debug)]
struct Saved {
    retries: f64,
    at: Instant,
}

impl RetryBudget {
    pub fn new(now: Instant) -> Self {
        Self(Mutex::new(Saved { retries: MOST_SAVED, at: now }))
    }

    /// A call goes to the upstream for the first time.
    pub fn earn(&self, now: Instant) {
        self.change(now, PER_CALL);
    }

    /// Takes a retry, if there is one.
    pub fn spend(&self, now: Instant) -> bool {
        self.change(now, -1.0)
    }

    fn change(&self, now: Instant, by: f64) -> bool {
        let mut saved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(saved.at).as_secs_f64();
        saved.at = saved.at.max(now);
        let retries = (saved.retries + passed * PER_SECOND).min(MOST_SAVED) + by;
        let granted = retries >= 0.0;
        saved.retries = if granted { retries } else { retries - by }.min(MOST_SAVED);
        granted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ten_calls_earn_a_retry() {
        let now = Instant::now();
        let budget = RetryBudget::new(now);
        while budget.spend(now) {}
        for _ in 0..11 {
            budget.earn(now);
        }
        assert!(budget.spend(now));
        assert!(!budget.spend(now));
    }

    #[test]
    fn time_fills_it_up_to_a_limit() {
        let start = Instant::now();
        let budget = RetryBudget::new(start);
        let later = start + Duration::from_hours(1);
        let count = |now| std::iter::repeat_with(|| budget.spend(now)).take_while(|&ok| ok).count();
        assert_eq!(count(start), 5);
        assert_eq!(count(start + Duration::from_millis(500)), 2);
        assert_eq!(count(later), 5);
    }

    proptest! {
        /// Whatever the pace of calls that all want retries.
        #[test]
        fn never_allows_more_than_it_says(pauses_ms in prop::collection::vec(0u64..300, 1..400)) {
            let start = Instant::now();
            let budget = RetryBudget::new(start);
            let (mut now, mut retries) = (start, 0);
            for &pause in &pauses_ms {
                now += Duration::from_millis(pause);
                budget.earn(now);
                retries += (0..3).filter(|_| budget.spend(now)).count();
            }
            let seconds = (now - start).as_secs_f64();
            let allowed = 0.1 * pauses_ms.len() as f64 + 5.0 * seconds + 5.0;
            prop_assert!(retries as f64 <= allowed + 1e-6, "{retries} of {allowed}");
        }
    }
}
