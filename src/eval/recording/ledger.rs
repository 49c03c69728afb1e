//! Values by key in a file of JSON lines that can live in git: a line for each,
//! sorted by key. While a run goes on lines are added at its end, so that
//! nothing is lost where it is interrupted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::RecordingError;
use crate::eval::file::{InvalidFile, lines};

/// A file of values by key.
pub(super) struct Ledger<T> {
    file: PathBuf,
    state: Mutex<State<T>>,
}

struct State<T> {
    values: BTreeMap<String, T>,
    /// Keys that were read or written since it was opened.
    used: BTreeSet<String>,
    /// Where lines are added, once there are any.
    end: Option<File>,
}

#[derive(Deserialize, Serialize)]
struct Line<K, T> {
    key: K,
    #[serde(flatten)]
    value: T,
}

impl<T: Clone + Serialize + DeserializeOwned> Ledger<T> {
    /// Reads a file; one that isn't there is empty. A last line that an
    /// interrupted run left half written is none.
    ///
    /// # Errors
    /// When it can't be read, or another line isn't what it should be.
    pub fn open(file: PathBuf) -> Result<Self, RecordingError> {
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(RecordingError::at(&file, error)),
        };
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut values = BTreeMap::new();
        for (line, text) in lines(&text[..whole]) {
            let wrong = |error: serde_json::Error| InvalidFile {
                file: file.display().to_string(),
                line,
                problem: format!("{error}; restore the file, or record again"),
            };
            let Line { key, value } = serde_json::from_str(text).map_err(wrong)?;
            values.insert(key, value);
        }
        let ledger =
            Self { file, state: Mutex::new(State { values, used: BTreeSet::new(), end: None }) };
        if whole < text.len() {
            ledger.rewrite(&ledger.locked())?;
        }
        Ok(ledger)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<T> {
        let mut state = self.locked();
        let found = state.values.get(key).cloned()?;
        state.used.insert(key.to_owned());
        Some(found)
    }

    /// Sets a value, and adds its line to the file.
    pub fn put(&self, key: String, value: T) -> Result<(), RecordingError> {
        let failed = |error| RecordingError::at(&self.file, error);
        let line = text_of(&key, &value).map_err(|error| failed(error.into()))?;
        let mut state = self.locked();
        if state.end.is_none() {
            let end = File::options().create(true).append(true).open(&self.file);
            state.end = Some(end.map_err(failed)?);
        }
        if let Some(end) = &mut state.end {
            end.write_all(line.as_bytes()).map_err(failed)?;
        }
        state.used.insert(key.clone());
        state.values.insert(key, value);
        Ok(())
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.locked().values.len()
    }

    /// Every value.
    pub fn values(&self) -> Vec<T> {
        self.locked().values.values().cloned().collect()
    }

    /// Puts the lines into their order, each key once. `unused`: whether values
    /// that nobody asked for stay.
    pub fn settle(&self, unused: Unused) -> Result<(), RecordingError> {
        let mut state = self.locked();
        if unused == Unused::Dropped {
            let State { values, used, .. } = &mut *state;
            values.retain(|key, _| used.contains(key));
        }
        state.end = None;
        self.rewrite(&state)
    }

    /// At once or not at all.
    fn rewrite(&self, state: &State<T>) -> Result<(), RecordingError> {
        let failed = |error| RecordingError::at(&self.file, error);
        let mut text = String::new();
        for (key, value) in &state.values {
            text += &text_of(key, value).map_err(|error| failed(error.into()))?;
        }
        let beside = self.file.with_extension("jsonl.new");
        fs::write(&beside, text).and_then(|()| fs::rename(&beside, &self.file)).map_err(failed)
    }

    fn locked(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of values that a run didn't ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unused {
    /// They stay: only a part of the suite was run.
    Kept,
    /// They go: nothing needs them any more.
    Dropped,
}

fn text_of<T: Serialize>(key: &str, value: &T) -> serde_json::Result<String> {
    serde_json::to_string(&Line { key, value }).map(|line| line + "\n")
}

impl RecordingError {
    fn at(file: &Path, error: io::Error) -> Self {
        Self::File { file: file.to_owned(), error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Value {
        n: u32,
    }

    fn ledger(folder: &tempfile::TempDir) -> Ledger<Value> {
        Ledger::open(folder.path().join("values.jsonl")).unwrap()
    }

    fn text(folder: &tempfile::TempDir) -> String {
        fs::read_to_string(folder.path().join("values.jsonl")).unwrap()
    }

    #[test]
    fn what_was_put_is_there_again_before_and_after_it_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let first = ledger(&folder);
        for (key, n) in [("b", 1), ("a", 2), ("b", 3)] {
            first.put(key.into(), Value { n }).unwrap();
        }
        assert_eq!(text(&folder).lines().count(), 3, "nothing waits for the end");
        assert_eq!(ledger(&folder).get("b"), Some(Value { n: 3 }));
        first.settle(Unused::Dropped).unwrap();
        assert_eq!(text(&folder), "{\"key\":\"a\",\"n\":2}\n{\"key\":\"b\",\"n\":3}\n");
        assert_eq!((ledger(&folder).len(), ledger(&folder).get("c")), (2, None));
    }

    #[test]
    fn what_nobody_asked_for_goes_where_all_was_run() {
        let folder = tempfile::tempdir().unwrap();
        let first = ledger(&folder);
        first.put("a".into(), Value { n: 1 }).unwrap();
        first.put("b".into(), Value { n: 2 }).unwrap();
        let second = ledger(&folder);
        assert_eq!(second.get("b"), Some(Value { n: 2 }));
        second.settle(Unused::Kept).unwrap();
        assert_eq!(ledger(&folder).len(), 2);
        second.settle(Unused::Dropped).unwrap();
        assert_eq!(text(&folder), "{\"key\":\"b\",\"n\":2}\n");
    }

    #[test]
    fn a_torn_last_line_is_none_and_any_other_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("values.jsonl");
        fs::write(&file, "{\"key\":\"a\",\"n\":1}\n{\"key\":\"b\",\"n").unwrap();
        let found = ledger(&folder);
        assert_eq!((found.get("a"), found.get("b")), (Some(Value { n: 1 }), None));
        found.put("c".into(), Value { n: 3 }).unwrap();
        assert_eq!(ledger(&folder).len(), 2, "the torn line is not in the way");
        fs::write(&file, "{\"key\":\"a\",\"n\":1}\n{\"key\"\n").unwrap();
        let error = Ledger::<Value>::open(file).err().unwrap().to_string();
        assert!(error.contains("values.jsonl:2: ") && error.contains("record again"), "{error}");
    }
}
