//! Collections and aliases: a shard of the embedded engine for each
//! collection. Every call blocks.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use qdrant_client::qdrant::shard_key::Key;
use qdrant_client::qdrant::{
    CreateCollection, PointsOperationResponse, UpdateResult, UpdateStatus, Value,
};
use qdrant_edge::{EdgeShard, Payload, UpdateOperation};
use tempfile::TempDir;
use tonic::Status;

use super::convert::{payload, schema};
use super::errors::{bad_input, engine, no_collection, not_found};

/// All that the server stores.
pub(super) struct Store {
    names: RwLock<Names>,
    version: Mutex<String>,
    /// Dropped after the shards in it.
    folder: TempDir,
}

#[derive(Default)]
struct Names {
    collections: BTreeMap<String, Arc<Collection>>,
    /// Collections by alias.
    aliases: BTreeMap<String, String>,
    /// Collections made so far; the next one's folder.
    made: usize,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            names: RwLock::default(),
            version: Mutex::new("1.20.0".to_owned()),
            folder: TempDir::new().unwrap(),
        }
    }
}

/// A change of one alias.
pub(super) enum AliasChange {
    Create { alias: String, collection: String },
    Rename { from: String, to: String },
    Delete { alias: String },
}

impl Store {
    /// The collection of a name or an alias.
    pub fn find(&self, name: &str) -> Result<Arc<Collection>, Status> {
        let names = self.read();
        let resolved = names.aliases.get(name).map_or(name, String::as_str);
        names.collections.get(resolved).cloned().ok_or_else(|| no_collection(name))
    }

    pub fn version(&self) -> String {
        self.version.lock().unwrap().clone()
    }

    pub fn pretend_version(&self, version: &str) {
        version.clone_into(&mut self.version.lock().unwrap());
    }

    fn keeps_metadata(&self) -> bool {
        let version = self.version();
        let minor = version.strip_prefix("1.").and_then(|rest| rest.split('.').next());
        minor.and_then(|minor| minor.parse().ok()).is_none_or(|minor: u32| minor >= 16)
    }

    pub fn create(&self, mut created: CreateCollection) -> Result<(), Status> {
        if !self.keeps_metadata() {
            created.metadata.clear();
        }
        let mut names = self.write();
        let name = created.collection_name.clone();
        names.check_free(&name)?;
        if names.aliases.contains_key(&name) {
            return Err(bad_input(format!(
                "Can't create collection with name {name}. Alias with the same name already exists"
            )));
        }
        let folder = self.folder.path().join(names.made.to_string());
        let shard = EdgeShard::new(&folder, schema::shard(&created)?).map_err(engine)?;
        names.made += 1;
        names.collections.insert(name, Arc::new(Collection::new(shard, created)));
        Ok(())
    }

    /// Whether there was one. Its aliases go with it.
    pub fn delete(&self, name: &str) -> bool {
        let mut names = self.write();
        names.aliases.retain(|_, collection| collection != name);
        names.collections.remove(name).is_some()
    }

    pub fn names(&self) -> Vec<String> {
        self.read().collections.keys().cloned().collect()
    }

    /// Aliases with their collections.
    pub fn aliases(&self) -> Vec<(String, String)> {
        let names = self.read();
        names
            .aliases
            .iter()
            .map(|(alias, collection)| (alias.clone(), collection.clone()))
            .collect()
    }

    /// Nobody sees a part of the changes. As on a real server, those before
    /// one that fails stay.
    pub fn change_aliases(&self, changes: Vec<AliasChange>) -> Result<(), Status> {
        let mut names = self.write();
        changes.into_iter().try_for_each(|change| names.change_alias(change))
    }

    fn read(&self) -> RwLockReadGuard<'_, Names> {
        self.names.read().unwrap()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Names> {
        self.names.write().unwrap()
    }
}

impl Names {
    fn check_free(&self, name: &str) -> Result<(), Status> {
        if self.collections.contains_key(name) {
            let message = format!("Wrong input: Collection `{name}` already exists!");
            return Err(Status::already_exists(message));
        }
        Ok(())
    }

    fn change_alias(&mut self, change: AliasChange) -> Result<(), Status> {
        match change {
            AliasChange::Create { alias, collection } => {
                if !self.collections.contains_key(&collection) {
                    return Err(no_collection(&collection));
                }
                self.check_free(&alias)?;
                self.aliases.insert(alias, collection);
            }
            AliasChange::Rename { from, to } => {
                let collection = self
                    .aliases
                    .remove(&from)
                    .ok_or_else(|| not_found(format!("Alias {from} does not exists!")))?;
                self.aliases.insert(to, collection);
            }
            AliasChange::Delete { alias } => {
                self.aliases.remove(&alias);
            }
        }
        Ok(())
    }
}

/// A collection.
pub(super) struct Collection {
    pub shard: EdgeShard,
    /// What it was made with.
    pub created: CreateCollection,
    /// Of a collection that is sharded by keys of the operator's.
    pub shard_keys: Mutex<Vec<Key>>,
    metadata: Mutex<Payload>,
    operations: AtomicU64,
}

impl Collection {
    fn new(shard: EdgeShard, created: CreateCollection) -> Self {
        let metadata = Mutex::new(payload::read(created.metadata.clone()));
        let (shard_keys, operations) = (Mutex::default(), AtomicU64::new(0));
        Self { shard, created, shard_keys, metadata, operations }
    }

    pub fn metadata(&self) -> HashMap<String, Value> {
        payload::write(self.metadata.lock().unwrap().clone())
    }

    /// Keys take new values; those whose new value is null go.
    pub fn merge_metadata(&self, metadata: HashMap<String, Value>) {
        self.metadata.lock().unwrap().merge(&payload::read(metadata));
    }

    /// Applies an operation. Without `wait` a client doesn't learn how it
    /// ended: a real server has only taken it down by then.
    pub fn apply(
        &self,
        operation: UpdateOperation,
        wait: Option<bool>,
    ) -> Result<PointsOperationResponse, Status> {
        let operation_id = Some(self.operations.fetch_add(1, Ordering::SeqCst));
        let outcome = self.shard.update(operation);
        let status = if wait == Some(true) {
            outcome.map_err(engine)?;
            UpdateStatus::Completed
        } else {
            UpdateStatus::Acknowledged
        };
        let result = UpdateResult { operation_id, status: status.into() };
        Ok(PointsOperationResponse { result: Some(result), ..PointsOperationResponse::default() })
    }
}
