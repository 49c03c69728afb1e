//! The calls of a request, for those who ask to see them.
//!
//! They are those that the answer counts: none for a ranking that was kept or
//! that another request made, and what they consumed adds up to its usage.

use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;

use super::ranked::millis;
use crate::domain::Failure;
use crate::llm::{CallEnd, CallRecord};

/// What a request did, call by call: the `trace` of answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Trace {
    /// The LLM calls of this request in the order in which they were made:
    /// those for the ranking, then those that explain.
    pub calls: Vec<CallTrace>,
}

/// One LLM call. It holds no text of what was asked or answered.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CallTrace {
    /// What it was made for.
    pub purpose: Purpose,
    /// The round of the ranking that it belongs to, from 1; absent for other
    /// purposes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// How many documents it showed the model.
    pub documents: usize,
    /// When it was made, in milliseconds from the request's arrival.
    pub start_ms: f64,
    /// How long it took in milliseconds, with the wait for a place and all of
    /// its attempts; of an unfinished one, until the answer.
    pub took_ms: f64,
    /// Name of the upstream that its last attempt went to; null where it came
    /// to none.
    pub upstream: Option<String>,
    /// The upstream's name for the model, as in `ranking.model`.
    pub model: String,
    /// Attempts that were started, retries included.
    pub attempts: u32,
    /// How it ended.
    pub outcome: CallOutcome,
    /// Tokens the model read; 0 where no reply came.
    pub input_tokens: u64,
    /// Tokens the model wrote.
    pub output_tokens: u64,
    /// US dollars, by the model's configured prices.
    pub cost_usd: f64,
}

/// What a call was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "CallPurpose")]
pub enum Purpose {
    /// The ranking.
    Rank,
    /// An explanation.
    Explain,
}

/// How a call ended: a word of its own, or a failure's as in `ranking.reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum CallOutcome {
    /// It didn't fail.
    Fine(Fine),
    /// It gave nothing usable: one of the failed calls.
    Failed(Failure),
}

/// How a call ended that didn't fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "CallFine")]
pub enum Fine {
    /// With a usable reply.
    Ok,
    /// It was under way when the ranking was answered, or no longer needed.
    Unfinished,
}

impl CallTrace {
    /// A call as it stands now, in a request that arrived then.
    pub(super) fn of(
        call: &CallRecord,
        purpose: Purpose,
        round: Option<u32>,
        model: &str,
        arrived: Instant,
    ) -> Self {
        let (attempts, upstream) = call.attempts.get();
        let end = call.end.as_ref();
        let until = end.map_or_else(Instant::now, |end| end.at);
        let outcome = match end {
            None => CallOutcome::Fine(Fine::Unfinished),
            Some(CallEnd { failure: None, .. }) => CallOutcome::Fine(Fine::Ok),
            Some(CallEnd { failure: Some(failure), .. }) => CallOutcome::Failed(*failure),
        };
        let usage = end.map(|end| end.usage).unwrap_or_default();
        Self {
            purpose,
            round,
            documents: call.documents,
            start_ms: millis(call.begun.saturating_duration_since(arrived)),
            took_ms: millis(until.saturating_duration_since(call.begun)),
            upstream: upstream.map(|name| name.to_string()),
            model: model.to_owned(),
            attempts,
            outcome,
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cost_usd: usage.cost_usd,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_words_of_one_set() {
        let word = |outcome: CallOutcome| serde_json::to_value(outcome).unwrap();
        assert_eq!(word(CallOutcome::Fine(Fine::Ok)), "ok");
        assert_eq!(word(CallOutcome::Fine(Fine::Unfinished)), "unfinished");
        for failure in Failure::ALL {
            assert_eq!(word(CallOutcome::Failed(failure)), failure.as_str());
        }
    }
}
