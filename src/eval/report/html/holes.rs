//! What documents that nobody judged may hide.

use serde::Serialize;

use super::shown::{mean, share};
use crate::eval::summary::{HolesSummary, Summary};

/// One variant.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    variant: &'a str,
    metric: String,
    seen: usize,
    unjudged: usize,
    unjudged_share: String,
    as_not_relevant: String,
    condensed: String,
    judge_filled: Option<String>,
    ungraded: usize,
}

/// A line for each variant that was looked at.
pub(super) fn lines(summary: &Summary) -> Vec<Line<'_>> {
    let looked_at = summary.variants.iter();
    looked_at.filter_map(|it| Some(line(&it.name, it.holes.as_ref()?))).collect()
}

fn line<'a>(variant: &'a str, it: &HolesSummary) -> Line<'a> {
    Line {
        variant,
        metric: it.metric.to_string(),
        seen: it.seen,
        unjudged: it.unjudged,
        unjudged_share: share(it.unjudged, it.seen),
        as_not_relevant: mean(it.as_not_relevant),
        condensed: mean(it.condensed),
        judge_filled: it.judge_filled.map(mean),
        ungraded: it.ungraded,
    }
}
