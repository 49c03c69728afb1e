//! What a server lets pass is what the filter language means.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rankgate::domain::Document;
use rankgate::retrieve::{Filter, RetrievalMode, Retrieve, RetrieveError};
use serde_json::{Map, Value, json};

use super::bench::{Side, document, search};
use crate::qdrant::QdrantServer;

const KEYS: [&str; 4] = ["a", "a.b", "odd [0]", "é \u{1F600}"];

/// Values that are easily confused with each other.
fn scalar() -> impl Strategy<Value = Value> {
    proptest::sample::select(vec![
        json!(""),
        json!("a"),
        json!("1"),
        json!("true"),
        json!(true),
        json!(false),
        json!(-1),
        json!(0),
        json!(1),
        json!(1.0),
        json!(-0.0),
        json!(1.5),
        json!(1e300),
        json!(1_i64 << 53),
        json!((1_i64 << 53) + 1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!("2024-06-01"),
        json!("2024-06-01T00:00:00Z"),
        json!("2024-06-01T02:00:00+02:00"),
        json!("1969-12-31T23:59:59.5Z"),
    ])
}

fn stored() -> impl Strategy<Value = Value> {
    prop_oneof![
        5 => scalar(),
        2 => proptest::collection::vec(scalar(), 0..3).prop_map(Value::from),
        1 => proptest::sample::select(vec![json!(null), json!({"b": "a"}), json!([["a"]])]),
    ]
}

fn object(
    value: impl Strategy<Value = Value>,
    size: std::ops::Range<usize>,
) -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::btree_map(proptest::sample::select(&KEYS[..]), value, size)
        .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn bounds() -> impl Strategy<Value = Value> {
    let numbers = vec![json!(-1), json!(0), json!(0.5), json!(1), json!(2)];
    let dates = vec![json!("1969-12-31"), json!("2024-06-01"), json!("2024-06-01T00:00:00.5Z")];
    let of = |values: Vec<Value>| {
        let names = proptest::sample::subsequence(vec!["gt", "gte", "lt", "lte"], 1..=4);
        let values = proptest::collection::vec(proptest::sample::select(values), 4);
        (names, values).prop_map(|(names, values)| {
            let bounds: Map<_, _> = names.into_iter().map(str::to_owned).zip(values).collect();
            Value::from(bounds)
        })
    };
    prop_oneof![of(numbers), of(dates)]
}

fn conditions() -> impl Strategy<Value = Map<String, Value>> {
    let list = proptest::collection::vec(scalar(), 1..4).prop_map(Value::from);
    object(prop_oneof![scalar(), list, bounds()], 1..3)
}

fn filter() -> impl Strategy<Value = Map<String, Value>> {
    (proptest::option::of(conditions()), proptest::option::of(conditions())).prop_map(
        |(must, not)| {
            let mut filter = must.unwrap_or_default();
            if let Some(not) = not {
                filter.insert("not".into(), not.into());
            }
            filter
        },
    )
}

fn for_all(filter: Filter, limit: usize) -> Retrieve {
    Retrieve { filter, limit, mode: RetrievalMode::Bm25, ..search("word") }
}

/// Whether a side lets pass of these documents what the language says.
async fn agrees(side: &Side, metadata: Vec<Map<String, Value>>, filters: &[Map<String, Value>]) {
    let documents: Vec<Document> = metadata
        .into_iter()
        .enumerate()
        .map(|(n, metadata)| document(&n.to_string(), "word", &metadata.into()))
        .collect();
    side.fill(documents.clone()).await;
    for filter in filters {
        let parsed = Filter::parse(filter).unwrap();
        let passing = documents.iter().filter(|it| parsed.matches(&it.metadata));
        let mut expected: Vec<_> = passing.map(|document| document.id.to_string()).collect();
        let mut found = side.found(for_all(parsed.clone(), documents.len())).await;
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{}", Value::Object(filter.clone()));
    }
}

/// The same for documents and filters drawn once.
pub async fn assert_language(side: &Side) {
    let mut runner = TestRunner::deterministic();
    let mut drawn = |strategy: BoxedStrategy<Map<String, Value>>, count: usize| {
        let draw = |_| strategy.new_tree(&mut runner).unwrap().current();
        (0..count).map(draw).collect::<Vec<_>>()
    };
    let metadata = drawn(object(stored(), 0..3).boxed(), 60);
    let filters = drawn(filter().boxed(), 200);
    agrees(side, metadata, &filters).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn a_server_agrees_with_the_language(
        metadata in proptest::collection::vec(object(stored(), 0..3), 30..50),
        filters in proptest::collection::vec(filter(), 60),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let server = QdrantServer::start().await;
            agrees(&Side::server(&server.url()), metadata, &filters).await;
        });
    }
}

#[tokio::test]
async fn a_key_that_paths_cannot_hold_is_refused_with_its_place() {
    let server = QdrantServer::start().await;
    let side = Side::server(&server.url());
    side.fill(vec![document("a", "word", &json!({"in \"": 1, "b\\c": 1}))]).await;
    for (filter, path) in [
        (json!({"in \"": 1}), ".in \""),
        (json!({"not": {"b\\c": {"gt": 0}}}), ".not.b\\c"),
        (json!({"b\\c": ["x", 1]}), ".b\\c"),
    ] {
        let parsed = Filter::parse(filter.as_object().unwrap()).unwrap();
        match side.error(for_all(parsed, 5)).await {
            RetrieveError::Filter(error) => {
                assert_eq!(error.path, path);
                assert!(error.problem.contains("quote or backslash"), "{error}");
            }
            other => panic!("{other}"),
        }
    }
    // Stored and read they are as they were.
    let found = side.ask(search("word")).await.unwrap();
    let metadata = Value::Object(found.candidates[0].document.metadata.clone());
    assert_eq!(metadata, json!({"in \"": 1, "b\\c": 1}));
}
