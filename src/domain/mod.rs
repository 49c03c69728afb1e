//! The words of ranking: documents, candidates, rankings, how a ranking came
//! about, deadlines and usage. Nothing here knows of HTTP, an LLM or Qdrant.

mod candidate;
mod deadline;
mod document;
mod explanation;
mod outcome;
mod query;
mod ranking;
mod repairs;
mod strategy;
mod tenant;
mod usage;

pub use candidate::{Candidate, CandidateList, DuplicateCandidate, FirstStageScores};
pub use deadline::Deadline;
pub use document::{DocId, Document, InvalidDocId};
pub use explanation::{Explanation, ExplanationKind, Field, Quote};
pub use outcome::{CacheOutcome, Failure, NotWanted, Outcome, Reason, ScoreKind, Status};
pub use query::{EmptyQuery, Query};
pub use ranking::{NotAPermutation, Ranking};
pub use repairs::Repairs;
pub use strategy::{StrategyName, UnknownStrategy};
pub use tenant::TenantId;
pub use usage::Usage;
