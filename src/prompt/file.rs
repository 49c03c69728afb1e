//! One version of one prompt: a checked file that makes messages.

use std::fmt::{self, Write as _};

use minijinja::ErrorKind;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::front_matter::{self, FrontMatter};
use super::problem::PromptProblem;
use super::sample;
use super::template::Template;
use super::variables::Variables;
use super::{Messages, OutputKind, PromptId, PromptInput, Task};

/// Where a version stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PromptStatus {
    /// Immutable; `@latest` may pick it.
    Released,
    /// Not in the lock: it may still change, and only a pin reaches it.
    Draft,
    /// Immutable; only a pin reaches it.
    Retired,
}

/// One loaded version.
pub struct Prompt {
    id: PromptId,
    status: PromptStatus,
    sha256: String,
    source: String,
    front: FrontMatter,
    template: Template,
}

/// Without its text, which is in no log.
impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, status, sha256, .. } = self;
        f.debug_struct("Prompt")
            .field("id", id)
            .field("status", status)
            .field("sha256", sha256)
            .finish_non_exhaustive()
    }
}

impl Prompt {
    /// Reads a file, as a draft.
    pub(super) fn read(id: PromptId, bytes: &[u8]) -> Result<Self, Vec<PromptProblem>> {
        let file = id.file();
        let text = str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].split(|&byte| byte == b'\n').count();
            vec![PromptProblem::new(
                &file,
                line,
                "the file is not UTF-8 text",
                "save it in UTF-8, without a byte order mark",
            )]
        })?;
        let parts = front_matter::split(&file, text).map_err(|problem| vec![problem])?;
        let front = front_matter::parse(&file, &parts);
        // Errors in the template then name the file's own lines.
        let source = "\n".repeat(parts.lines_before_body) + parts.body;
        let declared = front.as_ref().map_or(&[][..], |front| &front.context);
        match (Template::compile(&file, source, declared), front) {
            (Ok(template), Ok(front)) => Ok(Self {
                id,
                status: PromptStatus::Draft,
                sha256: sha256(bytes),
                source: text.to_owned(),
                front,
                template,
            }),
            (Err(problems), Ok(_)) | (Ok(_), Err(problems)) => Err(problems),
            (Err(template), Err(mut problems)) => {
                problems.extend(template);
                Err(problems)
            }
        }
    }

    pub(super) fn with_status(mut self, status: PromptStatus) -> Self {
        self.status = status;
        self
    }

    /// Its name and version.
    #[must_use]
    pub const fn id(&self) -> &PromptId {
        &self.id
    }

    /// Where it stands in its life.
    #[must_use]
    pub const fn status(&self) -> PromptStatus {
        self.status
    }

    /// SHA-256 of the file's bytes in lower-case hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The file as it is.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    pub(super) const fn template(&self) -> &Template {
        &self.template
    }

    /// What its replies mean.
    #[must_use]
    pub const fn task(&self) -> Task {
        self.front.task
    }

    /// What it says of itself, on one line.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.front.summary
    }

    /// How it wants its reply.
    #[must_use]
    pub const fn output(&self) -> OutputKind {
        self.front.output
    }

    /// Most tokens of a passage that it is to be given.
    #[must_use]
    pub const fn max_passage_tokens(&self) -> usize {
        self.front.max_passage_tokens
    }

    /// Fields of `context` that it reads.
    #[must_use]
    pub fn context(&self) -> &[String] {
        &self.front.context
    }

    /// What lists show of it.
    #[must_use]
    pub fn info(&self) -> PromptInfo {
        PromptInfo {
            id: self.id.to_string(),
            task: self.task(),
            summary: self.summary().to_owned(),
            status: self.status,
            sha256: self.sha256.clone(),
            output: self.output(),
            max_passage_tokens: self.max_passage_tokens(),
            context: self.context().to_vec(),
        }
    }

    /// Its own words: the messages with no query, no passages and no context.
    ///
    /// # Errors
    /// As for [`Self::render`].
    pub fn fixed_part(&self) -> Result<Messages, RenderError> {
        self.render(&sample::bare())
    }

    /// Input that shows what it looks like, with as many passages as its task
    /// is about.
    #[must_use]
    pub fn sample(&self) -> PromptInput {
        sample::of_task(self.task(), self.context())
    }

    /// Makes the messages. Everything of `input` but its nonce is neutralised
    /// on the way.
    ///
    /// # Errors
    /// When the template meets values that it can't work with, such as an
    /// object where it wants a number, or loops for too long.
    pub fn render(&self, input: &PromptInput) -> Result<Messages, RenderError> {
        self.template.render(&Variables::of(input, &self.front.context)).map_err(|error| {
            // Nothing else of the error is kept: it may quote values.
            RenderError { prompt: self.id.clone(), kind: error.kind(), line: error.line() }
        })
    }
}

/// A prompt as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PromptInfo {
    /// `name@vN`.
    pub id: String,
    /// What its replies mean.
    pub task: Task,
    /// What it says of itself.
    pub summary: String,
    /// Where it stands in its life.
    pub status: PromptStatus,
    /// SHA-256 of the file's bytes in hexadecimal.
    pub sha256: String,
    /// How it wants its reply.
    pub output: OutputKind,
    /// Most tokens of a passage.
    pub max_passage_tokens: usize,
    /// Fields of `context` that it reads.
    pub context: Vec<String>,
}

/// A prompt could not be made from this input. Shows no value of the input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("prompt {prompt} can't be rendered: {kind}{}", at_line(*line))]
pub struct RenderError {
    prompt: PromptId,
    kind: ErrorKind,
    line: Option<usize>,
}

fn at_line(line: Option<usize>) -> String {
    line.map(|line| format!(" at line {line} of its file")).unwrap_or_default()
}

/// SHA-256 in lower-case hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a string can't fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}
