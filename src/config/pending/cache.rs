//! The `[cache]` table.

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

/// The `[cache]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// Memory for cached rankings; 0 switches the cache off.
    pub max_bytes: ByteSize,
    /// How long a ranking is served, such as `"1h"` or `"90s"`.
    pub ttl: jiff::SignedDuration,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { max_bytes: ByteSize::mib(256), ttl: jiff::SignedDuration::from_hours(1) }
    }
}
