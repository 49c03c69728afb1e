//! Embeddings by the model in the binary.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io};

use rankgate::domain::Deadline;
use rankgate::retrieve::{BuiltinEncoder, BuiltinEncoderConfig, Encoder};
use tokio::runtime::Runtime;

use super::data::{DocIndex, Set};
use super::inverted::{Hit, best};
use super::kept::{Kept, Parts};

/// Documents embedded at a time.
const BATCH: usize = 128;
/// How often the progress is told.
const EVERY: Duration = Duration::from_secs(30);
/// Far more than a query takes.
const PATIENCE: Duration = Duration::from_mins(5);

/// The embeddings of a set, of length 1 each.
pub struct Dense {
    documents: Vec<Parts>,
    queries: Vec<Parts>,
}

impl Dense {
    /// Reads them from `cache`, and makes what is missing there. Long documents
    /// have as many parts as `config` says.
    pub fn of(set: &Set, config: &BuiltinEncoderConfig, cache: &Path) -> Result<Self, String> {
        let encoder = BuiltinEncoder::new(config).with_all_threads();
        let path = file_for(set, &encoder, cache)?;
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        let mut kept = Kept::open(&path).map_err(failed)?;
        let runtime = Runtime::new().map_err(failed)?;
        runtime.block_on(embed(set, &encoder, &mut kept)).map_err(failed)?;
        let mut documents: Vec<Parts> = kept.into_texts().into_iter().map(normalised).collect();
        let queries = documents.split_off(set.documents.len());
        Ok(Self { documents, queries })
    }

    /// The documents most similar to a query of the set (by cosine), compared
    /// with every one. A document counts by the nearest of its parts.
    pub fn search(&self, query: usize, depth: usize) -> Vec<Hit> {
        let Some(vector) = self.queries.get(query).and_then(|parts| parts.first()) else {
            return Vec::new();
        };
        let nearest = |(place, parts): (DocIndex, &Parts)| {
            let similarity = parts.iter().map(|part| product(part, vector)).reduce(f32::max)?;
            Some((place, similarity))
        };
        best((0..).zip(&self.documents).filter_map(nearest).collect(), depth)
    }
}

/// Named by everything that the embeddings depend on.
fn file_for(set: &Set, encoder: &BuiltinEncoder, cache: &Path) -> Result<PathBuf, String> {
    fs::create_dir_all(cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let model = serde_json::to_vec(encoder.model()).map_err(|error| error.to_string())?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&model);
    for document in &set.documents {
        hasher.update(document.text_hash().as_bytes());
    }
    for query in &set.queries {
        hasher.update(blake3::hash(query.text.as_bytes()).as_bytes());
    }
    let hash = hasher.finalize().to_hex();
    Ok(cache.join(format!("bench-{}-{}.bin", set.name, &hash[..16])))
}

/// Documents, then queries; goes on where an earlier run was stopped.
async fn embed(set: &Set, encoder: &BuiltinEncoder, kept: &mut Kept) -> io::Result<()> {
    let texts = set.documents.len() + set.queries.len();
    let (begun, had) = (Instant::now(), kept.len());
    let tell = |done: usize| {
        let (name, took) = (&set.name, begun.elapsed());
        eprintln!("{name}: {} of {} texts embedded in {took:.0?}", done - had, texts - had);
    };
    let mut told = begun;
    let documents = set.documents.get(had..).unwrap_or_default();
    for batch in documents.chunks(BATCH) {
        let made = encoder.encode_documents(batch).await.map_err(io::Error::other)?;
        kept.push(made.into_iter().map(|it| it.parts).collect())?;
        if told.elapsed() >= EVERY {
            told = Instant::now();
            tell(kept.len());
        }
    }
    for query in &set.queries[kept.len() - set.documents.len()..] {
        let vector = encoder.encode_query(&query.text, Deadline::after(PATIENCE)).await;
        kept.push(vec![vec![vector.map_err(io::Error::other)?]])?;
    }
    if kept.len() > had {
        tell(kept.len());
    }
    Ok(())
}

fn normalised(mut parts: Parts) -> Parts {
    for part in &mut parts {
        let length = product(part, part).sqrt();
        if length > 0.0 {
            for value in part {
                *value /= length;
            }
        }
    }
    parts
}

fn product(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
