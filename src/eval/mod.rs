//! Offline evaluation: rankings against labelled sets, by `trec_eval`'s
//! definitions.
//!
//! Reading files ([`Judgments`], [`Run`]), metrics by name ([`Metric`]), scores
//! by query ([`Scores`]) and statistics ([`stats`]) know of nothing else, so that
//! whatever makes rankings can be measured with them. A [`Suite`] says what is
//! compared; [`ask_all`] asks the gateway's own pipelines, so that what is
//! measured is what is served; a [`Summary`] is what it comes to.

mod dataset;
mod file;
mod gates;
mod judgments;
mod measure;
mod metric;
mod report;
mod run;
mod runner;
mod score;
pub mod stats;
mod suite;
mod summary;

pub use dataset::{Dataset, DatasetError, Topic};
pub use file::InvalidFile;
pub use gates::{Verdict, judge};
pub use judgments::Judgments;
pub use metric::{Kind, Metric, UnknownMetric};
pub use report::markdown;
pub use run::Run;
pub use runner::{PATIENCE, Row, Unanswered, ask_all};
pub use score::{Scores, score};
pub use suite::{Gate, InvalidSuite, Suite, Variant};
pub use summary::{
    ExplanationSummary, HolesSummary, Measured, MetricSummary, Summary, VariantSummary,
};
