//! How a call waits between its attempts.

use std::time::Duration;

use tower::util::rng::{HasherRng, Rng};

/// Waits of a call that somebody waits for, and of one that nobody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Short waits, for as long as deadline, budget and the upstream's
    /// `max_attempts` allow.
    Prompt,
    /// Long waits, bounded by their number.
    Patient(Patience),
}

/// How patient a call is that has no deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// Most attempts on one upstream, whatever its `max_attempts`.
    pub attempts: u32,
    /// Shortest and longest wait before the same upstream is tried again.
    pub backoff: (Duration, Duration),
    /// The longest wait that an upstream may ask for.
    pub longest_asked: Duration,
}

impl Patience {
    /// About three minutes in all: limits on a minute's requests or tokens pass
    /// within it, and so does the restart of a server.
    pub const OF_INDEXING: Self = Self {
        attempts: 10,
        backoff: (Duration::from_millis(500), Duration::from_mins(1)),
        longest_asked: Duration::from_mins(10),
    };
}

impl Pace {
    const PROMPT_BACKOFF: (Duration, Duration) =
        (Duration::from_millis(100), Duration::from_secs(5));

    /// Most attempts on an upstream that has `max_attempts`.
    pub const fn attempts(self, max_attempts: u32) -> u32 {
        match self {
            Self::Prompt => max_attempts,
            Self::Patient(patience) => patience.attempts,
        }
    }

    /// The wait before an upstream is tried again after so many failed attempts
    /// there, the first one counted as 0: growing, with jitter.
    pub fn backoff(self, repeats: u32) -> Duration {
        let (shortest, longest) = self.bounds();
        let full = shortest.saturating_mul(2u32.saturating_pow(repeats)).min(longest);
        full.mul_f64(0.5 + 0.5 * HasherRng::default().next_f64())
    }

    /// The wait before a retry that the budget has no room for; `None`: there is
    /// none. A retry after the longest wait multiplies no trouble.
    pub fn without_budget(self) -> Option<Duration> {
        match self {
            Self::Prompt => None,
            Self::Patient(_) => Some(self.backoff(u32::MAX)),
        }
    }

    /// The longest wait that an upstream may ask for; `None`: until the
    /// deadline.
    pub const fn longest_asked(self) -> Option<Duration> {
        match self {
            Self::Prompt => None,
            Self::Patient(patience) => Some(patience.longest_asked),
        }
    }

    const fn bounds(self) -> (Duration, Duration) {
        match self {
            Self::Prompt => Self::PROMPT_BACKOFF,
            Self::Patient(patience) => patience.backoff,
        }
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    const PATIENT: Pace = Pace::Patient(Patience::OF_INDEXING);

    #[test_case(Pace::Prompt, 0, 50, 100 ; "prompt at first")]
    #[test_case(Pace::Prompt, 1, 100, 200 ; "prompt then")]
    #[test_case(Pace::Prompt, 4, 800, 1600 ; "prompt later")]
    #[test_case(Pace::Prompt, 98, 2500, 5000 ; "prompt at last")]
    #[test_case(PATIENT, 0, 250, 500 ; "patient at first")]
    #[test_case(PATIENT, 3, 2000, 4000 ; "patient later")]
    #[test_case(PATIENT, 98, 30_000, 60_000 ; "patient at last")]
    fn waits_grow_up_to_a_limit(pace: Pace, repeats: u32, least_ms: u64, most_ms: u64) {
        let range = Duration::from_millis(least_ms)..=Duration::from_millis(most_ms);
        for _ in 0..100 {
            let wait = pace.backoff(repeats);
            assert!(range.contains(&wait), "{wait:?}");
        }
    }

    #[test]
    fn only_patience_waits_for_the_budget() {
        assert_eq!(Pace::Prompt.without_budget(), None);
        assert!(PATIENT.without_budget().unwrap() >= Duration::from_secs(30));
    }
}
