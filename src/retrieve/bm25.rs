//! BM25 over the documents that a request brings, with no engine.
//!
//! Callers send documents in the order of a first stage of their own, or in
//! no order at all, and don't say which. So the given order is a prior that
//! is strong at its top and weak below it: BM25 as a share of the best score,
//! plus [`PRIOR`]` / log2(1 + rank)`. nDCG@10 with 100 documents a request:
//!
//! | set, given order        | as given | BM25 alone | RRF, k = 60 | this  |
//! |-------------------------|----------|------------|-------------|-------|
//! | Scifact, a BM25 run     | .679     | .654       | .686        | .671  |
//! | Scifact, a `monoT5` run  | .736     | .658       | .724        | .706  |
//! | Scifact, shuffled       | .040     | .654       | .222        | .644  |
//! | Icecat, a BM25 run      | .674     | .648       | .678        | .662  |
//! | Icecat, shuffled        | .284     | .649       | .492        | .627  |
//!
//! Reciprocal ranks win where the given order is good and lose most of the
//! ranking where it isn't; a larger prior moves this towards them.

use std::collections::HashMap;
use std::sync::Arc;

use super::analyzer::{InvalidAnalyzer, TermCounter};
use super::fuse;
use super::lexical::{Bm25Params, Lexical};
use crate::domain::{
    Candidate, CandidateList, Document, DuplicateCandidate, FirstStageScores, Query,
};

/// Weight of the given order's first document, where the best BM25 score
/// weighs 1.
const PRIOR: f64 = 0.3;

/// Orders documents by BM25 and the order in which they were given. Rarity
/// and average length come from these documents alone.
#[derive(Debug)]
pub struct LocalBm25 {
    counter: TermCounter,
    lexical: Lexical,
}

/// A document as a query sees it: how often each of its terms occurs, and the
/// length, both by the weights of the fields.
struct Counts {
    of_terms: Vec<f64>,
    length: f64,
}

impl LocalBm25 {
    /// A ranker with the settings of a collection.
    ///
    /// # Errors
    /// When the language has no analyzer.
    pub fn new(lexical: Lexical) -> Result<Self, InvalidAnalyzer> {
        TermCounter::new(&lexical).map(|counter| Self { counter, lexical })
    }

    /// The documents in classical order. Takes time linear in their text and
    /// blocks: some 100 ms for a thousand documents of 100 words, less in a
    /// release build.
    ///
    /// # Errors
    /// When an id appears twice.
    pub fn rank(
        &self,
        query: &Query,
        documents: &[Arc<Document>],
    ) -> Result<CandidateList, DuplicateCandidate> {
        let scores = self.scores(query, documents);
        let mut order = blended(&scores);
        fuse::order(&mut order);
        let candidates = order
            .into_iter()
            .filter_map(|(index, fusion)| {
                let document = Arc::clone(documents.get(index)?);
                let bm25 = scores.get(index).copied().flatten();
                let scores =
                    FirstStageScores { bm25, fusion: Some(fusion), ..FirstStageScores::default() };
                Some(Candidate { document, collection: None, scores })
            })
            .collect();
        CandidateList::new(candidates)
    }

    /// BM25 by position; `None` where no term of the query occurs.
    fn scores(&self, query: &Query, documents: &[Arc<Document>]) -> Vec<Option<f32>> {
        let terms: HashMap<u32, usize> = self
            .counter
            .query(query.as_str())
            .into_iter()
            .enumerate()
            .map(|(i, t)| (t, i))
            .collect();
        let counts: Vec<Counts> =
            documents.iter().map(|document| self.count(&terms, document)).collect();
        let n = documents.len() as f64;
        let total: f64 = counts.iter().map(|counts| counts.length).sum();
        let params = self.lexical.params(total / n.max(1.0));
        let mut frequencies = vec![0.0; terms.len()];
        for counts in &counts {
            for (frequency, count) in frequencies.iter_mut().zip(&counts.of_terms) {
                *frequency += f64::from(u8::from(*count > 0.0));
            }
        }
        // Lucene's variant: never negative, however common the term.
        let rarity: Vec<f64> =
            frequencies.iter().map(|df| ((n - df + 0.5) / (df + 0.5)).ln_1p()).collect();
        counts.iter().map(|counts| counts.score(&rarity, &params)).collect()
    }

    fn count(&self, terms: &HashMap<u32, usize>, document: &Document) -> Counts {
        let counted = self.counter.document(&document.title, &document.text);
        let mut of_terms = vec![0.0; terms.len()];
        for (term, &index) in terms {
            of_terms[index] = counted.terms.get(term).copied().unwrap_or_default();
        }
        Counts { of_terms, length: counted.length }
    }
}

impl Counts {
    fn score(&self, rarity: &[f64], params: &Bm25Params) -> Option<f32> {
        let score: f64 = self
            .of_terms
            .iter()
            .zip(rarity)
            .map(|(n, rarity)| rarity * params.weight(*n, self.length))
            .sum();
        #[expect(clippy::cast_possible_truncation, reason = "scores are shown as f32")]
        self.of_terms.iter().any(|n| *n > 0.0).then_some(score as f32)
    }
}

/// Each position with BM25 and the given order in one number.
fn blended(scores: &[Option<f32>]) -> Vec<(usize, f32)> {
    let best = scores.iter().flatten().copied().fold(0.0, f32::max);
    let blend = |(index, score): (usize, &Option<f32>)| {
        let share = score.filter(|_| best > 0.0).map_or(0.0, |score| f64::from(score / best));
        #[expect(clippy::cast_possible_truncation, reason = "scores are shown as f32")]
        let blended = (share + PRIOR / ((index + 2) as f64).log2()) as f32;
        (index, blended)
    };
    scores.iter().enumerate().map(blend).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DocId;
    use crate::retrieve::FieldWeights;
    use proptest::prelude::*;

    fn documents(texts: &[&str]) -> Vec<Arc<Document>> {
        let document = |(index, text): (usize, &&str)| {
            Arc::new(Document {
                id: DocId::from_index(index),
                title: String::new(),
                text: (*text).into(),
                metadata: serde_json::Map::new(),
            })
        };
        texts.iter().enumerate().map(document).collect()
    }

    fn rank(query: &str, texts: &[&str]) -> CandidateList {
        let ranker = LocalBm25::new(Lexical::default()).unwrap();
        ranker.rank(&Query::new(query).unwrap(), &documents(texts)).unwrap()
    }

    fn ids(list: &CandidateList) -> Vec<&str> {
        list.iter().map(|candidate| candidate.document.id.as_str()).collect()
    }

    #[test]
    fn what_matches_comes_first_and_only_it_has_a_score() {
        let list = rank("waterproof tents", &["a stove", "a pan", "a tent", "a waterproof tent"]);
        assert_eq!(ids(&list)[0], "3");
        let scored: Vec<_> = list.iter().map(|candidate| candidate.scores.bm25.is_some()).collect();
        assert_eq!(scored.iter().filter(|scored| **scored).count(), 2);
        assert!(list[0].scores.bm25 > list[1].scores.bm25);
    }

    #[test]
    fn without_a_match_the_given_order_stays() {
        for query in ["kayak", "the of", "日本"] {
            let list = rank(query, &["a stove", "a pan", "", "a tent"]);
            assert_eq!(ids(&list), ["0", "1", "2", "3"]);
            assert!(list.iter().all(|candidate| candidate.scores.bm25.is_none()));
        }
    }

    #[test]
    fn the_top_of_the_given_order_weighs_and_its_tail_hardly() {
        // Of two like matches the one in the first place stays first, though
        // it is the longer one, and a clear match in the last place wins.
        let other = "gas stove, brass burner, steel pan, red lighter";
        let mut texts = vec!["tent pegs for sand", other, "tent pegs"];
        texts.extend([other; 20]);
        assert_eq!(&ids(&rank("tent", &texts))[..2], ["0", "2"]);
        texts.push("family tent dome tent");
        assert_eq!(ids(&rank("dome tent", &texts))[0], "23");
    }

    #[test]
    fn equal_documents_keep_their_order() {
        let list = rank("tent", &["red tent"; 12]);
        let expected: Vec<_> = (0..12).map(|index| index.to_string()).collect();
        assert_eq!(ids(&list), expected);
    }

    #[test]
    fn scores_are_lucenes_but_for_its_constant_factor() {
        let list = rank("tent", &["tent", "stove pan"]);
        // One of two documents has the term: ln(1 + 1.5/1.5). It is of length
        // 1, and the average is 1.5.
        let expected = 2.0_f32.ln() * 2.2 / (1.0 + 1.2 * (0.25 + 0.75 / 1.5));
        assert!((list[0].scores.bm25.unwrap() - expected).abs() < 1e-6);
    }

    #[test]
    fn fields_count_by_the_weights_of_the_collection() {
        let mut both = documents(&["dome steel", "steel stove"]);
        for (document, title) in both.iter_mut().zip(["stove", "dome"]) {
            *document = Arc::new(Document { title: title.into(), ..Document::clone(document) });
        }
        for (title, text, best) in [(9.0, 1.0, "1"), (1.0, 9.0, "0"), (1.0, 0.0, "1")] {
            let fields = FieldWeights::new(title, text).unwrap();
            let ranker = LocalBm25::new(Lexical { fields, ..Lexical::default() }).unwrap();
            let list = ranker.rank(&Query::new("dome").unwrap(), &both).unwrap();
            let best_by_bm25 = list.iter().max_by(|a, b| {
                a.scores.bm25.unwrap_or(0.0).total_cmp(&b.scores.bm25.unwrap_or(0.0))
            });
            assert_eq!(best_by_bm25.unwrap().document.id.as_str(), best);
        }
    }

    #[test]
    fn no_documents_are_no_problem_and_a_repeated_id_is_one() {
        assert!(rank("tent", &[]).is_empty());
        let ranker = LocalBm25::new(Lexical::default()).unwrap();
        let mut twice = documents(&["a", "b"]);
        twice[1] = Arc::clone(&twice[0]);
        assert!(ranker.rank(&Query::new("a").unwrap(), &twice).is_err());
    }

    proptest! {
        #[test]
        fn it_is_a_permutation_with_scores_that_never_rise(
            texts in proptest::collection::vec("[ab]{0,2}( [abc]{1,2}){0,4}", 0..40),
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let list = rank("b ab ca", &texts);
            let mut seen = ids(&list);
            seen.sort_unstable();
            seen.dedup();
            prop_assert_eq!(seen.len(), texts.len());
            for pair in list.windows(2) {
                prop_assert!(pair[0].scores.fusion >= pair[1].scores.fusion);
            }
        }
    }
}
