//! How long a run would take.

use std::time::Duration;

use super::runner::{Row, SIDE_BY_SIDE};

/// The time of a call: a base, and so much for each token read and written.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// What every call takes.
    pub base: Duration,
    /// More for each token of the prompt.
    pub per_input_token: Duration,
    /// More for each token of the reply.
    pub per_output_token: Duration,
}

impl Pace {
    /// How long it takes to ask all of this, where every answer makes at most
    /// `parallel` calls side by side: rounds of calls follow one another, and
    /// explanations follow the ranking.
    #[must_use]
    pub fn run(&self, rows: &[Row], parallel: usize) -> Duration {
        let all: f64 = rows.iter().map(|row| self.answer(row, parallel)).sum();
        Duration::try_from_secs_f64(all / SIDE_BY_SIDE as f64).unwrap_or(Duration::MAX)
    }

    /// Seconds to one answer.
    fn answer(&self, row: &Row, parallel: usize) -> f64 {
        let explaining = row.explain.as_ref().map_or(0, |it| it.calls);
        let calls = row.calls + explaining;
        if calls == 0 {
            return 0.0;
        }
        let parallel = parallel.max(1) as f64;
        let waves = |calls: u32, rounds: u32| {
            let rounds = f64::from(rounds.max(1));
            rounds * (f64::from(calls) / rounds / parallel).ceil()
        };
        let of_tokens = self.per_input_token.as_secs_f64() * row.usage.input_tokens as f64
            + self.per_output_token.as_secs_f64() * row.usage.output_tokens as f64;
        let call = self.base.as_secs_f64() + of_tokens / f64::from(calls);
        call * (waves(row.calls, row.rounds) + waves(explaining, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Repairs, Usage};

    fn row(calls: u32, rounds: u32) -> Row {
        Row {
            query: "q".into(),
            variant: "v".into(),
            repeat: 1,
            status: "llm",
            reason: None,
            order: Vec::new(),
            first_stage_ranks: Vec::new(),
            calls,
            rounds,
            failed_calls: 0,
            repairs: Repairs::default(),
            usage: Usage {
                input_tokens: 1000 * u64::from(calls),
                output_tokens: 100 * u64::from(calls),
                cost_usd: 0.0,
            },
            latency_ms: 0.0,
            explain: None,
        }
    }

    #[test]
    fn calls_of_a_round_go_side_by_side_and_rounds_one_after_the_other() {
        // A second a call.
        let pace = Pace {
            base: Duration::from_millis(150),
            per_input_token: Duration::from_micros(50),
            per_output_token: Duration::from_millis(8),
        };
        let seconds = |rows: &[Row], parallel| pace.run(rows, parallel).as_secs_f64() * 4.0;
        for (calls, rounds, parallel, expected) in
            [(0, 0, 4, 0.0), (1, 1, 4, 1.0), (4, 1, 4, 1.0), (5, 1, 4, 2.0), (6, 3, 4, 3.0)]
        {
            let found = seconds(&[row(calls, rounds)], parallel);
            assert!((found - expected).abs() < 1e-6, "{calls} in {rounds}: {found}");
        }
        assert!((seconds(&[row(1, 1), row(2, 2)], 1) - 3.0).abs() < 1e-6);
    }
}
