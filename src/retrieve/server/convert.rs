//! Points, payloads and vectors in Qdrant's messages.

use std::collections::HashMap;

use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::{
    NamedVectors, PointId, PointStruct, Query, RetrievedPoint, Vector, VectorInput, Vectors,
    vector_output,
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::retrieve::engine::{Point, QueryVector};
use crate::retrieve::point::{self, BM25, DENSE};

/// Deepest metadata that is stored. Protocol buffers are read to a depth of
/// 100 messages, and an object within an object takes three.
pub(super) const MAX_DEPTH: usize = 28;

/// A point as it is stored. `parts`: embeddings a document may have.
pub(super) fn point(point: Point, parts: usize) -> PointStruct {
    let Point { id, document, bm25, mut dense } = point;
    let mut vectors = NamedVectors::default();
    if !dense.is_empty() {
        let dense = match parts {
            0 | 1 => Vector::new_dense(dense.swap_remove(0)),
            _ => Vector::new_multi(dense),
        };
        vectors = vectors.add_vector(DENSE, dense);
    }
    if !bm25.indices.is_empty() {
        vectors = vectors.add_vector(BM25, Vector::new_sparse(bm25.indices, bm25.values));
    }
    PointStruct {
        id: Some(point_id(id)),
        payload: payload(point::payload(document)),
        vectors: Some(Vectors::from(vectors)),
    }
}

/// The nearest points to a vector, and the name of the vectors to compare it
/// with.
pub(super) fn query(vector: QueryVector, parts: usize) -> (Query, &'static str) {
    match vector {
        QueryVector::Bm25(terms) => {
            (Query::new_nearest(VectorInput::new_sparse(terms.indices, terms.values)), BM25)
        }
        QueryVector::Dense(vector) if parts > 1 => {
            (Query::new_nearest(VectorInput::new_multi(vec![vector])), DENSE)
        }
        QueryVector::Dense(vector) => (Query::new_nearest(VectorInput::new_dense(vector)), DENSE),
    }
}

pub(super) fn point_id(id: Uuid) -> PointId {
    PointId::from(id.to_string())
}

/// The id, where it is one of ours.
pub(super) fn uuid(id: Option<PointId>) -> Option<Uuid> {
    match id?.point_id_options? {
        PointIdOptions::Uuid(uuid) => uuid.parse().ok(),
        PointIdOptions::Num(_) => None,
    }
}

/// The embeddings of a point, in the order of their parts.
pub(super) fn embeddings(point: &RetrievedPoint) -> Option<Vec<Vec<f32>>> {
    match point.vectors.as_ref()?.get_vector_by_name(DENSE)? {
        vector_output::Vector::Dense(vector) => Some(vec![vector.data]),
        vector_output::Vector::MultiDense(vectors) => {
            Some(vectors.vectors.into_iter().map(|vector| vector.data).collect())
        }
        vector_output::Vector::Sparse(_) => None,
    }
}

fn payload(payload: Map<String, Value>) -> HashMap<String, qdrant_client::qdrant::Value> {
    payload.into_iter().map(|(key, value)| (key, value.into())).collect()
}

/// A payload as JSON. The messages keep no order of keys, so that they are
/// sorted: the same document always reads the same.
pub(super) fn json(payload: HashMap<String, qdrant_client::qdrant::Value>) -> Map<String, Value> {
    let mut json: Map<_, _> =
        payload.into_iter().map(|(key, value)| (key, value.into_json())).collect();
    json.sort_keys();
    json.values_mut().for_each(Value::sort_all_objects);
    json
}

/// How deep objects and lists are nested.
pub(super) fn depth(metadata: &Map<String, Value>) -> usize {
    1 + metadata.values().map(value_depth).max().unwrap_or(0)
}

fn value_depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(value_depth).max().unwrap_or(0),
        Value::Object(object) => depth(object),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use qdrant_client::qdrant::vectors::VectorsOptions;
    use serde_json::json;

    use super::*;
    use crate::domain::{DocId, Document};
    use crate::retrieve::{SparseVector, point_id as id_of};

    fn metadata() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
            proptest::sample::select(vec![json!(1.0), json!(-0.0), json!(1e300), json!(5e-324)]),
        ];
        leaf.prop_recursive(5, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map(".*", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn payloads_come_back_as_they_were(value in metadata()) {
            let stored = Map::from_iter([("a".to_owned(), value)]);
            let read = json(payload(stored.clone()));
            prop_assert_eq!(Value::Object(read).to_string(), {
                let mut stored = Value::Object(stored);
                stored.sort_all_objects();
                stored.to_string()
            });
        }
    }

    #[test]
    fn whole_numbers_beyond_the_protocol_become_doubles() {
        let stored = Map::from_iter([("a".to_owned(), json!(u64::MAX))]);
        assert_eq!(json(payload(stored))["a"], json!(1.844_674_407_370_955_2e19));
    }

    #[test]
    fn depth_counts_objects_and_lists() {
        for (value, expected) in [
            (json!({}), 1),
            (json!({"a": 1}), 1),
            (json!({"a": []}), 2),
            (json!({"a": [[1]], "b": {"c": {}}}), 3),
        ] {
            assert_eq!(depth(value.as_object().unwrap()), expected, "{value}");
        }
    }

    fn document() -> Document {
        Document {
            id: DocId::new("a").unwrap(),
            title: "t".into(),
            text: "x".into(),
            metadata: Map::new(),
        }
    }

    fn vectors(point: PointStruct) -> HashMap<String, Vector> {
        match point.vectors.unwrap().vectors_options.unwrap() {
            VectorsOptions::Vectors(named) => named.vectors,
            VectorsOptions::Vector(one) => panic!("{one:?}"),
        }
    }

    #[test]
    fn a_point_has_the_vectors_that_there_are() {
        let id = id_of(&DocId::new("a").unwrap());
        let bm25 = SparseVector { indices: vec![7], values: vec![0.5] };
        let whole = Point { id, document: document(), bm25, dense: vec![vec![1.0, 0.0]] };
        let stored = vectors(point(whole.clone(), 1));
        assert_eq!(stored[DENSE], Vector::new_dense(vec![1.0, 0.0]));
        assert_eq!(stored[BM25], Vector::new_sparse(vec![7], vec![0.5]));
        let stored = vectors(point(whole, 4));
        assert_eq!(stored[DENSE], Vector::new_multi(vec![vec![1.0, 0.0]]));
        let bare = Point { id, document: document(), bm25: SparseVector::default(), dense: vec![] };
        let stored = point(bare, 1);
        assert_eq!(uuid(stored.id.clone()), Some(id));
        assert!(vectors(stored).is_empty());
    }

    #[test]
    fn ids_of_others_are_none_of_ours() {
        assert_eq!(uuid(Some(PointId::from(7))), None);
        assert_eq!(uuid(Some(PointId::from("seven"))), None);
        assert_eq!(uuid(None), None);
    }
}
