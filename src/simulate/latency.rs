//! How long the simulated model takes.

use std::time::Duration;

use rand::RngExt;
use rand_distr::{Distribution, LogNormal};

use super::noise::rng;

/// The time of a call: a base, and so much for each token read and written,
/// times a draw from a log-normal distribution with median 1; a few calls
/// stall on top of that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// What an empty call takes.
    pub base: Duration,
    /// What reading a token takes.
    pub per_input_token: Duration,
    /// What writing a token takes.
    pub per_output_token: Duration,
    /// Standard deviation of the logarithm of the factor; 0 for none.
    pub spread: f64,
    /// Share of calls that stall.
    pub stalls: f64,
    /// How long those take longer.
    pub stall: Duration,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(350),
            per_input_token: Duration::from_micros(50),
            per_output_token: Duration::from_millis(8),
            spread: 0.25,
            stalls: 0.02,
            stall: Duration::from_secs(5),
        }
    }
}

impl Latency {
    /// The time of a call; `seed` and `call` decide the draw.
    #[must_use]
    pub fn of(&self, input_tokens: u64, output_tokens: u64, seed: u64, call: u64) -> Duration {
        let usual = self.base.as_secs_f64()
            + self.per_input_token.as_secs_f64() * input_tokens as f64
            + self.per_output_token.as_secs_f64() * output_tokens as f64;
        let mut drawn = rng(&[b"latency", &seed.to_le_bytes(), &call.to_le_bytes()]);
        let factor = LogNormal::new(0.0, self.spread).map_or(1.0, |f| f.sample(&mut drawn));
        let stalls = drawn.random::<f64>() < self.stalls;
        let took = Duration::try_from_secs_f64(usual * factor).unwrap_or(Duration::MAX);
        took.saturating_add(if stalls { self.stall } else { Duration::ZERO })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_take_their_time() {
        let steady = Latency { spread: 0.0, stalls: 0.0, ..Latency::default() };
        assert_eq!(steady.of(2000, 30, 1, 1).as_millis(), 350 + 100 + 240);
    }

    #[test]
    fn a_call_takes_as_long_each_time_and_a_few_stall() {
        let latency = Latency::default();
        assert_eq!(latency.of(10, 10, 1, 5), latency.of(10, 10, 1, 5));
        assert_ne!(latency.of(10, 10, 1, 5), latency.of(10, 10, 1, 6));
        let stalled =
            (0..5000).filter(|&call| latency.of(0, 0, 1, call) > Duration::from_secs(5)).count();
        assert!((50..150).contains(&stalled), "{stalled}");
    }
}
