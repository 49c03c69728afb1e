//! What one rerank may consume.

use crate::domain::Usage;

/// Limits of one rerank; an absent one is off, and 0 allows nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Most calls, failed ones included.
    pub calls: Option<u32>,
    /// Most tokens that the model reads.
    pub input_tokens: Option<u64>,
    /// Most US dollars, by the model's configured prices.
    pub usd: Option<f64>,
}

impl Budget {
    /// Whether so much stays within it.
    #[must_use]
    pub fn allows(&self, calls: u32, spent: Usage) -> bool {
        self.calls.is_none_or(|most| calls <= most)
            && self.input_tokens.is_none_or(|most| spent.input_tokens <= most)
            && self.usd.is_none_or(|most| spent.cost_usd <= most)
    }

    /// Whether tokens have to be counted before a call.
    #[must_use]
    pub const fn counts_tokens(&self) -> bool {
        self.input_tokens.is_some() || self.usd.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_limit_is_off_and_zero_allows_nothing() {
        let usage = Usage { input_tokens: 100, output_tokens: 10, cost_usd: 0.5 };
        assert!(Budget::default().allows(1000, usage));
        assert!(Budget { calls: Some(3), ..Budget::default() }.allows(3, usage));
        assert!(!Budget { calls: Some(0), ..Budget::default() }.allows(1, usage));
        assert!(!Budget { input_tokens: Some(99), ..Budget::default() }.allows(1, usage));
        assert!(Budget { usd: Some(0.5), ..Budget::default() }.allows(1, usage));
        assert!(!Budget { usd: Some(0.4), ..Budget::default() }.allows(1, usage));
    }
}
