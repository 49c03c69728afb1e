//! Opening and making collections on the server.

use std::collections::BTreeMap;
use std::sync::Arc;

use qdrant_client::qdrant::{
    CollectionInfo, CreateFieldIndexCollection, CreateShardKey, CreateShardKeyRequest,
    DeleteFieldIndexCollection, GetCollectionInfoRequest, HealthCheckRequest,
};

use super::client::{Client, Patience, collections, points, server};
use super::collection::ServerCollection;
use super::failure::Failure;
use super::schema::{self, Alignment, Found};
use super::settings::Settings;
use crate::domain::Deadline;
use crate::retrieve::manifest::Manifest;
use crate::retrieve::name::check_name;
use crate::retrieve::{CollectionConfig, EngineError, IndexType};

/// The first version that keeps metadata of collections.
const NEEDED: (u32, u32) = (1, 16);

/// Opens and makes collections.
pub(super) struct Opener {
    client: Arc<Client>,
    settings: Arc<Settings>,
    /// Our names of collections with those on the server, where they differ.
    pub(super) names: BTreeMap<String, String>,
    /// Collections with settings of their own.
    pub(super) configs: BTreeMap<String, CollectionConfig>,
}

/// A collection's names.
#[derive(Clone, Copy)]
struct Name<'a> {
    ours: &'a str,
    remote: &'a str,
}

impl Opener {
    pub(super) fn new(client: Client, settings: Settings) -> Self {
        Self {
            client: Arc::new(client),
            settings: Arc::new(settings),
            names: BTreeMap::new(),
            configs: BTreeMap::new(),
        }
    }

    /// Opens a collection that exists; says whether its indexes are aligned.
    pub(super) async fn open(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<(Arc<ServerCollection>, bool), EngineError> {
        check_name(name)?;
        let name = self.name(name);
        let patience = self.client.search(deadline);
        let (manifest, info) = self.look(name, patience).await?;
        let aligned = self.try_align(name, &info, patience).await;
        Ok((self.collection(name, manifest), aligned))
    }

    /// Looks at an opened collection again; says whether its indexes are
    /// aligned now.
    pub(super) async fn check_again(
        &self,
        collection: &ServerCollection,
        aligned: bool,
        deadline: Deadline,
    ) -> Result<bool, EngineError> {
        let name = self.name(crate::retrieve::Collection::name(collection));
        let patience = self.client.search(deadline);
        let changes = collection.changes();
        let (manifest, info) = self.look(name, patience).await?;
        collection.update(manifest, changes);
        // Not where they were once: two processes that want different indexes
        // would take turns for ever.
        Ok(aligned || self.try_align(name, &info, patience).await)
    }

    /// Opens a collection, which is made if it doesn't exist. `known` is what
    /// was opened before.
    pub(super) async fn open_or_create(
        &self,
        name: &str,
        known: Option<Arc<ServerCollection>>,
        manifest: &Manifest,
        deadline: Deadline,
    ) -> Result<Arc<ServerCollection>, EngineError> {
        check_name(name)?;
        let name = self.name(name);
        let patience = Patience::until(deadline);
        let known = known.map(|collection| (collection.changes(), collection));
        let (manifest, info) = match self.look(name, patience).await {
            Err(EngineError::NoCollection(_)) => {
                self.create(name, manifest, patience).await?;
                self.look(name, patience).await?
            }
            found => found?,
        };
        self.create_shard_key(name, patience).await?;
        self.align(name, &info, true, patience)
            .await
            .map_err(|failure| self.client.failed(name.ours, failure))?;
        Ok(match known {
            Some((changes, collection)) => {
                collection.update(manifest, changes);
                collection
            }
            None => self.collection(name, manifest),
        })
    }

    fn collection(&self, name: Name<'_>, manifest: Manifest) -> Arc<ServerCollection> {
        Arc::new(ServerCollection::new(
            name.ours,
            name.remote,
            Arc::clone(&self.client),
            Arc::clone(&self.settings),
            self.indexes(name.ours),
            manifest,
        ))
    }

    fn name<'a>(&'a self, ours: &'a str) -> Name<'a> {
        Name { ours, remote: self.names.get(ours).map_or(ours, String::as_str) }
    }

    fn indexes(&self, name: &str) -> BTreeMap<String, IndexType> {
        self.configs.get(name).cloned().unwrap_or_default().indexes()
    }

    /// What the server has: the collection is one of ours.
    async fn look(
        &self,
        name: Name<'_>,
        patience: Patience,
    ) -> Result<(Manifest, CollectionInfo), EngineError> {
        let request = GetCollectionInfoRequest { collection_name: name.remote.to_owned() };
        let answer = self
            .client
            .call(patience, request, |it, request| async { collections(it).get(request).await })
            .await
            .map_err(|failure| self.client.failed(name.ours, failure))?;
        let info = answer.result.unwrap_or_default();
        match schema::check(name.ours, &info, self.settings.config())? {
            Found::Ours(manifest) => Ok((*manifest, info)),
            Found::NoManifest => {
                // A server that keeps no metadata dropped the manifest.
                self.check_version(name, patience).await?;
                Err(schema::not_ours(name.ours))
            }
        }
    }

    /// Makes a collection. Another process may be faster: what it made counts.
    async fn create(
        &self,
        name: Name<'_>,
        manifest: &Manifest,
        patience: Patience,
    ) -> Result<(), EngineError> {
        self.check_version(name, patience).await?;
        let mut request =
            schema::creation(name.ours, name.remote, manifest, self.settings.config())?;
        request.timeout = Some(patience.seconds());
        let made = self
            .client
            .call(patience, request, |it, request| async { collections(it).create(request).await })
            .await;
        match made {
            Ok(_) | Err(Failure::Exists) => Ok(()),
            Err(failure) => Err(self.client.failed(name.ours, failure)),
        }
    }

    /// Makes the shards of the configured key, if there is one and they aren't
    /// there.
    async fn create_shard_key(
        &self,
        name: Name<'_>,
        patience: Patience,
    ) -> Result<(), EngineError> {
        let Some(shard_key) = self.settings.shard_key() else {
            return Ok(());
        };
        let request = CreateShardKeyRequest {
            collection_name: name.remote.to_owned(),
            request: Some(CreateShardKey {
                shard_key: Some(shard_key),
                ..CreateShardKey::default()
            }),
            timeout: Some(patience.seconds()),
        };
        let made = self
            .client
            .call(patience, request, |it, request| async {
                collections(it).create_shard_key(request).await
            })
            .await;
        match made {
            Ok(_) | Err(Failure::Exists) => Ok(()),
            Err(failure) => Err(self.client.failed(name.ours, failure)),
        }
    }

    /// Makes sure that the server keeps metadata of collections.
    async fn check_version(&self, name: Name<'_>, patience: Patience) -> Result<(), EngineError> {
        let answer = self
            .client
            .call(patience, HealthCheckRequest {}, |it, request| async move {
                server(it).health_check(request).await
            })
            .await
            .map_err(|failure| self.client.failed(name.ours, failure))?;
        match version(&answer.version) {
            Some((major, minor)) if (major, minor) < NEEDED => Err(EngineError::Qdrant {
                collection: name.ours.to_owned(),
                problem: format!(
                    "the server is Qdrant {major}.{minor}, which keeps no metadata of collections; \
                     {}.{} or later is needed",
                    NEEDED.0, NEEDED.1
                ),
            }),
            // What calls itself otherwise is taken at its word.
            _ => Ok(()),
        }
    }

    /// Makes the indexes the configured ones as far as that can be done while a
    /// search waits. Searches are right without them, only slower, and a key
    /// that may only read is enough for them.
    async fn try_align(&self, name: Name<'_>, info: &CollectionInfo, patience: Patience) -> bool {
        match self.align(name, info, false, patience).await {
            Ok(()) => true,
            Err(failure) => {
                let for_good = matches!(failure, Failure::Forbidden | Failure::Unauthenticated);
                let error = self.client.failed(name.ours, failure);
                tracing::warn!(
                    collection = name.ours, %error,
                    "the indexes of metadata are not the configured ones; filters may be slow"
                );
                for_good
            }
        }
    }

    /// Makes the indexes the configured ones, and waits until they are built if
    /// `wait` says so.
    async fn align(
        &self,
        name: Name<'_>,
        info: &CollectionInfo,
        wait: bool,
        patience: Patience,
    ) -> Result<(), Failure> {
        let Alignment { remove, create } = Alignment::new(info, &self.indexes(name.ours));
        for field_name in remove {
            let request = DeleteFieldIndexCollection {
                collection_name: name.remote.to_owned(),
                wait: Some(wait),
                field_name,
                ordering: self.settings.ordering(),
                timeout: Some(patience.seconds()),
            };
            self.client
                .call(patience, request, |it, request| async {
                    points(it).delete_field_index(request).await
                })
                .await?;
        }
        for (field_name, field_type) in create {
            let request = CreateFieldIndexCollection {
                collection_name: name.remote.to_owned(),
                wait: Some(wait),
                field_name,
                field_type: Some(field_type.into()),
                field_index_params: None,
                ordering: self.settings.ordering(),
                timeout: Some(patience.seconds()),
            };
            self.client
                .call(patience, request, |it, request| async {
                    points(it).create_field_index(request).await
                })
                .await?;
        }
        Ok(())
    }
}

/// Major and minor version.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim_start_matches('v').split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::version;

    #[test_case("1.16.0", Some((1, 16)) ; "release")]
    #[test_case("v1.17.1-dev", Some((1, 17)) ; "development")]
    #[test_case("2", None ; "major alone")]
    #[test_case("qdrant", None ; "a name")]
    fn versions_are_read(text: &str, expected: Option<(u32, u32)>) {
        assert_eq!(version(text), expected);
    }
}
