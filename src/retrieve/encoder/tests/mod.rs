//! What the tests of several encoders share.

mod remote;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use super::EncodeError;
use super::workers::{Encode, Vector};
use crate::domain::{DocId, Document};

/// The length of a text as its vector. Like the real model it refuses an empty
/// one.
pub(super) fn length(text: &str) -> Vector {
    match text {
        "" => Err(EncodeError::Model("there is no text".into())),
        "poison" => panic!("told to panic"),
        text => Ok(vec![text.len() as f32]),
    }
}

/// An encode function that tells what it is given and waits for a sign before
/// it answers with the text's [`length`]. Once this is dropped it waits no
/// longer.
pub(super) struct Script {
    pub(super) seen: Receiver<String>,
    go: Sender<()>,
}

impl Script {
    pub(super) fn new() -> (Self, Encode) {
        let ((saw, seen), (go, wait)) = (channel(), channel());
        let wait = Mutex::new(wait);
        let encode: Encode = Arc::new(move |text: &str| {
            let _ = saw.send(text.to_owned());
            let _ = wait.lock().unwrap().recv();
            length(text)
        });
        (Self { seen, go }, encode)
    }

    /// Lets one text pass.
    pub(super) fn go(&self) {
        self.go.send(()).unwrap();
    }
}

pub(super) fn document(id: &str, title: &str, text: &str) -> Document {
    let (title, text) = (title.to_owned(), text.to_owned());
    Document { id: DocId::new(id).unwrap(), title, text, metadata: serde_json::Map::new() }
}
