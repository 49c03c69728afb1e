//! The nearest points.

use qdrant_client::qdrant::{
    QueryBatchPoints, QueryPoints, ScoredPoint, SearchParams, VectorInput, WithVectorsSelector,
};
use serde_json::json;
use test_case::test_case;
use tonic::Code;

use super::{GOODS, Shop, names, payload, refusal};

fn nearest(using: &str, vector: impl Into<VectorInput>) -> QueryPoints {
    QueryPoints {
        collection_name: GOODS.to_owned(),
        query: Some(vector.into().into()),
        using: Some(using.to_owned()),
        ..QueryPoints::default()
    }
}

fn dense() -> QueryPoints {
    nearest("dense", vec![1.0, 0.0, 0.0, 0.0])
}

fn sparse(terms: &[(u32, f32)]) -> QueryPoints {
    nearest("sparse", terms)
}

fn found(hits: &[ScoredPoint]) -> Vec<(&'static str, f32)> {
    let names = names(hits.iter().map(|hit| &hit.id));
    names.into_iter().zip(hits.iter().map(|hit| hit.score)).collect()
}

impl Shop {
    async fn hits(&self, query: QueryPoints) -> Vec<ScoredPoint> {
        self.client.query(query).await.unwrap().result
    }
}

#[tokio::test]
async fn dense_vectors_are_compared_by_their_distance() {
    let shop = Shop::open().await;
    let hits = shop.hits(dense()).await;
    assert_eq!(found(&hits), [("tent", 1.0), ("stove", 0.6), ("lamp", 0.0)]);
    assert!(hits.iter().all(|hit| hit.payload.is_empty() && hit.vectors.is_none()));
}

#[tokio::test]
async fn sparse_vectors_are_weighted_by_how_rare_a_term_is() {
    let shop = Shop::open().await;
    let both = found(&shop.hits(sparse(&[(3, 1.0), (7, 1.0)])).await);
    let common = found(&shop.hits(sparse(&[(7, 1.0)])).await);
    assert_eq!(both.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["tent", "stove"]);
    // Term 7 is in both documents, so it counts the same for them; term 3 has
    // twice the weight in one and is rarer.
    assert!((common[0].1 - common[1].1).abs() < f32::EPSILON);
    assert!(both[0].1 > 3.0 * both[1].1, "{both:?}");
    assert!(shop.hits(sparse(&[(99, 1.0)])).await.is_empty());
}

#[tokio::test]
async fn of_several_vectors_the_best_counts_for_each_of_the_query() {
    let shop = Shop::open().await;
    let query = nearest("multi", vec![vec![2.0, 0.0], vec![0.0, 3.0]]);
    assert_eq!(found(&shop.hits(query).await), [("tent", 5.0), ("stove", 2.5)]);
}

#[tokio::test]
async fn a_query_says_what_it_wants_of_the_hits() {
    let shop = Shop::open().await;
    let query = QueryPoints {
        limit: Some(1),
        offset: Some(1),
        with_payload: Some(vec!["title"].into()),
        with_vectors: Some(WithVectorsSelector::from(vec!["multi"])),
        params: Some(SearchParams {
            exact: Some(true),
            hnsw_ef: Some(128),
            ..SearchParams::default()
        }),
        ..dense()
    };
    let hits = shop.hits(query).await;
    assert_eq!(found(&hits), [("stove", 0.6)]);
    assert_eq!(payload(hits[0].payload.clone()), json!({ "title": "Stove" }));
    assert!(hits[0].vectors.as_ref().unwrap().get_vector_by_name("multi").is_some());
    let threshold = QueryPoints { score_threshold: Some(0.7), ..dense() };
    assert_eq!(found(&shop.hits(threshold).await), [("tent", 1.0)]);
}

#[tokio::test]
async fn ten_hits_are_the_rule() {
    let shop = Shop::open().await;
    let mut points = Vec::new();
    for number in 5..20 {
        points.push(super::point(number, [("dense", vec![1.0; 4].into())], json!({})));
    }
    shop.client.upsert_points(super::upsert(points)).await.unwrap();
    assert_eq!(shop.hits(dense()).await.len(), 10);
    let more = QueryPoints { limit: Some(50), ..dense() };
    assert_eq!(shop.hits(more).await.len(), 18);
}

#[tokio::test]
async fn a_batch_is_answered_in_its_order() {
    let shop = Shop::open().await;
    // The name of the collection is the batch's.
    let nameless = QueryPoints { collection_name: String::new(), ..sparse(&[(3, 1.0)]) };
    let batch = QueryBatchPoints {
        collection_name: GOODS.to_owned(),
        query_points: vec![nameless, QueryPoints { limit: Some(2), ..dense() }],
        ..QueryBatchPoints::default()
    };
    let answers = shop.client.query_batch(batch).await.unwrap().result;
    assert_eq!(answers.len(), 2);
    assert_eq!(names(answers[0].result.iter().map(|hit| &hit.id)), ["tent"]);
    assert_eq!(found(&answers[1].result), [("tent", 1.0), ("stove", 0.6)]);
}

#[test_case(
    nearest("dense", vec![1.0; 3]),
    "Wrong input: Vector dimension error: expected dim: 4, got 3" ;
    "of a wrong dimension"
)]
#[test_case(
    nearest("multi", vec![vec![1.0; 3]]),
    "Wrong input: Vector dimension error: expected dim: 2, got 3" ;
    "of several vectors of a wrong dimension"
)]
#[test_case(
    nearest("foo", vec![1.0; 4]),
    "Wrong input: Not existing vector name error: foo" ;
    "with an unknown vector"
)]
#[test_case(
    QueryPoints { limit: Some(0), ..dense() },
    "Validation error in body: [limit: value 0 invalid, must be 1 or larger]" ;
    "for nothing"
)]
#[test_case(
    QueryPoints { timeout: Some(0), ..dense() },
    "Validation error in body: [timeout: value 0 invalid, must be 1 or larger]" ;
    "in no time"
)]
#[tokio::test]
async fn a_query_is_refused(query: QueryPoints, expected: &str) {
    let shop = Shop::open().await;
    let refused = refusal(shop.client.query(query).await);
    assert_eq!(refused, (Code::InvalidArgument, expected.to_owned()));
}

#[tokio::test]
async fn a_collection_without_points_checks_queries_as_well() {
    let shop = Shop::open().await;
    shop.client.delete_collection(GOODS).await.unwrap();
    shop.client.create_collection(super::goods()).await.unwrap();
    assert!(shop.hits(dense()).await.is_empty());
    assert!(shop.hits(sparse(&[(3, 1.0)])).await.is_empty());
    let (_, message) = refusal(shop.client.query(nearest("foo", vec![1.0; 4])).await);
    assert_eq!(message, "Wrong input: Not existing vector name error: foo");
    let (_, message) = refusal(shop.client.query(nearest("dense", vec![1.0; 3])).await);
    assert_eq!(message, "Wrong input: Vector dimension error: expected dim: 4, got 3");
}
