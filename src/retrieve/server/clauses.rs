//! Filters and paths in Qdrant's messages.

use qdrant_client::qdrant::{
    Condition, DatetimeRange, Filter, PointId, Range as Bounds, Timestamp,
};

use crate::retrieve::clause::{Clause, Clauses};
use crate::retrieve::point::METADATA;
use crate::retrieve::{InvalidFilter, Range};

/// A filter for Qdrant; `None` where everything passes.
///
/// # Errors
/// When a key has a character that paths can't hold.
pub(super) fn filter(clauses: &Clauses) -> Result<Option<Filter>, InvalidFilter> {
    if clauses.is_empty() {
        return Ok(None);
    }
    let mut filter = Filter::must(conditions("", &clauses.must)?);
    if !clauses.must_not.is_empty() {
        // One condition that holds where all clauses of `not` do.
        let excluded = Filter::must(conditions(".not", &clauses.must_not)?);
        filter.must_not = vec![Condition::from(excluded)];
    }
    Ok(Some(filter))
}

/// The path of a metadata key. Quoted, so that dots and brackets in a key are
/// only characters; Qdrant's paths know no escapes. `None` for a key with a
/// quote or backslash.
pub(super) fn metadata_path(key: &str) -> Option<String> {
    (!key.contains(['"', '\\'])).then(|| format!("{METADATA}.\"{key}\""))
}

/// The metadata key of a path, as Qdrant writes it: quoted where it has to be.
/// `None` for other paths.
pub(super) fn metadata_key(path: &str) -> Option<&str> {
    let key = path.strip_prefix(METADATA)?.strip_prefix('.')?;
    match key.strip_prefix('"').and_then(|key| key.strip_suffix('"')) {
        Some(quoted) => (!quoted.contains('"')).then_some(quoted),
        None => (!key.contains(['.', '[', '"'])).then_some(key),
    }
}

/// Whether the path leads to metadata, however deep.
pub(super) fn is_metadata(path: &str) -> bool {
    path.strip_prefix(METADATA).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The conditions of clauses that stand at `at` in the request's filter.
fn conditions(at: &str, clauses: &[Clause]) -> Result<Vec<Condition>, InvalidFilter> {
    clauses.iter().map(|clause| condition(at, clause)).collect()
}

fn condition(at: &str, clause: &Clause) -> Result<Condition, InvalidFilter> {
    let path = |key: &str| {
        let problem = "Qdrant can't be asked for a key with a quote or backslash: rename the field \
                       in the data";
        metadata_path(key).ok_or_else(|| InvalidFilter::new(format!("{at}.{key}"), problem))
    };
    Ok(match clause {
        Clause::Keywords { key, any } => Condition::matches(path(key)?, any.clone()),
        Clause::Bool { key, value } => Condition::matches(path(key)?, *value),
        Clause::Integer { key, value } => Condition::matches(path(key)?, *value),
        Clause::Numbers { key, range: Range { gt, gte, lt, lte } } => {
            Condition::range(path(key)?, Bounds { gt: *gt, gte: *gte, lt: *lt, lte: *lte })
        }
        Clause::Dates { key, range } => {
            let date = |bound: Option<jiff::Timestamp>| bound.map(timestamp);
            let range = DatetimeRange {
                gt: date(range.gt),
                gte: date(range.gte),
                lt: date(range.lt),
                lte: date(range.lte),
            };
            Condition::datetime_range(path(key)?, range)
        }
        // Without alternatives there is nothing to meet, and Qdrant would let
        // everything pass.
        Clause::Any(clauses) if clauses.is_empty() => Condition::has_id(Vec::<PointId>::new()),
        Clause::Any(clauses) => Condition::from(Filter::should(conditions(at, clauses)?)),
    })
}

/// In microseconds, as Qdrant stores dates.
fn timestamp(date: jiff::Timestamp) -> Timestamp {
    let micros = date.as_microsecond();
    let nanos = micros.rem_euclid(1_000_000) * 1000;
    Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(nanos).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use qdrant_client::qdrant::condition::ConditionOneOf;
    use qdrant_client::qdrant::r#match::MatchValue;
    use qdrant_client::qdrant::{FieldCondition, RepeatedStrings};
    use serde_json::{Value, json};
    use test_case::test_case;

    use super::*;

    fn converted(filter: &Value) -> Result<Option<Filter>, InvalidFilter> {
        let parsed = crate::retrieve::Filter::parse(filter.as_object().unwrap()).unwrap();
        super::filter(&Clauses::of(&parsed, |_| None).unwrap())
    }

    /// The one condition of a filter.
    fn field(filter: &Value) -> FieldCondition {
        let filter = converted(filter).unwrap().unwrap();
        match <[Condition; 1]>::try_from(filter.must).unwrap() {
            [Condition { condition_one_of: Some(ConditionOneOf::Field(field)) }] => field,
            other => panic!("{other:?}"),
        }
    }

    fn matched(filter: &Value) -> MatchValue {
        field(filter).r#match.unwrap().match_value.unwrap()
    }

    #[test]
    fn nothing_asked_filters_nothing() {
        assert_eq!(converted(&json!({})).unwrap(), None);
    }

    #[test]
    fn keys_are_quoted() {
        assert_eq!(field(&json!({"brand": "x"})).key, "metadata.\"brand\"");
        assert_eq!(field(&json!({"a.b[0]": "x"})).key, "metadata.\"a.b[0]\"");
        for key in ["a\"b", "a\\b"] {
            let error = converted(&json!({"not": {key: 1}})).unwrap_err();
            assert_eq!(error.path, format!(".not.{key}"));
            assert!(error.problem.contains("quote or backslash"), "{error}");
        }
    }

    #[test]
    fn values_become_matches() {
        let strings = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(
            matched(&json!({"k": ["a", "b"]})),
            MatchValue::Keywords(RepeatedStrings { strings })
        );
        assert_eq!(matched(&json!({"k": true})), MatchValue::Boolean(true));
        assert_eq!(matched(&json!({"k": i64::MAX})), MatchValue::Integer(i64::MAX));
    }

    #[test]
    fn numbers_and_dates_become_ranges() {
        let range = field(&json!({"k": 1.5})).range.unwrap();
        assert_eq!((range.gte, range.lte, range.gt, range.lt), (Some(1.5), Some(1.5), None, None));
        let range = field(&json!({"k": {"gt": 1, "lt": 2}})).range.unwrap();
        assert_eq!((range.gt, range.lt), (Some(1.0), Some(2.0)));
        let filter = json!({"k": {"gte": "1969-12-31T23:59:59.5Z", "lt": "2024-06-01"}});
        let range = field(&filter).datetime_range.unwrap();
        assert_eq!(range.gte, Some(Timestamp { seconds: -1, nanos: 500_000_000 }));
        assert_eq!(range.lt, Some(Timestamp { seconds: 1_717_200_000, nanos: 0 }));
    }

    #[test]
    fn what_is_excluded_is_one_condition() {
        let filter = converted(&json!({"not": {"a": 1, "b": "x"}})).unwrap().unwrap();
        assert!(filter.must.is_empty());
        let [Condition { condition_one_of: Some(ConditionOneOf::Filter(all)) }] =
            filter.must_not.as_slice()
        else {
            panic!("{filter:?}");
        };
        assert_eq!(all.must.len(), 2);
    }

    #[test]
    fn alternatives_become_a_filter_of_their_own() {
        let filter = converted(&json!({"a": [1, "x", true]})).unwrap().unwrap();
        let [Condition { condition_one_of: Some(ConditionOneOf::Filter(any)) }] =
            filter.must.as_slice()
        else {
            panic!("{filter:?}");
        };
        assert_eq!(any.should.len(), 3);
        let none = condition("", &Clause::Any(Vec::new())).unwrap();
        assert!(matches!(none.condition_one_of, Some(ConditionOneOf::HasId(_))), "{none:?}");
    }

    #[test_case("metadata.brand", Some("brand") ; "plain")]
    #[test_case("metadata.\"a.b\"", Some("a.b") ; "quoted")]
    #[test_case("metadata.a.b", None ; "nested")]
    #[test_case("metadata.a[]", None ; "a list's entries")]
    #[test_case("metadata.\"a\".\"b\"", None ; "nested and quoted")]
    #[test_case("metadata", None ; "all of it")]
    #[test_case("title", None ; "not metadata")]
    fn keys_are_read_from_paths(path: &str, expected: Option<&str>) {
        assert_eq!(metadata_key(path), expected);
        assert_eq!(is_metadata(path), path != "title");
    }

    #[test]
    fn what_is_written_is_read() {
        for key in ["brand", "a.b", "[0]", " ", "é"] {
            assert_eq!(metadata_key(&metadata_path(key).unwrap()), Some(key));
        }
        assert!(!is_metadata("metadata_of_others"));
    }
}
