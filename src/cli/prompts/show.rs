//! `rankgate prompts show`

use serde::Serialize;

use super::{Outcome, Place, Verdict, fixed_tokens, print, print_json, word};
use crate::prompt::{PromptInfo, PromptRef};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// NAME@vN or NAME@latest
    #[arg(value_name = "PROMPT")]
    prompt: PromptRef,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    info: PromptInfo,
    fixed_tokens: usize,
    text: &'a str,
}

pub(super) fn run(place: &Place, args: &Args, json: bool) -> Outcome {
    let prompt = place.prompt(&args.prompt)?;
    let fixed_tokens = fixed_tokens(&prompt)?;
    let shown = Shown { info: prompt.info(), fixed_tokens, text: prompt.source() };
    if json {
        print_json(&shown)?;
    } else {
        let info = &shown.info;
        print(&format!(
            "{}: {}, {}, {} tokens of its own\n{}\nsha256 {}\n\n{}",
            info.id,
            word(&info.status),
            word(&info.task),
            shown.fixed_tokens,
            info.summary,
            info.sha256,
            shown.text,
        ))?;
    }
    Ok(Verdict::Good)
}
