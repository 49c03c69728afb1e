//! Points come back as they were stored, or are refused.

use qdrant_client::Qdrant;
use qdrant_client::config::CompressionEncoding;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::vector_output::Vector as Shown;
use qdrant_client::qdrant::with_payload_selector::SelectorOptions;
use qdrant_client::qdrant::{
    DeletePoints, DenseVector, GetPoints, MultiDenseVector, PayloadExcludeSelector,
    PayloadIncludeSelector, PointId, PointStruct, PointsIdsList, PointsSelector, RetrievedPoint,
    SparseVector, UpdateStatus, UpsertPoints, Vector, WithPayloadSelector, WithVectorsSelector,
};
use serde_json::{Value, json};
use test_case::test_case;
use tonic::Code;

use super::{GOODS, Shop, id, map, names, payload, point, refusal, stove, tent, upsert};

/// Everything about these points.
fn get(ids: impl IntoIterator<Item = PointId>) -> GetPoints {
    GetPoints {
        collection_name: GOODS.to_owned(),
        ids: ids.into_iter().collect(),
        with_payload: Some(true.into()),
        with_vectors: Some(true.into()),
        ..GetPoints::default()
    }
}

impl Shop {
    async fn read(&self, get: GetPoints) -> Vec<RetrievedPoint> {
        self.client.get_points(get).await.unwrap().result
    }
}

#[tokio::test]
async fn points_come_back_as_they_were_stored() {
    let shop = Shop::open().await;
    let points = shop.read(get([id(2), id(9), id(1)])).await;
    assert_eq!(names(points.iter().map(|point| &point.id)), ["stove", "tent"]);
    let tent_read = &points[1];
    assert_eq!(payload(tent_read.payload.clone()), payload(tent().payload));
    let vectors = tent_read.vectors.as_ref().unwrap();
    let dense = DenseVector { data: vec![1.0, 0.0, 0.0, 0.0] };
    assert_eq!(vectors.get_vector_by_name("dense"), Some(Shown::Dense(dense)));
    let multi = [[1.0, 0.0], [0.0, 1.0]].map(|data| DenseVector { data: data.to_vec() });
    let multi = MultiDenseVector { vectors: multi.to_vec() };
    assert_eq!(vectors.get_vector_by_name("multi"), Some(Shown::MultiDense(multi)));
    let sparse = SparseVector { indices: vec![3, 7], values: vec![2.0, 1.0] };
    assert_eq!(vectors.get_vector_by_name("sparse"), Some(Shown::Sparse(sparse)));
}

#[test_case(json!({ "null": null, "bool": true, "text": "ä\u{1f600}" }) ; "scalars")]
#[test_case(json!({ "integer": -3, "whole": 3.0, "half": 0.5, "big": i64::MAX }) ; "numbers")]
#[test_case(json!({ "list": [1, [2], {}], "object": { "a": { "b": [] } } }) ; "nested")]
#[test_case(json!({}) ; "empty")]
#[tokio::test]
async fn payloads_of_any_form_come_back(stored: Value) {
    let shop = Shop::open().await;
    shop.client.upsert_points(upsert(vec![point(5, [], stored.clone())])).await.unwrap();
    let read = shop.read(get([id(5)])).await;
    assert_eq!(payload(read[0].payload.clone()), stored);
}

#[test_case(None ; "plain")]
#[test_case(Some(CompressionEncoding::Gzip) ; "compressed")]
#[tokio::test]
async fn messages_may_be_large(compression: Option<CompressionEncoding>) {
    let shop = Shop::open().await;
    let config = Qdrant::from_url(&shop.server.url()).skip_compatibility_check();
    let client = config.compression(compression).build().unwrap();
    // More than a gRPC server takes that isn't told to.
    let text = "tent ".repeat(1 << 20);
    let large = point(5, [], json!({ "text": text }));
    client.upsert_points(upsert(vec![large])).await.unwrap();
    let read = client.get_points(get([id(5)])).await.unwrap().result;
    assert!(payload(read[0].payload.clone())["text"] == text.as_str());
}

#[tokio::test]
async fn ids_may_be_numbers() {
    let shop = Shop::open().await;
    let numbered = PointStruct { id: Some(7.into()), ..tent() };
    shop.client.upsert_points(upsert(vec![numbered])).await.unwrap();
    assert_eq!(shop.read(get([7.into()])).await[0].id, Some(7.into()));
}

#[tokio::test]
async fn a_point_stored_again_is_another() {
    let shop = Shop::open().await;
    let other = point(1, [], json!({ "id": "other" }));
    shop.client.upsert_points(upsert(vec![other])).await.unwrap();
    let read = shop.read(get([id(1)])).await;
    assert_eq!(payload(read[0].payload.clone()), json!({ "id": "other" }));
    assert_eq!(read[0].vectors.as_ref().unwrap().get_vector_by_name("dense"), None);
}

#[tokio::test]
async fn a_request_that_asks_for_no_part_gets_the_ids() {
    let shop = Shop::open().await;
    let bare = GetPoints { with_payload: None, with_vectors: None, ..get([id(1)]) };
    let read = shop.read(bare).await;
    assert!(read[0].payload.is_empty());
    assert_eq!(read[0].vectors, None);
}

fn include(fields: &[&str]) -> SelectorOptions {
    let fields = fields.iter().map(|&field| field.to_owned()).collect();
    SelectorOptions::Include(PayloadIncludeSelector { fields })
}

fn exclude(fields: &[&str]) -> SelectorOptions {
    let fields = fields.iter().map(|&field| field.to_owned()).collect();
    SelectorOptions::Exclude(PayloadExcludeSelector { fields })
}

#[test_case(include(&["id"]), json!({ "id": "lamp" }) ; "included")]
#[test_case(include(&["metadata.price"]), json!({ "metadata": { "price": 20 } }) ; "included path")]
#[test_case(exclude(&["metadata"]), json!({ "id": "lamp", "title": "Lamp" }) ; "excluded")]
#[test_case(
    exclude(&["metadata.kind", "title"]),
    json!({ "id": "lamp", "metadata": { "price": 20, "stock": true } }) ;
    "excluded path"
)]
#[test_case(SelectorOptions::Enable(false), json!({}) ; "none")]
#[tokio::test]
async fn a_part_of_the_payload_comes_back(selector: SelectorOptions, expected: Value) {
    let shop = Shop::open().await;
    let selector = WithPayloadSelector { selector_options: Some(selector) };
    let read = shop.read(GetPoints { with_payload: Some(selector), ..get([id(3)]) }).await;
    assert_eq!(payload(read[0].payload.clone()), expected);
}

#[tokio::test]
async fn vectors_come_back_by_name() {
    let shop = Shop::open().await;
    let some = WithVectorsSelector::from(vec!["sparse"]);
    let read = shop.read(GetPoints { with_vectors: Some(some), ..get([id(1)]) }).await;
    let vectors = read[0].vectors.as_ref().unwrap();
    assert!(vectors.get_vector_by_name("sparse").is_some());
    assert_eq!(vectors.get_vector_by_name("dense"), None);
}

fn deletion(ids: impl IntoIterator<Item = PointId>) -> DeletePoints {
    let ids = PointsIdsList { ids: ids.into_iter().collect() };
    let points_selector_one_of = Some(PointsSelectorOneOf::Points(ids));
    DeletePoints {
        collection_name: GOODS.to_owned(),
        points: Some(PointsSelector { points_selector_one_of }),
        wait: Some(true),
        ..DeletePoints::default()
    }
}

#[tokio::test]
async fn deleted_points_are_gone() {
    let shop = Shop::open().await;
    let answer = shop.client.delete_points(deletion([id(1), id(9)])).await.unwrap();
    assert_eq!(answer.result.unwrap().status(), UpdateStatus::Completed);
    let left = shop.read(get([id(1), id(2), id(3), id(4)])).await;
    assert_eq!(names(left.iter().map(|point| &point.id)), ["stove", "lamp", "rope"]);
}

fn with(name: &'static str, vector: impl Into<Vector>) -> PointStruct {
    PointStruct::new(id(5), map([(name, vector.into())]), qdrant_client::Payload::new())
}

#[test_case(with("dense", vec![1.0; 3]), "expected dim: 4, got 3 for vector 'dense'" ; "dense")]
#[test_case(
    with("multi", vec![vec![1.0; 2], vec![1.0; 5]]),
    "expected dim: 2, got 5 for vector 'multi'" ;
    "one of several"
)]
#[tokio::test]
async fn a_wrong_dimension_is_refused_with_all_points(bad: PointStruct, problem: &str) {
    let shop = Shop::open().await;
    let changed = point(3, [], json!({ "id": "changed" }));
    for wait in [Some(true), None] {
        let points = UpsertPoints { wait, ..upsert(vec![changed.clone(), bad.clone()]) };
        let (code, message) = refusal(shop.client.upsert_points(points).await);
        assert_eq!(code, Code::InvalidArgument);
        assert_eq!(message, format!("Wrong input: Vector dimension error: {problem}"));
    }
    let read = shop.read(get([id(3), id(5)])).await;
    assert_eq!(read.len(), 1);
    assert_eq!(payload(read[0].payload.clone())["id"], "lamp");
}

#[tokio::test]
async fn only_who_waits_learns_of_an_unknown_vector() {
    let shop = Shop::open().await;
    let unknown = vec![with("foo", vec![1.0; 4])];
    let (code, message) = refusal(shop.client.upsert_points(upsert(unknown.clone())).await);
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(message, "Wrong input: Not existing vector name error: foo");
    let unwaited = UpsertPoints { wait: None, ..upsert(unknown) };
    let answer = shop.client.upsert_points(unwaited).await.unwrap().result.unwrap();
    assert_eq!(answer.status(), UpdateStatus::Acknowledged);
    assert!(shop.read(get([id(5)])).await.is_empty());
}

#[tokio::test]
async fn updates_are_numbered() {
    let shop = Shop::open().await;
    let first = shop.client.upsert_points(upsert(vec![tent()])).await.unwrap().result.unwrap();
    let second = shop.client.upsert_points(upsert(vec![stove()])).await.unwrap().result.unwrap();
    assert_eq!(second.operation_id, first.operation_id.map(|id| id + 1));
    assert_eq!(second.status(), UpdateStatus::Completed);
}

#[test_case(PointStruct { id: Some("tent".into()), ..tent() }, "Unable to parse UUID: tent" ; "no UUID")]
#[test_case(PointStruct { id: None, ..tent() }, "Empty ID is not allowed" ; "no id")]
#[test_case(
    PointStruct { id: Some(PointId::default()), ..tent() },
    "No ID options provided" ;
    "empty id"
)]
#[tokio::test]
async fn a_point_needs_an_id(bad: PointStruct, expected: &str) {
    let shop = Shop::open().await;
    let refused = refusal(shop.client.upsert_points(upsert(vec![bad])).await);
    assert_eq!(refused, (Code::InvalidArgument, expected.to_owned()));
}

#[test_case(with("dense", vec![(1, 1.0)]), "between sparse and regular" ; "sparse as dense")]
#[test_case(with("sparse", vec![1.0]), "between sparse and regular" ; "dense as sparse")]
#[test_case(with("sparse", vec![(1, 1.0), (1, 2.0)]), "must be unique" ; "an index twice")]
#[test_case(with("multi", Vec::<Vec<f32>>::new()), "" ; "no vectors")]
#[tokio::test]
async fn a_vector_of_the_wrong_kind_is_refused(bad: PointStruct, expected: &str) {
    let shop = Shop::open().await;
    let (code, message) = refusal(shop.client.upsert_points(upsert(vec![bad])).await);
    assert_eq!(code, Code::InvalidArgument, "{message}");
    assert!(message.starts_with("Wrong input: ") && message.contains(expected), "{message}");
}

#[tokio::test]
async fn a_deletion_of_nothing_is_malformed() {
    let shop = Shop::open().await;
    let nothing = DeletePoints { points: None, ..deletion([]) };
    let refused = refusal(shop.client.delete_points(nothing).await);
    assert_eq!(refused, (Code::InvalidArgument, "PointSelector is missing".to_owned()));
}
