//! From a window of documents to a request, and from the reply to evidence.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::evidence::PartialOrder;
use super::metrics::Replies;
use super::parse::{self, Reading, Unusable};
use super::shown::{
    FORMAT_OVERHEAD, Fit, cut_passage, fit_window, prompt_input, reply_tokens, shuffled_labels,
};
use super::strategy::Window;
use crate::domain::{Candidate, Failure, Query, Repairs};
use crate::llm::{ChatModel, ChatReply, ChatRequest};
use crate::prompt::{Messages, Passage, Prompt, Task};

/// What all windows of one rerank share.
pub struct Asker {
    /// What was asked.
    pub query: Query,
    /// The language of what is ranked as a BCP 47 tag; empty where unknown.
    pub lang: String,
    /// The candidates that the LLM may see, in classical order.
    pub candidates: Vec<Candidate>,
    /// What turns windows into messages.
    pub prompts: Prompts,
    /// What is asked.
    pub model: Arc<dyn ChatModel>,
    /// The request's fields for the prompt.
    pub context: Map<String, Value>,
    /// Most tokens of a passage, where that is less than the prompt's limit.
    pub max_passage_tokens: Option<usize>,
    /// What labels are shuffled by.
    pub seed: u64,
    /// A delimiter that no document can know.
    pub nonce: String,
}

/// The prompts of one rerank by task. A strategy is only run with the prompts
/// that it needs.
#[derive(Clone, Debug)]
pub struct Prompts {
    main: Arc<Prompt>,
    others: Vec<Arc<Prompt>>,
}

impl Prompts {
    /// The prompt that answers name, and those of other tasks that the strategy
    /// may need as well.
    #[must_use]
    pub fn new(main: Arc<Prompt>, others: Vec<Arc<Prompt>>) -> Self {
        Self { main, others }
    }

    /// The prompt that answers name.
    #[must_use]
    pub const fn main(&self) -> &Arc<Prompt> {
        &self.main
    }

    /// All of them, the main one first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Prompt>> {
        std::iter::once(&self.main).chain(&self.others)
    }

    /// Whether there is one for this task.
    #[must_use]
    pub fn has(&self, task: Task) -> bool {
        self.iter().any(|prompt| prompt.task() == task)
    }

    fn of(&self, task: Task) -> &Arc<Prompt> {
        self.iter().find(|prompt| prompt.task() == task).unwrap_or(&self.main)
    }
}

/// A request ready to send, and what reads its reply.
pub(super) struct Ask {
    pub request: ChatRequest,
    pub reader: Reader,
    /// Whether the model's context had no room for all of the window.
    pub left_some_out: bool,
}

/// Reads the reply to one request.
pub(super) struct Reader {
    /// The member behind each label; label 1 is the first entry.
    by_label: Vec<usize>,
    /// The members in the order in which they were shown.
    shown: Vec<usize>,
    /// How many labels the reply has to name.
    wanted: usize,
    task: Task,
    /// What counts the replies as they are read.
    replies: Replies,
}

impl Ask {
    /// How many documents it shows.
    pub const fn documents(&self) -> usize {
        self.reader.shown.len()
    }
}

/// A usable reply, read.
#[derive(Debug)]
pub(super) struct Read {
    pub order: PartialOrder,
    pub repairs: Repairs,
}

impl Asker {
    /// Tokens that a request takes to read, about.
    #[must_use]
    pub fn count_tokens(&self, request: &ChatRequest) -> u64 {
        let texts = [&request.system, &request.user];
        let tokens: usize = texts.iter().map(|text| self.model.count_tokens(text)).sum();
        (tokens + FORMAT_OVERHEAD) as u64
    }

    /// What a reply to this window depends on, but for its labels: a new prompt,
    /// model, query or text is another window, another place of its documents
    /// in the request is not.
    #[must_use]
    pub fn window_key(&self, window: &Window) -> blake3::Hash {
        let mut key = blake3::Hasher::new();
        let mut add = |bytes: &[u8]| {
            key.update(&(bytes.len() as u64).to_le_bytes());
            key.update(bytes);
        };
        add(self.prompts.of(window.task).sha256().as_bytes());
        add(self.model.spec().fingerprint.as_bytes());
        add(self.query.as_str().as_bytes());
        add(self.lang.as_bytes());
        add(canonical(&self.context).as_bytes());
        add(&self.max_passage_tokens.map_or(u64::MAX, |n| n as u64).to_le_bytes());
        add(&(window.wanted as u64).to_le_bytes());
        for candidate in window.members.iter().filter_map(|&at| self.candidates.get(at)) {
            add(candidate.document.id.as_str().as_bytes());
            add(candidate.document.content_hash().as_bytes());
            let score = candidate.scores.deciding().map_or(0, f32::to_bits);
            add(&score.to_le_bytes());
        }
        key.finalize()
    }

    /// Builds the request for a window. `salt` tells the calls of one rerank
    /// apart: it seeds the labels, so that no label tells a document's rank.
    ///
    /// # Errors
    /// [`Failure::ContextOverflow`] where not even one passage fits the model, or
    /// not both of a pair, [`Failure::MalformedOutput`] where the template fails
    /// on these values.
    pub(super) fn ask(&self, window: &Window, salt: u64) -> Result<Ask, Failure> {
        let prompt = self.prompts.of(window.task);
        let logprobs = self.model.spec().logprobs;
        let reply_tokens = reply_tokens(window.task, window.wanted, logprobs);
        let (members, passage_tokens) = self.fit(prompt, &window.members, reply_tokens)?;
        let left_some_out = members.len() < window.members.len();
        if left_some_out && window.task == Task::Pairwise {
            return Err(Failure::ContextOverflow);
        }
        let labels = shuffled_labels(members.len(), self.seed ^ salt.rotate_left(32));
        let messages = self.render(prompt, &members, &labels, passage_tokens, window.wanted)?;
        let mut by_label = vec![0; members.len()];
        for (&label, &member) in labels.iter().zip(&members) {
            by_label[label - 1] = member;
        }
        let request = self.request(prompt, messages, reply_tokens, salt);
        let reader = Reader {
            wanted: window.wanted.min(by_label.len()),
            by_label,
            shown: members,
            task: window.task,
            replies: Replies {
                prompt: prompt.id().to_string(),
                model: self.model.spec().name.clone(),
            },
        };
        Ok(Ask { request, reader, left_some_out })
    }

    /// Builds the request for a window whose documents are labelled in their
    /// order: for tasks that don't rank. All of them are shown.
    ///
    /// # Errors
    /// [`Failure::ContextOverflow`] where not all fit the model,
    /// [`Failure::MalformedOutput`] where the template fails on these values.
    pub fn ask_in_order(&self, window: &Window) -> Result<ChatRequest, Failure> {
        let prompt = self.prompts.of(window.task);
        let reply_tokens = reply_tokens(window.task, window.wanted, self.model.spec().logprobs);
        let (members, passage_tokens) = self.fit(prompt, &window.members, reply_tokens)?;
        if members.len() < window.members.len() {
            return Err(Failure::ContextOverflow);
        }
        let labels: Vec<usize> = (1..=members.len()).collect();
        let messages = self.render(prompt, &members, &labels, passage_tokens, window.wanted)?;
        Ok(self.request(prompt, messages, reply_tokens, 0))
    }

    fn request(
        &self,
        prompt: &Prompt,
        messages: Messages,
        reply_tokens: u32,
        salt: u64,
    ) -> ChatRequest {
        ChatRequest {
            system: messages.system,
            user: messages.user,
            output: parse::output_format(prompt.task(), prompt.output()),
            max_output_tokens: reply_tokens,
            top_logprobs: (prompt.task() == Task::Pointwise).then_some(10),
            // Upstreams take different widths; all take 31 bits.
            seed: Some(((self.seed ^ salt) >> 33).cast_signed()),
        }
    }

    /// How many of the members fit the model's context, and with how many
    /// tokens each: all are cut alike, down to a floor, before any is left out.
    fn fit(
        &self,
        prompt: &Prompt,
        members: &[usize],
        reply_tokens: u32,
    ) -> Result<(Vec<usize>, usize), Failure> {
        let most = prompt.max_passage_tokens();
        let budget = self.max_passage_tokens.map_or(most, |cap| cap.clamp(1, most));
        let fixed = self.render(prompt, &[], &[], 0, 1)?;
        let fixed = self.model.count_tokens(&fixed.system) + self.model.count_tokens(&fixed.user);
        let context = self.model.spec().context_tokens;
        let Fit { passages, tokens_each } =
            fit_window(context, fixed, reply_tokens, members.len(), budget)
                .ok_or(Failure::ContextOverflow)?;
        Ok((members[..passages].to_vec(), tokens_each))
    }

    fn render(
        &self,
        prompt: &Prompt,
        members: &[usize],
        labels: &[usize],
        passage_tokens: usize,
        wanted: usize,
    ) -> Result<Messages, Failure> {
        let passages = members
            .iter()
            .zip(labels)
            .filter_map(|(&member, &label)| Some((self.candidates.get(member)?, label)))
            .map(|(candidate, label)| self.passage(candidate, label, passage_tokens))
            .collect();
        let context = self.context.clone();
        let input = prompt_input(&self.query, &self.lang, passages, wanted, context, &self.nonce);
        prompt.render(&input).map_err(|error| {
            tracing::error!(prompt = %prompt.id(), %error, "prompt does not render");
            Failure::MalformedOutput
        })
    }

    fn passage(&self, candidate: &Candidate, label: usize, tokens: usize) -> Passage {
        let document = &candidate.document;
        let (title, text) = cut_passage(
            &document.title,
            &document.text,
            tokens,
            |text| self.model.count_tokens(text),
            |text, most| self.model.truncate(text, most),
        );
        Passage {
            label,
            title: title.to_owned(),
            text: text.to_owned(),
            score: candidate.scores.deciding(),
            metadata: document.metadata.clone(),
        }
    }
}

/// The same text for the same fields in any order.
#[must_use]
pub fn canonical(context: &Map<String, Value>) -> String {
    let mut value = Value::Object(context.clone());
    value.sort_all_objects();
    value.to_string()
}

impl Reader {
    /// Reads the reply and counts what became of it. Total: a reply that gives
    /// no order has a failure.
    pub(super) fn read(&self, reply: &ChatReply) -> Result<Read, Failure> {
        let shown = self.by_label.len();
        let read = match self.task {
            Task::Graded => self
                .counted(parse::parse_graded(reply, shown, parse::GRADE_MAX))
                .map(|(grades, repairs)| self.graded(&grades, repairs)),
            Task::Pointwise => self.counted(parse::parse_pointwise(reply)).map(|(yes, repairs)| {
                self.graded(&[(1, yes * f64::from(parse::GRADE_MAX))], repairs)
            }),
            Task::Pairwise => self
                .counted(parse::parse_pairwise(reply))
                .map(|(better, repairs)| self.listwise(&[better], repairs)),
            _ => self.counted(parse::parse_listwise(reply, shown, self.wanted)).map(
                |(labels, repairs)| {
                    let read = self.listwise(&labels, repairs);
                    self.replies.count_identity(self.repeats_what_was_shown(&read.order.ranked));
                    read
                },
            ),
        };
        read.map_err(Unusable::failure)
    }

    fn counted<T>(&self, reading: Reading<T>) -> Result<(T, Repairs), Unusable> {
        self.replies.count(&reading);
        reading.into_result()
    }

    /// Refusals and echoes look like that, and so does a first stage that was
    /// right. Labels are shuffled, so they say nothing here.
    fn repeats_what_was_shown(&self, ranked: &[usize]) -> bool {
        ranked.len() > 1 && self.shown.starts_with(ranked)
    }

    fn member(&self, label: usize) -> Option<usize> {
        self.by_label.get(label.checked_sub(1)?).copied()
    }

    fn graded(&self, grades: &[(usize, f64)], repairs: Repairs) -> Read {
        let grades: Vec<(usize, f64)> = grades
            .iter()
            .filter_map(|&(label, grade)| {
                Some((self.member(label)?, grade / f64::from(parse::GRADE_MAX)))
            })
            .collect();
        let ranked = grades.iter().map(|&(member, _)| member).collect();
        self.order(ranked, grades, repairs)
    }

    fn listwise(&self, labels: &[usize], repairs: Repairs) -> Read {
        let ranked = labels.iter().filter_map(|&label| self.member(label)).collect();
        self.order(ranked, Vec::new(), repairs)
    }

    fn order(&self, ranked: Vec<usize>, grades: Vec<(usize, f64)>, repairs: Repairs) -> Read {
        let unranked =
            self.by_label.iter().copied().filter(|member| !ranked.contains(member)).collect();
        Read { order: PartialOrder { ranked, unranked, grades }, repairs }
    }
}

#[cfg(test)]
mod tests;
