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
    /// Attempts are counted here as they start.
    pub attempts: Arc<Attempts>,
}

impl CallTimes {
    /// A call that ends at `deadline`.
    #[must_use]
    pub fn until(deadline: Deadline) -> Self {
        Self { deadline, late_until: deadline, failures: Arc::default(), attempts: Arc::default() }
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

/// The attempts of a call that have started.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<Started>);

#[derive(Clone, Debug, Default)]
struct Started {
    count: u32,
    /// Where the latest one went.
    upstream: Option<Arc<str>>,
}

impl Attempts {
    pub(super) fn begin(&self, upstream: &Arc<str>) {
        let mut started = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *started = Started { count: started.count + 1, upstream: Some(Arc::clone(upstream)) };
    }

    /// How many there were, and the upstream of the latest.
    #[must_use]
    pub fn get(&self) -> (u32, Option<Arc<str>>) {
        let Started { count, upstream } =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (count, upstream)
    }
}
