//! Vectors that cost a call: each is asked for once.
//!
//! - A vector is kept under the hash of the model and the whole input, prefix
//!   included, so that queries and documents share it where they are the same
//!   text. Only vectors that can be stored and compared are kept.
//! - All texts that one asker lacks are one *flight*, a future that is polled by
//!   everyone who waits for one of its texts. Whoever asks for a text that is
//!   in a flight joins that flight. It lives as long as somebody waits: an asker
//!   that goes away doesn't end it for the others, and the last one ends it.
//! - Queries only join flights of queries, and documents those of documents:
//!   a query has little time and few retries, and a document has plenty.
//! - A failure is passed on to those who joined where it is about nothing else
//!   than their text. It is not where the asker's deadline came first, or where
//!   other texts were in the flight: then they ask themselves.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use moka::future::Cache;

use super::remote::EmbeddingCalls;
use super::{EmbeddingModel, EncodeError};
use crate::domain::Deadline;
use crate::retrieve::metrics::{self, TextKind};

/// Memory of an entry of the cache beside its numbers.
const ENTRY_BYTES: usize = 160;

type Key = blake3::Hash;
type Vector = Arc<[f32]>;
type Answer = Result<Arc<HashMap<Key, Vector>>, EncodeError>;
type Flying = BoxFuture<'static, Answer>;

/// The vectors of one model.
pub(super) struct Vectors {
    calls: Arc<dyn EmbeddingCalls>,
    /// Has read the model's identity; every key goes on from here.
    keys: blake3::Hasher,
    dimensions: usize,
    cache: Cache<Key, Vector>,
    flights: Mutex<HashMap<(TextKind, Key), Seat>>,
    flights_begun: AtomicU64,
}

/// A text's place in a flight.
struct Seat {
    number: u64,
    flight: WeakShared<Flying>,
    /// Whether the flight has no other text.
    alone: bool,
}

/// A flight that somebody else began.
struct Joined {
    number: u64,
    flight: Shared<Flying>,
    alone: bool,
}

impl Vectors {
    /// No vectors yet, and memory of `cache_bytes` for them.
    pub(super) fn new(
        calls: Arc<dyn EmbeddingCalls>,
        model: &EmbeddingModel,
        cache_bytes: u64,
    ) -> Self {
        let mut keys = blake3::Hasher::new();
        for field in [model.name.as_bytes(), model.revision.as_bytes()] {
            keys.update(&(field.len() as u64).to_le_bytes());
            keys.update(field);
        }
        keys.update(&(model.dimensions as u64).to_le_bytes());
        let cache = Cache::builder()
            .max_capacity(cache_bytes)
            .weigher(|_, vector: &Vector| {
                u32::try_from(ENTRY_BYTES + size_of_val(&**vector)).unwrap_or(u32::MAX)
            })
            .build();
        Self {
            calls,
            keys,
            dimensions: model.dimensions,
            cache,
            flights: Mutex::default(),
            flights_begun: AtomicU64::new(0),
        }
    }

    fn key(&self, text: &str) -> Key {
        self.keys.clone().update(text.as_bytes()).finalize()
    }

    /// Vectors in the order of the texts. The deadline is that of the calls
    /// that this makes itself.
    ///
    /// # Errors
    /// When the model fails, or a vector of its answer is none that could be
    /// stored.
    pub(super) async fn get(
        self: &Arc<Self>,
        kind: TextKind,
        texts: Vec<String>,
        deadline: Option<Deadline>,
    ) -> Result<Vec<Vec<f32>>, EncodeError> {
        let keys: Vec<Key> = texts.iter().map(|text| self.key(text)).collect();
        let mut met = HashSet::new();
        let mut missing: Vec<(Key, String)> =
            keys.iter().copied().zip(texts).filter(|(key, _)| met.insert(*key)).collect();
        let mut found: HashMap<Key, Vector> = HashMap::with_capacity(missing.len());
        let mut begun = 0;
        while !missing.is_empty() {
            let before = missing.len();
            let (own, joined) = self.board(kind, &mut missing, deadline);
            begun += before - missing.len();
            if let Some(flight) = own {
                let landed = flight.await?;
                found.extend(landed.iter().map(|(key, vector)| (*key, Arc::clone(vector))));
            }
            for Joined { flight, alone, .. } in joined {
                match flight.await {
                    Ok(landed) => missing.retain(|(key, _)| {
                        let vector = landed.get(key);
                        found.extend(vector.map(|vector| (*key, Arc::clone(vector))));
                        vector.is_none()
                    }),
                    Err(EncodeError::Deadline) => {}
                    Err(error) if alone => return Err(error),
                    Err(_) => {}
                }
            }
        }
        metrics::cached(keys.len().saturating_sub(begun));
        let vectors = keys.iter().map(|key| found.get(key).map(|vector| vector.to_vec()));
        vectors.collect::<Option<_>>().ok_or_else(|| EncodeError::Model("a vector is lost".into()))
    }

    /// Finds the texts that are in flights, and begins a flight with the
    /// others, which are then no longer missing.
    fn board(
        self: &Arc<Self>,
        kind: TextKind,
        missing: &mut Vec<(Key, String)>,
        deadline: Option<Deadline>,
    ) -> (Option<Shared<Flying>>, Vec<Joined>) {
        let mut flights = self.lock();
        let (mut own, mut joined): (Vec<_>, Vec<Joined>) = (Vec::new(), Vec::new());
        for (key, text) in std::mem::take(missing) {
            let seat = flights.get(&(kind, key));
            match seat.and_then(|seat| Some((seat, seat.flight.upgrade()?))) {
                Some((&Seat { number, alone, .. }, flight)) => {
                    if joined.iter().all(|joined| joined.number != number) {
                        joined.push(Joined { number, flight, alone });
                    }
                    missing.push((key, text));
                }
                None => own.push((key, text)),
            }
        }
        if own.is_empty() {
            return (None, joined);
        }
        let number = self.flights_begun.fetch_add(1, Ordering::Relaxed);
        let keys: Vec<Key> = own.iter().map(|(key, _)| *key).collect();
        let alone = keys.len() == 1;
        let seats = Seats { vectors: Arc::clone(self), number, kind, keys: keys.clone() };
        let flight = fly(seats, own, deadline).boxed().shared();
        if let Some(weak) = flight.downgrade() {
            let seat = |key| ((kind, key), Seat { number, flight: weak.clone(), alone });
            flights.extend(keys.into_iter().map(seat));
        }
        (Some(flight), joined)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(TextKind, Key), Seat>> {
        // Every change under the lock is whole, even if one beside it panics.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer of a call, if it is one.
    fn checked(&self, vectors: Vec<Vec<f32>>, texts: usize) -> Result<Vec<Vector>, EncodeError> {
        if vectors.len() != texts {
            let problem = format!("it gave {} vectors for {texts} texts", vectors.len());
            return Err(EncodeError::Model(problem));
        }
        vectors.into_iter().map(|vector| self.good(vector)).collect()
    }

    fn good(&self, vector: Vec<f32>) -> Result<Vector, EncodeError> {
        if vector.len() != self.dimensions {
            return Err(EncodeError::Model(format!(
                "it gave a vector of {} numbers where [embedding] says dimensions = {}",
                vector.len(),
                self.dimensions
            )));
        }
        let has_direction =
            vector.iter().all(|number| number.is_finite()) && vector.iter().any(|it| *it != 0.0);
        if !has_direction {
            return Err(EncodeError::Model(
                "it gave a vector that has no direction: all zeros, or not all numbers".to_owned(),
            ));
        }
        Ok(vector.into())
    }
}

/// Asks for what nobody has asked for before.
async fn fly(seats: Seats, texts: Vec<(Key, String)>, deadline: Option<Deadline>) -> Answer {
    let Vectors { cache, calls, .. } = &*seats.vectors;
    let mut found = HashMap::with_capacity(texts.len());
    let (mut keys, mut asked) = (Vec::new(), Vec::new());
    for (key, text) in texts {
        if let Some(vector) = cache.get(&key).await {
            found.insert(key, vector);
        } else {
            keys.push(key);
            asked.push(text);
        }
    }
    metrics::cached(found.len());
    if !asked.is_empty() {
        let vectors = calls.embed(asked, deadline).await?;
        let vectors = seats.vectors.checked(vectors, keys.len())?;
        metrics::embedded(seats.kind, vectors.len());
        for (key, vector) in keys.into_iter().zip(vectors) {
            cache.insert(key, Arc::clone(&vector)).await;
            found.insert(key, vector);
        }
    }
    Ok(Arc::new(found))
}

/// Gives the seats of a flight back when it has ended, however it has. By then
/// its vectors are in the cache, so that whoever comes next finds them there.
struct Seats {
    vectors: Arc<Vectors>,
    number: u64,
    kind: TextKind,
    keys: Vec<Key>,
}

impl Drop for Seats {
    fn drop(&mut self) {
        let mut flights = self.vectors.lock();
        for key in &self.keys {
            // Once nobody waited for this flight, another may have begun.
            let seat = (self.kind, *key);
            if flights.get(&seat).is_some_and(|it| it.number == self.number) {
                flights.remove(&seat);
            }
        }
    }
}
