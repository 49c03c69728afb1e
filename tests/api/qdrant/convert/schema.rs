//! The shape of a collection: its vectors and payload indexes.

use std::collections::HashMap;

use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CreateCollection, Datatype, Distance, FieldType, Modifier, PayloadSchemaInfo,
    PayloadSchemaType, SparseVectorParams, VectorParams,
};
use qdrant_edge::{
    Distance as Measure, EdgeConfig, EdgeConfigBuilder, EdgeSparseVectorParams,
    EdgeSparseVectorParamsBuilder, EdgeVectorParams, EdgeVectorParamsBuilder, JsonPath,
    Modifier as Modified, MultiVectorComparator, MultiVectorConfig, PayloadIndexInfo,
    PayloadSchemaType as Kind,
};
use tonic::Status;

use crate::qdrant::errors::{bad_input, unserved};

/// How a collection is kept: without a log of its own, since no shard is
/// opened a second time.
pub(in super::super) fn shard(created: &CreateCollection) -> Result<EdgeConfig, Status> {
    let mut config = EdgeConfigBuilder::new().wal_enabled(false).max_search_threads(1);
    match created.vectors_config.as_ref().and_then(|vectors| vectors.config.as_ref()) {
        None => {}
        Some(Config::ParamsMap(vectors)) => {
            for (name, params) in &vectors.map {
                config = config.vector(name, dense(params)?);
            }
        }
        Some(Config::Params(_)) => return Err(unserved("vectors without a name")),
    }
    for (name, params) in created.sparse_vectors_config.iter().flat_map(|sparse| &sparse.map) {
        config = config.sparse_vector(name, sparse(*params));
    }
    Ok(config.build())
}

/// The only comparator of multivectors is `MaxSim`.
fn dense(params: &VectorParams) -> Result<EdgeVectorParams, Status> {
    let measure = match params.distance() {
        Distance::Cosine => Measure::Cosine,
        Distance::Euclid => Measure::Euclid,
        Distance::Dot => Measure::Dot,
        Distance::Manhattan => Measure::Manhattan,
        Distance::UnknownDistance => return Err(bad_input("Unknown distance")),
    };
    if !matches!(params.datatype(), Datatype::Default | Datatype::Float32) {
        return Err(unserved("vectors of another type than Float32"));
    }
    let size = usize::try_from(params.size).unwrap();
    let dense = EdgeVectorParamsBuilder::new(size, measure);
    if params.multivector_config.is_none() {
        return Ok(dense.build());
    }
    let comparator = MultiVectorComparator::MaxSim;
    Ok(dense.multivector_config(MultiVectorConfig { comparator }).build())
}

fn sparse(params: SparseVectorParams) -> EdgeSparseVectorParams {
    let sparse = EdgeSparseVectorParamsBuilder::new();
    match params.modifier() {
        Modifier::None => sparse.build(),
        Modifier::Idf => sparse.modifier(Modified::Idf).build(),
    }
}

pub(in super::super) fn index_kind(kind: FieldType) -> Result<Kind, Status> {
    match kind {
        FieldType::Keyword => Ok(Kind::Keyword),
        FieldType::Integer => Ok(Kind::Integer),
        FieldType::Float => Ok(Kind::Float),
        FieldType::Bool => Ok(Kind::Bool),
        FieldType::Datetime => Ok(Kind::Datetime),
        FieldType::Geo | FieldType::Text | FieldType::Uuid => {
            Err(unserved(format!("{} indexes", kind.as_str_name())))
        }
    }
}

/// The payload indexes as a collection shows them.
pub(in super::super) fn indexes(
    indexes: HashMap<JsonPath, PayloadIndexInfo>,
) -> HashMap<String, PayloadSchemaInfo> {
    let shown = |(path, index): (JsonPath, PayloadIndexInfo)| {
        let info = PayloadSchemaInfo {
            data_type: shown_kind(index.data_type).into(),
            params: None,
            points: Some(u64::try_from(index.points).unwrap()),
        };
        (path.to_string(), info)
    };
    indexes.into_iter().map(shown).collect()
}

fn shown_kind(kind: Kind) -> PayloadSchemaType {
    match kind {
        Kind::Keyword => PayloadSchemaType::Keyword,
        Kind::Integer => PayloadSchemaType::Integer,
        Kind::Float => PayloadSchemaType::Float,
        Kind::Geo => PayloadSchemaType::Geo,
        Kind::Text => PayloadSchemaType::Text,
        Kind::Bool => PayloadSchemaType::Bool,
        Kind::Datetime => PayloadSchemaType::Datetime,
        Kind::Uuid => PayloadSchemaType::Uuid,
    }
}
