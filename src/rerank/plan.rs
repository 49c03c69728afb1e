//! `auto`: the richest arrangement that the time, calls, tokens and money left
//! allow.

use std::time::Duration;

use super::arrangement::{Arrangement, Terms};
use super::budget::Budget;
use super::strategy::Shape;
use crate::domain::Failure;
use crate::llm::Prices;

/// What a rerank may take, and what a call is expected to take.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// Time to the answer.
    pub time: Duration,
    /// What nine of ten calls with a full window took lately.
    pub p90: Duration,
    /// Most calls side by side.
    pub parallel: usize,
    /// What may be consumed.
    pub budget: Budget,
    /// What the model's tokens cost.
    pub prices: Prices,
    /// Tokens of a passage, at most or on average.
    pub tokens_per_passage: u64,
    /// Tokens of a call without passages.
    pub tokens_per_call: u64,
}

/// Tokens that a listwise reply takes for each document that it names.
const TOKENS_PER_LABEL: u64 = 4;

/// Listwise arrangements, the richest first: by nDCG@10 on top of the classical
/// order where nothing is short (`docs/strategies.md`).
pub const LADDER: [Arrangement; 7] = [
    Arrangement::Refine { rounds: 3 },
    Arrangement::Refine { rounds: 2 },
    Arrangement::Blocks { replicas: 4 },
    Arrangement::TopDown,
    Arrangement::Blocks { replicas: 2 },
    Arrangement::Blocks { replicas: 1 },
    Arrangement::Single,
];

/// Picks an arrangement for so many candidates.
///
/// # Errors
/// [`Failure::Deadline`] where the time has no room for a single call,
/// [`Failure::BudgetExhausted`] where something else hasn't.
pub fn plan(candidates: usize, terms: &Terms, means: &Means) -> Result<Arrangement, Failure> {
    // Where everything fits one window, a partition of it is the same window in
    // a worse order.
    let idle = |arrangement: &Arrangement| {
        *arrangement == Arrangement::Blocks { replicas: 1 } && candidates <= terms.window
    };
    let in_time: Vec<(Arrangement, Shape)> = LADDER
        .into_iter()
        .filter(|arrangement| !idle(arrangement))
        .map(|arrangement| (arrangement, arrangement.strategy(terms).shape(candidates)))
        .filter(|(_, shape)| means.takes(shape) <= means.time)
        .collect();
    if in_time.is_empty() {
        return Err(Failure::Deadline);
    }
    let affordable = |shape: &Shape| means.affords(shape, terms);
    in_time
        .into_iter()
        .find(|(_, shape)| affordable(shape))
        .map(|(arrangement, _)| arrangement)
        .ok_or(Failure::BudgetExhausted)
}

impl Means {
    /// Time of all rounds, where each of their calls is as slow as nine of ten
    /// are at most.
    fn takes(&self, shape: &Shape) -> Duration {
        let per_round = shape.calls.div_ceil(shape.rounds.max(1));
        let waves = per_round.div_ceil(u32::try_from(self.parallel.max(1)).unwrap_or(u32::MAX));
        self.p90.saturating_mul(shape.rounds).saturating_mul(waves)
    }

    fn affords(&self, shape: &Shape, terms: &Terms) -> bool {
        let input = u64::from(shape.calls) * self.tokens_per_call
            + shape.passages as u64 * self.tokens_per_passage;
        let named = terms.top_n.unwrap_or(terms.window).min(terms.window) as u64;
        let output = u64::from(shape.calls) * named * TOKENS_PER_LABEL;
        self.budget.allows(shape.calls, self.prices.usage(input, output))
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    const TERMS: Terms = Terms { window: 20, top_n: Some(10), max_calls: None, seed: 1 };

    fn means() -> Means {
        Means {
            time: Duration::from_mins(1),
            p90: Duration::from_secs(1),
            parallel: 20,
            budget: Budget::default(),
            prices: Prices { input_usd_per_mtok: 1.0, output_usd_per_mtok: 4.0 },
            tokens_per_passage: 80,
            tokens_per_call: 200,
        }
    }

    #[test_case(60_000, "refine 3" ; "plenty")]
    #[test_case(3_000, "refine 3" ; "three calls")]
    #[test_case(2_000, "refine 2" ; "two calls")]
    #[test_case(1_000, "blocks 4" ; "one call")]
    fn the_richest_that_fits_the_time(millis: u64, name: &str) {
        let means = Means { time: Duration::from_millis(millis), ..means() };
        let chosen = plan(100, &TERMS, &means).unwrap();
        assert_eq!(format!("{} {}", chosen.name(), chosen.setting()), name);
    }

    #[test]
    fn nothing_fits_where_a_call_does_not() {
        let means = Means { time: Duration::from_millis(999), ..means() };
        assert_eq!(plan(100, &TERMS, &means), Err(Failure::Deadline));
    }

    #[test]
    fn fewer_calls_side_by_side_take_more_time() {
        let means = Means { time: Duration::from_millis(2500), parallel: 4, ..means() };
        assert_eq!(plan(100, &TERMS, &means), Ok(Arrangement::Blocks { replicas: 1 }));
    }

    #[test_case(Budget { calls: Some(9), ..Budget::default() }, "refine 2" ; "calls")]
    #[test_case(Budget { input_tokens: Some(16_000), ..Budget::default() }, "topdown 0" ; "fewer tokens")]
    #[test_case(Budget { calls: Some(1), ..Budget::default() }, "single 0" ; "one call")]
    #[test_case(Budget { input_tokens: Some(9_500), ..Budget::default() }, "blocks 1" ; "tokens")]
    #[test_case(Budget { usd: Some(0.004), ..Budget::default() }, "single 0" ; "money")]
    fn the_richest_that_can_be_afforded(budget: Budget, name: &str) {
        let chosen = plan(100, &TERMS, &Means { budget, ..means() }).unwrap();
        assert_eq!(format!("{} {}", chosen.name(), chosen.setting()), name);
    }

    #[test]
    fn nothing_is_chosen_where_nothing_is_allowed() {
        let budget = Budget { calls: Some(0), ..Budget::default() };
        let means = Means { budget, ..means() };
        assert_eq!(plan(100, &TERMS, &means), Err(Failure::BudgetExhausted));
    }
}
