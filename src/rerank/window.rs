//! From a window of documents to a request, and from the reply to evidence.

use std::sync::Arc;

use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;
use serde_json::{Map, Value};

use super::evidence::PartialOrder;
use super::metrics::Replies;
use super::parse::{self, Reading, Unusable};
use super::strategy::Window;
use crate::domain::{Candidate, Failure, Query, Repairs};
use crate::llm::{ChatModel, ChatReply, ChatRequest};
use crate::prompt::{Messages, Passage, Prompt, PromptInput, Task};

/// Passages are never cut below so many tokens; fewer are shown instead.
const PASSAGE_FLOOR: usize = 32;
/// What a template is assumed to add around each passage.
const PASSAGE_OVERHEAD: usize = 24;
/// Tokens that chat formats add around messages.
const FORMAT_OVERHEAD: usize = 32;
/// Room for white space, a fence or a closing remark around a JSON reply.
const REPLY_HEADROOM: u32 = 64;

/// What all windows of one rerank share.
pub struct Asker {
    /// What was asked.
    pub query: Query,
    /// The candidates that the LLM may see, in classical order.
    pub candidates: Vec<Candidate>,
    /// What turns windows into messages.
    pub prompt: Arc<Prompt>,
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

/// A usable reply, read.
#[derive(Debug)]
pub(super) struct Read {
    pub order: PartialOrder,
    pub repairs: Repairs,
}

impl Asker {
    /// Builds the request for a window. `salt` tells the calls of one rerank
    /// apart: it seeds the labels, so that no label tells a document's rank.
    ///
    /// # Errors
    /// [`Failure::ContextOverflow`] where not even one passage fits the model, or
    /// not both of a pair, [`Failure::MalformedOutput`] where the template fails
    /// on these values.
    pub(super) fn ask(&self, window: &Window, salt: u64) -> Result<Ask, Failure> {
        let reply_tokens = self.reply_tokens(window.wanted);
        let (members, passage_tokens) = self.fit(&window.members, reply_tokens)?;
        let left_some_out = members.len() < window.members.len();
        if left_some_out && self.prompt.task() == Task::Pairwise {
            return Err(Failure::ContextOverflow);
        }
        let labels = self.shuffled_labels(members.len(), salt);
        let messages = self.render(&members, &labels, passage_tokens, window.wanted)?;
        let mut by_label = vec![0; members.len()];
        for (&label, &member) in labels.iter().zip(&members) {
            by_label[label - 1] = member;
        }
        let request = ChatRequest {
            system: messages.system,
            user: messages.user,
            output: parse::output_format(self.prompt.task(), self.prompt.output()),
            max_output_tokens: reply_tokens,
            top_logprobs: (self.prompt.task() == Task::Pointwise).then_some(10),
            // Upstreams take different widths; all take 31 bits.
            seed: Some(((self.seed ^ salt) >> 33).cast_signed()),
        };
        let reader = Reader {
            wanted: window.wanted.min(by_label.len()),
            by_label,
            shown: members,
            task: self.prompt.task(),
            replies: Replies {
                prompt: self.prompt.id().to_string(),
                model: self.model.spec().name.clone(),
            },
        };
        Ok(Ask { request, reader, left_some_out })
    }

    /// How many of the members fit the model's context, and with how many
    /// tokens each: all are cut alike, down to a floor, before any is left out.
    fn fit(&self, members: &[usize], reply_tokens: u32) -> Result<(Vec<usize>, usize), Failure> {
        let prompt = self.prompt.max_passage_tokens();
        let budget = self.max_passage_tokens.map_or(prompt, |cap| cap.clamp(1, prompt));
        let fixed = self.render(&[], &[], 0, 1)?;
        let fixed = self.model.count_tokens(&fixed.system) + self.model.count_tokens(&fixed.user);
        let taken = fixed + FORMAT_OVERHEAD + reply_tokens as usize;
        let room = self.model.spec().context_tokens.saturating_sub(taken);
        let floor = PASSAGE_FLOOR.min(budget);
        let fitting = (room / (floor + PASSAGE_OVERHEAD)).min(members.len());
        if fitting == 0 {
            return Err(Failure::ContextOverflow);
        }
        let each = (room / fitting).saturating_sub(PASSAGE_OVERHEAD).clamp(floor, budget);
        Ok((members[..fitting].to_vec(), each))
    }

    /// Tokens that a reply may take: what its labels need, with some room.
    /// Models that enforce a schema stop by themselves; others are stopped
    /// here. Where a probability is read, the first token says everything.
    fn reply_tokens(&self, wanted: usize) -> u32 {
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX / 64);
        match self.prompt.task() {
            Task::Pointwise if self.model.spec().logprobs => 1,
            Task::Pointwise | Task::Pairwise => REPLY_HEADROOM,
            Task::Graded => REPLY_HEADROOM + wanted * 20,
            _ => REPLY_HEADROOM + wanted * 6,
        }
    }

    fn shuffled_labels(&self, n: usize, salt: u64) -> Vec<usize> {
        let mut labels: Vec<usize> = (1..=n).collect();
        labels.shuffle(&mut Pcg64Mcg::seed_from_u64(self.seed ^ salt.rotate_left(32)));
        labels
    }

    fn render(
        &self,
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
        let input = PromptInput {
            query: self.query.as_str().to_owned(),
            lang: String::new(),
            passages,
            top_k: wanted,
            context: self.context.clone(),
            nonce: self.nonce.clone(),
        };
        self.prompt.render(&input).map_err(|error| {
            tracing::error!(prompt = %self.prompt.id(), %error, "prompt does not render");
            Failure::MalformedOutput
        })
    }

    /// The title counts towards the passage's budget and comes first.
    fn passage(&self, candidate: &Candidate, label: usize, tokens: usize) -> Passage {
        let document = &candidate.document;
        let title = self.model.truncate(&document.title, tokens);
        let left = tokens.saturating_sub(self.model.count_tokens(title));
        Passage {
            label,
            title: title.to_owned(),
            text: self.model.truncate(&document.text, left).to_owned(),
            score: candidate.scores.fusion.or(candidate.scores.bm25).or(candidate.scores.dense),
            metadata: document.metadata.clone(),
        }
    }
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
mod tests {
    use std::collections::BTreeSet;

    use futures::future::BoxFuture;
    use proptest::prelude::*;

    use super::super::{Answered, Evidence, strategy_for};
    use super::*;
    use crate::domain::{DocId, Document, FirstStageScores, StrategyName, Usage};
    use crate::llm::{CallTimes, FinishReason, LlmError, ModelSpec};
    use crate::prompt::Registry;

    /// Counts words as tokens and is never called.
    struct Words(ModelSpec);

    impl Words {
        fn with_context(context_tokens: usize) -> Arc<dyn ChatModel> {
            Arc::new(Self(ModelSpec {
                name: "words".into(),
                model: "words-1".into(),
                context_tokens,
                json_schema: true,
                logprobs: false,
                fingerprint: blake3::hash(b"words"),
            }))
        }
    }

    impl ChatModel for Words {
        fn spec(&self) -> &ModelSpec {
            &self.0
        }

        fn count_tokens(&self, text: &str) -> usize {
            text.split_whitespace().count()
        }

        fn truncate<'a>(&self, text: &'a str, max_tokens: usize) -> &'a str {
            let end = text.split_whitespace().take(max_tokens).last();
            end.map_or("", |word| {
                &text[..word.as_ptr() as usize - text.as_ptr() as usize + word.len()]
            })
        }

        fn chat(
            self: Arc<Self>,
            _: ChatRequest,
            _: CallTimes,
        ) -> BoxFuture<'static, Result<ChatReply, LlmError>> {
            Box::pin(std::future::pending())
        }
    }

    fn asker(documents: usize, words: usize, context_tokens: usize, prompt: &str) -> Asker {
        let candidate = |index: usize| Candidate {
            document: Arc::new(Document {
                id: DocId::from_index(index),
                title: format!("title{index}"),
                text: format!("start{index} {}end{index}", "word ".repeat(words)),
                metadata: Map::new(),
            }),
            collection: None,
            scores: FirstStageScores::default(),
        };
        Asker {
            query: Query::new("a tent").unwrap(),
            candidates: (0..documents).map(candidate).collect(),
            prompt: Registry::builtin().unwrap().get(&prompt.parse().unwrap()).unwrap(),
            model: Words::with_context(context_tokens),
            context: Map::new(),
            max_passage_tokens: None,
            seed: 42,
            nonce: "n0nce".into(),
        }
    }

    fn all(documents: usize) -> Window {
        Window { members: (0..documents).collect(), wanted: documents }
    }

    fn reply(content: &str) -> ChatReply {
        ChatReply {
            content: content.into(),
            finish: FinishReason::Stop,
            refusal: None,
            first_token: Vec::new(),
            usage: Usage::default(),
        }
    }

    /// Members whose passage the message shows.
    fn shown(ask: &Ask, documents: usize) -> Vec<usize> {
        (0..documents).filter(|i| ask.request.user.contains(&format!("start{i} "))).collect()
    }

    #[test]
    fn labels_lead_back_to_the_documents_they_were_shown_with() {
        let ask = asker(8, 5, 8000, "rerank-listwise@v1").ask(&all(8), 0).unwrap();
        for (label, member) in (1..).zip(&ask.reader.by_label) {
            let heading = format!("n0nce [{label}] title{member}\n");
            assert!(ask.request.user.contains(&heading), "{}", ask.request.user);
        }
        let read = ask.reader.read(&reply("{\"ranking\": [8, 7, 6, 5, 4, 3, 2, 1]}")).unwrap();
        let expected: Vec<usize> = ask.reader.by_label.iter().rev().copied().collect();
        assert_eq!(read.order.ranked, expected);
    }

    #[test]
    fn a_repeat_asks_the_same_and_another_call_shuffles_anew() {
        let asker = asker(12, 5, 8000, "rerank-listwise@v1");
        let labels = |salt| asker.ask(&all(12), salt).unwrap().reader.by_label;
        assert_eq!(labels(1), labels(1));
        assert_ne!(labels(1), labels(2));
        assert_ne!(labels(1), (0..12).collect::<Vec<_>>(), "labels would tell the order");
    }

    #[test]
    fn passages_are_cut_to_the_prompts_budget_and_the_requests() {
        let mut asker = asker(1, 1000, 100_000, "rerank-graded@v1");
        let words = |asker: &Asker| {
            let ask = asker.ask(&all(1), 0).unwrap();
            assert!(!ask.request.user.contains("end0"));
            ask.request.user.matches("word ").count()
        };
        assert!((195..=200).contains(&words(&asker)), "{}", words(&asker));
        asker.max_passage_tokens = Some(50);
        assert!((45..=50).contains(&words(&asker)), "{}", words(&asker));
    }

    #[test]
    fn a_small_context_cuts_all_alike_before_it_leaves_documents_out() {
        let roomy = asker(10, 100, 2500, "rerank-graded@v1").ask(&all(10), 0).unwrap();
        assert_eq!(shown(&roomy, 10).len(), 10);
        assert!(roomy.request.user.contains("end9"));
        let tight = asker(10, 100, 1200, "rerank-graded@v1").ask(&all(10), 0).unwrap();
        assert_eq!(shown(&tight, 10).len(), 10);
        assert!(!tight.request.user.contains("end9"));
        let tighter = asker(10, 100, 700, "rerank-graded@v1").ask(&all(10), 0).unwrap();
        let left = shown(&tighter, 10);
        assert!((1..10).contains(&left.len()), "{left:?}");
        assert!(tighter.left_some_out && !tight.left_some_out);
        assert_eq!(left, (0..left.len()).collect::<Vec<_>>(), "the best stay");
        let none = asker(10, 100, 200, "rerank-graded@v1").ask(&all(10), 0);
        assert_eq!(none.err(), Some(Failure::ContextOverflow));
    }

    #[test]
    fn grades_come_back_in_zero_to_one() {
        let ask = asker(2, 5, 8000, "rerank-graded@v1").ask(&all(2), 0).unwrap();
        let content = r#"{"scores": [{"id": 1, "grade": 10}, {"id": 2, "grade": 3}]}"#;
        let read = ask.reader.read(&reply(content)).unwrap();
        let by_label = &ask.reader.by_label;
        assert_eq!(read.order.grades, [(by_label[0], 1.0), (by_label[1], 0.3)]);
    }

    #[test]
    fn what_a_reply_leaves_out_is_unranked() {
        let ask = asker(4, 5, 8000, "rerank-listwise@v1").ask(&all(4), 0).unwrap();
        let read = ask.reader.read(&reply("[3] > [9] > [2]")).unwrap();
        let by_label = &ask.reader.by_label;
        assert_eq!(read.order.ranked, [by_label[2], by_label[1]]);
        assert_eq!(read.order.unranked, [by_label[0], by_label[3]]);
        assert_eq!(read.repairs, Repairs { missing: 2, duplicate: 0, unknown: 1 });
    }

    #[test]
    fn the_better_of_two_stands_before_the_other() {
        let asker = asker(9, 5, 8000, "rerank-pairwise@v1");
        let pair = Window { members: vec![7, 2], wanted: 1 };
        for salt in 0..8 {
            let ask = asker.ask(&pair, salt).unwrap();
            for (content, better) in [("{\"better\": 1}", 0), ("[2] is better.", 1)] {
                let read = ask.reader.read(&reply(content)).unwrap();
                let by_label = &ask.reader.by_label;
                assert_eq!(read.order.ranked, [by_label[better]]);
                assert_eq!(read.order.unranked, [by_label[1 - better]]);
                assert_eq!(read.repairs, Repairs::default());
            }
        }
    }

    #[test]
    fn a_pair_is_asked_about_as_a_whole_or_not_at_all() {
        let pair = Window { members: vec![0, 1], wanted: 1 };
        let asked: Vec<_> = (200..1000)
            .map(|context| asker(2, 100, context, "rerank-pairwise@v1").ask(&pair, 0))
            .map(|ask| ask.map(|ask| shown(&ask, 2).len()))
            .collect();
        assert!(asked.iter().all(|ask| matches!(ask, Ok(2) | Err(Failure::ContextOverflow))));
        assert!(asked.first().is_some_and(Result::is_err) && asked.last() == Some(&Ok(2)));
    }

    #[test]
    fn an_echo_is_the_order_of_the_passages_whatever_their_labels() {
        let window = Window { members: vec![5, 0, 3, 1], wanted: 4 };
        let ask = asker(6, 5, 8000, "rerank-listwise@v1").ask(&window, 1).unwrap();
        let repeats = |ranked: &[usize]| ask.reader.repeats_what_was_shown(ranked);
        assert!(repeats(&[5, 0, 3, 1]) && repeats(&[5, 0]));
        assert!(!repeats(&[0, 5]) && !repeats(&[5]) && !repeats(&[5, 0, 3, 1, 2]));
        assert!(!repeats(&ask.reader.by_label), "the order of the labels is another");
    }

    proptest! {
        #[test]
        fn whatever_the_model_writes_the_ranking_is_a_permutation(
            content in "[\\[\\]{}\":,> a-z0-9-]{0,80}|\\{\"ranking\": \\[[0-9, ]{0,60}\\]\\}",
            documents in 1_usize..30,
            window in 1_usize..25,
        ) {
            for (strategy, prompt) in [
                (StrategyName::Single, "rerank-listwise@v1"),
                (StrategyName::Graded, "rerank-graded@v1"),
                (StrategyName::Pointwise, "rerank-pointwise@v1"),
            ] {
                let strategy = strategy_for(strategy, window, None).unwrap();
                let asker = asker(documents, 3, 100_000, prompt);
                let mut known = Evidence::none(documents);
                for (at, window) in strategy.next(&Evidence::none(documents)).iter().enumerate() {
                    let ask = asker.ask(window, at as u64).unwrap();
                    let read = ask.reader.read(&reply(&content));
                    let answered = read.map_or(Answered::Dropped, |read| Answered::Usable(read.order));
                    known.note((0, at), answered);
                }
                let order = strategy.standing(&known).ranking;
                let distinct: BTreeSet<usize> = order.order().iter().copied().collect();
                prop_assert_eq!(distinct, (0..documents).collect::<BTreeSet<_>>());
            }
        }
    }
}
