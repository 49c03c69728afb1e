//! First stages that only evals have: a run file, and any other one with its
//! order shuffled.

mod run_file;
mod shuffled;
mod texts;

pub use run_file::{RunFile, RunFileError};
pub use shuffled::Shuffled;
pub use texts::Texts;
