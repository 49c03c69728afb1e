//! The shape of a collection: how it is made, and whether one that is there
//! can be used.

use std::collections::{BTreeMap, HashMap};

use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CollectionConfig, CollectionInfo, CreateCollection, Distance, FieldType, Modifier,
    MultiVectorComparator, MultiVectorConfig, PayloadSchemaType, ShardingMethod,
    SparseVectorConfig, SparseVectorParams, VectorParams, VectorParamsMap, VectorsConfig,
};

use super::ServerConfig;
use super::clauses::{is_metadata, metadata_key, metadata_path};
use crate::retrieve::manifest::Manifest;
use crate::retrieve::point::{BM25, DENSE};
use crate::retrieve::{EmbeddingModel, EngineError, IndexType};

/// Key of a collection's metadata that holds its manifest, as JSON text: a
/// number in it comes back as it was.
const MANIFEST: &str = "rankgate";

/// Remedy for a collection that is not, or no longer, one of ours.
const REMEDY: &str = "index into another collection, or remove this one from the server first";

/// A collection's metadata: the manifest.
pub(super) fn metadata(
    name: &str,
    manifest: &Manifest,
) -> Result<HashMap<String, qdrant_client::qdrant::Value>, EngineError> {
    let json = serde_json::to_string(manifest).map_err(|error| EngineError::Manifest {
        collection: name.to_owned(),
        problem: error.to_string(),
    })?;
    Ok(HashMap::from([(MANIFEST.to_owned(), json.into())]))
}

/// What makes a collection: two named vectors; Qdrant multiplies the sparse
/// one by IDF when a query is answered. A document of several parts has
/// several dense vectors and scores by the most similar one.
#[expect(deprecated, reason = "the newer words for on_disk are unknown to servers before 1.19")]
pub(super) fn creation(
    name: &str,
    remote: &str,
    manifest: &Manifest,
    config: &ServerConfig,
) -> Result<CreateCollection, EngineError> {
    let dense = VectorParams {
        size: manifest.embedding.dimensions as u64,
        distance: Distance::Cosine.into(),
        on_disk: config.on_disk_vectors,
        multivector_config: has_parts(&manifest.embedding)
            .then(|| MultiVectorConfig { comparator: MultiVectorComparator::MaxSim.into() }),
        ..VectorParams::default()
    };
    let bm25 = SparseVectorParams { modifier: Some(Modifier::Idf.into()), index: None };
    let map = HashMap::from([(DENSE.to_owned(), dense)]);
    let sparse = HashMap::from([(BM25.to_owned(), bm25)]);
    Ok(CreateCollection {
        collection_name: remote.to_owned(),
        vectors_config: Some(VectorsConfig {
            config: Some(Config::ParamsMap(VectorParamsMap { map })),
        }),
        sparse_vectors_config: Some(SparseVectorConfig { map: sparse }),
        sharding_method: config.shard_key.as_ref().map(|_| ShardingMethod::Custom.into()),
        shard_number: config.shard_number.map(Into::into),
        replication_factor: config.replication_factor.map(Into::into),
        write_consistency_factor: config.write_consistency_factor.map(Into::into),
        on_disk_payload: config.on_disk_payload,
        metadata: metadata(name, manifest)?,
        ..CreateCollection::default()
    })
}

fn has_parts(embedding: &EmbeddingModel) -> bool {
    embedding.parts > 1
}

/// What an existing collection says of itself.
#[derive(Debug)]
pub(super) enum Found {
    /// It is one of ours.
    Ours(Box<Manifest>),
    /// It has the right vectors and no manifest.
    NoManifest,
}

/// Whether a collection can be used, and what it was made with.
///
/// # Errors
/// When it has another shape than rankgate's, or was made by another version.
pub(super) fn check(
    name: &str,
    info: &CollectionInfo,
    config: &ServerConfig,
) -> Result<Found, EngineError> {
    let other = |problem: String| EngineError::OtherShape {
        collection: name.to_owned(),
        problem: format!("{problem}; {REMEDY}"),
    };
    let there = There::new(info.config.as_ref());
    let dense = there.vectors().map_err(other)?;
    there
        .sharding(config)
        .map_err(|problem| EngineError::OtherShape { collection: name.to_owned(), problem })?;
    let Some(json) = there.manifest() else {
        return Ok(Found::NoManifest);
    };
    let manifest = Manifest::from_json(json.as_bytes())
        .map_err(|problem| EngineError::Manifest { collection: name.to_owned(), problem })?;
    check_dense(dense, &manifest.embedding).map_err(other)?;
    Ok(Found::Ours(Box::new(manifest)))
}

/// The error for a collection that has no manifest although the server would
/// keep one.
pub(super) fn not_ours(name: &str) -> EngineError {
    EngineError::OtherShape {
        collection: name.to_owned(),
        problem: format!(
            "its metadata has no \"{MANIFEST}\", so that rankgate did not make it; {REMEDY}"
        ),
    }
}

/// The parts of a collection's configuration that matter here.
struct There<'a> {
    config: Option<&'a CollectionConfig>,
}

impl<'a> There<'a> {
    fn new(config: Option<&'a CollectionConfig>) -> Self {
        Self { config }
    }

    fn params(&self) -> Option<&'a qdrant_client::qdrant::CollectionParams> {
        self.config?.params.as_ref()
    }

    /// The dense vector, where both vectors have our names and BM25 counts
    /// with IDF.
    fn vectors(&self) -> Result<&'a VectorParams, String> {
        let vectors = self.params().and_then(|it| it.vectors_config.as_ref()?.config.as_ref());
        let none = HashMap::new();
        let sparse = self.params().and_then(|it| it.sparse_vectors_config.as_ref());
        let sparse = sparse.map_or(&none, |it| &it.map);
        let dense = match vectors {
            Some(Config::ParamsMap(map)) => map.map.get(DENSE),
            _ => None,
        };
        let (Some(dense), Some(bm25)) = (dense, sparse.get(BM25)) else {
            return Err(format!(
                "it has {}, and rankgate needs the dense vector \"{DENSE}\" and the sparse vector \
                 \"{BM25}\"",
                listed(vectors, sparse)
            ));
        };
        if bm25.modifier() != Modifier::Idf {
            return Err(format!(
                "its sparse vector \"{BM25}\" lacks the modifier IDF, which BM25 needs"
            ));
        }
        Ok(dense)
    }

    fn sharding(&self, config: &ServerConfig) -> Result<(), String> {
        let method = self.params().map(qdrant_client::qdrant::CollectionParams::sharding_method);
        let custom = method == Some(ShardingMethod::Custom);
        match (custom, &config.shard_key) {
            (true, None) => Err("it is sharded by a key of its operator's; set \
                                 retrieval.server.shard_key to the one that its documents are \
                                 under"
                .to_owned()),
            (false, Some(_)) => Err(format!(
                "it is sharded by Qdrant, and retrieval.server.shard_key is set; leave that out, \
                 or {REMEDY}"
            )),
            _ => Ok(()),
        }
    }

    fn manifest(&self) -> Option<&'a str> {
        let value = self.config?.metadata.get(MANIFEST)?;
        // Of another kind: read as JSON that is no manifest.
        Some(value.as_str().map_or("null", String::as_str))
    }
}

/// The vectors of a collection, for a message.
fn listed(vectors: Option<&Config>, sparse: &HashMap<String, SparseVectorParams>) -> String {
    let mut names: Vec<String> = match vectors {
        Some(Config::Params(_)) => vec!["a dense vector without a name".to_owned()],
        Some(Config::ParamsMap(map)) => {
            map.map.keys().map(|name| format!("the dense vector \"{name}\"")).collect()
        }
        None => Vec::new(),
    };
    names.extend(sparse.keys().map(|name| format!("the sparse vector \"{name}\"")));
    names.sort_unstable();
    match names.as_slice() {
        [] => "no vectors".to_owned(),
        names => names.join(", "),
    }
}

/// Whether the dense vector is what the manifest says.
fn check_dense(there: &VectorParams, embedding: &EmbeddingModel) -> Result<(), String> {
    let wanted = u64::try_from(embedding.dimensions).unwrap_or(u64::MAX);
    if there.size != wanted {
        return Err(format!(
            "its vector \"{DENSE}\" has {} dimensions, and embeddings of {embedding} have {wanted}",
            there.size
        ));
    }
    if there.distance() != Distance::Cosine {
        return Err(format!(
            "its vector \"{DENSE}\" is compared by {}, and rankgate needs Cosine",
            there.distance().as_str_name()
        ));
    }
    match (&there.multivector_config, has_parts(embedding)) {
        (Some(_), false) => Err(format!(
            "its vector \"{DENSE}\" holds several vectors a document, and embeddings of \
             {embedding} are one"
        )),
        (None, true) => Err(format!(
            "its vector \"{DENSE}\" holds one vector a document, and embeddings of {embedding} \
             are several"
        )),
        _ => Ok(()),
    }
}

/// What has to change for the payload indexes of metadata to be the wanted
/// ones.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Alignment {
    /// Paths of indexes that nobody wants, or of another type.
    pub(super) remove: Vec<String>,
    /// Paths of indexes that are missing, with their type.
    pub(super) create: Vec<(String, FieldType)>,
}

impl Alignment {
    pub(super) fn new(info: &CollectionInfo, indexed: &BTreeMap<String, IndexType>) -> Self {
        let mut missing = indexed.clone();
        let mut remove = Vec::new();
        for (path, present) in info.payload_schema.iter().filter(|(path, _)| is_metadata(path)) {
            let key = metadata_key(path);
            let wanted = key.and_then(|key| indexed.get(key));
            if let (Some(key), Some(wanted)) = (key, wanted)
                && present.data_type() == schema_type(*wanted)
            {
                missing.remove(key);
            } else {
                remove.push(path.clone());
            }
        }
        remove.sort_unstable();
        // A key that no path can hold has no index, and no filter either.
        let create = missing
            .iter()
            .filter_map(|(key, index)| Some((metadata_path(key)?, field_type(*index))))
            .collect();
        Self { remove, create }
    }
}

fn schema_type(index: IndexType) -> PayloadSchemaType {
    match index {
        IndexType::Keyword => PayloadSchemaType::Keyword,
        IndexType::Float => PayloadSchemaType::Float,
        IndexType::Integer => PayloadSchemaType::Integer,
        IndexType::Bool => PayloadSchemaType::Bool,
        IndexType::Datetime => PayloadSchemaType::Datetime,
    }
}

fn field_type(index: IndexType) -> FieldType {
    match index {
        IndexType::Keyword => FieldType::Keyword,
        IndexType::Float => FieldType::Float,
        IndexType::Integer => FieldType::Integer,
        IndexType::Bool => FieldType::Bool,
        IndexType::Datetime => FieldType::Datetime,
    }
}

#[cfg(test)]
mod tests;
