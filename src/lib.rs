//! rankgate: a gateway that retrieves candidates, has an LLM rerank them, and
//! answers with a valid ranking by its deadline whatever the LLM does.
//!
//! `ARCHITECTURE.md` has the map and the life of a request.

pub mod app;
pub mod cache;
pub mod cli;
pub mod config;
pub mod domain;
pub mod explain;
pub mod http;
pub mod llm;
pub mod pipeline;
pub mod prompt;
pub mod rerank;
pub mod retrieve;
pub mod secret;
pub mod simulate;
pub mod telemetry;
