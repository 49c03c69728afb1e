//! Filters.

use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue as Wanted;
use qdrant_client::qdrant::{
    Condition, DatetimeRange, FieldCondition, Filter, Match, Range, Timestamp,
};
use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::{
    AnyVariants, Condition as Clause, DateTimeWrapper, FieldCondition as Field, Filter as Clauses,
    Match as Matches, MatchAny, MatchValue, Nested, NestedCondition, Range as Bounds,
    ValueVariants,
};
use tonic::Status;

use super::path;
use crate::qdrant::errors::unserved;

pub(in super::super) fn read(filter: Filter) -> Result<Clauses, Status> {
    if filter.min_should.is_some() {
        return Err(unserved("min_should"));
    }
    Ok(Clauses {
        must: clauses(filter.must)?,
        must_not: clauses(filter.must_not)?,
        should: clauses(filter.should)?,
        ..Clauses::default()
    })
}

/// No conditions are none at all: an empty `should` would let nothing pass.
fn clauses(conditions: Vec<Condition>) -> Result<Option<Vec<Clause>>, Status> {
    if conditions.is_empty() {
        return Ok(None);
    }
    conditions.into_iter().map(clause).collect::<Result<_, _>>().map(Some)
}

fn clause(condition: Condition) -> Result<Clause, Status> {
    match condition.condition_one_of {
        Some(ConditionOneOf::Field(field)) => Ok(Clause::Field(self::field(field)?)),
        Some(ConditionOneOf::Filter(filter)) => Ok(Clause::Filter(read(filter)?)),
        Some(ConditionOneOf::Nested(nested)) => {
            let filter = nested.filter.ok_or_else(malformed)?;
            let nested = Nested { key: path::read(&nested.key)?, filter: read(filter)? };
            Ok(Clause::Nested(NestedCondition { nested }))
        }
        Some(_) => Err(unserved("conditions other than on fields and nested ones")),
        None => Err(malformed()),
    }
}

fn field(condition: FieldCondition) -> Result<Field, Status> {
    let key = path::read(&condition.key)?;
    let served = FieldCondition {
        key: condition.key.clone(),
        r#match: condition.r#match.clone(),
        range: condition.range,
        datetime_range: condition.datetime_range,
        ..FieldCondition::default()
    };
    if condition != served {
        return Err(unserved("conditions on fields other than match, range and datetime_range"));
    }
    match (condition.r#match, condition.range, condition.datetime_range) {
        (Some(wanted), None, None) => Ok(Field::new_match(key, matches(wanted)?)),
        (None, Some(range), None) => Ok(Field::new_range(key, numbers(range))),
        (None, None, Some(range)) => Ok(Field::new_datetime_range(key, dates(range)?)),
        (None, None, None) => Err(malformed()),
        _ => Err(unserved("several conditions in one")),
    }
}

fn matches(wanted: Match) -> Result<Matches, Status> {
    let value = match wanted.match_value {
        Some(Wanted::Keyword(keyword)) => ValueVariants::String(keyword),
        Some(Wanted::Integer(integer)) => ValueVariants::Integer(integer),
        Some(Wanted::Boolean(boolean)) => ValueVariants::Bool(boolean),
        Some(Wanted::Keywords(keywords)) => {
            let any = AnyVariants::Strings(keywords.strings.into_iter().collect());
            return Ok(Matches::Any(MatchAny { any }));
        }
        Some(_) => return Err(unserved("matches other than of keywords, integers and booleans")),
        None => return Err(Status::invalid_argument("Malformed Match condition")),
    };
    Ok(Matches::Value(MatchValue { value }))
}

fn numbers(range: Range) -> Bounds<OrderedFloat<f64>> {
    let bound = |bound: Option<f64>| bound.map(OrderedFloat);
    Bounds {
        lt: bound(range.lt),
        gt: bound(range.gt),
        gte: bound(range.gte),
        lte: bound(range.lte),
    }
}

fn dates(range: DatetimeRange) -> Result<Bounds<DateTimeWrapper>, Status> {
    let bound = |bound: Option<Timestamp>| bound.map(date).transpose();
    Ok(Bounds {
        lt: bound(range.lt)?,
        gt: bound(range.gt)?,
        gte: bound(range.gte)?,
        lte: bound(range.lte)?,
    })
}

/// The engine counts in microseconds.
fn date(timestamp: Timestamp) -> Result<DateTimeWrapper, Status> {
    timestamp
        .seconds
        .checked_mul(1_000_000)
        .and_then(|micros| micros.checked_add(i64::from(timestamp.nanos) / 1_000))
        .and_then(DateTimeWrapper::from_timestamp)
        .ok_or_else(|| Status::invalid_argument("Unable to parse timestamp"))
}

fn malformed() -> Status {
    Status::invalid_argument("Malformed Condition type")
}
