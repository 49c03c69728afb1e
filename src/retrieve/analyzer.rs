//! From text to BM25 terms: lower case, stop words and stems by language.
//!
//! Terms are Qdrant's hashes of tokens, so that with its own weighting the
//! vectors made here are the ones that a Qdrant server would make.

use std::collections::BTreeMap;

use qdrant_edge::bm25_embed::{EdgeBm25, EdgeBm25Config};
use qdrant_edge::external::ordered_float::NotNan;
use qdrant_edge::{
    DisabledStemmerParams, NoStemmer, StemmingAlgorithm, StopwordsInterface, StopwordsSet,
};

use super::Language;
use super::engine::SparseVector;
use super::lexical::{Bm25Params, FieldWeights, Lexical};

/// Makes BM25 vectors of texts.
#[derive(Debug)]
pub struct Analyzer {
    counter: TermCounter,
    params: Bm25Params,
}

/// The analyzer can't be made of these parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("BM25 for language {language}: {problem}")]
pub struct InvalidAnalyzer {
    language: Language,
    problem: String,
}

impl Analyzer {
    /// An analyzer of documents and queries.
    ///
    /// # Errors
    /// When the average length is not above 0, or the language has no
    /// analyzer.
    pub fn new(language: Language, params: Bm25Params) -> Result<Self, InvalidAnalyzer> {
        let average = params.average_length;
        if !(average.is_finite() && average > 0.0) {
            let problem = format!("the average length is {average}, and must be above 0");
            return Err(InvalidAnalyzer { language, problem });
        }
        Ok(Self { counter: TermCounter::new(&params.lexical(language))?, params })
    }

    /// The vector of a document: weights of its terms without IDF, which
    /// comes in when a query is answered. See [`Bm25Params`] for the formula.
    #[must_use]
    pub fn document(&self, title: &str, text: &str) -> SparseVector {
        let Counts { terms, length } = self.counter.document(title, text);
        #[expect(clippy::cast_possible_truncation, reason = "the engine stores f32")]
        let weight = |(term, count)| (term, self.params.weight(count, length) as f32);
        // A term that weighs nothing isn't there, or it would count for IDF.
        let (indices, values) =
            terms.into_iter().map(weight).filter(|(_, weight)| *weight > 0.0).unzip();
        SparseVector { indices, values }
    }

    /// The vector of a query: each term once.
    #[must_use]
    pub fn query(&self, text: &str) -> SparseVector {
        let indices = self.counter.query(text);
        let values = vec![1.0; indices.len()];
        SparseVector { indices, values }
    }
}

/// Counts terms, where BM25's weights aren't wanted.
#[derive(Debug)]
pub struct TermCounter {
    /// Weighs a term of a text by how often it occurs.
    terms: EdgeBm25,
    fields: FieldWeights,
}

/// The terms of a document. What occurs in a field of weight 2 counts twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// How often each term occurs.
    pub terms: BTreeMap<u32, f64>,
    /// How many terms there are.
    pub length: f64,
}

impl TermCounter {
    /// A counter of the terms that an [`Analyzer`] with these settings sees.
    ///
    /// # Errors
    /// When the language has no analyzer.
    pub fn new(lexical: &Lexical) -> Result<Self, InvalidAnalyzer> {
        let Lexical { language, fields, .. } = *lexical;
        let invalid = |problem: String| InvalidAnalyzer { language, problem };
        let number = |value: f64| NotNan::new(value).map_err(|error| invalid(error.to_string()));
        // Without length normalisation and far from saturation, the weight of
        // a term is its count: n (k1 + 1) / (n + k1) → n.
        let mut config =
            EdgeBm25Config { k: number(1e12)?, b: number(0.0)?, ..EdgeBm25Config::default() };
        if language == Language::None {
            config.stemmer = Some(StemmingAlgorithm::Disabled(DisabledStemmerParams {
                r#type: NoStemmer::None,
            }));
            config.stopwords = Some(StopwordsInterface::Set(StopwordsSet::default()));
        } else {
            config.language = Some(language.as_str().to_owned());
        }
        let terms = EdgeBm25::new(config).map_err(|error| invalid(error.to_string()))?;
        Ok(Self { terms, fields })
    }

    /// Terms of a document by the weights of its fields.
    #[must_use]
    pub fn document(&self, title: &str, text: &str) -> Counts {
        let mut counts = Counts::default();
        for (field, weight) in [(title, self.fields.title()), (text, self.fields.text())] {
            if weight > 0.0 {
                let vector = self.terms.embed_document(field);
                for (term, n) in vector.indices.into_iter().zip(vector.values) {
                    let n = weight * f64::from(n).round();
                    *counts.terms.entry(term).or_default() += n;
                    counts.length += n;
                }
            }
        }
        counts
    }

    /// Distinct terms of a query.
    #[must_use]
    pub fn query(&self, text: &str) -> Vec<u32> {
        self.terms.embed_query(text).indices
    }

    /// Length of a document in terms, by the weights of its fields.
    #[must_use]
    pub fn length(&self, title: &str, text: &str) -> f64 {
        self.document(title, text).length
    }
}

#[cfg(test)]
mod tests;
