//! Reranking by an LLM: which windows to ask, how to ask them, how to read the
//! replies, and the best order that the evidence gives at any moment.
//!
//! A [`Strategy`] is pure: it names windows and orders evidence. [`run`] does
//! the asking. Both work on positions in the classical order, so that whatever
//! comes back, the result is a permutation.

mod arrange;
mod arrangement;
mod best_order;
mod blocks;
mod budget;
mod evidence;
mod graded;
mod memory;
pub mod metrics;
mod paces;
mod pairwise;
pub mod parse;
mod plackett_luce;
mod plan;
mod pointwise;
mod progress;
mod refine;
mod run;
mod shown;
mod single;
mod sliding;
mod strategy;
mod topdown;
mod window;

#[cfg(test)]
mod testing;

pub use arrangement::{Arrangement, Terms, task_of};
pub use budget::Budget;
pub use evidence::{Answered, Evidence, PartialOrder, WindowId};
pub use memory::{Remember, Remembered};
pub use paces::Paces;
pub use plan::{LADDER, Means, plan};
pub use progress::{Progress, RoundCall};
pub use run::{Job, WIDE_ROUND, run};
pub use shown::{
    Fit, cut_passage, documents_per_call, fit_window, prompt_input, reply_tokens, shuffled_labels,
    window_tokens,
};
pub use strategy::{Shape, Standing, Strategy, Window};
pub use window::{Asker, Prompts, canonical};
