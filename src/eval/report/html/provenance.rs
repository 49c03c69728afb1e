//! What a run was made with: enough to make it again.

use serde::Serialize;

use super::shown::thousands;
use crate::eval::stats::{ALPHA, Settings};

/// Where a run came from, as whoever ran it knows.
#[derive(Clone, Debug, Serialize)]
pub struct Provenance {
    /// The command line.
    pub command: String,
    /// The program's version.
    pub version: String,
    /// The suite's file.
    pub suite_file: String,
    /// Its text.
    pub suite_text: String,
    /// The data set's folder.
    pub dataset: String,
    /// Which judgments of it.
    pub split: String,
    /// Names of the data set's files with their BLAKE3 hashes in hex.
    pub hashes: Vec<(String, String)>,
    /// What each variant asked with, in the suite's order.
    pub variants: Vec<VariantSetup>,
}

/// What one variant asked with.
#[derive(Clone, Debug, Serialize)]
pub struct VariantSetup {
    /// Its name.
    pub name: String,
    /// The models that it was to ask; none where no LLM was wanted.
    pub models: Vec<ModelUsed>,
    /// The prompts that it asked with.
    pub prompts: Vec<PromptUsed>,
    /// Every key of its pipeline, models, collections and embedding as TOML,
    /// defaults written out.
    pub keys: String,
}

/// One model.
#[derive(Clone, Debug, Serialize)]
pub struct ModelUsed {
    /// What for, in a word: ranking, explaining.
    pub what: String,
    /// The upstream's name for it.
    pub model: String,
}

/// One version of one prompt.
#[derive(Clone, Debug, Serialize)]
pub struct PromptUsed {
    /// What it is for.
    pub task: String,
    /// `name@vN`.
    pub id: String,
    /// SHA-256 of its file in hex.
    pub sha256: String,
}

/// What the statistics were drawn with.
#[derive(Serialize)]
pub(super) struct Statistics {
    seed: u64,
    samples: String,
    resamples: String,
    alpha: f64,
}

impl Default for Statistics {
    fn default() -> Self {
        let Settings { seed, samples, resamples } = Settings::default();
        let [samples, resamples] = [samples, resamples].map(|it| thousands(u64::from(it.get())));
        Self { seed, samples, resamples, alpha: ALPHA }
    }
}
