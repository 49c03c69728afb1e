//! A model that is never asked: what a run would cost is known before it runs.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use serde_json::json;

use crate::llm::{
    CallTimes, ChatModel, ChatReply, ChatRequest, FinishReason, LlmError, ModelSpec, OutputFormat,
};

/// Tokens that replies may take besides what they name, as calls allow for.
const HEADROOM: u32 = 64;
/// Tokens that a label and a graded label may take.
const LABEL: u32 = 6;
const GRADED_LABEL: u32 = 20;

/// Stands for a model and replies at once, with as many labels as are wanted.
/// Labels are drawn at random, so that this is an order at random: strategies
/// that stop where replies agree ask all that they may. Prompts are counted by
/// the model's tokenizer; replies are taken to be half as long as they may be.
pub struct Unasked(pub Arc<dyn ChatModel>);

impl ChatModel for Unasked {
    fn spec(&self) -> &ModelSpec {
        self.0.spec()
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.0.count_tokens(text)
    }

    fn truncate<'a>(&self, text: &'a str, max_tokens: usize) -> &'a str {
        self.0.truncate(text, max_tokens)
    }

    fn chat(
        self: Arc<Self>,
        request: ChatRequest,
        _times: CallTimes,
    ) -> BoxFuture<'static, Result<ChatReply, LlmError>> {
        let input = self.count_tokens(&request.system) + self.count_tokens(&request.user);
        let output = u64::from(request.max_output_tokens.div_ceil(2));
        let reply = ChatReply {
            content: content(&request.output, request.max_output_tokens),
            finish: FinishReason::Stop,
            refusal: None,
            first_token: Vec::new(),
            usage: self.spec().prices.usage(input as u64, output),
        };
        ready(Ok(reply)).boxed()
    }
}

/// A reply of the right form.
fn content(output: &OutputFormat, most: u32) -> String {
    let labels = |each: u32| 1..=most.saturating_sub(HEADROOM) / each;
    match output {
        OutputFormat::Json { name: "ranking", .. } => {
            json!({ "ranking": labels(LABEL).collect::<Vec<_>>() }).to_string()
        }
        OutputFormat::Json { name: "scores", .. } => {
            let scores: Vec<_> =
                labels(GRADED_LABEL).map(|id| json!({ "id": id, "grade": 1 })).collect();
            json!({ "scores": scores }).to_string()
        }
        OutputFormat::Json { name: "better", .. } => json!({ "better": 1 }).to_string(),
        OutputFormat::Json { .. } => json!({ "items": [] }).to_string(),
        OutputFormat::Text if most <= HEADROOM => "Yes".to_owned(),
        OutputFormat::Text => {
            let labels: Vec<String> = labels(LABEL).map(|label| format!("[{label}]")).collect();
            labels.join(" > ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::{OutputKind, Task};
    use crate::rerank::{parse, reply_tokens};

    #[test]
    fn replies_can_be_read() {
        for (task, shown) in
            [(Task::Listwise, 7), (Task::Graded, 5), (Task::Pairwise, 2), (Task::Pointwise, 1)]
        {
            let format = parse::output_format(task, OutputKind::Json);
            let text = content(&format, reply_tokens(task, shown, false));
            let found = text.matches(|c: char| c.is_ascii_digit()).count();
            match task {
                Task::Listwise => assert_eq!(text, "{\"ranking\":[1,2,3,4,5,6,7]}"),
                Task::Graded => assert_eq!(found, 10, "{text}"),
                Task::Pairwise => assert_eq!(text, "{\"better\":1}"),
                _ => assert_eq!(text, "Yes"),
            }
        }
        let text = content(&OutputFormat::Text, reply_tokens(Task::Listwise, 3, false));
        assert_eq!(text, "[1] > [2] > [3]");
    }
}
