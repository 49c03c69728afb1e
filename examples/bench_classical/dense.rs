//! Embeddings by the model in the binary, kept in a file between runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rankgate::domain::Deadline;
use rankgate::retrieve::{BuiltinEncoder, BuiltinEncoderConfig, EncodeError, Encoder};

use super::data::{DocIndex, Set};
use super::inverted::{Hit, best};

/// Documents embedded at a time.
const BATCH: usize = 128;
/// How often the progress is told.
const EVERY: Duration = Duration::from_secs(30);
/// Far more than a query takes.
const PATIENCE: Duration = Duration::from_mins(5);

/// Of one text: one for each part of it that was read, of length 1 each.
type Parts = Vec<Vec<f32>>;

/// The embeddings of a set.
pub struct Dense {
    documents: Vec<Parts>,
    queries: Vec<Parts>,
}

impl Dense {
    /// Reads them from `cache`, or makes them and stores them there. Long
    /// documents have as many parts as `config` says.
    pub fn of(set: &Set, config: &BuiltinEncoderConfig, cache: &Path) -> Result<Self, String> {
        let encoder = BuiltinEncoder::new(config).with_all_threads();
        let file = file_for(set, &encoder, cache)?;
        let texts = set.documents.len() + set.queries.len();
        let embedded = if file.exists() {
            let bytes = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            read(&bytes).filter(|embedded| embedded.len() == texts).ok_or_else(|| {
                format!("{}: not the embeddings of this set; remove the file", file.display())
            })?
        } else {
            let embedded = embed(set, &encoder).map_err(|error| error.to_string())?;
            store(&embedded, &file).map_err(|error| format!("{}: {error}", file.display()))?;
            embedded
        };
        let mut documents: Vec<Parts> = embedded.into_iter().map(normalised).collect();
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

/// Documents, then queries.
fn embed(set: &Set, encoder: &BuiltinEncoder) -> Result<Vec<Parts>, EncodeError> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| EncodeError::Model(format!("no thread could be started: {error}")))?;
    let begun = Instant::now();
    let mut told = begun;
    let mut embedded = Vec::with_capacity(set.documents.len() + set.queries.len());
    for batch in set.documents.chunks(BATCH) {
        let parts = runtime.block_on(encoder.encode_documents(batch))?;
        embedded.extend(parts.into_iter().map(|encoded| encoded.parts));
        if told.elapsed() >= EVERY {
            told = Instant::now();
            tell(set, &embedded, begun.elapsed());
        }
    }
    for query in &set.queries {
        // A deadline needs the runtime's clock already when it is set.
        let vector = runtime
            .block_on(async { encoder.encode_query(&query.text, Deadline::after(PATIENCE)).await });
        embedded.push(vec![vector?]);
    }
    tell(set, &embedded, begun.elapsed());
    Ok(embedded)
}

fn tell(set: &Set, embedded: &[Parts], took: Duration) {
    let texts = set.documents.len() + set.queries.len();
    eprintln!("{}: {} of {texts} texts embedded in {took:.0?}", set.name, embedded.len());
}

/// Numbers of parts and of their dimensions stand before the parts.
fn store(embedded: &[Parts], file: &Path) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let number = |n: usize| u32::try_from(n).map(u32::to_le_bytes).map_err(std::io::Error::other);
    for parts in embedded {
        bytes.extend(number(parts.len())?);
        for part in parts {
            bytes.extend(number(part.len())?);
            bytes.extend(part.iter().copied().flat_map(f32::to_le_bytes));
        }
    }
    // Whole or not at all, should the program be stopped.
    let unfinished = file.with_extension("part");
    fs::write(&unfinished, bytes)?;
    fs::rename(unfinished, file)
}

/// `None` where the bytes aren't those of [`store`].
fn read(mut bytes: &[u8]) -> Option<Vec<Parts>> {
    fn number(bytes: &mut &[u8]) -> Option<usize> {
        let (number, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        usize::try_from(u32::from_le_bytes(*number)).ok()
    }
    let mut embedded = Vec::new();
    while !bytes.is_empty() {
        let mut parts = Parts::new();
        for _ in 0..number(&mut bytes)? {
            let dimensions = number(&mut bytes)?;
            let (part, rest) = bytes.split_at_checked(dimensions.checked_mul(4)?)?;
            bytes = rest;
            let (values, _) = part.as_chunks();
            parts.push(values.iter().copied().map(f32::from_le_bytes).collect());
        }
        embedded.push(parts);
    }
    Some(embedded)
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
