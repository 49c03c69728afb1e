//! How a ranking came about: closed sets that the answer, its log line, its
//! metric labels and its eval row share.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// How a ranking came about, with the reason where there is one. `status` and
/// `reason` are read off it, so that no pair outside the contract can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The strategy ended by its own rule, and every document that it was to
    /// rank was in a usable reply.
    Llm,
    /// Usable evidence for only some of the documents, merged with the
    /// classical order.
    Partial(Failure),
    /// An LLM was wanted and gave nothing usable: classical order.
    Fallback(Failure),
    /// No LLM was wanted: classical order.
    Classical(NotWanted),
}

impl Outcome {
    /// The status alone.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Llm => Status::Llm,
            Self::Partial(_) => Status::Partial,
            Self::Fallback(_) => Status::Fallback,
            Self::Classical(_) => Status::Classical,
        }
    }

    /// The reason as it is written everywhere; none for [`Outcome::Llm`].
    #[must_use]
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Llm => None,
            Self::Partial(failure) | Self::Fallback(failure) => Some(failure.as_str()),
            Self::Classical(why) => Some(why.as_str()),
        }
    }
}

/// As answers say it.
impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Outcome", 2)?;
        object.serialize_field("status", &self.status())?;
        object.serialize_field("reason", &self.reason())?;
        object.end()
    }
}

impl JsonSchema for Outcome {
    fn schema_name() -> Cow<'static, str> {
        "Outcome".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let status = generator.subschema_for::<Status>();
        let reason = generator.subschema_for::<Option<Reason>>();
        json_schema!({
            "type": "object",
            "properties": {
                "status": status,
                "reason": reason,
            },
            "required": ["status", "reason"],
        })
    }
}

/// The words that [`Outcome::reason`] may give, for schemas.
pub struct Reason;

impl JsonSchema for Reason {
    fn schema_name() -> Cow<'static, str> {
        "Reason".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let failures = Failure::ALL.map(Failure::as_str);
        let not_wanted = NotWanted::ALL.map(NotWanted::as_str);
        json_schema!({
            "description": "What kept the LLM from deciding the whole ranking, or why none was wanted.",
            "type": "string",
            "enum": failures.into_iter().chain(not_wanted).collect::<Vec<_>>(),
        })
    }
}

/// How a ranking came about, without the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Every document that was to be ranked was in a usable reply.
    Llm,
    /// LLM evidence for some of the documents, merged with the classical order.
    Partial,
    /// The LLM gave nothing usable: the classical order.
    Fallback,
    /// No LLM was wanted: the classical order.
    Classical,
}

impl Status {
    /// The word as it is written in answers, headers and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::Partial => "partial",
            Self::Fallback => "fallback",
            Self::Classical => "classical",
        }
    }
}

/// What kept the LLM from deciding the whole ranking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Time ran out and no attempt had failed.
    Deadline,
    /// An attempt got no complete answer within its own limit.
    UpstreamTimeout,
    /// No connection, a 5xx, or a body that is no chat completion.
    UpstreamError,
    /// 401, 403, 404 or an exhausted quota: needs a person.
    UpstreamRejected,
    /// 429.
    UpstreamRateLimited,
    /// The circuit breaker holds calls back.
    CircuitOpen,
    /// Our own limit on LLM calls in flight.
    Overloaded,
    /// The calls, tokens or money allowed are used up.
    BudgetExhausted,
    /// A chat completion whose content gives no ranking.
    MalformedOutput,
    /// The model declined.
    Refused,
    /// The model stopped at its output limit before it said enough.
    Truncated,
    /// The upstream's content filter held the answer back.
    Filtered,
    /// The prompt is larger than the model's context.
    ContextOverflow,
}

impl Failure {
    /// Every failure, for tables and tests.
    pub const ALL: [Self; 13] = [
        Self::Deadline,
        Self::UpstreamTimeout,
        Self::UpstreamError,
        Self::UpstreamRejected,
        Self::UpstreamRateLimited,
        Self::CircuitOpen,
        Self::Overloaded,
        Self::BudgetExhausted,
        Self::MalformedOutput,
        Self::Refused,
        Self::Truncated,
        Self::Filtered,
        Self::ContextOverflow,
    ];

    /// The reason as it is written in answers, headers and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamError => "upstream_error",
            Self::UpstreamRejected => "upstream_rejected",
            Self::UpstreamRateLimited => "upstream_rate_limited",
            Self::CircuitOpen => "circuit_open",
            Self::Overloaded => "overloaded",
            Self::BudgetExhausted => "budget_exhausted",
            Self::MalformedOutput => "malformed_output",
            Self::Refused => "refused",
            Self::Truncated => "truncated",
            Self::Filtered => "filtered",
            Self::ContextOverflow => "context_overflow",
        }
    }
}

/// Why no LLM was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotWanted {
    /// The kill switch is on.
    LlmDisabled,
    /// The pipeline has no model, or its model has no usable upstream.
    NoLlmConfigured,
    /// The classical order was confident enough.
    SpendGate,
    /// The strategy is `none`, or there is nothing to order.
    NotRequested,
}

impl NotWanted {
    /// Every reason, for tables.
    pub const ALL: [Self; 4] =
        [Self::LlmDisabled, Self::NoLlmConfigured, Self::SpendGate, Self::NotRequested];

    /// The reason as it is written in answers, headers and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LlmDisabled => "llm_disabled",
            Self::NoLlmConfigured => "no_llm_configured",
            Self::SpendGate => "spend_gate",
            Self::NotRequested => "not_requested",
        }
    }
}

/// Where a ranking was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum CacheOutcome {
    /// Made for this request.
    Miss,
    /// Stored earlier.
    Hit,
    /// Made for another request that asked the same at the same time.
    Coalesced,
    /// The cache took no part.
    Off,
}

impl CacheOutcome {
    /// The word as it is written in answers, headers and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Miss => "miss",
            Self::Hit => "hit",
            Self::Coalesced => "coalesced",
            Self::Off => "off",
        }
    }
}

impl Serialize for CacheOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a relevance score means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScoreKind {
    /// A grade that is comparable between answers.
    Graded,
    /// Tells the order within one answer, nothing more.
    Ordinal,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_goes_with_every_status_but_llm() {
        assert_eq!(Outcome::Llm.reason(), None);
        for failure in Failure::ALL {
            assert_eq!(Outcome::Partial(failure).reason(), Some(failure.as_str()));
            assert_eq!(Outcome::Fallback(failure).status(), Status::Fallback);
        }
        assert_eq!(Outcome::Classical(NotWanted::SpendGate).reason(), Some("spend_gate"));
    }
}
