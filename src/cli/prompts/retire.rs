//! `rankgate prompts retire`

use super::{Outcome, Place, change, pinned};
use crate::prompt::{self, PromptRef};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// NAME@vN
    #[arg(value_name = "PROMPT")]
    prompt: PromptRef,
}

pub(super) fn run(place: &Place, args: &Args, json: bool) -> Outcome {
    let (dir, id) = (place.folder()?, pinned(&args.prompt)?);
    let words = ("retired", "retired already");
    change::say(dir, &id, prompt::retire(dir, &id), words, json)
}
