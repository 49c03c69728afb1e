//! Reads what a model wrote. Total: whatever the bytes, a reading comes back,
//! in time linear in their number, and labels in it are distinct and among
//! those that were shown.
//!
//! Attempts, in this order, after closed thoughts are stripped: the whole
//! answer as JSON; JSON inside a fence; the first JSON object in prose that
//! has the right shape; what can be saved of broken or cut JSON; bracketed
//! labels `[3] > [1]`; a list with one label a line; for the better of two, a
//! verdict in words. Bare digits in prose are never labels. Full-width and
//! other decimal digits count as digits, superscripts don't.
//!
//! A reading is usable when it has at least half of what was asked for.
//! Anything less is malformed, or refused, truncated or filtered where the
//! answer shows that.

mod answer;
mod collect;
mod explained;
mod graded;
mod json;
mod listwise;
mod mentions;
mod pairwise;
mod pointwise;
mod schema;
mod verdict;

#[cfg(test)]
mod tests;

use crate::domain::{Failure, Repairs};

pub use explained::{Claimed, parse_explained};
pub use graded::{GRADE_MAX, JUDGE_MAX, parse_graded};
pub use listwise::parse_listwise;
pub use pairwise::parse_pairwise;
pub use pointwise::parse_pointwise;
pub use schema::output_format;

/// What a reply turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading<T> {
    /// At least half of what was asked for.
    Usable {
        /// What was read.
        value: T,
        /// What had to be mended on the way.
        repairs: Repairs,
    },
    /// Nothing to rank by.
    Unusable(Unusable),
}

impl<T> Reading<T> {
    /// What was read, with the repairs.
    ///
    /// # Errors
    /// With the reason why there is nothing.
    pub fn into_result(self) -> Result<(T, Repairs), Unusable> {
        match self {
            Self::Usable { value, repairs } => Ok((value, repairs)),
            Self::Unusable(why) => Err(why),
        }
    }

    /// The outcome in one word, as metrics show it.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Usable { repairs, .. } if repairs.is_none() => "ok",
            Self::Usable { .. } => "repaired",
            Self::Unusable(why) => why.failure().as_str(),
        }
    }
}

/// Why a reply gives no ranking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unusable {
    /// Its content is something else.
    Malformed,
    /// The model declined.
    Refused,
    /// It stopped at its output limit, or while still thinking.
    Truncated,
    /// A content filter held it back.
    Filtered,
}

impl Unusable {
    /// The reason that answers and metrics show.
    #[must_use]
    pub const fn failure(self) -> Failure {
        match self {
            Self::Malformed => Failure::MalformedOutput,
            Self::Refused => Failure::Refused,
            Self::Truncated => Failure::Truncated,
            Self::Filtered => Failure::Filtered,
        }
    }
}
