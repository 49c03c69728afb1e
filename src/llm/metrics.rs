//! Metrics of the LLM side: every name, label and meaning in one table.

use std::sync::Arc;

use crate::domain::Usage;

/// Attempts, by how they ended.
pub const ATTEMPTS: &str = "rankgate_llm_attempts_total";
/// Tokens of answered calls, by direction (`input`, `output`).
pub const TOKENS: &str = "rankgate_llm_tokens_total";
/// US dollars of answered calls. The metrics crate counts in whole numbers, so
/// this sum is kept in a gauge that only ever rises: `rate()` and `increase()`
/// read it like a counter.
pub const COST_USD: &str = "rankgate_llm_cost_usd_total";

/// Name, labels and help of each metric of the LLM side; [`COST_USD`] is a
/// gauge, the others are counters.
pub const TABLE: [(&str, &[&str], &str); 3] = [
    (
        ATTEMPTS,
        &["upstream", "model", "outcome"],
        "HTTP calls to upstreams; outcome is ok, cancelled, filtered or the reason of the failure",
    ),
    (TOKENS, &["model", "direction"], "Tokens read (input) and written (output) by models"),
    (COST_USD, &["model"], "US dollars spent on models, by their configured prices"),
];

/// Counts an attempt that ended with `outcome`.
pub(super) fn attempt(upstream: &Arc<str>, model: &Arc<str>, outcome: &'static str) {
    metrics::counter!(
        ATTEMPTS,
        "upstream" => Arc::clone(upstream),
        "model" => Arc::clone(model),
        "outcome" => outcome
    )
    .increment(1);
}

/// Counts what an answered call consumed.
pub(super) fn usage(model: &Arc<str>, usage: &Usage) {
    for (direction, tokens) in [("input", usage.input_tokens), ("output", usage.output_tokens)] {
        metrics::counter!(TOKENS, "model" => Arc::clone(model), "direction" => direction)
            .increment(tokens);
    }
    metrics::gauge!(COST_USD, "model" => Arc::clone(model)).increment(usage.cost_usd);
}
