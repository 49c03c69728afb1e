//! The filter language of requests, read into types.
//!
//! [`Filter::matches`] is what the language means; an engine that evaluates
//! filters itself has to agree with it.

mod schema;

use serde_json::{Map, Number, Value};

/// Most conditions of one filter, those of `not` included.
pub const MAX_CONDITIONS: usize = 64;
/// Most values of one list.
pub const MAX_VALUES: usize = 1000;
/// Longest key or string value in bytes.
pub const MAX_BYTES: usize = 1024;

/// Whole numbers up to here are exact as `f64`; larger ones are compared as
/// integers.
pub(crate) const EXACT_INTEGER: i64 = 1 << 53;

/// The word that introduces conditions that exclude.
const NOT: &str = "not";

/// Conditions on metadata, all of which must hold, and none of `not`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Conditions that must all hold.
    pub must: Vec<(String, Condition)>,
    /// Conditions that exclude what meets all of them.
    pub must_not: Vec<(String, Condition)>,
}

/// One condition on one metadata key. A document without the key never meets
/// it, and of a list one entry has to.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The value is one of these (strings, numbers or booleans).
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

impl InvalidFilter {
    pub(crate) fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

impl Filter {
    /// Whether it lets everything through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.must.is_empty() && self.must_not.is_empty()
    }

    /// Reads the request's JSON object. The key `not` holds the conditions
    /// that exclude, so metadata of that name can't be filtered on.
    ///
    /// # Errors
    /// When a condition has a form that the language doesn't know.
    pub fn parse(filter: &Map<String, Value>) -> Result<Self, InvalidFilter> {
        let mut parsed = Self::default();
        for (key, value) in filter {
            if key == NOT {
                parsed.must_not = parse_not(value)?;
            } else {
                parsed.must.push((key.clone(), parse_condition("", key, value)?));
            }
        }
        if parsed.must.len() + parsed.must_not.len() > MAX_CONDITIONS {
            return Err(InvalidFilter::new(
                "",
                format!("at most {MAX_CONDITIONS} conditions are allowed"),
            ));
        }
        Ok(parsed)
    }

    /// Whether a document with this metadata passes.
    #[must_use]
    pub fn matches(&self, metadata: &Map<String, Value>) -> bool {
        let holds = |(key, condition): &(String, Condition)| {
            metadata.get(key).is_some_and(|value| condition.matches(value))
        };
        self.must.iter().all(holds)
            && (self.must_not.is_empty() || !self.must_not.iter().all(holds))
    }
}

impl Condition {
    /// Whether a metadata value meets it.
    #[must_use]
    pub fn matches(&self, value: &Value) -> bool {
        match value {
            Value::Array(entries) => entries.iter().any(|entry| self.matches_entry(entry)),
            value => self.matches_entry(value),
        }
    }

    fn matches_entry(&self, value: &Value) -> bool {
        match self {
            Self::AnyOf(wanted) => wanted.iter().any(|wanted| equal(wanted, value)),
            Self::Number(range) => value.as_f64().is_some_and(|number| range.contains(&number)),
            Self::Date(range) => {
                value.as_str().and_then(parse_date).is_some_and(|date| range.contains(&date))
            }
        }
    }
}

impl<T> Range<T> {
    /// No bounds.
    #[must_use]
    pub const fn open() -> Self {
        Self { gt: None, gte: None, lt: None, lte: None }
    }
}

impl<T: PartialOrd> Range<T> {
    /// Whether a value is within all bounds.
    #[must_use]
    pub fn contains(&self, value: &T) -> bool {
        self.gt.as_ref().is_none_or(|bound| value > bound)
            && self.gte.as_ref().is_none_or(|bound| value >= bound)
            && self.lt.as_ref().is_none_or(|bound| value < bound)
            && self.lte.as_ref().is_none_or(|bound| value <= bound)
    }
}

fn equal(wanted: &Value, value: &Value) -> bool {
    match (wanted, value) {
        (Value::Number(wanted), Value::Number(value)) => match large_integer(wanted) {
            Some(wanted) => value.as_i64() == Some(wanted),
            None => wanted.as_f64() == value.as_f64(),
        },
        _ => wanted == value,
    }
}

/// The number where `f64` could confuse it with its neighbours.
pub(crate) fn large_integer(number: &Number) -> Option<i64> {
    number.as_i64().filter(|integer| integer.unsigned_abs() >= EXACT_INTEGER.unsigned_abs())
}

/// An RFC 3339 date: date and time with an offset, or the date alone (its
/// midnight UTC).
pub(crate) fn parse_date(text: &str) -> Option<jiff::Timestamp> {
    text.parse().ok().or_else(|| {
        let date: jiff::civil::Date = (text.len() == 10).then(|| text.parse().ok())??;
        let midnight = date.to_datetime(jiff::civil::Time::midnight());
        jiff::tz::Offset::UTC.to_timestamp(midnight).ok()
    })
}

fn parse_not(value: &Value) -> Result<Vec<(String, Condition)>, InvalidFilter> {
    let path = format!(".{NOT}");
    let Value::Object(conditions) = value else {
        return Err(InvalidFilter::new(
            path,
            "must be an object of conditions, such as {\"brand\": \"acme\"}",
        ));
    };
    if conditions.is_empty() {
        return Err(InvalidFilter::new(path, "has no conditions: name one or leave \"not\" out"));
    }
    conditions
        .iter()
        .map(|(key, value)| {
            if key == NOT {
                return Err(InvalidFilter::new(
                    format!(".{NOT}.{NOT}"),
                    "can't be nested: state the conditions beside the outer \"not\"",
                ));
            }
            Ok((key.clone(), parse_condition(&path, key, value)?))
        })
        .collect()
}

fn parse_condition(outer: &str, key: &str, value: &Value) -> Result<Condition, InvalidFilter> {
    if key.is_empty() || key.len() > MAX_BYTES {
        return Err(InvalidFilter::new(
            outer,
            format!("a key must have 1 to {MAX_BYTES} bytes, and one has {}", key.len()),
        ));
    }
    let path = format!("{outer}.{key}");
    match value {
        Value::Object(bounds) => parse_range(&path, bounds),
        Value::Array(values) if values.is_empty() => Err(InvalidFilter::new(
            path,
            "the list is empty: name at least one value or leave the key out",
        )),
        Value::Array(values) if values.len() > MAX_VALUES => Err(InvalidFilter::new(
            path,
            format!("the list has {} values; at most {MAX_VALUES} are allowed", values.len()),
        )),
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                check_scalar(|| format!("{path}[{index}]"), value)?;
            }
            Ok(Condition::AnyOf(values.clone()))
        }
        value => {
            check_scalar(|| path, value)?;
            Ok(Condition::AnyOf(vec![value.clone()]))
        }
    }
}

fn check_scalar(path: impl FnOnce() -> String, value: &Value) -> Result<(), InvalidFilter> {
    let problem = match value {
        Value::Number(number) if number.is_u64() && !number.is_i64() => {
            format!("whole numbers above {} can't be compared", i64::MAX)
        }
        Value::Bool(_) | Value::Number(_) => return Ok(()),
        Value::String(text) if text.len() <= MAX_BYTES => return Ok(()),
        Value::String(text) => {
            format!("the string has {} bytes; at most {MAX_BYTES} are allowed", text.len())
        }
        Value::Null => "null is never met: leave the key out".to_owned(),
        Value::Array(_) | Value::Object(_) => {
            "a list holds strings, numbers or booleans, nothing nested".to_owned()
        }
    };
    Err(InvalidFilter::new(path(), problem))
}

fn parse_range(path: &str, bounds: &Map<String, Value>) -> Result<Condition, InvalidFilter> {
    let mut numbers = Range::open();
    let mut dates = Range::open();
    let (mut has_number, mut has_date) = (false, false);
    for (name, bound) in bounds {
        let at = || format!("{path}.{name}");
        match bound {
            Value::Number(number) => {
                let number = number.as_f64().ok_or_else(|| {
                    InvalidFilter::new(at(), "the number is outside the range of a double")
                })?;
                *slot(&mut numbers, path, name)? = Some(number);
                has_number = true;
            }
            Value::String(text) => {
                let date = parse_date(text).ok_or_else(|| {
                    InvalidFilter::new(
                        at(),
                        "must be a number or an RFC 3339 date such as 2026-03-01T12:00:00Z or \
                         2026-03-01",
                    )
                })?;
                *slot(&mut dates, path, name)? = Some(date);
                has_date = true;
            }
            _ => {
                slot(&mut numbers, path, name)?;
                return Err(InvalidFilter::new(at(), "must be a number or an RFC 3339 date"));
            }
        }
    }
    match (has_number, has_date) {
        (true, false) => Ok(Condition::Number(numbers)),
        (false, true) => Ok(Condition::Date(dates)),
        (true, true) => {
            Err(InvalidFilter::new(path, "mixes numbers and dates: all bounds must be of one kind"))
        }
        (false, false) => Err(InvalidFilter::new(path, "has no bounds: use gt, gte, lt or lte")),
    }
}

fn slot<'a, T>(
    range: &'a mut Range<T>,
    path: &str,
    name: &str,
) -> Result<&'a mut Option<T>, InvalidFilter> {
    match name {
        "gt" => Ok(&mut range.gt),
        "gte" => Ok(&mut range.gte),
        "lt" => Ok(&mut range.lt),
        "lte" => Ok(&mut range.lte),
        _ => Err(InvalidFilter::new(
            format!("{path}.{name}"),
            "is not a bound: use gt, gte, lt or lte",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(filter: &Value) -> Result<Filter, InvalidFilter> {
        Filter::parse(filter.as_object().unwrap())
    }

    fn passes(filter: &Value, metadata: &Value) -> bool {
        parse(filter).unwrap().matches(metadata.as_object().unwrap())
    }

    #[test]
    fn means_what_the_contract_says() {
        let cases = [
            (json!({"brand": "acme"}), true),
            (json!({"brand": "other"}), false),
            (json!({"brand": ["other", "acme"]}), true),
            (json!({"price": 80}), true),
            (json!({"price": 80.0}), true),
            (json!({"price": "80"}), false),
            (json!({"price": {"gt": 79.5, "lte": 80}}), true),
            (json!({"price": {"lt": 80}}), false),
            (json!({"tags": "warm"}), true),
            (json!({"tags": ["cold", true]}), false),
            (json!({"new": true, "price": {"gte": 80}}), true),
            (json!({"released": {"gte": "2025-03-01"}}), true),
            (json!({"released": {"lt": "2025-03-01T13:00:00+01:00"}}), false),
            (json!({"missing": "x"}), false),
            (json!({"missing": {"lt": 5}}), false),
            (json!({"not": {"missing": "x"}}), true),
            (json!({"not": {"brand": "acme"}}), false),
            (json!({"not": {"brand": "acme", "price": {"gt": 100}}}), true),
            (json!({"id": 9_007_199_254_740_993_i64}), true),
            (json!({"id": 9_007_199_254_740_992_i64}), false),
            (json!({"dotted.key": 1}), true),
            (json!({}), true),
        ];
        for (filter, expected) in cases {
            let metadata = json!({
                "brand": "acme", "price": 80, "tags": ["warm", "dry"], "new": true,
                "released": "2025-03-01T12:00:00Z", "id": 9_007_199_254_740_993_i64,
                "dotted.key": 1, "dotted": {"key": 2},
            });
            assert_eq!(passes(&filter, &metadata), expected);
        }
    }

    #[test]
    fn what_it_refuses_it_names() {
        let cases = [
            (json!({"brand": null}), ".brand", "null"),
            (json!({"brand": []}), ".brand", "empty"),
            (json!({"brand": ["a", ["b"]]}), ".brand[1]", "nested"),
            (json!({"brand": "x".repeat(2000)}), ".brand", "2000 bytes"),
            (json!({"brand": vec![1; 1001]}), ".brand", "1001 values"),
            (json!({"price": {}}), ".price", "gt, gte, lt or lte"),
            (json!({"price": {"min": 3}}), ".price.min", "gt, gte, lt or lte"),
            (json!({"price": {"min": null}}), ".price.min", "gt, gte, lt or lte"),
            (json!({"price": {"gte": null}}), ".price.gte", "number"),
            (json!({"price": {"gte": "soon"}}), ".price.gte", "RFC 3339"),
            (json!({"price": {"gte": 3, "lt": "2025-01-01"}}), ".price", "mixes"),
            (json!({"price": u64::MAX}), ".price", "whole numbers above"),
            (json!({"not": []}), ".not", "object"),
            (json!({"not": {}}), ".not", "no conditions"),
            (json!({"not": {"not": {"a": 1}}}), ".not.not", "nested"),
            (json!({"not": {"price": {"above": 1}}}), ".not.price.above", "gt, gte, lt or lte"),
            (json!({"": 1}), "", "1 to 1024 bytes"),
        ];
        for (filter, path, word) in cases {
            let error = parse(&filter).unwrap_err();
            assert_eq!(error.path, path);
            assert!(error.problem.contains(word), "{error}");
        }
    }

    #[test]
    fn the_number_of_conditions_is_bounded() {
        let many: Map<String, Value> =
            (0..=MAX_CONDITIONS).map(|i| (format!("k{i}"), json!(i))).collect();
        assert!(Filter::parse(&many).unwrap_err().problem.contains("at most 64"));
    }
}
