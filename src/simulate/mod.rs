//! A language model that is not one: it ranks by known relevance with known
//! noise, so that strategies, deadlines and prompts' plumbing can be measured
//! without a model.

mod latency;
mod noise;

pub use latency::Latency;
pub use noise::{Noise, Profile, Seen};
