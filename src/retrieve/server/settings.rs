//! What every request carries, in Qdrant's messages.

use qdrant_client::qdrant::read_consistency::Value;
use qdrant_client::qdrant::{
    ReadConsistency as Consistency, ReadConsistencyType, ShardKey as Key, ShardKeySelector,
    WriteOrdering as Ordering, WriteOrderingType,
};

use super::ServerConfig;
use super::config::{ReadConsistency, ShardKey, WriteOrdering};

/// What every request carries.
pub(super) struct Settings {
    config: ServerConfig,
}

impl Settings {
    pub(super) fn new(config: ServerConfig) -> Self {
        Self { config }
    }

    pub(super) fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// Of reads; none for what Qdrant does anyway.
    pub(super) fn consistency(&self) -> Option<Consistency> {
        let value = match self.config.read_consistency {
            ReadConsistency::One => return None,
            ReadConsistency::Majority => Value::Type(ReadConsistencyType::Majority.into()),
            ReadConsistency::Quorum => Value::Type(ReadConsistencyType::Quorum.into()),
            ReadConsistency::All => Value::Type(ReadConsistencyType::All.into()),
            ReadConsistency::Replicas(replicas) => Value::Factor(replicas.get()),
        };
        Some(Consistency { value: Some(value) })
    }

    /// Of writes; none for what Qdrant does anyway.
    pub(super) fn ordering(&self) -> Option<Ordering> {
        let ordering = match self.config.write_ordering {
            WriteOrdering::Weak => return None,
            WriteOrdering::Medium => WriteOrderingType::Medium,
            WriteOrdering::Strong => WriteOrderingType::Strong,
        };
        Some(Ordering { r#type: ordering.into() })
    }

    /// The key of the shards that are read and written.
    pub(super) fn shard_key(&self) -> Option<Key> {
        Some(match self.config.shard_key.as_ref()? {
            ShardKey::Keyword(keyword) => Key::from(keyword.clone()),
            ShardKey::Number(number) => Key::from(*number),
        })
    }

    /// The shards that are read and written.
    pub(super) fn shards(&self) -> Option<ShardKeySelector> {
        Some(ShardKeySelector { shard_keys: vec![self.shard_key()?], fallback: None })
    }

    pub(super) fn upsert_batch(&self) -> usize {
        self.config.upsert_batch.get()
    }

    pub(super) fn upsert_concurrency(&self) -> usize {
        self.config.upsert_concurrency.get()
    }
}
