//! BM25 in memory: the scores of the engine, without storing vectors anew for
//! every k1 and b.

use std::collections::HashMap;

use rankgate::domain::Document;
use rankgate::retrieve::{Bm25Shape, Counts, InvalidAnalyzer, Lexical, TermCounter};

use super::data::DocIndex;

/// A document that was found, with its score.
pub type Hit = (DocIndex, f32);

/// The terms of a corpus, counted.
pub struct Inverted {
    counter: TermCounter,
    lexical: Lexical,
    /// Where a term occurs, and how often.
    postings: HashMap<u32, Vec<(DocIndex, f64)>>,
    lengths: Vec<f64>,
    average_length: f64,
    /// Documents with any term: the others have no vector.
    with_terms: f32,
}

impl Inverted {
    /// Counts the terms of documents. The shape of `lexical` has no say here.
    pub fn new(lexical: Lexical, documents: &[Document]) -> Result<Self, InvalidAnalyzer> {
        let counter = TermCounter::new(&lexical)?;
        let mut postings: HashMap<u32, Vec<(DocIndex, f64)>> = HashMap::new();
        let mut lengths = Vec::with_capacity(documents.len());
        let mut with_terms = 0.0;
        for (place, document) in (0..).zip(documents) {
            let Counts { terms, length } = counter.document(&document.title, &document.text);
            with_terms += if terms.is_empty() { 0.0 } else { 1.0 };
            lengths.push(length);
            for (term, count) in terms {
                postings.entry(term).or_default().push((place, count));
            }
        }
        let average_length = lengths.iter().sum::<f64>() / (lengths.len().max(1) as f64);
        Ok(Self { counter, lexical, postings, lengths, average_length, with_terms })
    }

    /// The best `depth` documents, equal scores by id.
    pub fn search(&self, shape: Bm25Shape, query: &str, depth: usize) -> Vec<Hit> {
        let params = Lexical { shape, ..self.lexical }.params(self.average_length);
        let mut scores: HashMap<DocIndex, f32> = HashMap::new();
        for term in self.counter.query(query) {
            let Some(found) = self.postings.get(&term) else { continue };
            let rarity = rarity(self.with_terms, found.len() as f32);
            for (place, count) in found {
                let length = self.lengths[*place as usize];
                #[expect(clippy::cast_possible_truncation, reason = "the engine stores f32")]
                let weight = params.weight(*count, length) as f32;
                *scores.entry(*place).or_default() += rarity * weight;
            }
        }
        best(scores.into_iter().collect(), depth)
    }
}

/// IDF as the engine computes it when it answers a query.
fn rarity(documents: f32, with_term: f32) -> f32 {
    ((documents - with_term + 0.5) / (with_term + 0.5) + 1.0).ln()
}

/// The best hits in order, equal scores by id.
pub fn best(mut hits: Vec<Hit>, depth: usize) -> Vec<Hit> {
    hits.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    hits.truncate(depth);
    hits
}
