//! Black-box tests against real servers, in one binary.

mod fake_llm;
mod llm;
