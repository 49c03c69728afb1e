//! The way of requests through the layers, for one kind of calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tower::ServiceExt;

use super::answer::Answer;
use super::error::EmbedError;
use super::texts::Texts;
use crate::domain::{Deadline, Usage};
use crate::llm::attempt::Call;
use crate::llm::pace::{Pace, Patience};
use crate::llm::stack::ModelStack;
use crate::llm::{CallTimes, LlmError, metrics, work};

/// Further away than any call lasts: its attempts are counted instead.
const NO_DEADLINE: Duration = Duration::from_hours(24 * 365);

/// The places of one kind of calls, and the layers behind them.
#[derive(Clone)]
pub(super) struct Lane {
    stack: ModelStack<Texts, Answer>,
    model: Arc<str>,
    patience: Patience,
    /// Whether the log has said that requests are too large.
    told: Arc<AtomicBool>,
}

/// Vectors, and the position of the first one's text in the call.
pub(super) type Part = (usize, Vec<Vec<f32>>);

impl Lane {
    pub fn new(stack: ModelStack<Texts, Answer>, model: Arc<str>, patience: Patience) -> Self {
        Self { stack, model, patience, told: Arc::default() }
    }

    /// Asks for the vectors of `batch`, in halves of halves where the upstream
    /// finds it too large.
    pub async fn embed(
        self,
        batch: Texts,
        deadline: Option<Deadline>,
    ) -> Result<Vec<Part>, EmbedError> {
        let mut left = vec![batch];
        let mut done = Vec::new();
        while let Some(texts) = left.pop() {
            match self.ask(texts.clone(), deadline).await {
                Ok(vectors) => done.push((texts.position(), vectors)),
                Err(EmbedError::Llm(LlmError::ContextOverflow)) => {
                    let position = texts.position();
                    let halves = texts.halves().ok_or(EmbedError::TooLarge { position })?;
                    self.tell_too_large(texts.len());
                    left.extend([halves.1, halves.0]);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// One request, as far as its caller can see.
    async fn ask(
        &self,
        texts: Texts,
        deadline: Option<Deadline>,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        let pace = if deadline.is_some() { Pace::Prompt } else { Pace::Patient(self.patience) };
        let end = deadline.unwrap_or_else(|| Deadline::after(NO_DEADLINE));
        let call = Call::new(texts.clone(), CallTimes::until(end), pace);
        let failed = Arc::clone(&call.failed);
        match self.stack.clone().oneshot(call).await {
            Ok(answer) => {
                self.count(&texts, answer.input_tokens).await;
                Ok(answer.vectors)
            }
            Err(error) if deadline.is_none() && may_pass(&error) => {
                Err(EmbedError::GivenUp { attempts: failed.count(), error })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Counts the tokens by the upstream's account, and by ours where it gives
    /// none.
    async fn count(&self, texts: &Texts, input_tokens: Option<u64>) {
        let input_tokens = if let Some(told) = input_tokens {
            told
        } else {
            let counted = texts.clone();
            work::sized(texts.bytes(), move || counted.tokens()).await as u64
        };
        metrics::usage(&self.model, &Usage { input_tokens, ..Usage::default() });
    }

    /// Once: an index has many requests.
    fn tell_too_large(&self, texts: usize) {
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                model = &*self.model,
                texts,
                "the upstream refuses requests as too large, and gets them in halves; a lower \
                 embedding.max_batch or embedding.max_batch_tokens spares it the refused ones"
            );
        }
    }
}

/// Whether a failure is one that patience waits out.
const fn may_pass(error: &LlmError) -> bool {
    matches!(
        error,
        LlmError::Timeout { .. } | LlmError::Upstream { .. } | LlmError::RateLimited { .. }
    )
}
