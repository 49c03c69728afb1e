//! Filters in Qdrant's terms.

use std::collections::BTreeMap;

use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::{
    AnyVariants, Condition as Clause, DateTimeWrapper, FieldCondition, Filter as Clauses, JsonPath,
    Match, MatchAny, MatchValue, Range as Bounds, ValueVariants,
};
use serde_json::Value;

use super::point::METADATA;
use crate::retrieve::filter::large_integer;
use crate::retrieve::{Condition, Filter, IndexType, InvalidFilter, Range};

/// A filter for the engine; `None` where everything passes.
///
/// # Errors
/// When a condition is of another kind than the key's index: such a condition
/// could never hold, and the index would read its bounds as its own kind.
pub(super) fn to_qdrant(
    filter: &Filter,
    indexed: &BTreeMap<String, IndexType>,
) -> Result<Option<Clauses>, InvalidFilter> {
    if filter.is_empty() {
        return Ok(None);
    }
    let clauses = |path: &str, conditions: &[(String, Condition)]| {
        conditions
            .iter()
            .map(|(key, condition)| {
                if let Some(&index) = indexed.get(key) {
                    check_kind(format!("{path}.{key}"), condition, index)?;
                }
                clause(&metadata_path(key), condition)
            })
            .collect::<Result<Vec<_>, InvalidFilter>>()
    };
    let must = clauses("", &filter.must)?;
    // One clause that holds where all conditions of `not` do.
    let must_not = clauses(".not", &filter.must_not)?;
    let must_not = (!must_not.is_empty()).then(|| vec![all_of(must_not)]);
    Ok(Some(Clauses { must: Some(must), must_not, ..Clauses::default() }))
}

/// The path of a metadata key. It is never parsed, so that dots, brackets and
/// quotes in a key are only characters.
pub(super) fn metadata_path(key: &str) -> JsonPath {
    let step = |name: &str| JsonPath { first_key: name.to_owned(), rest: Vec::new() };
    step(METADATA).extend(&step(key))
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

fn clause(path: &JsonPath, condition: &Condition) -> Result<Clause, InvalidFilter> {
    let field = match condition {
        Condition::AnyOf(values) => return Ok(any_value(path, values)),
        Condition::Number(range) => {
            FieldCondition::new_range(path.clone(), bounds(range, OrderedFloat))
        }
        Condition::Date(range) => {
            FieldCondition::new_datetime_range(path.clone(), dates(path, range)?)
        }
    };
    Ok(Clause::Field(field))
}

/// One clause for all strings and one for each other value: Qdrant matches
/// whole numbers only, so that numbers are ranges of one point.
fn any_value(path: &JsonPath, values: &[Value]) -> Clause {
    let matches = |value| Clause::Field(FieldCondition::new_match(path.clone(), value));
    let mut clauses = Vec::new();
    let mut strings = Vec::new();
    for value in values {
        match value {
            Value::String(text) => strings.push(text.clone()),
            Value::Bool(bool) => {
                let value = ValueVariants::Bool(*bool);
                clauses.push(matches(Match::Value(MatchValue { value })));
            }
            Value::Number(number) => clauses.push(if let Some(integer) = large_integer(number) {
                let value = ValueVariants::Integer(integer);
                matches(Match::Value(MatchValue { value }))
            } else {
                let point = number.as_f64().map(OrderedFloat);
                let range = Bounds { gte: point, lte: point, gt: None, lt: None };
                Clause::Field(FieldCondition::new_range(path.clone(), range))
            }),
            Value::Null | Value::Array(_) | Value::Object(_) => {}
        }
    }
    if !strings.is_empty() {
        let any = AnyVariants::Strings(strings.into_iter().collect());
        clauses.push(matches(Match::Any(MatchAny { any })));
    }
    match <[Clause; 1]>::try_from(clauses) {
        Ok([only]) => only,
        Err(clauses) => Clause::Filter(Clauses { should: Some(clauses), ..Clauses::default() }),
    }
}

fn all_of(clauses: Vec<Clause>) -> Clause {
    Clause::Filter(Clauses { must: Some(clauses), ..Clauses::default() })
}

/// Qdrant's indexes look at one lower and one upper bound, so of two the
/// stricter one is kept.
fn bounds<T: PartialOrd + Copy, U>(range: &Range<T>, convert: impl Fn(T) -> U) -> Bounds<U> {
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
    let convert = |bound: Option<T>| bound.map(&convert);
    Bounds { gt: convert(gt), gte: convert(gte), lt: convert(lt), lte: convert(lte) }
}

fn dates(
    path: &JsonPath,
    range: &Range<jiff::Timestamp>,
) -> Result<Bounds<DateTimeWrapper>, InvalidFilter> {
    let bounds = bounds(range, |date| DateTimeWrapper::from_timestamp(date.as_microsecond()));
    let known = |bound: Option<Option<DateTimeWrapper>>| {
        bound.map_or(Ok(None), |date| {
            date.map(Some).ok_or_else(|| {
                InvalidFilter::new(format!(".{path}"), "the date is outside the calendar")
            })
        })
    };
    Ok(Bounds {
        gt: known(bounds.gt)?,
        gte: known(bounds.gte)?,
        lt: known(bounds.lt)?,
        lte: known(bounds.lte)?,
    })
}
