//! Qdrant elsewhere: a server or cluster, over gRPC.
//!
//! Nothing is connected or asked before the first call, and a server that goes
//! away and comes back needs no restart here. Collections are made, and checked
//! when they are opened, to have the same vectors and indexes as the embedded
//! engine's; what they were made with stands in their metadata on the server.
//! Others write there too, so that what is known of a collection is looked at
//! again from time to time, and at once after a call that failed as only one on
//! another collection would.

mod clauses;
mod client;
mod collection;
mod config;
mod convert;
mod failure;
mod open;
mod reads;
mod schema;
mod settings;
mod writes;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use secrecy::SecretString;
use tokio::time::{Instant, timeout_at};

pub use self::config::{
    InvalidUrl, ReadConsistency, ServerConfig, ServerUrl, ShardKey, WriteOrdering,
};

use self::client::Client;
use self::collection::ServerCollection;
use self::open::Opener;
use self::settings::Settings;
use super::engine::{Collection, Engine, EngineResult};
use super::manifest::Manifest;
use super::{CollectionConfig, EngineError};
use crate::domain::Deadline;

/// How long an opened collection is used before it is looked at again: long
/// enough to cost nothing, short enough for another process's writer to be
/// noticed.
const FRESH: Duration = Duration::from_secs(10);

/// The engine of a Qdrant server or cluster.
pub struct ServerEngine {
    opener: Opener,
    opened: Mutex<HashMap<String, Opened>>,
    /// Held while a collection is opened for the first time, so that a crowd of
    /// first searches asks once.
    opening: tokio::sync::Mutex<()>,
}

/// A collection that is known.
#[derive(Clone)]
struct Opened {
    collection: Arc<ServerCollection>,
    checked: Instant,
    /// Whether its indexes are the configured ones, as far as can be helped.
    aligned: bool,
}

/// The configuration names no server that could be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidServer {
    /// The address holds a user or password.
    #[error(
        "it has a user or password, which Qdrant doesn't know; leave them out, and \
         name its key in retrieval.api_key"
    )]
    Credentials,
    /// The key can't be sent.
    #[error("the key has characters that can't be sent in a header")]
    Key,
    /// TLS can't be set up on this machine.
    #[error("TLS can't be set up: {0}; install the system's root certificates")]
    Tls(String),
}

impl InvalidServer {
    /// Name of the key in `[retrieval]` that has to change.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Credentials | Self::Tls(_) => "url",
            Self::Key => "api_key",
        }
    }
}

impl ServerEngine {
    /// The engine of the configured server, with its key if it wants one.
    /// Connects to nothing; for `https://`, the system's root certificates are
    /// read.
    ///
    /// # Errors
    /// When the address, the key or the root certificates can't be used.
    pub fn new(
        config: &ServerConfig,
        api_key: Option<SecretString>,
    ) -> Result<Self, InvalidServer> {
        let client = Client::new(config, api_key)?;
        Ok(Self {
            opener: Opener::new(client, Settings::new(config.clone())),
            opened: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        })
    }

    /// What collections, or aliases of them, are called on the server; without
    /// an entry the same as here.
    #[must_use]
    pub fn with_names(mut self, names: BTreeMap<String, String>) -> Self {
        self.opener.names = names;
        self
    }

    /// Settings of the collections that have some of their own; others have the
    /// defaults. Their indexes are those of [`CollectionConfig::indexes`].
    #[must_use]
    pub fn with_collections(mut self, configs: BTreeMap<String, CollectionConfig>) -> Self {
        self.opener.configs = configs;
        self
    }

    async fn opened(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Arc<dyn Collection>, EngineError> {
        match self.known(name) {
            Known::Fresh(collection) => return Ok(collection),
            Known::Stale(opened) => return self.check_again(name, opened, deadline).await,
            Known::Not => {}
        }
        let opening = timeout_at(deadline.instant(), self.opening.lock());
        let _opening = opening.await.map_err(|_| EngineError::Deadline(name.to_owned()))?;
        // Whoever held the lock before may have opened this one.
        if let Known::Fresh(collection) = self.known(name) {
            return Ok(collection);
        }
        let (collection, aligned) = self.opener.open(name, deadline).await?;
        Ok(self.keep(name, collection, aligned))
    }

    /// Looks again at what the server has. Meanwhile others go on with what was
    /// known.
    async fn check_again(
        &self,
        name: &str,
        opened: Opened,
        deadline: Deadline,
    ) -> Result<Arc<dyn Collection>, EngineError> {
        let Opened { collection, aligned, .. } = opened;
        match self.opener.check_again(&collection, aligned, deadline).await {
            Ok(aligned) => Ok(self.keep(name, collection, aligned)),
            Err(error) => {
                if matches!(
                    error,
                    EngineError::NoCollection(_)
                        | EngineError::OtherShape { .. }
                        | EngineError::Manifest { .. }
                ) {
                    self.lock().remove(name);
                }
                Err(error)
            }
        }
    }

    /// What is known of a collection. One that is stale is given out as such
    /// once, and as fresh to others until it was checked.
    fn known(&self, name: &str) -> Known {
        let mut opened = self.lock();
        let Some(entry) = opened.get_mut(name) else {
            return Known::Not;
        };
        if entry.checked.elapsed() < FRESH && !entry.collection.take_doubt() {
            return Known::Fresh(Arc::clone(&entry.collection) as _);
        }
        entry.checked = Instant::now();
        Known::Stale(entry.clone())
    }

    fn keep(
        &self,
        name: &str,
        collection: Arc<ServerCollection>,
        aligned: bool,
    ) -> Arc<dyn Collection> {
        let entry =
            Opened { collection: Arc::clone(&collection), checked: Instant::now(), aligned };
        self.lock().insert(name.to_owned(), entry);
        collection
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Opened>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Known {
    Fresh(Arc<dyn Collection>),
    Stale(Opened),
    Not,
}

impl Engine for ServerEngine {
    fn open<'a>(
        &'a self,
        name: &'a str,
        deadline: Deadline,
    ) -> EngineResult<'a, Arc<dyn Collection>> {
        self.opened(name, deadline).boxed()
    }

    /// Always looks at what the server has: a writer must not go by what
    /// another one has changed.
    fn open_or_create<'a>(
        &'a self,
        name: &'a str,
        manifest: &'a Manifest,
        deadline: Deadline,
    ) -> EngineResult<'a, Arc<dyn Collection>> {
        async move {
            let known = self.lock().get(name).map(|entry| Arc::clone(&entry.collection));
            let collection = self.opener.open_or_create(name, known, manifest, deadline).await?;
            Ok(self.keep(name, collection, true))
        }
        .boxed()
    }
}
