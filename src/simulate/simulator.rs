//! One call of the simulated model, from its request to what is answered when.

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::attacks::Attacks;
use super::corpus::Corpus;
use super::faults::{Fault, Spoiled};
use super::obedience::obey;
use super::pace::Bucket;
use super::prompt::Prompt;
use super::reply::{Judge, Said};
use super::stats::{Counts, Stats};
use super::task::Task;
use super::wire::{ApiError, Completion, MODEL, Request};
use super::{FaultRates, Latency, Noise};
use crate::llm::tokens;

/// How a model is simulated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How well it judges.
    pub noise: Noise,
    /// How long it takes.
    pub latency: Latency,
    /// What goes wrong.
    pub faults: FaultRates,
    /// Most requests a minute; no limit where absent.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Whether it keeps to the JSON schema of a request. Else it answers such
    /// a request in prose with a fence, as a model without schemas may.
    pub json_schema: bool,
}

/// A model that is none.
pub struct Simulator {
    corpus: Corpus,
    /// What it does as it is told by; nothing where there are none.
    attacks: Attacks,
    settings: Settings,
    bucket: Option<Mutex<Bucket>>,
    arrivals: AtomicU64,
    stats: Stats,
}

/// What is answered, and how long after the arrival of the request.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub result: Result<Completion, ApiError>,
    pub after: Duration,
}

/// What a reply says, written down.
struct Written {
    content: String,
    logprobs: Option<serde_json::Value>,
}

impl Simulator {
    /// A model that knows this corpus.
    #[must_use]
    pub fn new(corpus: Corpus, settings: Settings) -> Self {
        let bucket = settings.requests_per_minute.map(|most| Mutex::new(Bucket::new(most)));
        let (arrivals, stats) = (AtomicU64::default(), Stats::default());
        Self { corpus, attacks: Attacks::default(), settings, bucket, arrivals, stats }
    }

    /// A model that does what these attacks say wherever they reach it intact:
    /// to measure what keeps them from it.
    #[must_use]
    pub fn obeying(self, attacks: Attacks) -> Self {
        Self { attacks, ..self }
    }

    /// What it has done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.stats.now()
    }

    /// Lets a request in, `now` by a clock that begins at 0.
    ///
    /// # Errors
    /// When there are too many, with the time after which there is room.
    pub(super) fn admit(&self, now: Duration) -> Result<(), Duration> {
        self.stats.count(|counts| counts.calls += 1);
        let Some(bucket) = &self.bucket else { return Ok(()) };
        let admitted = bucket.lock().unwrap_or_else(PoisonError::into_inner).take(now);
        if admitted.is_err() {
            self.stats.count(|counts| counts.fault("rate_limited", 1));
        }
        admitted
    }

    /// Answers a request. Takes a few milliseconds of a processor.
    pub(super) fn answer(&self, body: &[u8]) -> Answer {
        let arrival = self.arrivals.fetch_add(1, Ordering::Relaxed);
        let read = Request::parse(body).and_then(|request| self.read(request, arrival));
        read.unwrap_or_else(|error| {
            self.stats.count(|counts| counts.rejected += 1);
            Answer { result: Err(error), after: Duration::ZERO }
        })
    }

    fn read(&self, request: Request, arrival: u64) -> Result<Answer, ApiError> {
        let texts = request.texts();
        let call = Call::new(&texts, arrival);
        let input_tokens = texts.iter().map(|text| tokens::count(text)).sum();
        let prompt = Prompt::new(texts.iter().map(String::as_str));
        let fault = self.settings.faults.draw(&self.settings.noise, call.draw);
        let written = self.write(&request, &prompt, fault, call)?;
        let result = written.map(|written| {
            let limit = request.max_tokens().unwrap_or(usize::MAX);
            let content = tokens::truncate(&written.content, limit);
            Completion {
                id: format!("chatcmpl-{:016x}", call.draw),
                cut: content.len() < written.content.len(),
                output_tokens: tokens::count(content),
                content: content.to_owned(),
                logprobs: written.logprobs.filter(|_| !content.is_empty()),
                model: request.model.unwrap_or_else(|| MODEL.to_owned()),
                input_tokens,
            }
        });
        let output_tokens = result.as_ref().map_or(0, |completion| completion.output_tokens);
        self.stats.count(|counts| {
            counts.input_tokens += input_tokens as u64;
            counts.output_tokens += output_tokens as u64;
        });
        let seed = self.settings.noise.seed;
        let (read, written) = (input_tokens as u64, output_tokens as u64);
        let after = self.settings.latency.of(read, written, seed, call.draw);
        Ok(Answer { result: result.ok_or_else(ApiError::failed), after })
    }

    /// What is written to a prompt; none where the call fails.
    fn write(
        &self,
        request: &Request,
        prompt: &Prompt,
        fault: Option<Fault>,
        call: Call,
    ) -> Result<Option<Written>, ApiError> {
        let task = Task::of(request.schema(), prompt).ok_or_else(|| {
            ApiError::invalid(
                "the simulated model can't tell what is asked: it knows replies with ranking, \
                 scores or better by their JSON schema or by these words in quotation marks, \
                 \"[3] > [1]\", and \"Yes or No\"",
            )
        })?;
        let mut reading = match task {
            Task::YesNo => self.corpus.read_one(prompt),
            Task::Order { .. } | Task::Grades { .. } | Task::Better => {
                self.corpus.read_labelled(prompt)
            }
        };
        let unknown = reading.shown.iter().filter(|shown| !shown.known).count();
        let obeyed = obey(&self.attacks, task, prompt, &mut reading);
        self.stats.count(|counts| {
            counts.passages += reading.shown.len() as u64;
            counts.obeyed_passages += obeyed as u64;
            counts.unrecognised_passages += unknown as u64;
            counts.unrecognised_queries += u64::from(reading.query.is_none());
        });
        let judge =
            Judge { noise: self.settings.noise, highest_grade: self.corpus.highest_grade() };
        let said = judge.say(task, &reading, call.prompt).ok_or_else(|| {
            ApiError::invalid("no passage begins with its label, like [1], on a line")
        })?;
        let shown: Vec<u64> = reading.shown.iter().map(|shown| shown.label).collect();
        Ok(match fault {
            Some(Fault::Failed) => {
                self.stats.count(|counts| counts.fault("failed", 1));
                None
            }
            Some(Fault::Spoiled(spoiled)) => Some(
                self.spoiled(spoiled, &said, &shown)
                    .unwrap_or_else(|| self.whole(request, said, call)),
            ),
            None => Some(self.whole(request, said, call)),
        })
    }

    fn spoiled(&self, spoiled: Spoiled, said: &Said, shown: &[u64]) -> Option<Written> {
        let content = spoiled.text(said, shown)?;
        self.stats.count(|counts| counts.fault(spoiled.as_str(), 1));
        Some(Written { content, logprobs: None })
    }

    fn whole(&self, request: &Request, said: Said, call: Call) -> Written {
        let (said, omitted) = self.settings.faults.omit(said, &self.settings.noise, call.draw);
        self.stats.count(|counts| counts.fault("omitted_labels", omitted));
        let text = said.text();
        let in_prose = request.schema().is_some() && !self.settings.json_schema;
        let content = if in_prose {
            format!("Here is what I think of these documents:\n\n```json\n{text}\n```")
        } else {
            text
        };
        let logprobs = request.alternatives().and_then(|most| said.logprobs(most));
        Written { content, logprobs }
    }
}

/// What a call's draws are told from others by.
#[derive(Clone, Copy)]
struct Call {
    /// The same whenever the same is asked.
    prompt: u64,
    /// Another one each time.
    draw: u64,
}

impl Call {
    fn new(texts: &[String], arrival: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        for text in texts {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        let number = |hasher: &blake3::Hasher| {
            let mut bytes = [0; 8];
            hasher.finalize_xof().fill(&mut bytes);
            u64::from_le_bytes(bytes)
        };
        let prompt = number(&hasher);
        hasher.update(&arrival.to_le_bytes());
        Self { prompt, draw: number(&hasher) }
    }
}
