//! Black-box tests: a real gateway on a port of its own, asked over HTTP.

mod app;
mod connections;
mod lists;
mod native;
mod reload;
mod rerank;
