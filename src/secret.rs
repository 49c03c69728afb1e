//! Secrets: named in the config, read at start, never written there.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::SecretString;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Longest secret file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Where a secret comes from: `{ env = "NAME" }` or `{ file = "PATH" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file; white space around its content is dropped.
    File(PathBuf),
    /// A secret was written in the config itself. Its text is dropped at once,
    /// so that no error message can show it; resolving fails.
    Literal,
}

impl SecretSource {
    /// Reads the secret. `env` looks up an environment variable.
    pub fn resolve(
        &self,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<SecretString, SecretError> {
        let (text, place) = match self {
            Self::Env(name) => {
                let value = env(name).ok_or_else(|| SecretError::NoVariable(name.clone()))?;
                (value, format!("environment variable {name}"))
            }
            Self::File(path) => (read(path)?, format!("file {}", path.display())),
            Self::Literal => return Err(SecretError::Literal),
        };
        match text.trim() {
            "" => Err(SecretError::Empty { place }),
            secret => Ok(SecretString::from(secret)),
        }
    }
}

fn read(path: &PathBuf) -> Result<String, SecretError> {
    let unreadable =
        |error: std::io::Error| SecretError::File { path: path.clone(), kind: error.kind() };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > MAX_FILE_BYTES {
        return Err(SecretError::TooLong(path.clone()));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

/// Why a secret could not be read. No message holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The config holds the secret itself.
    #[error(
        "a secret is never written in the config: use {{ env = \"NAME\" }} or {{ file = \"PATH\" }}"
    )]
    Literal,
    /// The variable isn't set.
    #[error("environment variable {0} is not set")]
    NoVariable(String),
    /// There is nothing but white space.
    #[error("{place} is empty")]
    Empty {
        /// The variable or file.
        place: String,
    },
    /// The file can't be read as text.
    #[error("file {} can't be read: {kind}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        kind: std::io::ErrorKind,
    },
    /// The file is too long for a secret.
    #[error("file {} is longer than {MAX_FILE_BYTES} bytes: is it the right one?", .0.display())]
    TooLong(PathBuf),
}

impl SecretError {
    /// Whether the config itself is wrong, as opposed to the machine lacking
    /// the secret.
    #[must_use]
    pub const fn is_config_error(&self) -> bool {
        matches!(self, Self::Literal)
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

/// As it is written: one of the two keys.
impl JsonSchema for SecretSource {
    fn schema_name() -> Cow<'static, str> {
        "SecretSource".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Where a secret comes from, never the secret itself.",
            "type": "object",
            "properties": {
                "env": {"type": "string", "description": "An environment variable."},
                "file": {"type": "string", "description": "A file; white space around its content is dropped."},
            },
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": false,
        })
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = SecretSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ env = \"NAME\" } or { file = \"PATH\" }")
    }

    /// An error here would be shown with the line it stands in, secret and all.
    fn visit_str<E>(self, _secret: &str) -> Result<SecretSource, E> {
        Ok(SecretSource::Literal)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecretSource, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Named {
            env: Option<String>,
            file: Option<PathBuf>,
        }
        match Named::deserialize(MapAccessDeserializer::new(map))? {
            Named { env: Some(name), file: None } => Ok(SecretSource::Env(name)),
            Named { env: None, file: Some(path) } => Ok(SecretSource::File(path)),
            _ => Err(serde::de::Error::custom("a secret has one source: env or file")),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Holder {
        key: SecretSource,
    }

    fn source(toml: &str) -> SecretSource {
        toml::from_str::<Holder>(toml).unwrap().key
    }

    fn env(name: &str) -> Option<String> {
        match name {
            "KEY" => Some(" k-123\n".into()),
            "BLANK" => Some("  ".into()),
            _ => None,
        }
    }

    #[test]
    fn reads_a_variable() {
        let secret = source("key = { env = \"KEY\" }").resolve(&env).unwrap();
        assert_eq!(secret.expose_secret(), "k-123");
    }

    #[test]
    fn reads_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "k-456\n").unwrap();
        let secret = SecretSource::File(path).resolve(&env).unwrap();
        assert_eq!(secret.expose_secret(), "k-456");
    }

    #[test]
    fn names_what_is_missing() {
        let missing = source("key = { env = \"NOPE\" }").resolve(&env).unwrap_err();
        assert_eq!(missing.to_string(), "environment variable NOPE is not set");
        let blank = source("key = { env = \"BLANK\" }").resolve(&env).unwrap_err();
        assert_eq!(blank.to_string(), "environment variable BLANK is empty");
        let file = source("key = { file = \"/no/such/file\" }").resolve(&env).unwrap_err();
        assert!(file.to_string().starts_with("file /no/such/file can't be read"), "{file}");
        assert!(![missing, blank, file].iter().any(SecretError::is_config_error));
    }

    #[test]
    fn a_literal_is_refused_and_never_shown() {
        let literal = source("key = \"sk-very-secret\"");
        assert!(!format!("{literal:?}").contains("sk-very-secret"));
        let error = literal.resolve(&env).unwrap_err();
        assert!(error.is_config_error());
        assert!(!error.to_string().contains("sk-very-secret"), "{error}");
    }

    #[test]
    fn refuses_both_and_other_keys() {
        for wrong in ["{ env = \"A\", file = \"b\" }", "{}", "{ vault = \"a\" }", "3"] {
            toml::from_str::<Holder>(&format!("key = {wrong}")).unwrap_err();
        }
    }
}
