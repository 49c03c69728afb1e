//! Reranking by an LLM: which windows to ask, how to ask them, how to read the
//! replies, and the best order that the evidence gives at any moment.
//!
//! A [`Strategy`] is pure: it names windows and orders evidence. [`run`] does
//! the asking. Both work on positions in the classical order, so that whatever
//! comes back, the result is a permutation.

mod evidence;
mod graded;
pub mod metrics;
pub mod parse;
mod pointwise;
mod progress;
mod run;
mod single;
mod strategy;
mod window;

pub use evidence::{Answered, Evidence, PartialOrder};
pub use progress::Progress;
pub use run::{Job, run};
pub use strategy::{Standing, Strategy, Window, strategy_for, task_of};
pub use window::Asker;
