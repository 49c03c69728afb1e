//! What reranking counts.

use metrics::counter;

use crate::domain::Repairs;

/// Mended faults of usable replies; labels `prompt`, `model`, `kind`.
pub const REPAIRS_TOTAL: &str = "rankgate_llm_repairs_total";

/// Counts the repairs of one reply.
pub(super) fn count_repairs(prompt: &str, model: &str, repairs: Repairs) {
    let Repairs { missing, duplicate, unknown } = repairs;
    for (kind, count) in [("missing", missing), ("duplicate", duplicate), ("unknown", unknown)] {
        if count > 0 {
            let labels =
                [("prompt", prompt.to_owned()), ("model", model.to_owned()), ("kind", kind.into())];
            counter!(REPAIRS_TOTAL, &labels).increment(u64::from(count));
        }
    }
}
