//! `rankgate prompts render`

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::preview::{Given, Parts, Preview, documents, preview};
use super::{Failure, Outcome, Place, Verdict, print, print_json, table, tell};
use crate::domain::Query;
use crate::pipeline::PipelineConfig;
use crate::prompt::{Prompt, PromptRef};
use crate::rerank::documents_per_call;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// NAME@vN or NAME@latest
    #[arg(value_name = "PROMPT")]
    prompt: PromptRef,
    /// The query
    #[arg(long, value_name = "Q")]
    query: String,
    /// Passages, one JSON object a line: text, and optionally title, metadata
    /// and score [default: samples]
    #[arg(long, value_name = "FILE")]
    passages: Option<PathBuf>,
    /// Documents a call, as a pipeline's window [default: that of pipelines]
    #[arg(long, value_name = "N")]
    window: Option<NonZeroUsize>,
    /// The request's context, a JSON object
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
    /// The language that the prompt is told, such as de; pipelines tell that of
    /// their collection [default: none]
    #[arg(long, value_name = "TAG")]
    lang: Option<Tag>,
}

/// A BCP 47 tag, by its form.
#[derive(Clone, Debug)]
struct Tag(String);

impl FromStr for Tag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_subtag = |part: &str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        if text.split('-').all(is_subtag) {
            Ok(Self(text.to_owned()))
        } else {
            Err("this is no language tag: write it like en, de or pt-BR".into())
        }
    }
}

#[derive(Serialize)]
struct Rendered<'a> {
    prompt: String,
    sha256: &'a str,
    system: &'a str,
    user: &'a str,
    tokens: &'a Parts,
}

pub(super) fn run(place: &Place, args: &Args, json: bool) -> Outcome {
    let prompt = place.prompt(&args.prompt)?;
    let query = Query::new(&args.query).map_err(|error| Failure(format!("--query: {error}")))?;
    let context = context(&prompt, args.context.as_deref())?;
    let given = match &args.passages {
        Some(file) => read(file)?,
        None => documents(prompt.sample()),
    };
    let given = as_many_as_a_call_shows(&prompt, args.window, given);
    let lang = args.lang.as_ref().map_or("", |tag| &tag.0);
    let Preview { messages, tokens } = preview(&prompt, &query, lang, given, &context)?;
    if json {
        print_json(&Rendered {
            prompt: prompt.id().to_string(),
            sha256: prompt.sha256(),
            system: &messages.system,
            user: &messages.user,
            tokens: &tokens,
        })?;
    } else {
        print(&format!(
            "--- system ---\n{}\n\n--- user ---\n{}\n\n--- tokens ---\n{}",
            messages.system,
            messages.user,
            as_table(&tokens)
        ))?;
    }
    Ok(Verdict::Good)
}

fn context(prompt: &Prompt, given: Option<&str>) -> Result<Map<String, Value>, Failure> {
    let Some(given) = given else { return Ok(Map::new()) };
    let context: Map<String, Value> = serde_json::from_str(given).map_err(|_| {
        Failure(
            "--context: this is no JSON object; write it as '{\"profile\": \"likes wool\"}'".into(),
        )
    })?;
    for field in context.keys().filter(|field| !prompt.context().contains(field)) {
        tell(&format!(
            "warning: {} doesn't declare context.{field}, and so is not shown it",
            prompt.id()
        ));
    }
    Ok(context)
}

/// What a line of a file of passages may hold; corpus lines have more.
#[derive(Deserialize)]
struct Line {
    title: Option<String>,
    text: String,
    metadata: Option<Map<String, Value>>,
    score: Option<f32>,
}

fn read(file: &Path) -> Result<Vec<Given>, Failure> {
    let name = file.display();
    let text = fs::read_to_string(file)
        .map_err(|error| Failure(format!("{name}: the file can't be read: {error}")))?;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let given = lines
        .map(|(number, line)| {
            let Line { title, text, metadata, score } = serde_json::from_str(line).map_err(|error| {
                Failure(format!(
                    "{name}:{number}:{}: this is no passage; write one as {{\"text\": \"…\"}}, with \
                     title (a text), metadata (an object) and score (a number) where there are any",
                    error.column()
                ))
            })?;
            let (title, metadata) = (title.unwrap_or_default(), metadata.unwrap_or_default());
            Ok(Given { title, text, metadata, score })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    if given.is_empty() {
        return Err(Failure(format!("{name}: there is no passage in it; write one a line")));
    }
    Ok(given)
}

fn as_many_as_a_call_shows(
    prompt: &Prompt,
    window: Option<NonZeroUsize>,
    mut given: Vec<Given>,
) -> Vec<Given> {
    let window = window.map_or_else(|| PipelineConfig::default().window, NonZeroUsize::get);
    let task = prompt.task();
    let most = documents_per_call(task, window).or(task.most_passages());
    if let Some(most) = most.filter(|most| *most < given.len()) {
        tell(&format!(
            "warning: a call of {} shows {most}; {} passages are left out",
            task.as_str(),
            given.len() - most
        ));
        given.truncate(most);
    }
    given
}

fn as_table(tokens: &Parts) -> String {
    let mut table = table(&["part", "tokens"]);
    table.add_row(["system".to_owned(), tokens.system.to_string()]);
    table.add_row(["user, without passages".to_owned(), tokens.user_without_passages.to_string()]);
    for passage in &tokens.passages {
        let cut = passage.cut_from.map(|whole| format!(", cut from {whole}")).unwrap_or_default();
        table.add_row([
            format!("[{}] {}", passage.label, passage.title),
            format!("{}{cut}", passage.tokens),
        ]);
    }
    table.add_row(["around the passages".to_owned(), tokens.around_passages.to_string()]);
    table.add_row(["total".to_owned(), tokens.total.to_string()]);
    table.to_string()
}
