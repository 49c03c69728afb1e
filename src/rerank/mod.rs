//! Turns candidates and a model into a ranking.

pub mod parse;
