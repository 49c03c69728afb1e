//! What a suite comes to with a configuration: which variants over which
//! queries, as pipelines over an index of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::app;
use crate::cli::index::with_progress;
use crate::cli::{Failure, load};
use crate::config::{Config, ConfigSource, Loaded};
use crate::eval::{Dataset, PATIENCE, Suite, Topic, Variant};
use crate::pipeline::PipelineConfig;
use crate::retrieve::{CollectionConfig, EngineKind, IndexJob, index};

/// Where evals keep their indexes, each made once.
pub(super) const FOLDER: &str = ".rankgate/eval";
/// Where they keep replies until a run is finished.
pub(super) const UNFINISHED: &str = ".rankgate/eval-unfinished";

/// What of a suite is run.
#[derive(Debug, clap::Args)]
pub(super) struct Selection {
    /// The suite
    #[arg(value_name = "SUITE.toml")]
    pub suite: PathBuf,
    /// Only this variant, and the baseline; may be given several times
    #[arg(long, value_name = "NAME")]
    pub variant: Vec<String>,
    /// Only the first queries
    #[arg(long, value_name = "N")]
    pub limit: Option<std::num::NonZeroUsize>,
}

impl Selection {
    /// Whether all of the suite is run.
    pub fn is_all(&self) -> bool {
        self.variant.is_empty() && self.limit.is_none()
    }
}

/// A suite with everything it needs.
pub(super) struct Plan {
    /// The suite's file and its text.
    pub file: PathBuf,
    pub text: String,
    pub suite: Suite,
    /// Those that are run, in the suite's order.
    pub variants: Vec<Variant>,
    pub dataset: Dataset,
    /// The queries that are asked.
    pub topics: Vec<Topic>,
    /// Hash of the documents.
    pub corpus: blake3::Hash,
    /// The configuration with the variants as its pipelines.
    pub loaded: Loaded,
}

impl Plan {
    /// Reads a suite and its data.
    pub fn read(source: &ConfigSource, selection: &Selection) -> Result<Self, Failure> {
        let file = &selection.suite;
        let text = fs::read_to_string(file)
            .map_err(|error| Failure(format!("{}: {error}", file.display())))?;
        let suite = Suite::parse(&text, file)?;
        let variants = chosen(&suite, &selection.variant)?;
        let dataset = Dataset::open(&suite.dataset, &suite.split)?;
        let mut topics = dataset.topics(&dataset.judgments()?, suite.relevance_level)?;
        topics.truncate(selection.limit.map_or(usize::MAX, std::num::NonZeroUsize::get));
        if topics.is_empty() {
            return Err(Failure(format!(
                "{}: no query has a document of grade {} or more",
                suite.dataset.display(),
                suite.relevance_level
            )));
        }
        let corpus = corpus_hash(&dataset.corpus())?;
        let loaded = with_variants(load(source, "warn")?, &variants, &corpus)?;
        let file = file.clone();
        Ok(Self { file, text, suite, variants, dataset, topics, corpus, loaded })
    }

    /// The pipeline of a variant.
    pub fn pipeline(&self, variant: &Variant) -> PipelineConfig {
        self.loaded.config.pipelines.get(&variant.name).cloned().unwrap_or_default()
    }

    /// Indexes the documents into each collection that doesn't have them yet.
    pub fn index(&self) -> Result<(), Failure> {
        let documents = app::documents(&self.loaded)?;
        let pipelines = self.loaded.config.pipelines.values();
        let mut names: Vec<&String> = pipelines.flat_map(|it| it.collection.names()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let (collection, data) = (name.clone(), self.dataset.corpus());
            let job = IndexJob { collection, data, prune: false };
            let report = with_progress(async |progress| index(&documents, &job, progress).await)?;
            if report.bad_lines > 0 {
                return Err(Failure(format!(
                    "{}: {} lines can't be read",
                    self.dataset.corpus().display(),
                    report.bad_lines
                )));
            }
        }
        Ok(())
    }
}

/// The variants to run: the baseline is always one of them.
fn chosen(suite: &Suite, named: &[String]) -> Result<Vec<Variant>, Failure> {
    let known = || suite.variants.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(unknown) =
        named.iter().find(|name| !suite.variants.iter().any(|it| it.name == **name))
    {
        return Err(Failure(format!(
            "--variant {unknown}: the suite has no such variant; there are: {}",
            known()
        )));
    }
    let wanted = |variant: &&Variant| {
        named.is_empty() || named.contains(&variant.name) || variant.name == suite.baseline()
    };
    Ok(suite.variants.iter().filter(wanted).cloned().collect())
}

/// The configuration with the variants as its pipelines, over the suite's
/// documents, without a cache: every variant asks for itself.
fn with_variants(
    mut loaded: Loaded,
    variants: &[Variant],
    corpus: &blake3::Hash,
) -> Result<Loaded, Failure> {
    let config = &mut loaded.config;
    let mut pipelines = BTreeMap::new();
    for variant in variants {
        let Some(base) = config.pipelines.get(&variant.pipeline) else {
            let known = config.pipelines.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(Failure(format!(
                "variant {}: there is no pipeline \"{}\"; there are: {known}",
                variant.name, variant.pipeline
            )));
        };
        let mut pipeline = changed(base, variant)?;
        let original = pipeline.collection.names().first().cloned().unwrap_or_default();
        let settings = config.collections.get(&original).cloned().unwrap_or_default();
        let name = collection_name(corpus, &settings, config)?;
        config.collections.insert(name.clone(), settings);
        pipeline.collection = name.into();
        pipelines.insert(variant.name.clone(), pipeline);
    }
    let first = variants.first().map(|variant| variant.name.clone()).unwrap_or_default();
    config.pipelines = pipelines;
    config.server.default_pipeline = first;
    config.cache.max_bytes = bytesize::ByteSize(0);
    config.retrieval.engine = EngineKind::Embedded;
    config.retrieval.data_dir = FOLDER.into();
    Ok(loaded)
}

fn changed(base: &PipelineConfig, variant: &Variant) -> Result<PipelineConfig, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        let error = error.to_string();
        Failure(format!("variant {}: {}", variant.name, error.trim()))
    };
    let mut table = toml::Table::try_from(base).map_err(|error| wrong(&error))?;
    table.remove("aliases");
    // Evals wait for whatever a variant asks for, unless it says otherwise.
    let patience = i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX);
    table.insert("deadline_ms".into(), patience.into());
    table.extend(variant.changes.clone());
    table.try_into().map_err(|error| wrong(&error))
}

fn corpus_hash(corpus: &Path) -> Result<blake3::Hash, Failure> {
    let unreadable = |error| Failure(format!("{}: {error}", corpus.display()));
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(fs::File::open(corpus).map_err(unreadable)?).map_err(unreadable)?;
    Ok(hasher.finalize())
}

/// One name for the same documents indexed in the same way.
fn collection_name(
    corpus: &blake3::Hash,
    settings: &CollectionConfig,
    config: &Config,
) -> Result<String, Failure> {
    let indexed_by = serde_json::to_string(&(settings, &config.embedding))?;
    let hash = blake3::keyed_hash(corpus.as_bytes(), indexed_by.as_bytes());
    Ok(format!("eval-{}", &hash.to_hex()[..24]))
}
