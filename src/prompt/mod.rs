//! Prompts: versioned files that turn a query and passages into messages.
//!
//! A prompt is `prompts/<name>/v<N>.md`: TOML front matter, then a Jinja
//! template with the blocks `system` and `user`. `prompts.lock` holds the
//! hashes of the released versions. A [`Registry`] is loaded as a whole and
//! never changes; whatever is wrong with a folder is found at load, with file,
//! line and remedy. Text of queries and documents is neutralised before a
//! template sees it.

mod builtin;
mod file;
mod folder;
mod front_matter;
mod lifecycle;
mod lint;
mod lock;
mod lock_file;
mod model;
mod neutralise;
mod problem;
mod reference;
mod registry;
mod sample;
mod template;
mod variables;

#[cfg(test)]
mod tests;

pub use file::{Prompt, PromptInfo, PromptStatus, RenderError};
pub use folder::MAX_FILE_BYTES;
pub use lifecycle::{Change, NotChanged, release, retire};
pub use lint::Rule;
pub use lock::LOCK_FILE;
pub use model::{Messages, OutputKind, Passage, PromptId, PromptInput, Task};
pub use neutralise::plain_line;
pub use problem::{InvalidPrompts, PromptProblem};
pub use reference::{InvalidPromptRef, PromptRef, VersionRef};
pub use registry::{FolderCheck, Registry, UnknownPrompt};
