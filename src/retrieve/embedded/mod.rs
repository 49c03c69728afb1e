//! Qdrant in this process: one folder for each collection under `data_dir`.
//!
//! A collection's folder holds Qdrant's shard and a manifest that says what
//! the vectors were made with. Updates go to a log before they are applied,
//! and opening replays it, so that what was acknowledged survives the end of
//! the process at any moment. One process at a time holds `data_dir`.

mod collection;
mod condition;
mod convert;
mod files;
mod schema;
mod shard;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;

use self::collection::{EmbeddedCollection, Permits};
use self::files::{FolderLock, io};
use self::shard::Shard;
use super::engine::{Collection, Engine, EngineResult};
use super::manifest::Manifest;
use super::name::check_name;
use super::{CollectionConfig, EngineError, IndexType};
use crate::domain::Deadline;

/// The embedded engine. Cheap to share behind an `Arc`; dropping it writes
/// everything to the disk and gives the folder back.
pub struct EmbeddedEngine {
    shared: Arc<Shared>,
    reads: Permits,
    /// Apart from the reads, so that searches never wait behind documents that
    /// are being stored.
    writes: Permits,
}

/// What calls on blocking threads need.
struct Shared {
    data_dir: PathBuf,
    configs: BTreeMap<String, CollectionConfig>,
    slots: Mutex<HashMap<String, Slot>>,
    /// Last, so that it outlives the collections.
    _lock: FolderLock,
}

/// A collection by its name, opened once.
type Slot = Arc<Mutex<Option<Arc<Shard>>>>;

impl EmbeddedEngine {
    /// Takes the folder, making it if need be. Collections are opened when
    /// they are first asked for. `configs` holds the collections that have
    /// settings of their own; others have the defaults.
    ///
    /// # Errors
    /// When another process holds the folder, or it can't be made.
    pub fn open(
        data_dir: impl Into<PathBuf>,
        configs: BTreeMap<String, CollectionConfig>,
    ) -> Result<Self, EngineError> {
        let data_dir = data_dir.into();
        let lock = FolderLock::take(&data_dir)?;
        // Twice the cores: calls wait for the disk where payload is cold.
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self {
            shared: Arc::new(Shared { data_dir, configs, slots: Mutex::default(), _lock: lock }),
            reads: Permits::new(2 * cores),
            // Two at least: building indexes takes one for as long as it lasts.
            writes: Permits::new(cores.max(2)),
        })
    }

    /// Names of the collections in the folder, in order. Blocks.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn list_collections(&self) -> Result<Vec<String>, EngineError> {
        let folder = &self.shared.data_dir;
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(io(folder))? {
            let entry = entry.map_err(io(folder))?;
            if let Ok(name) = entry.file_name().into_string()
                && check_name(&name).is_ok()
                && shard::exists(&entry.path())
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    async fn opened(
        &self,
        name: &str,
        deadline: Deadline,
        open: impl FnOnce(PathBuf, BTreeMap<String, IndexType>) -> Result<Shard, EngineError>
        + Send
        + 'static,
    ) -> Result<Arc<dyn Collection>, EngineError> {
        let (folder, owned) = (Arc::clone(&self.shared), name.to_owned());
        let shard = self.reads.run(name, deadline, move || folder.opened(&owned, open)).await?;
        let (reads, writes) = (self.reads.clone(), self.writes.clone());
        Ok(Arc::new(EmbeddedCollection::new(name, shard, reads, writes)))
    }
}

impl Engine for EmbeddedEngine {
    fn open<'a>(
        &'a self,
        name: &'a str,
        deadline: Deadline,
    ) -> EngineResult<'a, Arc<dyn Collection>> {
        let owned = name.to_owned();
        self.opened(name, deadline, move |path, indexed| Shard::open(path, &owned, indexed)).boxed()
    }

    fn open_or_create<'a>(
        &'a self,
        name: &'a str,
        manifest: &'a Manifest,
        deadline: Deadline,
    ) -> EngineResult<'a, Arc<dyn Collection>> {
        let (owned, manifest) = (name.to_owned(), manifest.clone());
        self.opened(name, deadline, move |path, indexed| {
            Shard::open_or_create(path, &owned, indexed, &manifest)
        })
        .boxed()
    }
}

impl Shared {
    /// The collection, opened by `open` if nothing has before. Others wait
    /// for the same one only.
    fn opened(
        &self,
        name: &str,
        open: impl FnOnce(PathBuf, BTreeMap<String, IndexType>) -> Result<Shard, EngineError>,
    ) -> Result<Arc<Shard>, EngineError> {
        check_name(name)?;
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(name.to_owned()).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shard) = &*slot {
            return Ok(Arc::clone(shard));
        }
        let config = self.configs.get(name).cloned().unwrap_or_default();
        let shard = Arc::new(open(self.data_dir.join(name), config.indexes())?);
        *slot = Some(Arc::clone(&shard));
        Ok(shard)
    }
}
