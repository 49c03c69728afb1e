//! Threads that encode one text at a time, queries before documents.
//!
//! - A free thread takes the oldest query; only where none waits it takes a
//!   document, and only while fewer threads than allowed encode documents. So
//!   a query waits for no more than the texts that are being encoded when it
//!   comes.
//! - Queries are refused when too many wait, since their time runs. Documents
//!   wait for room instead, without holding a thread of the runtime.
//! - Whoever no longer wants an answer drops the future: the text is skipped.
//!
//! All threads have the same priority for the operating system. Lowering that
//! of one thread takes a system call that safe Rust doesn't have, so the number
//! of threads for documents is what leaves cores to everything else.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::EncodeError;

/// A vector, or why there is none.
pub(super) type Vector = Result<Vec<f32>, EncodeError>;

/// What turns a text into a vector.
pub(super) type Encode = Arc<dyn Fn(&str) -> Vector + Send + Sync>;

/// Queries that may wait for a thread. At a few milliseconds each, a longer
/// queue would only hold texts whose deadline passes while they wait.
const QUERIES: usize = 256;

/// Documents that may be queued or encoded for each thread that encodes them:
/// one more than needed, so that no thread waits for the next.
const DOCUMENTS_PER_THREAD: usize = 2;

/// How many threads there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Threads {
    /// All of them; any of them encodes queries.
    pub(super) all: usize,
    /// Most that encode documents at a time.
    pub(super) documents: usize,
}

/// The threads and their queues. The threads end when this is dropped.
pub(super) struct Workers {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
}

struct Shared {
    queues: Mutex<Queues>,
    /// Told of every change that could give a thread something to do.
    changed: Condvar,
}

struct Queues {
    queries: VecDeque<Work>,
    documents: VecDeque<Work>,
    /// Threads that encode a document now.
    encoding: usize,
    /// Most of them.
    most_encoding: usize,
    closed: bool,
}

/// One text to encode and who waits for it.
struct Work {
    text: String,
    reply: oneshot::Sender<Vector>,
    /// The room that a document takes until it is encoded; a query has none.
    document: Option<OwnedSemaphorePermit>,
}

impl Workers {
    /// Starts the threads.
    pub(super) fn start(threads: Threads, encode: &Encode) -> std::io::Result<Self> {
        let queues = Queues {
            queries: VecDeque::new(),
            documents: VecDeque::new(),
            encoding: 0,
            most_encoding: threads.documents,
            closed: false,
        };
        let shared = Arc::new(Shared { queues: Mutex::new(queues), changed: Condvar::new() });
        let room = Arc::new(Semaphore::new(threads.documents * DOCUMENTS_PER_THREAD));
        // Made first: where a thread can't be started, it ends the others.
        let workers = Self { shared, room };
        for index in 0..threads.all {
            let (shared, encode) = (Arc::clone(&workers.shared), Arc::clone(encode));
            thread::Builder::new()
                .name(format!("encoder-{index}"))
                .spawn(move || shared.run(encode.as_ref()))?;
        }
        Ok(workers)
    }

    /// Puts a query before all documents.
    ///
    /// # Errors
    /// When too many queries wait.
    pub(super) fn query(&self, text: String) -> Result<oneshot::Receiver<Vector>, EncodeError> {
        let mut queues = self.shared.lock();
        // Those who gave up waiting make room first.
        if queues.queries.len() >= QUERIES {
            queues.queries.retain(|work| !work.reply.is_closed());
        }
        if queues.queries.len() >= QUERIES {
            return Err(EncodeError::Overloaded);
        }
        let (reply, receiver) = oneshot::channel();
        queues.queries.push_back(Work { text, reply, document: None });
        self.shared.changed.notify_one();
        Ok(receiver)
    }

    /// Encodes a text of a document, at the pace that queries leave over.
    pub(super) async fn document(&self, text: String) -> Vector {
        let permit = Arc::clone(&self.room).acquire_owned().await.map_err(|_| stopped())?;
        let (reply, receiver) = oneshot::channel();
        self.shared.lock().documents.push_back(Work { text, reply, document: Some(permit) });
        self.shared.changed.notify_one();
        receiver.await.map_err(|_| stopped())?
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

/// The error where no thread is left to answer.
pub(super) fn stopped() -> EncodeError {
    EncodeError::Model("the encoder's threads have stopped".to_owned())
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        // Nothing that holds the lock can panic half-way through a change.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, encode: &(dyn Fn(&str) -> Vector + Send + Sync)) {
        while let Some(Work { text, reply, document }) = self.next() {
            // A panic is one text's failure and not the end of the thread.
            let vector = catch_unwind(AssertUnwindSafe(|| encode(&text)));
            let vector =
                vector.unwrap_or_else(|_| Err(EncodeError::Model("it panicked".to_owned())));
            if let Some(room) = document {
                self.lock().encoding -= 1;
                self.changed.notify_one();
                drop(room);
            }
            let _ = reply.send(vector);
        }
    }

    /// The next text that someone waits for; none when there will be no more.
    fn next(&self) -> Option<Work> {
        let mut queues = self.lock();
        loop {
            if let Some(work) = queues.take() {
                return Some(work);
            }
            if queues.closed {
                return None;
            }
            queues = self.changed.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Queues {
    fn take(&mut self) -> Option<Work> {
        if let Some(query) = first_wanted(&mut self.queries) {
            return Some(query);
        }
        if self.encoding >= self.most_encoding {
            return None;
        }
        let document = first_wanted(&mut self.documents)?;
        self.encoding += 1;
        Some(document)
    }
}

/// The oldest text whose asker still waits; older ones are dropped.
fn first_wanted(queue: &mut VecDeque<Work>) -> Option<Work> {
    std::iter::from_fn(|| queue.pop_front()).find(|work| !work.reply.is_closed())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Script, length};
    use super::*;

    use futures::FutureExt;

    fn one_thread(encode: &Encode) -> Workers {
        Workers::start(Threads { all: 1, documents: 1 }, encode).unwrap()
    }

    /// Polls once, which puts a text into the queue where there is room.
    fn begin<T>(future: &mut (impl Future<Output = T> + Unpin)) {
        assert!(future.now_or_never().is_none(), "it should have to wait");
    }

    #[tokio::test]
    async fn a_panic_fails_one_text_only() {
        let workers = one_thread(&(Arc::new(length) as Encode));
        let poisoned = workers.document("poison".to_owned()).await;
        assert_eq!(poisoned, Err(EncodeError::Model("it panicked".into())));
        assert_eq!(workers.document("next".to_owned()).await, Ok(vec![4.0]));
        let poisoned = workers.query("poison".to_owned()).unwrap().await.unwrap();
        assert_eq!(poisoned, Err(EncodeError::Model("it panicked".into())));
        assert_eq!(workers.query("text".to_owned()).unwrap().await.unwrap(), Ok(vec![4.0]));
    }

    #[tokio::test]
    async fn answers_come_to_those_who_asked() {
        let workers = Workers::start(Threads { all: 3, documents: 2 }, &(Arc::new(length) as _));
        let workers = workers.unwrap();
        let documents = (1..20).map(|n| workers.document("x".repeat(n)));
        let queries: Vec<_> = (1..20).map(|n| workers.query("x".repeat(n)).unwrap()).collect();
        let documents = futures::future::join_all(documents).await;
        let queries = futures::future::join_all(queries).await;
        for (n, (document, query)) in (1..).zip(documents.into_iter().zip(queries)) {
            assert_eq!(document, Ok(vec![n as f32]));
            assert_eq!(query.unwrap(), Ok(vec![n as f32]));
        }
    }

    #[tokio::test]
    async fn queries_overtake_documents() {
        let (script, encode) = Script::new();
        let workers = one_thread(&encode);
        let mut first = Box::pin(workers.document("document 1".to_owned()));
        let mut second = Box::pin(workers.document("document 2".to_owned()));
        begin(&mut first);
        assert_eq!(script.seen.recv().unwrap(), "document 1");
        begin(&mut second);
        let queries = ["query 1", "query 2"].map(|text| workers.query(text.to_owned()).unwrap());
        for _ in 0..4 {
            script.go();
        }
        second.await.unwrap();
        let seen: Vec<_> = script.seen.try_iter().collect();
        assert_eq!(seen, ["query 1", "query 2", "document 2"]);
        for query in queries {
            query.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn a_thread_stays_free_for_queries_however_many_documents_wait() {
        let (script, encode) = Script::new();
        let workers = Workers::start(Threads { all: 3, documents: 2 }, &encode).unwrap();
        let mut documents: Vec<_> =
            (0..9).map(|n| Box::pin(workers.document(format!("document {n}")))).collect();
        documents.iter_mut().for_each(begin);
        let mut encoding = [script.seen.recv().unwrap(), script.seen.recv().unwrap()];
        encoding.sort_unstable();
        assert_eq!(encoding, ["document 0", "document 1"]);
        // The third thread is free and takes no document: the next text that
        // is encoded is a query, although it was asked for last.
        let query = workers.query("query".to_owned()).unwrap();
        assert_eq!(script.seen.recv().unwrap(), "query");
        drop(script);
        query.await.unwrap().unwrap();
        for document in documents {
            document.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_full_queue_refuses_queries_and_abandoned_ones_make_room() {
        let (script, encode) = Script::new();
        let workers = one_thread(&encode);
        let first = workers.query("first".to_owned()).unwrap();
        assert_eq!(script.seen.recv().unwrap(), "first");
        let ask = |n: usize| workers.query(n.to_string());
        let mut waiting: Vec<_> = (0..QUERIES).map(|n| ask(n).unwrap()).collect();
        assert_eq!(ask(QUERIES).unwrap_err(), EncodeError::Overloaded);
        drop(waiting.swap_remove(0));
        let last = ask(QUERIES).unwrap();
        drop(waiting);
        script.go();
        script.go();
        first.await.unwrap().unwrap();
        last.await.unwrap().unwrap();
        assert_eq!(script.seen.try_iter().collect::<Vec<_>>(), [QUERIES.to_string()]);
    }

    #[tokio::test]
    async fn documents_wait_for_room_and_abandoned_ones_are_not_encoded() {
        let (script, encode) = Script::new();
        let workers = one_thread(&encode);
        let mut documents: Vec<_> =
            (0..6).map(|n| Box::pin(workers.document(n.to_string()))).collect();
        documents.iter_mut().for_each(begin);
        assert_eq!(script.seen.recv().unwrap(), "0");
        assert_eq!(workers.shared.lock().documents.len() + 1, DOCUMENTS_PER_THREAD);
        let last = documents.pop().unwrap();
        let first = documents.swap_remove(0);
        // Those between are queued, or wait for room.
        drop(documents);
        script.go();
        script.go();
        first.await.unwrap();
        last.await.unwrap();
        assert_eq!(script.seen.try_iter().collect::<Vec<_>>(), ["5"]);
        assert_eq!(workers.room.available_permits(), DOCUMENTS_PER_THREAD);
    }

    #[tokio::test]
    async fn threads_end_with_their_handle() {
        let (script, encode) = Script::new();
        let workers = one_thread(&encode);
        drop((workers, encode));
        // The thread held the other end.
        assert!(script.seen.recv().is_err());
    }
}
