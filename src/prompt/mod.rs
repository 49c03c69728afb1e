//! Prompts: versioned files that turn a query and passages into messages.

mod model;

pub use model::{Messages, OutputKind, Passage, PromptId, PromptInput, Task};
