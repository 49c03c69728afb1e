//! How configs and requests name a prompt: `name@vN` or `name@latest`.

use std::fmt;
use std::str::FromStr;

use super::PromptId;

/// Which version of a prompt is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PromptRef {
    /// The prompt's name.
    pub name: String,
    /// The version.
    pub version: VersionRef,
}

/// A pinned version or the newest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VersionRef {
    /// `@vN`: this one, be it released, retired or a draft.
    Pinned(u32),
    /// `@latest`: the highest version that is released and not retired.
    Latest,
}

impl fmt::Display for PromptRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            VersionRef::Pinned(version) => write!(f, "{}@v{version}", self.name),
            VersionRef::Latest => write!(f, "{}@latest", self.name),
        }
    }
}

impl From<PromptId> for PromptRef {
    fn from(id: PromptId) -> Self {
        Self { name: id.name, version: VersionRef::Pinned(id.version) }
    }
}

impl FromStr for PromptRef {
    type Err = InvalidPromptRef;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |problem| InvalidPromptRef { text: text.to_owned(), problem };
        let (name, version) = text.split_once('@').ok_or_else(|| invalid("it names no version"))?;
        if !is_name(name) {
            return Err(invalid("a name has only a-z, 0-9 and hyphens"));
        }
        let version = if version == "latest" {
            VersionRef::Latest
        } else {
            VersionRef::Pinned(
                version
                    .strip_prefix('v')
                    .and_then(version_number)
                    .ok_or_else(|| invalid("after @ comes v and a number from 1, or latest"))?,
            )
        };
        Ok(Self { name: name.to_owned(), version })
    }
}

/// Not of the form `name@vN` or `name@latest`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{text}\" does not name a prompt: {problem}; \
     write it as rerank-listwise@v1 or rerank-listwise@latest"
)]
pub struct InvalidPromptRef {
    text: String,
    problem: &'static str,
}

/// Whether a folder of this name can hold a prompt.
pub(super) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The N of `vN`: from 1, with no sign and no leading zero, so that every
/// version has one spelling.
pub(super) fn version_number(digits: &str) -> Option<u32> {
    let canonical = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    if canonical { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pins_and_latest() {
        for text in ["rerank-listwise@v1", "a@v4294967295", "7@latest"] {
            assert_eq!(text.parse::<PromptRef>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn says_what_is_wrong_and_shows_the_right_form() {
        for (text, problem) in [
            ("rerank-listwise", "names no version"),
            ("Rerank@v1", "a-z, 0-9"),
            ("../x@v1", "a-z, 0-9"),
            ("@v1", "a-z, 0-9"),
            ("a@1", "v and a number"),
            ("a@v0", "v and a number"),
            ("a@v01", "v and a number"),
            ("a@v+1", "v and a number"),
            ("a@v4294967296", "v and a number"),
            ("a@vlatest", "v and a number"),
            ("a@v1@v2", "v and a number"),
        ] {
            let error = text.parse::<PromptRef>().unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains("@latest"), "{text}: {error}");
        }
    }
}
