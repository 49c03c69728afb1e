//! `rankgate prompts release`

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
    let words = ("released", "released already, with the same content");
    change::say(dir, &id, prompt::release(dir, &id), words, json)
}
