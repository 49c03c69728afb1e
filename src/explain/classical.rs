//! What the first stage can say for itself.

use crate::domain::{Explanation, ExplanationKind, FirstStageScores, Quote};

/// Most matched words that are named and quoted.
const MOST: usize = 6;

/// The explanation that needs no LLM: `matched` are the words of the document
/// that the query has too.
#[must_use]
pub fn classical(mut matched: Vec<Quote>, scores: FirstStageScores) -> Explanation {
    matched.truncate(MOST);
    let words: Vec<String> = matched.iter().map(|quote| format!("“{}”", quote.text)).collect();
    let scores = named(scores);
    let text = match (words.is_empty(), scores.is_empty()) {
        (false, false) => format!("Matches {} ({scores}).", words.join(", ")),
        (false, true) => format!("Matches {}.", words.join(", ")),
        (true, false) => format!("Matches no word of the query ({scores})."),
        (true, true) => "Matches no word of the query.".to_owned(),
    };
    Explanation { kind: ExplanationKind::Classical, text, quotes: matched }
}

fn named(scores: FirstStageScores) -> String {
    let FirstStageScores { bm25, dense, fusion: _, freshness: _ } = scores;
    let parts = [
        bm25.map(|score| format!("BM25 {score:.2}")),
        dense.map(|score| format!("similarity {score:.2}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Field;

    fn word(text: &str) -> Quote {
        Quote { field: Field::Text, start: 0, end: text.len(), text: text.into() }
    }

    #[test]
    fn words_and_scores_are_named() {
        let scores =
            FirstStageScores { bm25: Some(11.234), dense: Some(0.5), ..Default::default() };
        let said = classical(vec![word("light"), word("tent")], scores);
        assert_eq!(said.text, "Matches “light”, “tent” (BM25 11.23, similarity 0.50).");
        assert_eq!((said.kind, said.quotes.len()), (ExplanationKind::Classical, 2));
    }

    #[test]
    fn what_matches_nothing_says_so() {
        let dense = FirstStageScores { dense: Some(0.5), ..Default::default() };
        assert_eq!(
            classical(vec![], dense).text,
            "Matches no word of the query (similarity 0.50)."
        );
        let none = FirstStageScores::default();
        assert_eq!(classical(vec![], none).text, "Matches no word of the query.");
    }

    #[test]
    fn few_words_are_enough() {
        let many = (0..20).map(|n| word(&format!("w{n}"))).collect();
        assert_eq!(classical(many, FirstStageScores::default()).quotes.len(), MOST);
    }
}
