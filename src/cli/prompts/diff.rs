//! `rankgate prompts diff`

use serde::Serialize;
use similar::TextDiff;

use super::preview::{Preview, documents, preview};
use super::{Failure, Outcome, Place, Verdict, fixed_tokens, print, print_json, table};
use crate::domain::Query;
use crate::prompt::{Messages, Prompt, PromptRef};

/// Lines shown around what differs.
const AROUND: usize = 3;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// NAME@vN or NAME@latest
    #[arg(value_name = "OLD")]
    old: PromptRef,
    /// NAME@vN or NAME@latest
    #[arg(value_name = "NEW")]
    new: PromptRef,
}

/// Two prompts compared.
#[derive(Serialize)]
struct Compared {
    old: String,
    new: String,
    /// Unified; empty where nothing differs.
    file: String,
    /// The same of the messages that the task's sample comes out as.
    sample: String,
    tokens: Tokens,
}

#[derive(Serialize)]
struct Tokens {
    /// The prompts' own words.
    fixed: Counts,
    /// The messages of the sample.
    sample: Counts,
}

#[derive(Serialize)]
struct Counts {
    old: usize,
    new: usize,
    delta: i64,
}

impl Counts {
    fn of(old: usize, new: usize) -> Self {
        Self { old, new, delta: new.cast_signed() as i64 - old.cast_signed() as i64 }
    }
}

pub(super) fn run(place: &Place, args: &Args, json: bool) -> Outcome {
    let (old, new) = (place.prompt(&args.old)?, place.prompt(&args.new)?);
    let compared = compare(&old, &new)?;
    if json {
        print_json(&compared)?;
    } else {
        print(&as_text(&compared))?;
    }
    Ok(Verdict::Good)
}

fn compare(old: &Prompt, new: &Prompt) -> Result<Compared, Failure> {
    let (before, after) = (sample(old)?, sample(new)?);
    let (from, to) = (old.id(), new.id());
    let samples = (format!("{from} (sample)"), format!("{to} (sample)"));
    Ok(Compared {
        file: diff((&from.file(), &to.file()), old.source(), new.source()),
        sample: diff((&samples.0, &samples.1), &as_one(&before.messages), &as_one(&after.messages)),
        tokens: Tokens {
            fixed: Counts::of(fixed_tokens(old)?, fixed_tokens(new)?),
            sample: Counts::of(before.tokens.total, after.tokens.total),
        },
        old: from.to_string(),
        new: to.to_string(),
    })
}

fn sample(prompt: &Prompt) -> Result<Preview, Failure> {
    let input = prompt.sample();
    let (query, context) = (Query::new(&input.query)?, input.context.clone());
    let lang = input.lang.clone();
    Ok(preview(prompt, &query, &lang, documents(input), &context)?)
}

fn as_one(Messages { system, user }: &Messages) -> String {
    format!("--- system ---\n{system}\n--- user ---\n{user}\n")
}

fn diff((old, new): (&str, &str), before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(AROUND)
        .header(old, new)
        .to_string()
}

fn as_text(compared: &Compared) -> String {
    let Compared { old, new, file, sample, tokens } = compared;
    let or_same = |diff: &str, of: &str| match diff {
        "" => format!("The {of} are the same.\n"),
        diff => diff.to_owned(),
    };
    let mut table = table(&["tokens", old, new, "difference"]);
    for (of, counts) in [("fixed part", &tokens.fixed), ("sample", &tokens.sample)] {
        table.add_row([
            of.to_owned(),
            counts.old.to_string(),
            counts.new.to_string(),
            format!("{:+}", counts.delta),
        ]);
    }
    format!(
        "{}\n{}\n{table}",
        or_same(file, "files"),
        or_same(sample, "messages that the samples come out as")
    )
}
