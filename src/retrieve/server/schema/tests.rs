use qdrant_client::qdrant::{CollectionParams, PayloadSchemaInfo};
use serde_json::json;
use test_case::test_case;

use super::*;
use crate::retrieve::{Language, Lexical};

const NAME: &str = "docs";

fn manifest(parts: usize) -> Manifest {
    let model = EmbeddingModel {
        name: "m".into(),
        revision: "r1".into(),
        dimensions: 16,
        document_prefix: String::new(),
        parts,
    };
    Manifest::new(model, Language::German, Lexical::default().params(12.3))
}

/// What a server says of a collection that was made so.
fn info(created: CreateCollection) -> CollectionInfo {
    let params = CollectionParams {
        vectors_config: created.vectors_config,
        sparse_vectors_config: created.sparse_vectors_config,
        sharding_method: created.sharding_method,
        ..CollectionParams::default()
    };
    let config = CollectionConfig {
        params: Some(params),
        metadata: created.metadata,
        ..CollectionConfig::default()
    };
    CollectionInfo { config: Some(config), ..CollectionInfo::default() }
}

fn made(parts: usize, config: &ServerConfig) -> CreateCollection {
    creation(NAME, NAME, &manifest(parts), config).unwrap()
}

fn sharded() -> ServerConfig {
    toml::from_str("shard_key = \"eu\"").unwrap()
}

fn dense(created: &mut CreateCollection) -> &mut VectorParams {
    match created.vectors_config.as_mut().unwrap().config.as_mut().unwrap() {
        Config::ParamsMap(map) => map.map.get_mut(DENSE).unwrap(),
        Config::Params(_) => unreachable!(),
    }
}

fn refused(created: CreateCollection, config: &ServerConfig) -> String {
    check(NAME, &info(created), config).unwrap_err().to_string()
}

#[test_case(1 ; "one vector a document")]
#[test_case(8 ; "several vectors a document")]
fn what_is_made_can_be_used(parts: usize) {
    for config in [ServerConfig::default(), sharded()] {
        match check(NAME, &info(made(parts, &config)), &config).unwrap() {
            Found::Ours(found) => assert_eq!(*found, manifest(parts)),
            Found::NoManifest => panic!("the manifest is lost"),
        }
    }
}

#[test]
fn a_collection_is_made_as_configured() {
    let text = "shard_key = 7\nshard_number = 6\nreplication_factor = 3\n\
                write_consistency_factor = 2\non_disk_vectors = true\non_disk_payload = false\n";
    let config: ServerConfig = toml::from_str(text).unwrap();
    let mut created = creation(NAME, "theirs", &manifest(1), &config).unwrap();
    assert_eq!(created.collection_name, "theirs");
    assert_eq!(created.sharding_method(), ShardingMethod::Custom);
    assert_eq!(created.shard_number, Some(6));
    assert_eq!(created.replication_factor, Some(3));
    assert_eq!(created.write_consistency_factor, Some(2));
    #[allow(deprecated, reason = "what servers before 1.19 know")]
    let on_disk = (created.on_disk_payload, dense(&mut created).on_disk);
    assert_eq!(on_disk, (Some(false), Some(true)));
    let defaults = made(1, &ServerConfig::default());
    assert_eq!(defaults.sharding_method, None);
    assert_eq!((defaults.shard_number, defaults.replication_factor), (None, None));
}

#[test]
fn other_vectors_are_named_with_what_is_needed_and_the_remedy() {
    let config = ServerConfig::default();
    let mut created = made(1, &config);
    let map = HashMap::from([("text".to_owned(), VectorParams::default())]);
    created.vectors_config =
        Some(VectorsConfig { config: Some(Config::ParamsMap(VectorParamsMap { map })) });
    assert_eq!(
        refused(created.clone(), &config),
        "collection \"docs\" can't be used: it has the dense vector \"text\", the sparse vector \
         \"bm25\", and rankgate needs the dense vector \"dense\" and the sparse vector \"bm25\"; \
         index into another collection, or remove this one from the server first"
    );
    created.vectors_config =
        Some(VectorsConfig { config: Some(Config::Params(VectorParams::default())) });
    created.sparse_vectors_config = None;
    let error = refused(created, &config);
    assert!(error.contains("it has a dense vector without a name, and"), "{error}");
    let error = check(NAME, &CollectionInfo::default(), &config).unwrap_err().to_string();
    assert!(error.contains("it has no vectors, and"), "{error}");
}

#[test]
fn a_vector_of_another_kind_is_refused() {
    let config = ServerConfig::default();
    let changed = |change: fn(&mut CreateCollection)| {
        let mut created = made(1, &config);
        change(&mut created);
        refused(created, &config)
    };
    let error = changed(|it| dense(it).size = 4);
    assert!(error.contains("has 4 dimensions, and embeddings of m (r1, 16 dimensions) have 16"));
    let error = changed(|it| dense(it).distance = Distance::Dot.into());
    assert!(error.contains("compared by Dot, and rankgate needs Cosine"), "{error}");
    let error = changed(|it| dense(it).multivector_config = Some(MultiVectorConfig::default()));
    assert!(error.contains("several vectors a document"), "{error}");
    let error = changed(|it| {
        let sparse = it.sparse_vectors_config.as_mut().unwrap();
        sparse.map.get_mut(BM25).unwrap().modifier = None;
    });
    assert!(error.contains("lacks the modifier IDF"), "{error}");
    let mut one = made(8, &config);
    dense(&mut one).multivector_config = None;
    let error = refused(one, &config);
    assert!(error.contains("one vector a document"), "{error}");
}

#[test]
fn sharding_has_to_be_the_configured_one() {
    let ours = ServerConfig::default();
    let error = refused(made(1, &sharded()), &ours);
    assert!(error.contains("set retrieval.server.shard_key"), "{error}");
    let error = refused(made(1, &ours), &sharded());
    assert!(error.contains("shard_key is set; leave that out"), "{error}");
}

#[test]
fn a_manifest_of_others_is_told_from_none() {
    let config = ServerConfig::default();
    let mut created = made(1, &config);
    created.metadata.insert(MANIFEST.to_owned(), "{\"format\": 99}".into());
    let error = refused(created.clone(), &config);
    assert!(error.contains("format 99"), "{error}");
    created.metadata.insert(MANIFEST.to_owned(), json!({"format": 2}).into());
    let error = refused(created.clone(), &config);
    assert!(error.contains("not a manifest"), "{error}");
    created.metadata.clear();
    let found = check(NAME, &info(created), &config).unwrap();
    assert!(matches!(found, Found::NoManifest), "{found:?}");
    assert!(not_ours(NAME).to_string().contains("rankgate did not make it"));
}

#[test]
fn indexes_become_the_configured_ones() {
    let present = |kind: PayloadSchemaType| PayloadSchemaInfo {
        data_type: kind.into(),
        ..PayloadSchemaInfo::default()
    };
    let payload_schema = HashMap::from([
        ("metadata.brand".to_owned(), present(PayloadSchemaType::Keyword)),
        ("metadata.\"a.b\"".to_owned(), present(PayloadSchemaType::Float)),
        ("metadata.price".to_owned(), present(PayloadSchemaType::Integer)),
        ("metadata.old".to_owned(), present(PayloadSchemaType::Bool)),
        ("metadata.brand.name".to_owned(), present(PayloadSchemaType::Keyword)),
        ("title".to_owned(), present(PayloadSchemaType::Text)),
    ]);
    let info = CollectionInfo { payload_schema, ..CollectionInfo::default() };
    let indexed = BTreeMap::from([
        ("brand".to_owned(), IndexType::Keyword),
        ("a.b".to_owned(), IndexType::Float),
        ("price".to_owned(), IndexType::Float),
        ("updated_at".to_owned(), IndexType::Datetime),
    ]);
    let aligned = Alignment::new(&info, &indexed);
    assert_eq!(aligned.remove, ["metadata.brand.name", "metadata.old", "metadata.price"]);
    assert_eq!(
        aligned.create,
        [
            ("metadata.\"price\"".to_owned(), FieldType::Float),
            ("metadata.\"updated_at\"".to_owned(), FieldType::Datetime),
        ]
    );
    let nothing = Alignment::new(&CollectionInfo::default(), &BTreeMap::new());
    assert_eq!(nothing, Alignment::default());
}
