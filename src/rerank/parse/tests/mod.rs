//! Replies as models, proxies and attackers write them, and what has to come
//! of each.

mod explained;
mod graded;
mod hostile;
mod listwise;
mod pairwise;
mod pointwise;

use super::*;
use crate::domain::Usage;
use crate::llm::{ChatReply, FinishReason};

pub(super) fn reply(content: &str) -> ChatReply {
    ending(content, FinishReason::Stop)
}

pub(super) fn ending(content: &str, finish: FinishReason) -> ChatReply {
    ChatReply {
        content: content.into(),
        finish,
        refusal: None,
        first_token: Vec::new(),
        usage: Usage::default(),
    }
}

pub(super) fn repairs(missing: u32, duplicate: u32, unknown: u32) -> Repairs {
    Repairs { missing, duplicate, unknown }
}
