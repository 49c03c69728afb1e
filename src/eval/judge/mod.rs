//! An LLM that grades documents which nobody judged, so that a run can say what
//! the holes in its judgments may hide.
//!
//! What its grades are worth depends on four rules. The judge is no model that
//! ranks in the same run ([`refuse_rankers`]). A person's judgment is never
//! replaced ([`Judgments::filled`]). Each pair of query and document is graded
//! once for all variants, and documents are shown in an order drawn from a seed,
//! so that nothing tells who found them and where ([`Judge`]). And what gets no
//! grade is counted and has none.
//!
//! [`Judgments::filled`]: super::Judgments::filled

mod asking;
mod config;
mod independence;
mod scale;

pub use asking::{Graded, Judge, Unjudged, WrongTask};
pub use config::JudgeConfig;
pub use independence::{JudgeRanks, ModelNames, Ranker, refuse_rankers};
pub use scale::Scale;
