//! Black-box tests against real servers, in one binary: a real gateway on a
//! port of its own, asked over HTTP, and upstreams that are real servers too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod app;
mod connections;
mod dialects;
mod documents;
mod embedder;
mod embeddings;
mod engines;
mod eval;
mod eval_judge;
mod eval_replay;
mod explain;
mod fake_embeddings;
mod fake_llm;
mod faults;
mod injection;
mod lang;
mod lists;
mod llm;
mod native;
mod openapi;
mod playground;
#[path = "../program/mod.rs"]
mod program;
mod promotion;
mod prompt_reload;
mod qdrant;
mod ranked;
mod raw_upstream;
mod real_server;
mod reload;
mod replies;
mod rerank;
mod search;
mod server_engine;
mod simulate;
mod strategies;
mod stream;
mod trace;
