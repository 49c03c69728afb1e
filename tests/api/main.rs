//! Black-box tests against real servers, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod fake_llm;
mod llm;
mod raw_upstream;
