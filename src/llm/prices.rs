//! What calls cost.

use crate::domain::Usage;

/// What a model's tokens cost, in US dollars for a million.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prices {
    /// For a million tokens that it reads.
    pub input_usd_per_mtok: f64,
    /// For a million tokens that it writes.
    pub output_usd_per_mtok: f64,
}

impl Prices {
    /// So many tokens with their price.
    #[must_use]
    pub fn usage(self, input_tokens: u64, output_tokens: u64) -> Usage {
        let usd = |tokens: u64, per_mtok: f64| tokens as f64 * per_mtok / 1e6;
        let cost_usd = usd(input_tokens, self.input_usd_per_mtok)
            + usd(output_tokens, self.output_usd_per_mtok);
        Usage { input_tokens, output_tokens, cost_usd }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_for_a_million_tokens() {
        let prices = Prices { input_usd_per_mtok: 0.25, output_usd_per_mtok: 2.0 };
        let usage = prices.usage(2_000_000, 500_000);
        assert!((usage.cost_usd - 1.5).abs() < 1e-12, "{}", usage.cost_usd);
        assert_eq!((usage.input_tokens, usage.output_tokens), (2_000_000, 500_000));
    }
}
