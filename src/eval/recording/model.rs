//! A model whose calls are kept, or played from where they were kept.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::call::{Call, End, key};
use super::{Mode, Recording};
use crate::domain::{Deadline, Failure};
use crate::llm::{CallTimes, ChatModel, ChatReply, ChatRequest, LlmError, ModelSpec};

/// A model with a recording around it.
pub(super) struct RecordedModel {
    pub inner: Arc<dyn ChatModel>,
    /// What shapes its replies besides what is asked.
    pub asked: String,
    /// Which of several rounds of the same questions this is.
    pub repeat: u32,
    pub recording: Arc<Recording>,
}

impl ChatModel for RecordedModel {
    fn spec(&self) -> &ModelSpec {
        self.inner.spec()
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.inner.count_tokens(text)
    }

    fn truncate<'a>(&self, text: &'a str, max_tokens: usize) -> &'a str {
        self.inner.truncate(text, max_tokens)
    }

    fn chat(
        self: Arc<Self>,
        request: ChatRequest,
        times: CallTimes,
    ) -> BoxFuture<'static, Result<ChatReply, LlmError>> {
        let key = key(&self.asked, self.repeat, &request);
        let kept = self.recording.calls.get(&key);
        match (self.recording.mode, kept) {
            // A reply is paid for once. What failed is asked again, but in a
            // replay.
            (Mode::Replay, Some(Call { end, .. }))
            | (Mode::Record, Some(Call { end: end @ End::Reply(_), .. })) => {
                futures::future::ready(end.into_result()).boxed()
            }
            (Mode::Replay, None) => {
                self.recording.note_missing();
                futures::future::ready(Err(not_recorded())).boxed()
            }
            (Mode::Record, _) => async move {
                let model = self.spec().model.clone();
                let until = times.late_until;
                let mut kept = Keeping { recording: &self.recording, key, model, until, end: None };
                let result = Arc::clone(&self.inner).chat(request, times).await;
                kept.end = Some(End::of(&result));
                result
            }
            .boxed(),
        }
    }
}

/// What a replay says until its run is given up for it.
fn not_recorded() -> LlmError {
    LlmError::Upstream {
        upstream: "recording".into(),
        detail: "it has no reply to this call".into(),
    }
}

/// Keeps how a call ended. One that is given up at its deadline ends here too.
struct Keeping<'a> {
    recording: &'a Recording,
    key: String,
    model: String,
    until: Deadline,
    end: Option<End>,
}

impl Drop for Keeping<'_> {
    fn drop(&mut self) {
        let late = || self.until.has_passed().then_some(End::Failure(Failure::Deadline));
        if let Some(end) = self.end.take().or_else(late) {
            let call = Call { model: std::mem::take(&mut self.model), end };
            self.recording.keep(|it| it.calls.put(std::mem::take(&mut self.key), call));
        }
    }
}
