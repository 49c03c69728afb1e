//! From text to BM25 terms: lower case, stop words and stems by language.
//!
//! Terms are Qdrant's hashes of tokens, so that the vectors made here are the
//! ones that a Qdrant server would make.

use qdrant_edge::bm25_embed::{EdgeBm25, EdgeBm25Config};
use qdrant_edge::external::ordered_float::NotNan;
use qdrant_edge::{
    DisabledStemmerParams, NoStemmer, StemmingAlgorithm, StopwordsInterface, StopwordsSet,
};
use serde::{Deserialize, Serialize};

use super::Language;
use super::engine::SparseVector;

/// The shape of BM25's weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bm25Params {
    /// How soon repetition of a term stops counting.
    pub k1: f64,
    /// How much long documents are held back, 0 to 1.
    pub b: f64,
    /// Average document length in terms; part of every stored vector.
    pub average_length: f64,
}

impl Bm25Params {
    /// The usual k1 and b with this average length, which is taken as 1 where
    /// it is smaller (an empty corpus has none).
    #[must_use]
    pub fn with_average_length(average_length: f64) -> Self {
        let average_length = if average_length >= 1.0 { average_length } else { 1.0 };
        Self { k1: 1.2, b: 0.75, average_length }
    }
}

/// Makes BM25 vectors of texts.
#[derive(Debug)]
pub struct Analyzer(EdgeBm25);

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
    /// When a parameter is out of its range.
    pub fn new(language: Language, params: Bm25Params) -> Result<Self, InvalidAnalyzer> {
        let invalid = |problem: String| InvalidAnalyzer { language, problem };
        let number = |value: f64| NotNan::new(value).map_err(|error| invalid(error.to_string()));
        let mut config = EdgeBm25Config {
            k: number(params.k1)?,
            b: number(params.b)?,
            avg_len: number(params.average_length)?,
            ..EdgeBm25Config::default()
        };
        if language == Language::None {
            config.stemmer = Some(StemmingAlgorithm::Disabled(DisabledStemmerParams {
                r#type: NoStemmer::None,
            }));
            config.stopwords = Some(StopwordsInterface::Set(StopwordsSet::default()));
        } else {
            config.language = Some(language.as_str().to_owned());
        }
        EdgeBm25::new(config).map(Self).map_err(|error| invalid(error.to_string()))
    }

    /// The vector of a document: weights of its terms without IDF, which
    /// comes in when a query is answered.
    #[must_use]
    pub fn document(&self, title: &str, text: &str) -> SparseVector {
        neutral(self.0.embed_document(&joined(title, text)))
    }

    /// The vector of a query: each term once.
    #[must_use]
    pub fn query(&self, text: &str) -> SparseVector {
        neutral(self.0.embed_query(text))
    }
}

fn neutral(vector: qdrant_edge::SparseVector) -> SparseVector {
    SparseVector { indices: vector.indices, values: vector.values }
}

/// Counts terms, where BM25's weights aren't wanted.
#[derive(Debug)]
pub struct TermCounter(Analyzer);

impl TermCounter {
    /// A counter of the terms that an [`Analyzer`] of this language sees.
    ///
    /// # Errors
    /// When the language has no analyzer.
    pub fn new(language: Language) -> Result<Self, InvalidAnalyzer> {
        // Without length normalisation and far from saturation, the weight of
        // a term is its count: n (k1 + 1) / (n + k1) → n.
        let params = Bm25Params { k1: 1e12, b: 0.0, average_length: 1.0 };
        Analyzer::new(language, params).map(Self)
    }

    /// Terms of a document and how often each occurs.
    pub fn document(&self, title: &str, text: &str) -> impl Iterator<Item = (u32, f64)> + use<> {
        let vector = self.0.document(title, text);
        vector.indices.into_iter().zip(vector.values).map(|(term, n)| (term, f64::from(n).round()))
    }

    /// Distinct terms of a query.
    #[must_use]
    pub fn query(&self, text: &str) -> Vec<u32> {
        self.0.query(text).indices
    }

    /// Length of a document in terms.
    #[must_use]
    pub fn length(&self, title: &str, text: &str) -> f64 {
        self.document(title, text).fold(0.0, |length, (_, n)| length + n)
    }
}

fn joined(title: &str, text: &str) -> String {
    // A line break separates words as well as white space does.
    [title, text].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_an_analyzer() {
        for language in Language::ALL {
            let params = Bm25Params::with_average_length(10.0);
            assert!(Analyzer::new(language, params).is_ok(), "{language}");
        }
    }

    #[test]
    fn english_stems_and_drops_stop_words_and_none_does_neither() {
        let english = TermCounter::new(Language::English).unwrap();
        assert_eq!(english.query("the running runs"), english.query("run"));
        let none = TermCounter::new(Language::None).unwrap();
        assert_eq!(none.query("the running runs").len(), 3);
    }

    #[test]
    fn counts_are_whole_even_for_many_repetitions() {
        let counter = TermCounter::new(Language::English).unwrap();
        let text = "tent ".repeat(70_000);
        assert_eq!(counter.length("warm tent", &text).to_bits(), 70_002.0_f64.to_bits());
        assert_eq!(counter.length("", "").to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn title_and_text_do_not_run_together() {
        let counter = TermCounter::new(Language::None).unwrap();
        assert_eq!(counter.document("a", "b").count(), 2);
    }

    #[test]
    fn impossible_parameters_are_refused() {
        let params = Bm25Params { k1: f64::NAN, b: 0.75, average_length: 1.0 };
        assert!(Analyzer::new(Language::English, params).is_err());
    }
}
