//! Explanations: a claim of the model's with quotes that the gateway found in
//! the document itself, or nothing.
//!
//! A model gives a claim and quotes word for word ([`parse_explained`]). Each
//! quote is looked for in the document as it is stored, exactly up to what a
//! reader can't see (`folded`), and gets the offsets of the place; one that
//! isn't there is dropped. A claim without a quote left, or with a number,
//! quoted words or an address that stand nowhere (`claim`), is dropped whole.
//! What explains then is the first stage, which is the caller's part: see
//! [`classical`].
//!
//! One call explains one document, so that no document can have a say in
//! another's explanation, all of them take the time of one, and each is kept by
//! itself. Only a contrast shows two.
//!
//! [`parse_explained`]: crate::rerank::parse::parse_explained

mod claim;
mod classical;
mod folded;
pub mod metrics;
mod quotes;

use crate::domain::{Explanation, ExplanationKind, Failure, Quote};
use crate::llm::{ChatReply, ChatRequest};
use crate::prompt::Task;
use crate::rerank::metrics::Replies;
use crate::rerank::parse::{Claimed, Unusable, parse_explained};
use crate::rerank::{Asker, Window};

pub use classical::classical;

use claim::Facts;
use quotes::Source;

/// One call that explains all of an asker's documents.
pub struct Explainer {
    asker: Asker,
    window: Window,
}

/// What became of one reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explained {
    /// By position of the documents; none where nothing that can be shown was
    /// said of one.
    pub explanations: Vec<Option<Explanation>>,
    /// What became of the quotes.
    pub quotes: QuoteCounts,
}

/// What became of a model's quotes: `located / (located + dropped)` is their
/// precision before checking; after it, it is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct QuoteCounts {
    /// Found in the document.
    pub located: u32,
    /// Not found, too short, too long, or with markup in them.
    pub dropped: u32,
}

impl std::ops::AddAssign for QuoteCounts {
    fn add_assign(&mut self, other: Self) {
        self.located = self.located.saturating_add(other.located);
        self.dropped = self.dropped.saturating_add(other.dropped);
    }
}

impl Explainer {
    /// Explains the documents of `asker`: one for [`Task::Explain`]; for
    /// [`Task::Contrast`] two, of which the first stands above the second.
    #[must_use]
    pub fn new(asker: Asker, task: Task) -> Self {
        let all = asker.candidates.len();
        Self { window: Window::new(task, (0..all).collect(), all), asker }
    }

    /// What an explanation depends on.
    #[must_use]
    pub fn key(&self) -> blake3::Hash {
        self.asker.window_key(&self.window)
    }

    /// The request for all of the documents.
    ///
    /// # Errors
    /// [`Failure::ContextOverflow`] where they don't fit the model's context,
    /// [`Failure::MalformedOutput`] where the template fails on them.
    pub fn request(&self) -> Result<ChatRequest, Failure> {
        self.asker.ask_in_order(&self.window)
    }

    /// Who asks.
    #[must_use]
    pub const fn asker(&self) -> &Asker {
        &self.asker
    }

    /// Reads a reply, checks it against the documents and counts what became
    /// of it.
    ///
    /// # Errors
    /// Where the reply claims nothing.
    pub fn read(&self, reply: &ChatReply) -> Result<Explained, Failure> {
        let replies = Replies {
            prompt: self.asker.prompts.main().id().to_string(),
            model: self.asker.model.spec().name.clone(),
        };
        let reading = parse_explained(reply, self.window.members.len());
        replies.count(&reading);
        let (claimed, _) = reading.into_result().map_err(Unusable::failure)?;
        let explained = self.checked(&claimed);
        metrics::count(&replies, &explained);
        Ok(explained)
    }

    fn checked(&self, claimed: &[Claimed]) -> Explained {
        let documents = self.asker.candidates.iter().map(|candidate| &candidate.document);
        let sources = documents.clone().map(|document| Source::new(document)).collect();
        let metadata = documents.map(|it| serde_json::json!(it.metadata).to_string());
        let others = std::iter::once(self.asker.query.as_str().to_owned()).chain(metadata);
        let facts = Facts::new(sources, &others.collect::<Vec<_>>().join("\n"));
        let mut explained = Explained {
            explanations: vec![None; self.window.members.len()],
            quotes: QuoteCounts::default(),
        };
        for Claimed { label, claim, quotes } in claimed {
            let at = label - 1;
            let Some(source) = facts.source(at) else { continue };
            let found = source.locate(quotes);
            explained.quotes +=
                QuoteCounts { located: number(found.found), dropped: number(found.dropped) };
            explained.explanations[at] = explanation(&facts, claim, found.quotes);
        }
        explained
    }
}

fn explanation(facts: &Facts, claim: &str, quotes: Vec<Quote>) -> Option<Explanation> {
    let text = facts.checked(claim).filter(|_| !quotes.is_empty())?;
    Some(Explanation { kind: ExplanationKind::Llm, text, quotes })
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
