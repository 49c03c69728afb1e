//! What a recording was made of: where a reply is missing, it tells what has
//! changed since.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::RecordingError;

const FILE: &str = "recording.json";

/// What a recording was made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the program that made it.
    pub version: String,
    /// Hash of the documents.
    pub corpus: String,
    /// By variant.
    pub variants: BTreeMap<String, Recorded>,
    /// The judge of what nobody judged, where the suite has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<Recorded>,
}

/// What a variant was made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// Its pipeline's keys.
    pub pipeline: serde_json::Map<String, serde_json::Value>,
    /// The upstream's name for its model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Hashes of its prompts by id.
    pub prompts: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads a recording's.
    ///
    /// # Errors
    /// When it isn't there or can't be read.
    pub fn read(folder: &Path) -> Result<Self, RecordingError> {
        let text = fs::read(folder.join(FILE))
            .map_err(|_| RecordingError::Unfinished(folder.to_owned()))?;
        serde_json::from_slice(&text)
            .map_err(|error| RecordingError::File { file: folder.join(FILE), error: error.into() })
    }

    /// Writes a recording's.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, folder: &Path) -> Result<(), RecordingError> {
        let file = folder.join(FILE);
        let failed = |error| RecordingError::File { file: file.clone(), error };
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(error.into()))?;
        fs::write(&file, text + "\n").map_err(failed)
    }

    /// What is otherwise in `now` for a variant, or for the judge where none is
    /// named, as phrases.
    #[must_use]
    pub fn changes(&self, now: &Self, variant: Option<&str>) -> Vec<String> {
        let mut changes = Vec::new();
        if self.corpus != now.corpus {
            changes.push("the documents were changed".to_owned());
        }
        let made_of = |it: &Self| match variant {
            Some(variant) => it.variants.get(variant).cloned(),
            None => it.judge.clone(),
        };
        match (made_of(self), made_of(now)) {
            (Some(then), Some(now)) => changes.extend(then.changes(&now)),
            (None, _) => {
                let what = variant.map_or("the judge".to_owned(), |it| format!("variant {it}"));
                changes.push(format!("{what} was not recorded"));
            }
            (_, None) => {}
        }
        if changes.is_empty() && self.version != now.version {
            changes
                .push(format!("it was made by version {}, this is {}", self.version, now.version));
        }
        changes
    }
}

impl Recorded {
    fn changes(&self, now: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        for (id, sha256) in &now.prompts {
            match self.prompts.get(id) {
                Some(then) if then == sha256 => {}
                Some(then) => changes.push(format!(
                    "prompt {id} was changed (sha256 {} was recorded, it is {} now)",
                    short(then),
                    short(sha256)
                )),
                None => changes.push(format!(
                    "prompt {id} was not recorded, but {}",
                    listed(self.prompts.keys())
                )),
            }
        }
        if self.model != now.model {
            let name = |model: &Option<String>| model.clone().unwrap_or_else(|| "none".into());
            changes.push(format!(
                "the model was {}, it is {} now",
                name(&self.model),
                name(&now.model)
            ));
        }
        let keys = self.pipeline.keys().chain(now.pipeline.keys());
        let keys: std::collections::BTreeSet<&String> = keys.collect();
        let differs = |key: &&&String| self.pipeline.get(**key) != now.pipeline.get(**key);
        // What the first two name is compared above; the third shapes no reply.
        let told =
            |key: &&&String| matches!(key.as_str(), "prompt" | "model" | "returned_documents");
        for key in keys.iter().filter(differs).filter(|key| !told(key)) {
            changes.push(format!("{key} was changed"));
        }
        changes
    }
}

/// Enough of a hash to tell it.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

fn listed<'a>(ids: impl Iterator<Item = &'a String>) -> String {
    let ids: Vec<&str> = ids.map(String::as_str).collect();
    if ids.is_empty() { "none".to_owned() } else { ids.join(", ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(prompt: &str, sha256: &str, window: u32) -> Manifest {
        let recorded = Recorded {
            pipeline: json!({"window": window}).as_object().unwrap().clone(),
            model: Some("m".into()),
            prompts: BTreeMap::from([(prompt.to_owned(), sha256.to_owned())]),
        };
        Manifest {
            version: "1".into(),
            corpus: "c".into(),
            variants: BTreeMap::from([("llm".to_owned(), recorded)]),
            judge: None,
        }
    }

    #[test]
    fn what_has_changed_is_told() {
        let then = manifest("rerank@v1", "0123456789abcdef", 20);
        let told = |now: &Manifest| then.changes(now, Some("llm")).join("; ");
        assert_eq!(told(&then), "");
        assert_eq!(
            told(&manifest("rerank@v1", "ffff456789abcdef", 20)),
            "prompt rerank@v1 was changed (sha256 0123456789ab was recorded, it is ffff456789ab now)"
        );
        assert_eq!(
            told(&manifest("rerank@v2", "ffff", 10)),
            "prompt rerank@v2 was not recorded, but rerank@v1; window was changed"
        );
        assert_eq!(then.changes(&then, Some("other")), ["variant other was not recorded"]);
        assert_eq!(then.changes(&then, None), ["the judge was not recorded"]);
        let newer = Manifest { version: "2".into(), ..then.clone() };
        assert_eq!(told(&newer), "it was made by version 1, this is 2");
        let moved = Manifest { corpus: "d".into(), ..newer };
        assert_eq!(told(&moved), "the documents were changed");
    }

    #[test]
    fn it_is_written_last_and_read_first() {
        let folder = tempfile::tempdir().unwrap();
        let error = Manifest::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("make it with --record"), "{error}");
        let manifest = manifest("rerank@v1", "0", 20);
        manifest.write(folder.path()).unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), manifest);
    }
}
