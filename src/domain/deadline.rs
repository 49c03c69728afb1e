//! The instant by which an answer has to be complete.

use std::time::Duration;

use tokio::time::Instant;

/// A point in time on the monotonic clock. Passed down a request, so that each
/// step spends what is left rather than a time of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline `duration` from now.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self::at(Instant::now() + duration)
    }

    /// The deadline at `instant`.
    #[must_use]
    pub const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// This deadline moved by `duration` into the future.
    #[must_use]
    pub fn later_by(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }

    /// This deadline moved by `duration` towards now.
    #[must_use]
    pub fn earlier_by(self, duration: Duration) -> Self {
        Self(self.0.checked_sub(duration).unwrap_or(self.0))
    }

    /// What is left of it; zero once it has passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    #[must_use]
    pub fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }

    /// The instant itself, for timers.
    #[must_use]
    pub const fn instant(self) -> Instant {
        self.0
    }
}
