//! The shape of a shard: its vectors and payload indexes.

use std::collections::{BTreeMap, HashMap};

use qdrant_edge::{
    CreateIndex, Distance, EdgeConfig, EdgeConfigBuilder, EdgeOptimizersConfig, EdgeShard,
    EdgeSparseVectorParamsBuilder, EdgeVectorParamsBuilder, FieldIndexOperations, JsonPath,
    Modifier, MultiVectorComparator, MultiVectorConfig, OperationError, PayloadFieldSchema,
    PayloadSchemaType, UpdateOperation, WalOptions,
};

use super::condition::metadata_path;
use crate::retrieve::point::{BM25, DENSE, METADATA};
use crate::retrieve::{EmbeddingModel, IndexType};

/// A log file is made in its full size. The engine's own 32 MiB would be the
/// larger part of most collections.
const WAL_SEGMENT_BYTES: usize = 8 << 20;

/// Vectors of a segment in KiB from which it gets an index of them: some
/// 50,000 documents of the built-in model. Comparing a query with all of fewer
/// takes a few milliseconds and misses none; on 19,000 products, the engine's
/// own threshold of 10,000 cost the dense order .009 of its nDCG@10.
const INDEX_VECTORS_FROM: usize = 75_000;

/// Two named vectors; the engine multiplies the sparse one by IDF when a
/// query is answered. A document of several parts has several dense vectors
/// and scores by the most similar one.
pub(super) fn shard_config(embedding: &EmbeddingModel) -> EdgeConfig {
    let mut dense = EdgeVectorParamsBuilder::new(embedding.dimensions, Distance::Cosine);
    if embedding.parts > 1 {
        let comparator = MultiVectorComparator::MaxSim;
        dense = dense.multivector_config(MultiVectorConfig { comparator });
    }
    let dense = dense.build();
    let bm25 = EdgeSparseVectorParamsBuilder::new().modifier(Modifier::Idf).build();
    EdgeConfigBuilder::new()
        .vector(DENSE, dense)
        .sparse_vector(BM25, bm25)
        .optimizers(EdgeOptimizersConfig {
            indexing_threshold: Some(INDEX_VECTORS_FROM),
            ..EdgeOptimizersConfig::default()
        })
        .wal_options(WalOptions { segment_capacity: WAL_SEGMENT_BYTES, ..WalOptions::default() })
        .build()
}

/// Makes the payload indexes the configured ones.
pub(super) fn align(
    shard: &EdgeShard,
    indexed: &BTreeMap<String, IndexType>,
) -> Result<(), OperationError> {
    let mut wanted: HashMap<JsonPath, PayloadSchemaType> =
        indexed.iter().map(|(key, &index)| (metadata_path(key), schema(index))).collect();
    for (path, present) in shard.info()?.payload_schema {
        if path.first_key == METADATA && wanted.get(&path) != Some(&present.data_type) {
            update(shard, FieldIndexOperations::DeleteIndex(path))?;
        } else {
            wanted.remove(&path);
        }
    }
    for (field_name, kind) in wanted {
        let field_schema = Some(PayloadFieldSchema::FieldType(kind));
        let create = CreateIndex { field_name, field_schema };
        update(shard, FieldIndexOperations::CreateIndex(create))?;
    }
    Ok(())
}

fn update(shard: &EdgeShard, operation: FieldIndexOperations) -> Result<(), OperationError> {
    shard.update(UpdateOperation::FieldIndexOperation(operation))
}

fn schema(index: IndexType) -> PayloadSchemaType {
    match index {
        IndexType::Keyword => PayloadSchemaType::Keyword,
        IndexType::Float => PayloadSchemaType::Float,
        IndexType::Integer => PayloadSchemaType::Integer,
        IndexType::Bool => PayloadSchemaType::Bool,
        IndexType::Datetime => PayloadSchemaType::Datetime,
    }
}

/// The payload indexes that there are, for tests.
#[cfg(test)]
pub(super) fn indexes(shard: &EdgeShard) -> Result<Vec<String>, OperationError> {
    let schema = shard.info()?.payload_schema.into_iter();
    let mut indexes: Vec<_> =
        schema.map(|(path, index)| format!("{path}: {}", index.data_type.name())).collect();
    indexes.sort_unstable();
    Ok(indexes)
}
