//! Threads that encode one text at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use super::EncodeError;

type Encoded = Result<Vec<f32>, EncodeError>;

/// One text to encode and who waits for it.
struct Work {
    text: String,
    reply: oneshot::Sender<Encoded>,
}

/// A fixed number of threads behind one bounded queue. They end when the last
/// handle is dropped and the queue is empty.
pub(super) struct Workers {
    queue: SyncSender<Work>,
}

impl Workers {
    /// Starts `threads` threads that share a queue of `capacity` texts.
    pub(super) fn start(
        threads: usize,
        capacity: usize,
        encode: impl Fn(&str) -> Encoded + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let (queue, work) = sync_channel(capacity);
        let work = Arc::new(Mutex::new(work));
        let encode = Arc::new(encode);
        for index in 0..threads {
            let (work, encode) = (Arc::clone(&work), Arc::clone(&encode));
            thread::Builder::new()
                .name(format!("encoder-{index}"))
                .spawn(move || run(&work, encode.as_ref()))?;
        }
        Ok(Self { queue })
    }

    /// Puts a text into the queue if there is room.
    pub(super) fn offer(&self, text: String) -> Result<oneshot::Receiver<Encoded>, EncodeError> {
        let (reply, receiver) = oneshot::channel();
        self.queue.try_send(Work { text, reply }).map_err(|error| match error {
            TrySendError::Full(_) => EncodeError::Overloaded,
            TrySendError::Disconnected(_) => stopped(),
        })?;
        Ok(receiver)
    }

    /// Puts a text into the queue, waiting for room. Blocks.
    pub(super) fn put(&self, text: String) -> Result<oneshot::Receiver<Encoded>, EncodeError> {
        let (reply, receiver) = oneshot::channel();
        self.queue.send(Work { text, reply }).map_err(|_| stopped())?;
        Ok(receiver)
    }
}

/// The error where no thread is left to answer.
pub(super) fn stopped() -> EncodeError {
    EncodeError::Model("the encoder's threads have stopped".to_owned())
}

fn run(work: &Mutex<Receiver<Work>>, encode: &impl Fn(&str) -> Encoded) {
    loop {
        // The lock is held while waiting, and by one thread only: the others
        // wait for the lock instead of the queue.
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Work { text, reply }) = next else { return };
        // Whoever asked may have given up while the text waited.
        if !reply.is_closed() {
            // A panic is one text's failure and not the end of the thread.
            let encoded = catch_unwind(AssertUnwindSafe(|| encode(&text)));
            let encoded =
                encoded.unwrap_or_else(|_| Err(EncodeError::Model("it panicked".to_owned())));
            let _ = reply.send(encoded);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn length(text: &str) -> Encoded {
        match text {
            "poison" => panic!("told to panic"),
            "" => Err(EncodeError::Model("no text".to_owned())),
            text => Ok(vec![text.len() as f32]),
        }
    }

    #[test]
    fn a_panic_fails_one_text_only() {
        let workers = Workers::start(1, 2, length).unwrap();
        let poisoned = workers.put("poison".to_owned()).unwrap();
        assert!(matches!(poisoned.blocking_recv().unwrap(), Err(EncodeError::Model(_))));
        let next = workers.put("next".to_owned()).unwrap();
        assert_eq!(next.blocking_recv().unwrap(), Ok(vec![4.0]));
    }

    #[test]
    fn answers_come_to_those_who_asked() {
        let workers = Workers::start(3, 2, length).unwrap();
        let replies: Vec<_> = (1..20).map(|n| workers.put("x".repeat(n)).unwrap()).collect();
        for (n, reply) in (1..).zip(replies) {
            assert_eq!(reply.blocking_recv().unwrap(), Ok(vec![n as f32]));
        }
    }

    #[test]
    fn a_full_queue_refuses_and_abandoned_texts_are_not_encoded() {
        let (go, wait) = channel::<()>();
        let wait = Mutex::new(wait);
        let (saw, seen) = channel::<String>();
        let workers = Workers::start(1, 1, move |text| {
            saw.send(text.to_owned()).unwrap();
            wait.lock().unwrap().recv().unwrap();
            length(text)
        })
        .unwrap();
        let first = workers.offer("first".to_owned()).unwrap();
        assert_eq!(seen.recv().unwrap(), "first");
        let abandoned = workers.offer("abandoned".to_owned()).unwrap();
        assert_eq!(workers.offer("third".to_owned()).unwrap_err(), EncodeError::Overloaded);
        drop(abandoned);
        go.send(()).unwrap();
        first.blocking_recv().unwrap().unwrap();
        let last = workers.put("last".to_owned()).unwrap();
        go.send(()).unwrap();
        last.blocking_recv().unwrap().unwrap();
        assert_eq!(seen.recv().unwrap(), "last");
    }
}
