//! What had to be mended in an LLM's replies.

use std::ops::AddAssign;

use schemars::JsonSchema;
use serde::Serialize;

/// Mended faults of usable replies, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Repairs {
    /// Labels that were asked for and not given.
    pub missing: u32,
    /// Labels that were given again.
    pub duplicate: u32,
    /// Labels that were never shown.
    pub unknown: u32,
}

impl Repairs {
    /// Whether nothing had to be mended.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for Repairs {
    fn add_assign(&mut self, other: Self) {
        self.missing += other.missing;
        self.duplicate += other.duplicate;
        self.unknown += other.unknown;
    }
}
