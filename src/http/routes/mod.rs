//! One file for each thing that can be asked for natively.

mod lists;
mod nothing;
mod probes;
mod search;

pub(super) use lists::{pipelines, prompts};
pub(super) use nothing::{method_not_allowed, not_found};
pub(super) use probes::{healthz, metrics, readyz};
pub use search::SearchAnswer;
pub(super) use search::search;
