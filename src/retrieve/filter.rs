//! The filter language of requests, read into types.

use serde_json::{Map, Value};

/// Conditions on metadata, all of which must hold, and none of `not`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Conditions that must all hold.
    pub must: Vec<(String, Condition)>,
    /// Conditions that exclude what meets all of them.
    pub must_not: Vec<(String, Condition)>,
}

/// One condition on one metadata key.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The value is one of these (strings, numbers or booleans); on a list,
    /// one of its entries is.
    AnyOf(Vec<Value>),
    /// A number within bounds.
    Number(Range<f64>),
    /// A date within bounds.
    Date(Range<jiff::Timestamp>),
}

/// Bounds, each absent where open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range<T> {
    /// Greater than.
    pub gt: Option<T>,
    /// Greater than or equal.
    pub gte: Option<T>,
    /// Less than.
    pub lt: Option<T>,
    /// Less than or equal.
    pub lte: Option<T>,
}

/// The filter is not one of this language; `path` leads to the wrong place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("filter{path}: {problem}")]
pub struct InvalidFilter {
    /// Where, such as `.price.gte`.
    pub path: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl Filter {
    /// Whether it lets everything through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.must.is_empty() && self.must_not.is_empty()
    }

    /// Reads the request's JSON object.
    ///
    /// # Errors
    /// When a condition has a form that the language doesn't know.
    pub fn parse(_filter: &Map<String, Value>) -> Result<Self, InvalidFilter> {
        Ok(Self::default())
    }
}
