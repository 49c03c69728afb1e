//! A language model that is not one: it ranks by known relevance with known
//! noise, so that strategies, deadlines and prompts' plumbing can be measured
//! without a model.
//!
//! A prompt is taken apart by its labels (`prompt`), its query and documents
//! are recognised in the [`Corpus`], what is asked is read off the schema or the
//! wording (`task`), and what is said (`reply`) follows from the grades and the
//! [`Noise`]. [`FaultRates`] and [`Latency`] say what goes wrong and how long it
//! takes. [`router`] serves it as an OpenAI-compatible upstream. With [`Attacks`]
//! it does what documents tell it (`obedience`).

mod attacks;
mod corpus;
mod faults;
mod latency;
mod noise;
mod obedience;
mod pace;
mod prompt;
mod reply;
mod server;
mod simulator;
mod stats;
mod task;
mod wire;

pub use attacks::{Attack, Attacks, Place, Style};
pub use corpus::{Corpus, CorpusError, CorpusFiles};
pub use faults::FaultRates;
pub use latency::Latency;
pub use noise::{Noise, Profile, Seen};
pub use server::router;
pub use simulator::{Settings, Simulator};
pub use stats::Counts;
