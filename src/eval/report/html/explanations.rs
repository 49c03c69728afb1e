//! Whether explanations say what stands in the documents.

use serde::Serialize;

use super::shown::share;
use crate::eval::summary::{ExplanationSummary, Summary};

/// One variant that explained.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    variant: &'a str,
    llm: usize,
    classical: usize,
    classical_share: String,
    unverified: usize,
    quotes: u64,
    located: u32,
    before: Option<String>,
    after: Option<String>,
}

/// A line for each variant that explained.
pub(super) fn lines(summary: &Summary) -> Vec<Line<'_>> {
    let explained = summary.variants.iter();
    explained.filter_map(|it| Some(line(&it.name, it.explanations.as_ref()?))).collect()
}

fn line<'a>(variant: &'a str, it: &ExplanationSummary) -> Line<'a> {
    let precision = |precision: Option<f64>| precision.map(|precision| format!("{precision:.3}"));
    Line {
        variant,
        llm: it.llm,
        classical: it.classical,
        classical_share: share(it.classical, it.llm + it.classical),
        unverified: it.unverified,
        quotes: u64::from(it.quotes.located) + u64::from(it.quotes.dropped),
        located: it.quotes.located,
        before: precision(it.quote_precision_before),
        after: precision(it.quote_precision_after),
    }
}
