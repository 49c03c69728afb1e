//! Collections and what they say about themselves.

use qdrant_client::qdrant::payload_index_params::IndexParams;
use qdrant_client::qdrant::{
    CollectionConfig, CollectionInfo, CollectionStatus, CountPoints, CreateCollection,
    CreateFieldIndexCollection, DeleteFieldIndexCollection, DeletePoints, FieldType, GetPoints,
    HnswConfigDiff, KeywordIndexParams, PayloadSchemaType, QueryBatchPoints, QueryPoints,
    ScrollPoints, UpdateCollection, VectorParams,
};
use serde_json::json;
use test_case::test_case;
use tonic::Code;

use super::{GOODS, Shop, client, goods, map, no_goods, payload, refusal, upsert, vectors};
use crate::qdrant::QdrantServer;

async fn info(shop: &Shop) -> CollectionInfo {
    shop.client.collection_info(GOODS).await.unwrap().result.unwrap()
}

async fn config(server: &QdrantServer) -> CollectionConfig {
    let info = client(server).collection_info(GOODS).await.unwrap();
    info.result.unwrap().config.unwrap()
}

#[tokio::test]
async fn the_server_says_what_it_is() {
    let server = QdrantServer::start().await;
    let health = client(&server).health_check().await.unwrap();
    assert_eq!(health.title, "qdrant - vector search engine");
    assert_eq!(server.calls("HealthCheck"), 1);
}

#[tokio::test]
#[allow(deprecated, reason = "servers and clients still use the old fields")]
async fn a_collection_is_shown_as_it_was_made() {
    let server = QdrantServer::start().await;
    let on_disk =
        VectorParams { size: 8, distance: 2, on_disk: Some(true), ..VectorParams::default() };
    let hnsw = HnswConfigDiff { m: Some(32), ..HnswConfigDiff::default() };
    let made = CreateCollection {
        vectors_config: Some(vectors([("dense", on_disk)])),
        shard_number: Some(3),
        replication_factor: Some(2),
        write_consistency_factor: Some(2),
        on_disk_payload: Some(false),
        hnsw_config: Some(hnsw),
        metadata: map([("analyzer", "english".into())]),
        ..goods()
    };
    client(&server).create_collection(made.clone()).await.unwrap();
    let config = config(&server).await;
    let params = config.params.unwrap();
    assert_eq!(params.vectors_config, made.vectors_config);
    assert_eq!(params.sparse_vectors_config, made.sparse_vectors_config);
    assert_eq!(params.shard_number, 3);
    assert_eq!(params.replication_factor, Some(2));
    assert_eq!(params.write_consistency_factor, Some(2));
    assert!(!params.on_disk_payload);
    assert_eq!(config.hnsw_config, Some(hnsw));
    assert_eq!(payload(config.metadata), json!({ "analyzer": "english" }));
}

#[tokio::test]
#[allow(deprecated, reason = "servers and clients still use the old fields")]
async fn what_is_left_out_is_shown_as_a_server_has_it() {
    let server = QdrantServer::start().await;
    client(&server).create_collection(goods()).await.unwrap();
    let config = config(&server).await;
    let params = config.params.unwrap();
    assert_eq!(params.vectors_config, goods().vectors_config);
    assert_eq!(params.shard_number, 1);
    assert_eq!(params.replication_factor, Some(1));
    assert_eq!(params.write_consistency_factor, Some(1));
    assert!(params.on_disk_payload);
    assert!(config.metadata.is_empty());
}

#[tokio::test]
async fn a_collection_counts_its_points() {
    let shop = Shop::open().await;
    let info = info(&shop).await;
    assert_eq!(info.points_count, Some(4));
    assert_eq!(info.status(), CollectionStatus::Green);
    assert!(info.optimizer_status.unwrap().ok);
    assert!(info.payload_schema.is_empty());
}

#[tokio::test]
async fn metadata_is_merged() {
    let shop = Shop::open().await;
    let merge = async |metadata| {
        let collection_name = GOODS.to_owned();
        let update = UpdateCollection { collection_name, metadata, ..UpdateCollection::default() };
        assert!(shop.client.update_collection(update).await.unwrap().result);
        payload(config(&shop.server).await.metadata)
    };
    let first = merge(map([("model", "small".into()), ("state", "building".into())])).await;
    assert_eq!(first, json!({ "model": "small", "state": "building" }));
    let nested = json!({ "length": 12.5, "terms": [1, 2] });
    let second = merge(map([("state", "whole".into()), ("bm25", nested.clone().into())])).await;
    assert_eq!(second, json!({ "model": "small", "state": "whole", "bm25": nested }));
    let third = merge(map([("model", json!(null).into()), ("bm25", 1.into())])).await;
    assert_eq!(third, json!({ "state": "whole", "bm25": 1 }));
}

#[tokio::test]
async fn a_second_collection_of_a_name_is_refused() {
    let shop = Shop::open().await;
    let (code, message) = refusal(shop.client.create_collection(goods()).await);
    assert_eq!(code, Code::AlreadyExists);
    assert_eq!(message, "Wrong input: Collection `goods` already exists!");
    assert_eq!(info(&shop).await.points_count, Some(4));
}

#[tokio::test]
async fn collections_are_listed_and_go() {
    let shop = Shop::open().await;
    let other = CreateCollection { collection_name: "other".to_owned(), ..goods() };
    shop.client.create_collection(other).await.unwrap();
    let listed = async || {
        let list = shop.client.list_collections().await.unwrap();
        list.collections.into_iter().map(|collection| collection.name).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [GOODS, "other"]);
    assert!(shop.client.collection_exists(GOODS).await.unwrap());
    assert!(shop.client.delete_collection(GOODS).await.unwrap().result);
    assert_eq!(listed().await, ["other"]);
    assert!(!shop.client.collection_exists(GOODS).await.unwrap());
    assert!(!shop.client.delete_collection(GOODS).await.unwrap().result);
    // Its name is free, and nothing of it is left.
    shop.client.create_collection(goods()).await.unwrap();
    assert_eq!(info(&shop).await.points_count, Some(0));
}

#[tokio::test]
async fn every_request_for_a_missing_collection_is_refused() {
    let server = QdrantServer::start().await;
    let client = client(&server);
    let collection_name = GOODS.to_owned();
    assert_eq!(refusal(client.collection_info(GOODS).await), no_goods());
    assert_eq!(refusal(client.upsert_points(upsert(Vec::new())).await), no_goods());
    let update = UpdateCollection { collection_name, ..UpdateCollection::default() };
    assert_eq!(refusal(client.update_collection(update).await), no_goods());
    let collection_name = GOODS.to_owned();
    let delete = DeletePoints { collection_name, ..DeletePoints::default() };
    assert_eq!(refusal(client.delete_points(delete).await), no_goods());
    let collection_name = GOODS.to_owned();
    let get = GetPoints { collection_name, ..GetPoints::default() };
    assert_eq!(refusal(client.get_points(get).await), no_goods());
    let collection_name = GOODS.to_owned();
    let scroll = ScrollPoints { collection_name, ..ScrollPoints::default() };
    assert_eq!(refusal(client.scroll(scroll).await), no_goods());
    let collection_name = GOODS.to_owned();
    let count = CountPoints { collection_name, ..CountPoints::default() };
    assert_eq!(refusal(client.count(count).await), no_goods());
    let collection_name = GOODS.to_owned();
    let query = QueryPoints { collection_name, ..QueryPoints::default() };
    assert_eq!(refusal(client.query(query).await), no_goods());
    let collection_name = GOODS.to_owned();
    let batch = QueryBatchPoints { collection_name, ..QueryBatchPoints::default() };
    assert_eq!(refusal(client.query_batch(batch).await), no_goods());
    assert_eq!(refusal(client.create_field_index(create_index("a", 0)).await), no_goods());
    assert_eq!(refusal(client.delete_field_index(delete_index("a")).await), no_goods());
}

fn create_index(path: &str, kind: i32) -> CreateFieldIndexCollection {
    CreateFieldIndexCollection {
        collection_name: GOODS.to_owned(),
        field_name: path.to_owned(),
        field_type: Some(kind),
        wait: Some(true),
        ..CreateFieldIndexCollection::default()
    }
}

fn delete_index(path: &str) -> DeleteFieldIndexCollection {
    DeleteFieldIndexCollection {
        collection_name: GOODS.to_owned(),
        field_name: path.to_owned(),
        wait: Some(true),
        ..DeleteFieldIndexCollection::default()
    }
}

#[test_case("metadata.kind", FieldType::Keyword, PayloadSchemaType::Keyword, 3 ; "keyword")]
#[test_case("metadata.price", FieldType::Integer, PayloadSchemaType::Integer, 2 ; "integer")]
#[test_case("metadata.price", FieldType::Float, PayloadSchemaType::Float, 3 ; "float")]
#[test_case("metadata.stock", FieldType::Bool, PayloadSchemaType::Bool, 3 ; "boolean")]
#[test_case("metadata.released", FieldType::Datetime, PayloadSchemaType::Datetime, 2 ; "date")]
#[test_case(r#"metadata."a.b""#, FieldType::Keyword, PayloadSchemaType::Keyword, 1 ; "quoted")]
#[tokio::test]
async fn payload_indexes_come_and_go(
    path: &str,
    kind: FieldType,
    shown: PayloadSchemaType,
    points: u64,
) {
    let shop = Shop::open().await;
    shop.client.create_field_index(create_index(path, kind.into())).await.unwrap();
    let schema = info(&shop).await.payload_schema;
    assert_eq!(schema.keys().collect::<Vec<_>>(), [path]);
    assert_eq!(schema[path].data_type(), shown);
    assert_eq!(schema[path].points, Some(points));
    shop.client.delete_field_index(delete_index(path)).await.unwrap();
    assert!(info(&shop).await.payload_schema.is_empty());
}

#[tokio::test]
async fn an_index_of_a_path_that_is_none_is_refused() {
    let shop = Shop::open().await;
    let expected = (Code::InvalidArgument, "Invalid json path: 'a..b'".to_owned());
    assert_eq!(refusal(shop.client.create_field_index(create_index("a..b", 0)).await), expected);
    assert_eq!(refusal(shop.client.delete_field_index(delete_index("a..b")).await), expected);
}

#[tokio::test]
async fn an_index_with_parameters_is_not_taken_for_a_plain_one() {
    let shop = Shop::open().await;
    let params = IndexParams::KeywordIndexParams(KeywordIndexParams::default());
    let index = CreateFieldIndexCollection {
        field_index_params: Some(params.into()),
        ..create_index("metadata.kind", 0)
    };
    assert_eq!(refusal(shop.client.create_field_index(index).await).0, Code::Unimplemented);
}
