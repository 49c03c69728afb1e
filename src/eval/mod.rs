//! Offline evaluation: rankings against labelled sets, by `trec_eval`'s
//! definitions.
//!
//! Reading files ([`Judgments`], [`Run`]), metrics by name ([`Metric`]), scores
//! by query ([`Scores`]) and statistics ([`stats`]) know of nothing else, so that
//! whatever makes rankings can be measured with them. A [`Suite`] says what is
//! compared; [`ask_all`] asks the gateway's own pipelines, so that what is
//! measured is what is served; a [`Recording`] keeps what it takes to do so again
//! without an LLM; a [`Summary`] is what it comes to.
//! What documents that nobody judged may hide is measured besides ([`holes()`]),
//! with an LLM's grades in their place where a suite wants them ([`Judge`]).

mod dataset;
mod file;
mod first_stage;
mod gates;
mod holes;
mod judge;
mod judgments;
mod measure;
mod metric;
mod pace;
mod recording;
mod repeats;
mod report;
mod run;
mod runner;
mod score;
pub mod stats;
mod suite;
mod summary;
mod unasked;

pub use dataset::{Dataset, DatasetError, Topic};
pub use file::InvalidFile;
pub use first_stage::{RunFile, RunFileError, Shuffled, Texts};
pub use gates::{Verdict, judge};
pub use holes::{Headline, holes, unjudged};
pub use judge::{
    Graded, Judge, JudgeConfig, JudgeRanks, ModelNames, Ranker, Scale, Unjudged, WrongTask,
    refuse_rankers,
};
pub use judgments::Judgments;
pub use metric::{Kind, Metric, UnknownMetric};
pub use pace::Pace;
pub use recording::{Manifest, Mode, Recorded, Recording, RecordingError, Unused};
pub use repeats::{RepeatSummary, mean_scores};
pub use report::{
    HtmlReport, ModelUsed, PromptUsed, Provenance, Unrendered, VariantSetup, comparison, markdown,
};
pub use run::Run;
pub use runner::{PATIENCE, Round, Row, SIDE_BY_SIDE, Unanswered, ask_all};
pub use score::{Scores, score};
pub use suite::{Gate, InvalidSuite, Suite, Variant};
pub use summary::{
    ExplanationSummary, HolesSummary, JudgeSummary, Measured, MetricSummary, Summary,
    VariantSummary,
};
pub use unasked::Unasked;
