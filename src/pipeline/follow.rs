//! What a search tells before its answer is complete.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::answer::Answer;
use crate::domain::{Candidate, DocId, Explanation};

/// Most events that wait for a slow reader. What comes on top is left out: the
/// complete answer has it all.
const WAITING: usize = 64;

/// What became known.
#[derive(Clone, Debug)]
pub enum Event {
    /// The first stage's results.
    Classical(Box<Answer>),
    /// Another order of the results, as it would be answered now.
    Ranking(Box<Answer>),
    /// Why a result stands where it stands.
    Explanation {
        /// The document.
        id: DocId,
        /// Its collection: another may have a document of the same id.
        collection: Option<Arc<str>>,
        /// What is said of it.
        explanation: Explanation,
    },
}

/// Where a search tells what becomes known; nowhere by default.
#[derive(Debug, Default)]
pub struct Follower {
    events: Option<mpsc::Sender<Event>>,
    /// The order that was told last, as positions in the classical one.
    told: Mutex<Vec<usize>>,
}

impl Follower {
    /// A follower and what it hears.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Event>) {
        let (events, heard) = mpsc::channel(WAITING);
        (Self { events: Some(events), told: Mutex::default() }, heard)
    }

    /// Whether anybody listens.
    pub(super) const fn listens(&self) -> bool {
        self.events.is_some()
    }

    /// Tells the first stage's results.
    pub(super) fn classical(&self, answer: impl FnOnce() -> Answer) {
        if self.listens() {
            let answer = answer();
            self.is_new(&answer);
            self.tell(Event::Classical(Box::new(answer)));
        }
    }

    /// Tells an order, unless it was the last one told.
    pub(super) fn ranking(&self, answer: Answer) {
        if self.is_new(&answer) {
            self.tell(Event::Ranking(Box::new(answer)));
        }
    }

    /// Tells an explanation.
    pub(super) fn explanation(&self, of: &Candidate, explanation: &Explanation) {
        if self.listens() {
            let (id, collection) = (of.document.id.clone(), of.collection.clone());
            let explanation = explanation.clone();
            self.tell(Event::Explanation { id, collection, explanation });
        }
    }

    fn is_new(&self, answer: &Answer) -> bool {
        let order: Vec<usize> = answer.results.iter().map(|result| result.index).collect();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *told != order;
        *told = order;
        is_new
    }

    fn tell(&self, event: Event) {
        if let Some(events) = &self.events {
            // Full: the reader is slow. Closed: nobody reads any more.
            let _ = events.try_send(event);
        }
    }
}
