//! Reading a chat completion from whatever a compatible server sends.

use serde::Deserialize;
use serde_json::Value;

use super::attempt::Answered;
use super::lenient::{lenient, token_count};
use super::{FinishReason, TokenProbability};

/// The body of a chat completion; any field may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Completion {
    #[serde(deserialize_with = "lenient")]
    choices: Vec<Choice>,
    #[serde(deserialize_with = "lenient")]
    usage: TokenCounts,
    /// Set where an error is sent with 200.
    pub error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice {
    message: Option<Message>,
    finish_reason: Value,
    #[serde(deserialize_with = "lenient")]
    logprobs: Logprobs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    content: Value,
    refusal: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Logprobs {
    #[serde(deserialize_with = "lenient")]
    content: Vec<Position>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Position {
    token: String,
    logprob: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    top_logprobs: Vec<Alternative>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Alternative {
    token: String,
    logprob: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TokenCounts {
    prompt_tokens: Value,
    completion_tokens: Value,
}

/// A completion's first choice.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub content: String,
    pub finish: FinishReason,
    pub refusal: Option<String>,
    pub first_token: Vec<TokenProbability>,
    /// Tokens read, where the upstream says so.
    pub input_tokens: Option<u64>,
    /// Tokens written, where the upstream says so.
    pub output_tokens: Option<u64>,
}

impl Answered for Answer {
    fn outcome(&self) -> &'static str {
        match self.finish {
            FinishReason::ContentFilter => "filtered",
            _ => "ok",
        }
    }
}

impl Completion {
    /// Whether it has what makes a chat completion: a choice with a message.
    pub fn has_answer(&self) -> bool {
        self.choices.first().is_some_and(|choice| choice.message.is_some())
    }

    /// The first choice.
    pub fn into_answer(self) -> Option<Answer> {
        let usage = self.usage;
        let choice = self.choices.into_iter().next()?;
        let message = choice.message?;
        Some(Answer {
            content: text_of(&message.content),
            finish: finish_of(&choice.finish_reason),
            refusal: message.refusal.as_str().filter(|text| !text.is_empty()).map(str::to_owned),
            first_token: first_token(choice.logprobs),
            input_tokens: token_count(&usage.prompt_tokens),
            output_tokens: token_count(&usage.completion_tokens),
        })
    }
}

/// A string, or the text parts of a list; anything else has no text.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part.as_str().or_else(|| part.get("text")?.as_str()))
            .collect(),
        _ => String::new(),
    }
}

fn finish_of(reason: &Value) -> FinishReason {
    match reason.as_str().unwrap_or_default() {
        "stop" => FinishReason::Stop,
        "length" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}

/// The alternatives of the first token that is more than white space.
fn first_token(logprobs: Logprobs) -> Vec<TokenProbability> {
    let Some(position) = logprobs.content.into_iter().find(|at| !at.token.trim().is_empty()) else {
        return Vec::new();
    };
    let chosen = Alternative { token: position.token, logprob: position.logprob };
    let mut alternatives = position.top_logprobs;
    if alternatives.is_empty() {
        alternatives.push(chosen);
    }
    let mut known: Vec<_> = alternatives
        .into_iter()
        .filter_map(|Alternative { token, logprob }| {
            let logprob = logprob.filter(|logprob| logprob.is_finite())?.min(0.0);
            Some(TokenProbability { token, logprob })
        })
        .collect();
    known.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
    known
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn read(body: &str) -> Option<Answer> {
        serde_json::from_str::<Completion>(body).unwrap().into_answer()
    }

    fn answer(message: &str) -> Answer {
        read(&format!("{{\"choices\":[{{\"message\":{message}}}]}}")).unwrap()
    }

    #[test]
    fn reads_what_upstreams_document() {
        let answer = read(
            r#"{"id":"x","object":"chat.completion","choices":[{"index":0,"finish_reason":"stop",
                "message":{"role":"assistant","content":"Yes","refusal":null},
                "logprobs":{"content":[{"token":"Yes","logprob":-0.1,"bytes":null,"top_logprobs":[
                    {"token":"No","logprob":-2.5},{"token":"Yes","logprob":-0.1}]}]}}],
                "usage":{"prompt_tokens":12,"completion_tokens":1,"total_tokens":13}}"#,
        )
        .unwrap();
        assert_eq!(answer.content, "Yes");
        assert_eq!(answer.finish, FinishReason::Stop);
        assert_eq!((answer.input_tokens, answer.output_tokens), (Some(12), Some(1)));
        let tokens: Vec<_> =
            answer.first_token.iter().map(|t| (t.token.as_str(), t.logprob)).collect();
        assert_eq!(tokens, [("Yes", -0.1), ("No", -2.5)]);
    }

    #[test_case(r#"{"content":null}"#, "")]
    #[test_case("{}", "" ; "none")]
    #[test_case(r#"{"content":{"a":1}}"#, "")]
    #[test_case(r#"{"content":[{"type":"text","text":"a"},{"type":"image"},"b"]}"#, "ab")]
    #[test_case(r#"{"content":null,"tool_calls":[{"id":"1"}]}"#, "")]
    #[test_case(r#"{"content":"a","reasoning_content":"b"}"#, "a")]
    fn reads_content_in_any_shape(message: &str, content: &str) {
        assert_eq!(answer(message).content, content);
    }

    #[test]
    fn reads_a_refusal() {
        assert_eq!(answer(r#"{"content":null,"refusal":"no"}"#).refusal.as_deref(), Some("no"));
        assert_eq!(answer(r#"{"content":"a","refusal":""}"#).refusal, None);
    }

    #[test_case("{}" ; "empty object")]
    #[test_case(r#"{"choices":[]}"#)]
    #[test_case(r#"{"choices":null}"#)]
    #[test_case(r#"{"choices":"text"}"#)]
    #[test_case(r#"{"choices":[{"text":"a"}]}"#)]
    #[test_case(r#"{"choices":[{"message":null}]}"#)]
    #[test_case("[]" ; "array")]
    fn no_choice_is_no_answer(body: &str) {
        let completion: Completion = serde_json::from_str(body).unwrap();
        assert!(!completion.has_answer());
        assert!(completion.into_answer().is_none());
    }

    #[test_case("12", Some(12))]
    #[test_case("12.0", Some(12))]
    #[test_case("0", Some(0))]
    #[test_case("-5", None)]
    #[test_case("1.5", None)]
    #[test_case("1e30", None)]
    #[test_case("99999999999", None)]
    #[test_case("null", None)]
    #[test_case("\"12\"", None)]
    fn keeps_counts_that_can_be_true(count: &str, kept: Option<u64>) {
        let body = format!(
            r#"{{"choices":[{{"message":{{"content":""}}}}],"usage":{{"prompt_tokens":{count}}}}}"#
        );
        assert_eq!(read(&body).unwrap().input_tokens, kept);
    }

    #[test]
    fn drops_probabilities_that_cannot_be() {
        let body = r#"{"choices":[{"message":{"content":"No"},"logprobs":{"content":[
            {"token":" \n","top_logprobs":[{"token":" \n","logprob":0.0}]},
            {"token":"No","logprob":-0.2,"top_logprobs":[
                {"token":"x","logprob":null},{"token":"No","logprob":0.5},{"token":"Yes","logprob":-9}]}]}}]}"#;
        let tokens = read(body).unwrap().first_token;
        let tokens: Vec<_> = tokens.iter().map(|t| (t.token.as_str(), t.logprob)).collect();
        assert_eq!(tokens, [("No", 0.0), ("Yes", -9.0)]);
    }

    #[test]
    fn the_chosen_token_stands_in_for_missing_alternatives() {
        let body = r#"{"choices":[{"message":{"content":"No"},
            "logprobs":{"content":[{"token":"No","logprob":-0.2}]}}]}"#;
        assert_eq!(read(body).unwrap().first_token[0].token, "No");
    }
}
