//! Offline evaluation: rankings against labelled sets, by `trec_eval`'s
//! definitions.
//!
//! Reading files ([`Judgments`], [`Run`]), metrics by name ([`Metric`]) and
//! scores by query ([`Scores`]) know of nothing else, so that whatever makes
//! rankings can be measured with them. [`stats`] tells whether two of them
//! differ.

mod file;
mod judgments;
mod measure;
mod metric;
mod run;
mod score;
pub mod stats;

pub use file::InvalidFile;
pub use judgments::Judgments;
pub use metric::{Kind, Metric, UnknownMetric};
pub use run::Run;
pub use score::{Scores, score};
