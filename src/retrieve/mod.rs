//! The first stage: candidates in classical order.
//!
//! [`Retriever`] is the one interface; an engine answers each component query
//! (BM25, dense) by itself and the fusion is ours, so that engines agree.

mod filter;
mod pending;
mod retriever;

pub use filter::{Condition, Filter, InvalidFilter, Range};
pub use pending::{BadLine, EmbeddedEngine, EngineError, IndexJob, IndexReport, Progress, index};
pub use retriever::{RetrievalMode, Retrieve, RetrieveError, Retrieved, Retriever};
