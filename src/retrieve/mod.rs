//! The first stage: candidates in classical order.
//!
//! [`Retriever`] is the one interface; an engine answers each component query
//! (BM25, dense) by itself and the fusion is ours, so that engines agree.

mod filter;
mod retriever;

pub use filter::{Condition, Filter, InvalidFilter, Range};
pub use retriever::{RetrievalMode, Retrieve, RetrieveError, Retrieved, Retriever};
