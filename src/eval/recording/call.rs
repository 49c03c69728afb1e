//! One call of a model as it is kept: by what it was asked under, and with how
//! it ended.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::{Failure, Usage};
use crate::llm::{ChatReply, ChatRequest, FinishReason, LlmError, OutputFormat, TokenProbability};

/// The key of a call: what its reply depends on. Prompts hold a delimiter that
/// documents can't know; evals derive it from the request alone, so that a
/// repeated request has the same one.
///
/// `asked` says of the model what shapes its replies, `repeat` which of several
/// rounds of the same questions this is.
pub(super) fn key(asked: &str, repeat: u32, request: &ChatRequest) -> String {
    let ChatRequest { system, user, output, max_output_tokens, top_logprobs, seed } = request;
    let output = match output {
        OutputFormat::Text => serde_json::Value::Null,
        OutputFormat::Json { name, schema } => serde_json::json!([name, schema]),
    };
    let all = serde_json::json!([
        asked,
        repeat,
        system,
        user,
        output,
        max_output_tokens,
        top_logprobs,
        seed
    ]);
    blake3::hash(all.to_string().as_bytes()).to_hex()[..24].to_owned()
}

/// How a call ended, and of which model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Call {
    /// The upstream's name for the model: for those who read the file.
    pub model: String,
    #[serde(flatten)]
    pub end: End,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum End {
    /// With a reply.
    Reply(Reply),
    /// With none.
    #[serde(serialize_with = "name_of", deserialize_with = "failure")]
    Failure(Failure),
}

/// A model's reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Reply {
    content: String,
    finish: Finish,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    /// Alternatives of the first token with their log probabilities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    first_token: Vec<(String, f64)>,
    usage: Usage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Finish {
    Stop,
    Length,
    ContentFilter,
    Other,
}

impl End {
    /// What is to be kept of a call's result.
    pub fn of(result: &Result<ChatReply, LlmError>) -> Self {
        let ChatReply { content, finish, refusal, first_token, usage } = match result {
            Ok(reply) => reply,
            Err(error) => return Self::Failure(error.failure()),
        };
        let first_token = first_token.iter().map(|it| (it.token.clone(), it.logprob)).collect();
        Self::Reply(Reply {
            content: content.clone(),
            finish: match finish {
                FinishReason::Stop => Finish::Stop,
                FinishReason::Length => Finish::Length,
                FinishReason::ContentFilter => Finish::ContentFilter,
                FinishReason::Other => Finish::Other,
            },
            refusal: refusal.clone(),
            first_token,
            usage: *usage,
        })
    }

    /// The result again.
    pub fn into_result(self) -> Result<ChatReply, LlmError> {
        let reply = match self {
            Self::Reply(reply) => reply,
            Self::Failure(failure) => return Err(LlmError::Recorded(failure)),
        };
        let token = |(token, logprob)| TokenProbability { token, logprob };
        Ok(ChatReply {
            content: reply.content,
            finish: match reply.finish {
                Finish::Stop => FinishReason::Stop,
                Finish::Length => FinishReason::Length,
                Finish::ContentFilter => FinishReason::ContentFilter,
                Finish::Other => FinishReason::Other,
            },
            refusal: reply.refusal,
            first_token: reply.first_token.into_iter().map(token).collect(),
            usage: reply.usage,
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn name_of<S: Serializer>(failure: &Failure, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(failure.as_str())
}

fn failure<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Failure, D::Error> {
    let name = String::deserialize(deserializer)?;
    let known = Failure::ALL.into_iter().find(|failure| failure.as_str() == name);
    known.ok_or_else(|| serde::de::Error::custom(format!("no failure is called {name:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> ChatRequest {
        ChatRequest {
            system: "s".into(),
            user: "u".into(),
            output: OutputFormat::Text,
            max_output_tokens: 9,
            top_logprobs: None,
            seed: Some(1),
        }
    }

    #[test]
    fn everything_that_shapes_a_reply_is_in_the_key() {
        let base = key("m", 1, &request());
        assert_eq!(base, key("m", 1, &request()));
        let json = OutputFormat::Json { name: "n", schema: serde_json::json!({}) };
        let others = [
            key("n", 1, &request()),
            key("m", 2, &request()),
            key("m", 1, &ChatRequest { system: "t".into(), ..request() }),
            key("m", 1, &ChatRequest { user: "v".into(), ..request() }),
            key("m", 1, &ChatRequest { output: json, ..request() }),
            key("m", 1, &ChatRequest { max_output_tokens: 8, ..request() }),
            key("m", 1, &ChatRequest { top_logprobs: Some(5), ..request() }),
            key("m", 1, &ChatRequest { seed: None, ..request() }),
        ];
        assert!(others.iter().all(|other| *other != base));
    }

    #[test]
    fn a_reply_comes_back_as_it_was() {
        let reply = ChatReply {
            content: "[2, 1]\n".into(),
            finish: FinishReason::Length,
            refusal: Some("no".into()),
            first_token: vec![TokenProbability { token: "Yes".into(), logprob: -0.125 }],
            usage: Usage { input_tokens: 5, output_tokens: 2, cost_usd: 0.25 },
        };
        let call = Call { model: "m".into(), end: End::of(&Ok(reply.clone())) };
        let text = serde_json::to_string(&call).unwrap();
        let again: Call = serde_json::from_str(&text).unwrap();
        assert!(again.end.into_result().ok() == Some(reply), "{text}");
    }

    #[test]
    fn so_does_every_failure() {
        for failure in Failure::ALL {
            let call = Call { model: "m".into(), end: End::of(&Err(LlmError::Recorded(failure))) };
            let text = serde_json::to_string(&call).unwrap();
            assert!(text.contains(&format!("\"failure\":\"{}\"", failure.as_str())), "{text}");
            let again: Call = serde_json::from_str(&text).unwrap();
            assert_eq!(again.end.into_result().err().unwrap().failure(), failure);
        }
        assert!(serde_json::from_str::<Call>("{\"model\":\"m\",\"failure\":\"x\"}").is_err());
    }
}
