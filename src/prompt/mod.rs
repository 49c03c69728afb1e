//! Prompts: versioned files that turn a query and passages into messages.

mod model;
mod pending;

pub use model::{Messages, OutputKind, Passage, PromptId, PromptInput, Task};
pub use pending::{FolderCheck, InvalidPrompts, Prompt, PromptInfo, PromptProblem, Registry};
