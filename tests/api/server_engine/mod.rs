//! The engine for Qdrant servers, against a server that answers like one.

pub mod bench;
mod faults;
pub mod filters;
mod opening;
pub mod parity;
mod settings;
