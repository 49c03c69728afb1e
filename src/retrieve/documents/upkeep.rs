//! What collections need after live writes, some time later.

use std::sync::Arc;

use super::shared::Shared;
use super::{Documents, LONG_PATIENCE, WriteError, lock, patience};
use crate::domain::Deadline;

/// A collection whose upkeep failed, and why. It is tried again next time.
pub type Failed = (String, WriteError);

impl Documents {
    /// Makes the changes since the last time survive a loss of power.
    pub async fn flush_changed(&self) -> Vec<Failed> {
        let mut failed = Vec::new();
        for (name, shared) in self.written_to() {
            let changes = shared.take_unflushed();
            if changes > 0
                && let Err(error) = self.flush(&name).await
            {
                shared.give_back_unflushed(changes);
                failed.push((name, error));
            }
        }
        failed
    }

    /// Builds the indexes of collections that have changed so many times since
    /// theirs were built. May take minutes.
    pub async fn optimize_changed(&self, at_least: usize) -> Vec<Failed> {
        let mut failed = Vec::new();
        for (name, shared) in self.written_to() {
            if let Some(changes) = shared.take_unoptimized(at_least)
                && let Err(error) = self.optimize(&name).await
            {
                shared.give_back_unoptimized(changes);
                failed.push((name, error));
            }
        }
        failed
    }

    /// The collections that this process has written to.
    fn written_to(&self) -> Vec<(String, Arc<Shared>)> {
        lock(&self.shared).iter().map(|(name, shared)| (name.clone(), Arc::clone(shared))).collect()
    }

    async fn flush(&self, name: &str) -> Result<(), WriteError> {
        let collection = self.engine.open(name, patience()).await?;
        Ok(collection.flush(patience()).await?)
    }

    async fn optimize(&self, name: &str) -> Result<(), WriteError> {
        let collection = self.engine.open(name, patience()).await?;
        collection.optimize(Deadline::after(LONG_PATIENCE)).await?;
        Ok(collection.flush(patience()).await?)
    }
}
