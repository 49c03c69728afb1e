//! Qdrant in this process: one folder for each collection under `data_dir`.
//!
//! A collection's folder holds Qdrant's shard and a manifest that says what
//! the vectors were made with. Updates go to a log before they are applied,
//! and opening replays it, so that what was acknowledged survives the end of
//! the process at any moment. One process at a time holds `data_dir`.

mod collection;
mod condition;
mod error;
mod files;
mod manifest;
mod point;
mod schema;
mod search;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use self::collection::Collection;
use self::files::{FolderLock, io};
use super::{CollectionConfig, Encoder};

pub use self::error::EngineError;
pub use self::manifest::State;
pub use self::point::point_id;
pub(super) use self::writer::{WriteError, Writer};

/// The embedded engine. Cheap to share behind an `Arc`; dropping it writes
/// everything to the disk and gives the folder back.
pub struct EmbeddedEngine {
    shared: Arc<Shared>,
    /// One for each engine call that may run at a time: the calls block, and
    /// one that has begun can't be cancelled.
    permits: Arc<Semaphore>,
    exact: bool,
}

/// What calls on blocking threads need.
struct Shared {
    data_dir: PathBuf,
    configs: BTreeMap<String, CollectionConfig>,
    encoder: Arc<dyn Encoder>,
    slots: Mutex<HashMap<String, Slot>>,
    /// Last, so that it outlives the collections.
    _lock: FolderLock,
}

/// A collection by its name, opened once.
type Slot = Arc<Mutex<Option<Arc<Collection>>>>;

/// What is known of a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectionInfo {
    /// Its name.
    pub name: String,
    /// Number of documents.
    pub documents: usize,
    /// Whether its last indexing came to its end.
    pub state: State,
    /// Average document length in terms that BM25 counts with.
    pub average_length: f64,
}

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
        encoder: Arc<dyn Encoder>,
    ) -> Result<Self, EngineError> {
        let data_dir = data_dir.into();
        let lock = FolderLock::take(&data_dir)?;
        // Twice the cores: calls wait for the disk where payload is cold.
        let calls = 2 * std::thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self {
            shared: Arc::new(Shared {
                data_dir,
                configs,
                encoder,
                slots: Mutex::default(),
                _lock: lock,
            }),
            permits: Arc::new(Semaphore::new(calls)),
            exact: false,
        })
    }

    /// Compares a query with every vector instead of walking the vector
    /// index: slower, and the same on every run. For evaluation.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    /// The folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.shared.data_dir
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
                && collection::exists(&entry.path())
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What is known of a collection, which is opened if it wasn't. Blocks.
    ///
    /// # Errors
    /// When it doesn't exist, can't be read or was made with other settings.
    pub fn collection_info(&self, name: &str) -> Result<CollectionInfo, EngineError> {
        let collection = self.shared.collection(name)?;
        Ok(CollectionInfo {
            name: name.to_owned(),
            documents: collection.documents_stored()?,
            state: collection.state(),
            average_length: collection.average_length(),
        })
    }

    /// Settings of a collection.
    pub(super) fn config(&self, name: &str) -> CollectionConfig {
        self.shared.config(name)
    }

    /// Whether the collection could be written to: it doesn't exist, or was
    /// made with the settings that are configured now. Blocks.
    pub(super) fn check_writable(&self, name: &str) -> Result<(), EngineError> {
        match self.shared.collection(name) {
            Ok(_) | Err(EngineError::NoCollection(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A writer to the collection, which is made if it doesn't exist. Blocks.
    pub(super) fn writer(&self, name: &str, average_length: f64) -> Result<Writer, EngineError> {
        let collection = self.shared.collection_or_new(name, average_length)?;
        Ok(Writer::new(name, collection, Arc::clone(&self.shared.encoder)))
    }
}

impl Shared {
    fn config(&self, name: &str) -> CollectionConfig {
        self.configs.get(name).cloned().unwrap_or_default()
    }

    fn collection(&self, name: &str) -> Result<Arc<Collection>, EngineError> {
        self.opened(name, |path| {
            Collection::open(path, name, &self.config(name), self.encoder.model())
        })
    }

    fn collection_or_new(
        &self,
        name: &str,
        average_length: f64,
    ) -> Result<Arc<Collection>, EngineError> {
        let params = self.config(name).lexical().params(average_length);
        let collection = self.opened(name, |path| {
            let model = self.encoder.model();
            Collection::open_or_create(path, name, &self.config(name), model, params)
        })?;
        // It may have been opened before, while it was empty.
        collection.adopt(params)?;
        Ok(collection)
    }

    /// The collection, opened by `open` if nothing has before. Others wait
    /// for the same one only.
    fn opened(
        &self,
        name: &str,
        open: impl FnOnce(PathBuf) -> Result<Collection, EngineError>,
    ) -> Result<Arc<Collection>, EngineError> {
        check_name(name)?;
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(name.to_owned()).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(collection) = &*slot {
            return Ok(Arc::clone(collection));
        }
        let collection = Arc::new(open(self.data_dir.join(name))?);
        *slot = Some(Arc::clone(&collection));
        Ok(collection)
    }
}

/// Names are folders: nothing that could lead out of `data_dir`.
fn check_name(name: &str) -> Result<(), EngineError> {
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if begins_well && name.len() <= 64 && name.chars().all(allowed) {
        return Ok(());
    }
    Err(EngineError::InvalidName(name.to_owned()))
}
