//! The protocol's messages as the engine's types, and back.

pub(super) mod filter;
pub(super) mod id;
pub(super) mod path;
pub(super) mod payload;
pub(super) mod schema;
pub(super) mod search;
pub(super) mod select;
pub(super) mod vector;
