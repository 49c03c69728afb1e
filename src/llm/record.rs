//! What the caller of a model notes of a call, for those who want to see them.

use std::sync::Arc;

use tokio::time::Instant;

use super::Attempts;
use crate::domain::{Failure, Usage};

/// One call. It holds no text of what was asked or answered.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// How many documents it shows.
    pub documents: usize,
    /// When it was made; it may have waited for a place after that.
    pub begun: Instant,
    /// Shared with the call, which counts them.
    pub attempts: Arc<Attempts>,
    /// None while it is under way.
    pub end: Option<CallEnd>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub struct CallEnd {
    /// When it ended.
    pub at: Instant,
    /// Why it gave nothing usable; none where it did.
    pub failure: Option<Failure>,
    /// What it consumed: a reply that can't be used costs, too.
    pub usage: Usage,
}

impl CallRecord {
    /// A call that begins now.
    #[must_use]
    pub fn begin(documents: usize, attempts: &Arc<Attempts>) -> Self {
        let attempts = Arc::clone(attempts);
        Self { documents, begun: Instant::now(), attempts, end: None }
    }
}
