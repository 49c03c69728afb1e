//! The engine agrees with what the filter language means, with and without
//! indexes.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::retrieve::UPDATED_AT;

use super::*;

/// Values that are easily confused with each other.
fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        proptest::sample::select(vec!["", "a", "1", "true", "é\"]", "2024-06-01"])
            .prop_map(Value::from),
        (-2_i64..3).prop_map(Value::from),
        proptest::sample::select(vec![
            json!(-0.5),
            json!(0.0),
            json!(-0.0),
            json!(1.0),
            json!(1.5),
            json!(1e300),
            json!((1_i64 << 53) + 1),
            json!(1_i64 << 53),
            json!(i64::MAX),
            json!(i64::MIN),
        ]),
        any::<bool>().prop_map(Value::from),
        proptest::sample::select(vec![
            "2024-06-01T00:00:00Z",
            "2024-06-01T02:00:00+02:00",
            "1969-12-31T23:59:59.5Z",
            "2025-01-01T00:00:00.25Z",
        ])
        .prop_map(Value::from),
    ]
}

fn stored(longest_list: usize) -> impl Strategy<Value = Value> {
    prop_oneof![
        5 => scalar(),
        2 => proptest::collection::vec(scalar(), 0..=longest_list).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!({"b": "a"})),
        1 => Just(json!([["a"]])),
    ]
}

const KEYS: [&str; 3] = ["a", "a.b", "odd \"[0]\\"];

fn metadata(longest_list: usize) -> impl Strategy<Value = Map<String, Value>> {
    let key = proptest::sample::select(&KEYS[..]);
    proptest::collection::btree_map(key, stored(longest_list), 0..3)
        .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn bounds() -> impl Strategy<Value = Value> {
    let names = || proptest::sample::subsequence(vec!["gt", "gte", "lt", "lte"], 1..=4);
    let number =
        proptest::sample::select(vec![json!(-1), json!(0), json!(0.5), json!(1), json!(2)]);
    let date = proptest::sample::select(vec![
        json!("1969-12-31"),
        json!("2024-06-01"),
        json!("2024-06-01T00:00:00.5Z"),
    ]);
    let of = |value: BoxedStrategy<Value>| {
        (names(), proptest::collection::vec(value, 4)).prop_map(|(names, values)| {
            names.into_iter().map(str::to_owned).zip(values).collect::<Map<_, _>>().into()
        })
    };
    prop_oneof![of(number.boxed()), of(date.boxed())]
}

fn conditions(keys: &'static [&'static str]) -> impl Strategy<Value = Map<String, Value>> {
    let condition = prop_oneof![
        scalar(),
        proptest::collection::vec(scalar(), 1..4).prop_map(Value::from),
        bounds(),
    ];
    proptest::collection::btree_map(proptest::sample::select(keys), condition, 1..3)
        .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn filter() -> impl Strategy<Value = Map<String, Value>> {
    (conditions(&KEYS), proptest::option::of(conditions(&KEYS)), any::<bool>()).prop_map(
        |(mut must, not, only_not)| {
            if let Some(not) = not {
                if only_not {
                    must.clear();
                }
                must.insert("not".into(), not.into());
            }
            must
        },
    )
}

fn passing(index: &Index, filter: &Filter, limit: usize) -> Result<Vec<String>, RetrieveError> {
    let mut request = request("word", RetrievalMode::Bm25, limit);
    request.filter = filter.clone();
    let found = wait(index.retrieve(request))?;
    let mut names: Vec<_> = ids(&found).into_iter().map(str::to_owned).collect();
    names.sort_unstable();
    Ok(names)
}

fn expected(documents: &[Document], filter: &Filter) -> Vec<String> {
    let mut names: Vec<_> = documents
        .iter()
        .filter(|document| filter.matches(&document.metadata))
        .map(|document| document.id.as_str().to_owned())
        .collect();
    names.sort_unstable();
    names
}

fn with_metadata(all: Vec<Map<String, Value>>) -> Vec<Document> {
    all.into_iter()
        .enumerate()
        .map(|(n, metadata)| document(&n.to_string(), "word", &metadata.into()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_agrees_with_the_language(
        all in proptest::collection::vec(metadata(2), 30..60),
        filters in proptest::collection::vec(filter(), 60),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::at(folder.path());
        let documents = with_metadata(all);
        wait(index.fill(documents.clone()));
        for filter in &filters {
            let parsed = Filter::parse(filter).unwrap();
            let found = passing(&index, &parsed, documents.len()).unwrap();
            prop_assert_eq!(found, expected(&documents, &parsed), "{}", Value::Object(filter.clone()));
        }
    }

    #[test]
    fn indexes_make_no_difference_to_what_passes(
        (index, all) in proptest::sample::select(vec![
            // In a debug build, the engine asserts of its estimates what does
            // not hold for an index of numbers with longer lists.
            (IndexType::Keyword, 2), (IndexType::Float, 1), (IndexType::Bool, 2),
            (IndexType::Datetime, 1),
        ])
        .prop_flat_map(|(index, list)| {
            (Just(index), proptest::collection::vec(metadata(list), 30..60))
        }),
        filters in proptest::collection::vec(filter(), 60),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let indexed = KEYS[..2].iter().map(|key| ((*key).to_owned(), index)).collect();
        let config = CollectionConfig { indexed, ..CollectionConfig::default() };
        let shop = Index::with(folder.path(), config, &Arc::new(StubEncoder::new("1"))).unwrap();
        let documents = with_metadata(all);
        wait(shop.fill(documents.clone()));
        for filter in &filters {
            let parsed = Filter::parse(filter).unwrap();
            match passing(&shop, &parsed, documents.len()) {
                Ok(found) => {
                    let told = Value::Object(filter.clone());
                    prop_assert_eq!(found, expected(&documents, &parsed), "{:?} {}", index, told);
                }
                Err(RetrieveError::Filter(error)) => {
                    prop_assert!(error.problem.contains("indexed for"), "{}", error);
                }
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }
}

#[test]
fn a_condition_of_another_kind_than_the_index_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let indexed = BTreeMap::from([
        ("price".to_owned(), IndexType::Float),
        ("released".to_owned(), IndexType::Datetime),
        ("brand".to_owned(), IndexType::Keyword),
        ("stock".to_owned(), IndexType::Integer),
        ("new".to_owned(), IndexType::Bool),
    ]);
    let config = CollectionConfig { indexed, ..CollectionConfig::default() };
    let index = Index::with(folder.path(), config, &Arc::new(StubEncoder::new("1"))).unwrap();
    let metadata = json!({
        "price": 80, "released": "2024-06-01", "brand": "acme", "stock": 3, "new": true,
    });
    wait(index.fill(vec![document("1", "word", &metadata)]));
    let ask =
        |filter: Value| passing(&index, &Filter::parse(filter.as_object().unwrap()).unwrap(), 9);
    for filter in [
        json!({"price": {"lte": 80}, "stock": [2, 3], "new": true}),
        json!({"released": {"gte": "2024-06-01"}, "brand": ["acme"]}),
        json!({"stock": {"gt": 2.5, "lt": 3.5}}),
    ] {
        assert_eq!(ask(filter).unwrap(), ["1"]);
    }
    for (filter, path, word) in [
        (json!({"price": {"gte": "2024-06-01"}}), ".price", "numbers"),
        (json!({"price": "cheap"}), ".price", "numbers"),
        (json!({"not": {"released": {"lt": 5}}}), ".not.released", "dates"),
        (json!({"brand": ["acme", 7]}), ".brand", "strings"),
        (json!({"new": "yes"}), ".new", "true or false"),
    ] {
        let Err(RetrieveError::Filter(error)) = ask(filter) else {
            panic!("{path} was let through");
        };
        assert_eq!(error.path, path);
        assert!(error.problem.contains(word), "{error}");
    }
}

#[test]
fn indexes_follow_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let encoder = Arc::new(StubEncoder::new("1"));
    let open = |indexed: &[(&str, IndexType)]| {
        let indexed = indexed.iter().map(|(key, index)| ((*key).to_owned(), *index)).collect();
        let config = CollectionConfig { indexed, ..CollectionConfig::default() };
        let index = Index::with(folder.path(), config, &encoder).unwrap();
        wait(index.fill(vec![document("1", "word", &json!({"a": "x", "b": 2}))]));
        let shard = index.engine.shared.opened(NAME, |_, _| unreachable!("it is open"));
        shard.unwrap().indexes().unwrap()
    };
    let date = "metadata.updated_at: datetime";
    assert_eq!(open(&[("a", IndexType::Keyword)]), ["metadata.a: keyword", date]);
    let changed = open(&[("a", IndexType::Bool), ("b", IndexType::Integer)]);
    assert_eq!(changed, ["metadata.a: bool", "metadata.b: integer", date]);
    assert_eq!(open(&[]), [date]);
    assert_eq!(open(&[(UPDATED_AT, IndexType::Keyword)]), ["metadata.updated_at: keyword"]);
}
