//! Metrics of explanations. Shares are ratios of counters: quote precision
//! before checking is `located / (located + dropped)`.

use super::Explained;
use crate::rerank::metrics::Replies;

/// Quotes of models, by whether they stand in the document.
pub const QUOTES: &str = "rankgate_explanation_quotes_total";
/// Explanations that a model gave, by whether they can be shown.
pub const CHECKED: &str = "rankgate_explanations_checked_total";
/// Explanations of answers, by who explains.
pub const SHOWN: &str = "rankgate_explanations_total";

/// Name, labels and help of each metric of explanations; all are counters.
pub const TABLE: [(&str, &[&str], &str); 3] = [
    (
        QUOTES,
        &["prompt", "model", "outcome"],
        "Quotes of models; outcome is located (in the document) or dropped",
    ),
    (
        CHECKED,
        &["prompt", "model", "outcome"],
        "Explanations of models; outcome is kept, or refused (nothing left that could be shown)",
    ),
    (
        SHOWN,
        &["pipeline", "kind"],
        "Explanations in answers; kind is llm, or classical (matched terms)",
    ),
];

/// Counts what became of a reply.
pub(super) fn count(replies: &Replies, explained: &Explained) {
    let kept = explained.explanations.iter().flatten().count();
    let refused = explained.explanations.len() - kept;
    replies.increment(QUOTES, Some(("outcome", "located")), explained.quotes.located.into());
    replies.increment(QUOTES, Some(("outcome", "dropped")), explained.quotes.dropped.into());
    replies.increment(CHECKED, Some(("outcome", "kept")), kept as u64);
    replies.increment(CHECKED, Some(("outcome", "refused")), refused as u64);
}

/// Counts an explanation of an answer.
pub fn count_shown(pipeline: &str, kind: &'static str) {
    metrics::counter!(SHOWN, "pipeline" => pipeline.to_owned(), "kind" => kind).increment(1);
}
