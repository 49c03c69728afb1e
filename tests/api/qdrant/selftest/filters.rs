//! Which points a filter lets pass.

use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::{
    Condition, CountPoints, DatetimeRange, FieldCondition, Filter, QueryPoints, Range,
    ScrollPoints, Timestamp,
};
use test_case::test_case;
use tonic::Code;

use super::{GOODS, Shop, names, refusal};

fn kind(kind: &str) -> Condition {
    Condition::matches("metadata.kind", kind.to_owned())
}

fn price(range: Range) -> Condition {
    Condition::range("metadata.price", range)
}

fn at_least(price: f64) -> Range {
    Range { gte: Some(price), ..Range::default() }
}

fn less(price: f64) -> Range {
    Range { lt: Some(price), ..Range::default() }
}

fn since(year: i64, month: u8, day: u8) -> DatetimeRange {
    let date = Timestamp::date(year, month, day).unwrap();
    DatetimeRange { gte: Some(date), ..DatetimeRange::default() }
}

fn before(year: i64, month: u8, day: u8) -> DatetimeRange {
    let date = Timestamp::date(year, month, day).unwrap();
    DatetimeRange { lt: Some(date), ..DatetimeRange::default() }
}

fn released(range: DatetimeRange) -> Condition {
    Condition::datetime_range("metadata.released", range)
}

fn in_stock() -> Condition {
    Condition::matches("metadata.stock", true)
}

/// A size of which so many are left.
fn large_and_left() -> Filter {
    Filter::must([
        Condition::matches("name", "L".to_owned()),
        Condition::range("left", Range { gt: Some(0.0), ..Range::default() }),
    ])
}

fn any_kind(kinds: [&str; 2]) -> Condition {
    Condition::matches("metadata.kind", kinds.map(str::to_owned).to_vec())
}

#[test_case(Filter::default(), &["tent", "stove", "lamp", "rope"] ; "empty")]
#[test_case(Filter::must([kind("light")]), &["lamp"] ; "a keyword")]
#[test_case(Filter::must([any_kind(["light", "shelter"])]), &["tent", "lamp"] ; "any of keywords")]
#[test_case(Filter::must([in_stock()]), &["tent", "lamp"] ; "a boolean")]
#[test_case(Filter::must([Condition::matches("metadata.price", 20)]), &["lamp"] ; "an integer")]
#[test_case(Filter::must([price(at_least(35.5))]), &["tent", "stove"] ; "at least")]
#[test_case(Filter::must([price(less(35.5))]), &["lamp"] ; "less")]
#[test_case(
    Filter::must([price(Range { gt: Some(20.0), lte: Some(120.0), ..Range::default() })]),
    &["tent", "stove"] ;
    "between"
)]
#[test_case(Filter::must([released(since(2024, 5, 1))]), &["tent"] ; "since a date")]
#[test_case(Filter::must([released(before(2024, 5, 1))]), &["stove"] ; "before a date")]
#[test_case(
    Filter::must([released(DatetimeRange {
        gt: Timestamp::date(2023, 1, 1).ok(),
        lte: Timestamp::date(2024, 5, 1).ok(),
        ..DatetimeRange::default()
    })]),
    &["tent"] ;
    "between dates"
)]
#[test_case(Filter::must([in_stock(), price(less(100.0))]), &["lamp"] ; "all of conditions")]
#[test_case(Filter::should([kind("light"), price(at_least(100.0))]), &["tent", "lamp"] ; "any of conditions")]
#[test_case(Filter::must_not([in_stock()]), &["stove", "rope"] ; "none of conditions")]
#[test_case(
    Filter { must: vec![in_stock()], must_not: vec![kind("light")], ..Filter::default() },
    &["tent"] ;
    "one and not the other"
)]
#[test_case(
    Filter::must_not([Filter::must([in_stock(), kind("light")]).into()]),
    &["tent", "stove", "rope"] ;
    "a filter in a filter"
)]
#[test_case(
    Filter::must([Condition::nested("metadata.sizes", large_and_left())]),
    &["tent"] ;
    "one element of a list"
)]
#[test_case(
    Filter::must([Condition::matches("metadata.sizes[].left", 3)]),
    &["tent"] ;
    "any element of a list"
)]
#[test_case(
    Filter::must([Condition::matches(r#"metadata."a.b""#, "quoted".to_owned())]),
    &["tent"] ;
    "a key with a dot"
)]
#[test_case(
    Filter::must([Condition::matches("metadata.a.b", "quoted".to_owned())]),
    &[] ;
    "a path that is no key"
)]
#[tokio::test]
async fn a_filter_lets_pass(filter: Filter, expected: &[&str]) {
    let shop = Shop::open().await;
    let scroll = ScrollPoints {
        collection_name: GOODS.to_owned(),
        filter: Some(filter.clone()),
        ..ScrollPoints::default()
    };
    let points = shop.client.scroll(scroll).await.unwrap().result;
    assert_eq!(names(points.iter().map(|point| &point.id)), expected);
    let count = CountPoints {
        collection_name: GOODS.to_owned(),
        filter: Some(filter),
        exact: Some(true),
        ..CountPoints::default()
    };
    let count = shop.client.count(count).await.unwrap().result.unwrap().count;
    assert_eq!(count, expected.len() as u64);
}

#[tokio::test]
async fn a_query_is_filtered() {
    let shop = Shop::open().await;
    let query = QueryPoints {
        collection_name: GOODS.to_owned(),
        query: Some(vec![1.0, 0.0, 0.0, 0.0].into()),
        using: Some("dense".to_owned()),
        filter: Some(Filter::must([price(less(100.0))])),
        ..QueryPoints::default()
    };
    let hits = shop.client.query(query).await.unwrap().result;
    assert_eq!(names(hits.iter().map(|hit| &hit.id)), ["stove", "lamp"]);
}

#[test_case(
    Condition::matches("a..b", true), Code::InvalidArgument, "Invalid json path: 'a..b'" ; "path"
)]
#[test_case(Condition::default(), Code::InvalidArgument, "Malformed Condition type" ; "condition")]
#[test_case(
    Condition::matches("a", MatchValue::Text("b".into())),
    Code::Unimplemented, "matches other than" ;
    "match"
)]
#[test_case(
    FieldCondition { key: "a".into(), r#match: Some(MatchValue::Boolean(true).into()), range: Some(less(1.0)), ..FieldCondition::default() }.into(),
    Code::Unimplemented, "several conditions" ;
    "two in one"
)]
#[test_case(
    FieldCondition { key: "a".into(), is_null: Some(true), ..FieldCondition::default() }.into(),
    Code::Unimplemented, "conditions on fields" ;
    "field"
)]
#[test_case(
    FieldCondition { key: "a".into(), ..FieldCondition::default() }.into(),
    Code::InvalidArgument, "Malformed Condition type" ;
    "nothing about a field"
)]
#[test_case(Condition::is_empty("a"), Code::Unimplemented, "conditions other than" ; "emptiness")]
#[tokio::test]
async fn a_filter_is_refused(condition: Condition, code: Code, expected: &str) {
    let shop = Shop::open().await;
    let scroll = ScrollPoints {
        collection_name: GOODS.to_owned(),
        filter: Some(Filter::must([condition])),
        ..ScrollPoints::default()
    };
    let (refused, message) = refusal(shop.client.scroll(scroll).await);
    assert_eq!(refused, code);
    assert!(message.contains(expected), "{message}");
}
