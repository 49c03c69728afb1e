//! Filters in terms that every engine has: the one place where the filter
//! language meets what indexes can do.

use jiff::Timestamp;
use serde_json::Value;

use super::filter::large_integer;
use super::{Condition, Filter, IndexType, InvalidFilter, Range};

/// A filter for an engine: all of `must` hold, and not all of `must_not`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clauses {
    /// Clauses that must all hold.
    pub must: Vec<Clause>,
    /// Clauses that exclude what meets all of them; empty excludes nothing.
    pub must_not: Vec<Clause>,
}

/// One clause on the metadata key `key`, which is a plain name: dots, brackets
/// and quotes in it are only characters. Of a list, one entry has to meet it.
#[derive(Clone, Debug, PartialEq)]
pub enum Clause {
    /// A string that is one of these.
    Keywords { key: String, any: Vec<String> },
    /// This boolean.
    Bool { key: String, value: bool },
    /// This whole number, which no `f64` can hold exactly.
    Integer { key: String, value: i64 },
    /// A number within bounds, at most one lower and one upper.
    Numbers { key: String, range: Range<f64> },
    /// A date within bounds, at most one lower and one upper.
    Dates { key: String, range: Range<Timestamp> },
    /// At least one of these.
    Any(Vec<Clause>),
}

impl Clauses {
    /// The clauses of a filter on a collection with these indexes.
    ///
    /// # Errors
    /// When a condition is of another kind than the key's index: such a
    /// condition could never hold, and the index would read its bounds as its
    /// own kind.
    pub fn of(
        filter: &Filter,
        index_type: impl Fn(&str) -> Option<IndexType>,
    ) -> Result<Self, InvalidFilter> {
        let clauses = |path: &str, conditions: &[(String, Condition)]| {
            conditions
                .iter()
                .map(|(key, condition)| {
                    if let Some(index) = index_type(key) {
                        check_kind(format!("{path}.{key}"), condition, index)?;
                    }
                    Ok(clause(key, condition))
                })
                .collect::<Result<Vec<_>, InvalidFilter>>()
        };
        Ok(Self { must: clauses("", &filter.must)?, must_not: clauses(".not", &filter.must_not)? })
    }

    /// Whether everything passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.must.is_empty() && self.must_not.is_empty()
    }
}

fn check_kind(path: String, condition: &Condition, index: IndexType) -> Result<(), InvalidFilter> {
    let fits = match (condition, index) {
        (Condition::AnyOf(values), IndexType::Keyword | IndexType::Datetime) => {
            values.iter().all(Value::is_string)
        }
        (Condition::AnyOf(values), IndexType::Bool) => values.iter().all(Value::is_boolean),
        (Condition::AnyOf(values), IndexType::Float | IndexType::Integer) => {
            values.iter().all(Value::is_number)
        }
        (Condition::Number(_), index) => matches!(index, IndexType::Float | IndexType::Integer),
        (Condition::Date(_), index) => index == IndexType::Datetime,
    };
    if fits {
        return Ok(());
    }
    let wanted = match index {
        IndexType::Keyword => "strings",
        IndexType::Float | IndexType::Integer => "numbers",
        IndexType::Bool => "true or false",
        IndexType::Datetime => "RFC 3339 dates",
    };
    Err(InvalidFilter::new(path, format!("the key is indexed for {wanted}: compare it with those")))
}

fn clause(key: &str, condition: &Condition) -> Clause {
    let key = key.to_owned();
    match condition {
        Condition::AnyOf(values) => any_value(key, values),
        Condition::Number(range) => Clause::Numbers { key, range: stricter(range) },
        Condition::Date(range) => Clause::Dates { key, range: stricter(range) },
    }
}

/// One clause for all strings and one for each other value: Qdrant matches
/// whole numbers only, so that numbers are ranges of one point.
fn any_value(key: String, values: &[Value]) -> Clause {
    let mut clauses = Vec::new();
    let mut strings = Vec::new();
    for value in values {
        match value {
            Value::String(text) => strings.push(text.clone()),
            Value::Bool(value) => clauses.push(Clause::Bool { key: key.clone(), value: *value }),
            Value::Number(number) => {
                let key = key.clone();
                let point = number.as_f64();
                let range = Range { gte: point, lte: point, ..Range::open() };
                clauses.push(match large_integer(number) {
                    Some(value) => Clause::Integer { key, value },
                    None => Clause::Numbers { key, range },
                });
            }
            Value::Null | Value::Array(_) | Value::Object(_) => {}
        }
    }
    if !strings.is_empty() {
        clauses.push(Clause::Keywords { key, any: strings });
    }
    match <[Clause; 1]>::try_from(clauses) {
        Ok([only]) => only,
        Err(clauses) => Clause::Any(clauses),
    }
}

/// Qdrant's indexes look at one lower and one upper bound, so of two the
/// stricter one is kept.
fn stricter<T: PartialOrd + Copy>(range: &Range<T>) -> Range<T> {
    let (gt, gte) = match (range.gt, range.gte) {
        (Some(gt), Some(gte)) if gte > gt => (None, Some(gte)),
        (Some(gt), _) => (Some(gt), None),
        (None, gte) => (None, gte),
    };
    let (lt, lte) = match (range.lt, range.lte) {
        (Some(lt), Some(lte)) if lte < lt => (None, Some(lte)),
        (Some(lt), _) => (Some(lt), None),
        (None, lte) => (None, lte),
    };
    Range { gt, gte, lt, lte }
}
