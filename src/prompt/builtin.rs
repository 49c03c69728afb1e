//! The released prompts of this repository, carried in the binary.

use super::folder::Files;
use super::lock::id_of;

/// Path and content of each, relative to `prompts/`.
const FILES: [(&str, &[u8]); 8] = [
    ("contrast/v1.md", include_bytes!("../../prompts/contrast/v1.md")),
    ("explain/v1.md", include_bytes!("../../prompts/explain/v1.md")),
    ("rerank-graded/v1.md", include_bytes!("../../prompts/rerank-graded/v1.md")),
    ("rerank-graded-short/v1.md", include_bytes!("../../prompts/rerank-graded-short/v1.md")),
    ("rerank-listwise/v1.md", include_bytes!("../../prompts/rerank-listwise/v1.md")),
    ("rerank-pairwise/v1.md", include_bytes!("../../prompts/rerank-pairwise/v1.md")),
    ("rerank-pointwise/v1.md", include_bytes!("../../prompts/rerank-pointwise/v1.md")),
    ("rerank-pointwise-short/v1.md", include_bytes!("../../prompts/rerank-pointwise-short/v1.md")),
];

const LOCK: &[u8] = include_bytes!("../../prompts/prompts.lock");

pub(super) fn files() -> Files {
    Files {
        prompts: FILES
            .iter()
            .filter_map(|(path, bytes)| Some((id_of(path)?, bytes.to_vec())))
            .collect(),
        lock: LOCK.to_vec(),
    }
}
