//! What a ranking consumed.

use std::ops::{AddAssign, SubAssign};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tokens and money spent on LLM calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Tokens the models read.
    pub input_tokens: u64,
    /// Tokens the models wrote.
    pub output_tokens: u64,
    /// US dollars, by the model's configured prices; 0 where it has none.
    pub cost_usd: f64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.cost_usd += other.cost_usd;
    }
}

/// Takes a part away that was added before.
impl SubAssign for Usage {
    fn sub_assign(&mut self, part: Self) {
        self.input_tokens = self.input_tokens.saturating_sub(part.input_tokens);
        self.output_tokens = self.output_tokens.saturating_sub(part.output_tokens);
        self.cost_usd = (self.cost_usd - part.cost_usd).max(0.0);
    }
}
