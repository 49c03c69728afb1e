//! Clauses in the engine's own types.

use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::{
    AnyVariants, Condition, DateTimeWrapper, FieldCondition, Filter, JsonPath, Match, MatchAny,
    MatchValue, Range as Bounds, ValueVariants,
};

use crate::retrieve::clause::{Clause, Clauses};
use crate::retrieve::point::METADATA;
use crate::retrieve::{InvalidFilter, Range};

/// A filter for the engine; `None` where everything passes.
///
/// # Errors
/// When a date is outside the engine's calendar.
pub(super) fn to_qdrant(clauses: &Clauses) -> Result<Option<Filter>, InvalidFilter> {
    if clauses.is_empty() {
        return Ok(None);
    }
    let must = conditions(&clauses.must)?;
    // One condition that holds where all clauses of `not` do.
    let excluded = conditions(&clauses.must_not)?;
    let all = || Filter { must: Some(excluded), ..Filter::default() };
    let must_not = (!clauses.must_not.is_empty()).then(|| vec![Condition::Filter(all())]);
    Ok(Some(Filter { must: Some(must), must_not, ..Filter::default() }))
}

/// The path of a metadata key. It is never parsed, so that dots, brackets and
/// quotes in a key are only characters.
pub(super) fn metadata_path(key: &str) -> JsonPath {
    let step = |name: &str| JsonPath { first_key: name.to_owned(), rest: Vec::new() };
    step(METADATA).extend(&step(key))
}

fn conditions(clauses: &[Clause]) -> Result<Vec<Condition>, InvalidFilter> {
    clauses.iter().map(condition).collect()
}

fn condition(clause: &Clause) -> Result<Condition, InvalidFilter> {
    let matches = |key: &str, value| {
        FieldCondition::new_match(metadata_path(key), Match::Value(MatchValue { value }))
    };
    let field = match clause {
        Clause::Keywords { key, any } => {
            let any = AnyVariants::Strings(any.iter().cloned().collect());
            FieldCondition::new_match(metadata_path(key), Match::Any(MatchAny { any }))
        }
        Clause::Bool { key, value } => matches(key, ValueVariants::Bool(*value)),
        Clause::Integer { key, value } => matches(key, ValueVariants::Integer(*value)),
        Clause::Numbers { key, range } => {
            let bound = |number: Option<f64>| Ok(number.map(OrderedFloat));
            FieldCondition::new_range(metadata_path(key), bounds(range, bound)?)
        }
        Clause::Dates { key, range } => {
            let outside =
                || InvalidFilter::new(format!(".{key}"), "the date is outside the calendar");
            let bound = |date: Option<jiff::Timestamp>| {
                let convert = |date: jiff::Timestamp| {
                    DateTimeWrapper::from_timestamp(date.as_microsecond()).ok_or_else(outside)
                };
                date.map(convert).transpose()
            };
            FieldCondition::new_datetime_range(metadata_path(key), bounds(range, bound)?)
        }
        Clause::Any(clauses) => {
            let should = Some(conditions(clauses)?);
            return Ok(Condition::Filter(Filter { should, ..Filter::default() }));
        }
    };
    Ok(Condition::Field(field))
}

fn bounds<T: Copy, U>(
    range: &Range<T>,
    convert: impl Fn(Option<T>) -> Result<Option<U>, InvalidFilter>,
) -> Result<Bounds<U>, InvalidFilter> {
    Ok(Bounds {
        gt: convert(range.gt)?,
        gte: convert(range.gte)?,
        lt: convert(range.lt)?,
        lte: convert(range.lte)?,
    })
}
