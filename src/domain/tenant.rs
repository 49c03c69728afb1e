//! Whose request it is.

use std::fmt;
use std::sync::Arc;

/// The owner of requests, documents and cached rankings. The first contributor
/// to every cache key, so that tenants can't see each other's rankings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TenantId(Arc<str>);

impl Default for TenantId {
    /// The one tenant of a gateway that asks for no keys.
    fn default() -> Self {
        Self(Arc::from("default"))
    }
}

impl TenantId {
    /// The tenant of this name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(name.into())
    }

    /// The tenant's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
