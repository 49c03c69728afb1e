//! What a prompt is for, what it is given and what it makes.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a prompt's replies mean.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Task {
    /// Labels best first.
    #[serde(rename = "rerank.listwise")]
    Listwise,
    /// A grade of 0 to 10 for each label.
    #[serde(rename = "rerank.graded")]
    Graded,
    /// Yes or No for one passage.
    #[serde(rename = "rerank.pointwise")]
    Pointwise,
    /// The better of two labels.
    #[serde(rename = "rerank.pairwise")]
    Pairwise,
    /// A claim with quotes for each label.
    #[serde(rename = "explain")]
    Explain,
    /// Why one document stands above another.
    #[serde(rename = "contrast")]
    Contrast,
    /// A grade of 0 to 3 for each label.
    #[serde(rename = "judge")]
    Judge,
}

impl Task {
    /// The task as prompts and configurations write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listwise => "rerank.listwise",
            Self::Graded => "rerank.graded",
            Self::Pointwise => "rerank.pointwise",
            Self::Pairwise => "rerank.pairwise",
            Self::Explain => "explain",
            Self::Contrast => "contrast",
            Self::Judge => "judge",
        }
    }

    /// How many passages a call of this task shows at most; none where that is
    /// the caller's choice.
    #[must_use]
    pub const fn most_passages(self) -> Option<usize> {
        match self {
            Self::Pointwise => Some(1),
            Self::Pairwise | Self::Contrast => Some(2),
            Self::Listwise | Self::Graded | Self::Explain | Self::Judge => None,
        }
    }
}

/// How a prompt wants its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// JSON, by schema where the model can.
    Json,
    /// Plain text.
    Text,
}

/// One version of one prompt, written `name@vN`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PromptId {
    /// Folder name under the prompts folder.
    pub name: String,
    /// The N of `vN.md`.
    pub version: u32,
}

impl PromptId {
    /// Its file, relative to the prompts folder.
    #[must_use]
    pub fn file(&self) -> String {
        format!("{}/v{}.md", self.name, self.version)
    }
}

impl fmt::Display for PromptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@v{}", self.name, self.version)
    }
}

/// What a template may use.
#[derive(Clone, Debug, Serialize)]
pub struct PromptInput {
    /// The query's text.
    pub query: String,
    /// The language of the documents as a BCP 47 tag, or empty where unknown.
    pub lang: String,
    /// The documents to judge, in the order in which they are shown.
    pub passages: Vec<Passage>,
    /// How many labels are wanted.
    pub top_k: usize,
    /// The request's own fields; a prompt sees those that it declares.
    pub context: serde_json::Map<String, serde_json::Value>,
    /// A delimiter that no document can know.
    pub nonce: String,
}

/// One document as a prompt sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Passage {
    /// Its label in this call, from 1.
    pub label: usize,
    /// Headline; may be empty.
    pub title: String,
    /// Body, cut to the prompt's budget.
    pub text: String,
    /// The first stage's score.
    pub score: Option<f32>,
    /// The document's metadata.
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

/// What is sent to the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Messages {
    /// The system message; may be empty.
    pub system: String,
    /// The user message.
    pub user: String,
}
