//! A limit of requests a minute.

use std::num::NonZeroU32;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

/// A bucket that holds as many requests as a minute may have, is full at first
/// and fills evenly.
#[derive(Debug)]
pub(super) struct Bucket {
    capacity: f64,
    left: f64,
    /// When it was filled last.
    filled: Duration,
}

impl Bucket {
    pub fn new(per_minute: NonZeroU32) -> Self {
        let capacity = f64::from(per_minute.get());
        Self { capacity, left: capacity, filled: Duration::ZERO }
    }

    /// Takes a request, `now` by any clock that begins at 0.
    ///
    /// # Errors
    /// When there is none, with the time after which there is one.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let rate = self.capacity / MINUTE.as_secs_f64();
        let passed = now.saturating_sub(self.filled);
        self.left = self.capacity.min(self.left + passed.as_secs_f64() * rate);
        self.filled = self.filled.max(now);
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        Err(Duration::try_from_secs_f64((1.0 - self.left) / rate).unwrap_or(MINUTE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_a_minutes_worth_and_then_as_it_fills() {
        let mut bucket = Bucket::new(NonZeroU32::new(30).unwrap());
        let at = Duration::from_secs;
        assert!((0..30).all(|_| bucket.take(at(5)).is_ok()));
        assert_eq!(bucket.take(at(5)).unwrap_err().as_millis(), 2000);
        assert_eq!(bucket.take(at(6)).unwrap_err().as_millis(), 1000);
        assert!(bucket.take(at(7)).is_ok());
        assert!(bucket.take(at(7)).is_err());
        assert!((0..30).all(|_| bucket.take(at(500)).is_ok()));
        assert!(bucket.take(at(500)).is_err(), "no more than a minute's worth");
        assert!(bucket.take(at(400)).is_err(), "a clock that goes back gives nothing");
    }
}
