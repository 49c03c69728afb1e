//! The test server, driven by the real client.

mod aliases;
mod collections;
mod faults;
mod filters;
mod points;
mod query;
mod scroll;
mod unserved;

use std::collections::HashMap;
use std::fmt::Debug;

use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CreateCollection, Distance, Modifier, MultiVectorConfig, PointId, PointStruct,
    SparseVectorConfig, SparseVectorParams, UpsertPoints, Value, Vector, VectorParams,
    VectorParamsMap, VectorsConfig,
};
use qdrant_client::{Payload, Qdrant, QdrantError};
use serde_json::json;
use tonic::Code;

use super::QdrantServer;

/// The collection of [`Shop`].
const GOODS: &str = "goods";

/// A client of a server, which need not run.
fn client(server: &QdrantServer) -> Qdrant {
    Qdrant::from_url(&server.url()).skip_compatibility_check().build().unwrap()
}

/// A server with a collection of four products.
struct Shop {
    server: QdrantServer,
    client: Qdrant,
}

impl Shop {
    async fn open() -> Self {
        let server = QdrantServer::start().await;
        let client = client(&server);
        client.create_collection(goods()).await.unwrap();
        client.upsert_points(upsert(vec![tent(), stove(), lamp(), rope()])).await.unwrap();
        Self { server, client }
    }
}

/// Three kinds of vectors.
fn goods() -> CreateCollection {
    let dense =
        VectorParams { size: 4, distance: Distance::Cosine.into(), ..VectorParams::default() };
    let multi = VectorParams {
        size: 2,
        distance: Distance::Dot.into(),
        multivector_config: Some(MultiVectorConfig::default()),
        ..VectorParams::default()
    };
    let sparse = SparseVectorParams { modifier: Some(Modifier::Idf.into()), index: None };
    CreateCollection {
        collection_name: GOODS.to_owned(),
        vectors_config: Some(vectors([("dense", dense), ("multi", multi)])),
        sparse_vectors_config: Some(SparseVectorConfig { map: map([("sparse", sparse)]) }),
        ..CreateCollection::default()
    }
}

fn vectors(params: impl IntoIterator<Item = (&'static str, VectorParams)>) -> VectorsConfig {
    VectorsConfig { config: Some(Config::ParamsMap(VectorParamsMap { map: map(params) })) }
}

fn map<T>(items: impl IntoIterator<Item = (&'static str, T)>) -> HashMap<String, T> {
    items.into_iter().map(|(name, item)| (name.to_owned(), item)).collect()
}

/// Waits, so that the points can be read.
fn upsert(points: Vec<PointStruct>) -> UpsertPoints {
    let collection_name = GOODS.to_owned();
    UpsertPoints { collection_name, points, wait: Some(true), ..UpsertPoints::default() }
}

fn tent() -> PointStruct {
    let vectors = [
        ("dense", Vector::from(vec![1.0, 0.0, 0.0, 0.0])),
        ("multi", vec![vec![1.0, 0.0], vec![0.0, 1.0]].into()),
        ("sparse", vec![(7, 1.0), (3, 2.0)].into()),
    ];
    let metadata = json!({
        "kind": "shelter", "price": 120, "stock": true, "released": "2024-05-01T00:00:00Z",
        "a.b": "quoted", "sizes": [{ "name": "S", "left": 0 }, { "name": "L", "left": 3 }]
    });
    point(1, vectors, json!({ "id": "tent", "title": "Tent", "metadata": metadata }))
}

fn stove() -> PointStruct {
    let vectors = [
        ("dense", Vector::from(vec![0.6, 0.8, 0.0, 0.0])),
        ("multi", vec![vec![0.5, 0.5]].into()),
        ("sparse", vec![(7, 1.0)].into()),
    ];
    let metadata = json!({
        "kind": "kitchen", "price": 35.5, "stock": false, "released": "2023-01-01T00:00:00Z",
        "sizes": [{ "name": "S", "left": 2 }, { "name": "L", "left": 0 }]
    });
    point(2, vectors, json!({ "id": "stove", "title": "Stove", "metadata": metadata }))
}

fn lamp() -> PointStruct {
    let vectors = [("dense", Vector::from(vec![0.0, 0.0, 3.0, 4.0]))];
    let metadata = json!({ "kind": "light", "price": 20, "stock": true });
    point(3, vectors, json!({ "id": "lamp", "title": "Lamp", "metadata": metadata }))
}

/// One without vectors.
fn rope() -> PointStruct {
    point(4, [], json!({ "id": "rope", "title": "Rope", "metadata": {} }))
}

fn point(
    number: u64,
    vectors: impl IntoIterator<Item = (&'static str, Vector)>,
    payload: serde_json::Value,
) -> PointStruct {
    PointStruct::new(id(number), map(vectors), Payload::try_from(payload).unwrap())
}

fn id(number: u64) -> PointId {
    format!("00000000-0000-0000-0000-{number:012}").into()
}

fn payload(fields: HashMap<String, Value>) -> serde_json::Value {
    Payload::from(fields).into()
}

/// The names of products, by their points.
fn names<'a>(ids: impl IntoIterator<Item = &'a Option<PointId>>) -> Vec<&'static str> {
    let named = [(id(1), "tent"), (id(2), "stove"), (id(3), "lamp"), (id(4), "rope")];
    ids.into_iter()
        .map(|id| named.iter().find(|(named, _)| Some(named) == id.as_ref()).unwrap().1)
        .collect()
}

/// The code and message of an answer that is an error.
fn refusal<T: Debug>(answer: Result<T, QdrantError>) -> (Code, String) {
    match answer {
        Err(QdrantError::ResponseError { status }) => (status.code(), status.message().to_owned()),
        other => panic!("not refused: {other:?}"),
    }
}

fn no_goods() -> (Code, String) {
    (Code::NotFound, "Not found: Collection `goods` doesn't exist!".to_owned())
}
