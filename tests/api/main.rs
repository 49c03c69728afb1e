//! Black-box tests: a real gateway on a port of its own, asked over HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod app;
mod connections;
mod lists;
mod native;
mod reload;
mod rerank;
