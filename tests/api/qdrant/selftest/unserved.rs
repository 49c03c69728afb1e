//! What the server doesn't do it says, with a name.

use qdrant_client::qdrant::start_from::Value as Start;
use qdrant_client::qdrant::{
    CollectionParamsDiff, CreateCollection, Datatype, DeletePoints, Distance, FacetCounts, Filter,
    IdfParams, OrderBy, PointStruct, PrefetchQuery, Query, QueryPoints, ScrollPoints, SearchParams,
    StartFrom, StrictModeConfig, UpdateCollection, UpsertPoints, VectorParams, VectorsConfig,
    points_selector::PointsSelectorOneOf, vectors_config::Config,
};
use test_case::test_case;
use tonic::Code;

use super::{GOODS, Shop, client, goods, id, refusal, tent, upsert, vectors};
use crate::qdrant::QdrantServer;

fn query() -> QueryPoints {
    QueryPoints {
        collection_name: GOODS.to_owned(),
        query: Some(vec![1.0, 0.0, 0.0, 0.0].into()),
        using: Some("dense".to_owned()),
        ..QueryPoints::default()
    }
}

#[tokio::test]
async fn other_rpcs_are_refused_by_name() {
    let shop = Shop::open().await;
    let facet = FacetCounts { collection_name: GOODS.to_owned(), ..FacetCounts::default() };
    let (code, message) = refusal(shop.client.facet(facet).await);
    assert_eq!(code, Code::Unimplemented);
    assert!(message.contains("Points/Facet"), "{message}");
    let (code, message) = refusal(shop.client.collection_cluster_info(GOODS).await);
    assert_eq!(code, Code::Unimplemented);
    assert!(message.contains("Collections/CollectionClusterInfo"), "{message}");
    let (code, message) = refusal(shop.client.list_snapshots(GOODS).await);
    assert_eq!(code, Code::Unimplemented);
    assert!(message.contains("Snapshots/List"), "{message}");
    assert_eq!(shop.server.calls("Points/Facet"), 1);
    assert!(shop.server.asked("Points/Facet").is_empty());
}

#[test_case(
    CreateCollection { strict_mode_config: Some(StrictModeConfig::default()), ..goods() },
    "strict mode" ;
    "limits"
)]
#[test_case(
    CreateCollection {
        vectors_config: Some(vectors([("half", VectorParams {
            size: 4,
            distance: Distance::Dot.into(),
            datatype: Some(Datatype::Float16.into()),
            ..VectorParams::default()
        })])),
        ..goods()
    },
    "another type" ;
    "short numbers"
)]
#[test_case(
    CreateCollection {
        vectors_config: Some(VectorsConfig { config: Some(Config::Params(VectorParams::default())) }),
        ..goods()
    },
    "without a name" ;
    "a nameless vector"
)]
#[tokio::test]
async fn a_collection_has_none_of(made: CreateCollection, expected: &str) {
    let server = QdrantServer::start().await;
    let (code, message) = refusal(client(&server).create_collection(made).await);
    assert_eq!(code, Code::Unimplemented);
    assert!(message.contains(expected), "{message}");
    assert!(!client(&server).collection_exists(GOODS).await.unwrap());
}

#[tokio::test]
async fn only_metadata_changes() {
    let shop = Shop::open().await;
    let update = UpdateCollection {
        collection_name: GOODS.to_owned(),
        params: Some(CollectionParamsDiff::default()),
        ..UpdateCollection::default()
    };
    assert_eq!(refusal(shop.client.update_collection(update).await).0, Code::Unimplemented);
}

#[test_case(QueryPoints { prefetch: vec![PrefetchQuery::default()], ..query() }, "prefetches" ; "prefetch")]
#[test_case(QueryPoints { query: None, ..query() }, "nearest" ; "all points")]
#[test_case(QueryPoints { query: Some(Query::from(id(1))), ..query() }, "a point's id" ; "by id")]
#[test_case(
    QueryPoints {
        params: Some(SearchParams { idf: Some(IdfParams::default()), ..SearchParams::default() }),
        ..query()
    },
    "exact and hnsw_ef" ;
    "parameters"
)]
#[tokio::test]
async fn a_query_is_not_half_understood(query: QueryPoints, expected: &str) {
    let shop = Shop::open().await;
    let (code, message) = refusal(shop.client.query(query).await);
    assert_eq!(code, Code::Unimplemented);
    assert!(message.contains(expected), "{message}");
}

#[tokio::test]
async fn an_order_starts_at_its_end() {
    let shop = Shop::open().await;
    let start_from = Some(StartFrom { value: Some(Start::Integer(3)) });
    let order = OrderBy { key: "metadata.price".to_owned(), direction: None, start_from };
    let scroll = ScrollPoints {
        collection_name: GOODS.to_owned(),
        order_by: Some(order),
        ..ScrollPoints::default()
    };
    assert_eq!(refusal(shop.client.scroll(scroll).await).0, Code::Unimplemented);
}

#[tokio::test]
async fn points_are_written_without_conditions() {
    let shop = Shop::open().await;
    let update_filter = Some(Filter::default());
    let conditional = UpsertPoints { update_filter, ..upsert(vec![tent()]) };
    assert_eq!(refusal(shop.client.upsert_points(conditional).await).0, Code::Unimplemented);
    let nameless = PointStruct { vectors: Some(vec![1.0; 4].into()), ..tent() };
    let refused = refusal(shop.client.upsert_points(upsert(vec![nameless])).await);
    assert_eq!(refused.0, Code::Unimplemented);
    let delete = DeletePoints {
        collection_name: GOODS.to_owned(),
        points: Some(PointsSelectorOneOf::Filter(Filter::default()).into()),
        ..DeletePoints::default()
    };
    assert_eq!(refusal(shop.client.delete_points(delete).await).0, Code::Unimplemented);
}
