//! What bounds a call in time, and what its caller may see of it meanwhile.

use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::{Deadline, Failure};

/// The two times of a call, and where its failed attempts are noted.
#[derive(Clone, Debug)]
pub struct CallTimes {
    /// When the caller answers: no attempt starts after it.
    pub deadline: Deadline,
    /// An attempt in flight at the deadline may run on until here, so that its
    /// reply can still fill the cache. Never before `deadline`.
    pub late_until: Deadline,
    /// Failed attempts are noted here as they happen: at the deadline the
    /// caller names the last one although the call has not ended.
    pub failures: Arc<LastFailure>,
}

impl CallTimes {
    /// A call that ends at `deadline`.
    #[must_use]
    pub fn until(deadline: Deadline) -> Self {
        Self { deadline, late_until: deadline, failures: Arc::default() }
    }
}

/// The failure of the latest failed attempt.
#[derive(Debug, Default)]
pub struct LastFailure(Mutex<Option<Failure>>);

impl LastFailure {
    /// Notes a failed attempt.
    pub fn set(&self, failure: Failure) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }

    /// The latest one noted.
    #[must_use]
    pub fn get(&self) -> Option<Failure> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
