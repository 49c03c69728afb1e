//! The engine for Qdrant servers, against a server that answers like one.

pub mod bench;
mod faults;
mod filters;
mod opening;
mod parity;
mod settings;
