//! `rankgate prompts list`

use serde::Serialize;

use super::{Failure, Outcome, Place, Verdict, fixed_tokens, print, print_json, table, word};
use crate::prompt::{PromptInfo, Registry};

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    info: PromptInfo,
    /// Tokens of the prompt's own words.
    fixed_tokens: usize,
}

pub(super) fn run(place: &Place, json: bool) -> Outcome {
    let registry = match &place.dir {
        Some(dir) => Registry::load(dir)?,
        None => Registry::builtin()?,
    };
    let rows = registry
        .iter()
        .map(|prompt| Ok(Row { info: prompt.info(), fixed_tokens: fixed_tokens(prompt)? }))
        .collect::<Result<Vec<Row>, Failure>>()?;
    if json {
        print_json(&serde_json::json!({ "prompts": rows }))?;
    } else {
        print(&as_table(&rows))?;
    }
    Ok(Verdict::Good)
}

fn as_table(rows: &[Row]) -> String {
    let mut table = table(&["prompt", "status", "task", "tokens", "summary"]);
    for Row { info, fixed_tokens } in rows {
        table.add_row([
            info.id.clone(),
            word(&info.status),
            word(&info.task),
            fixed_tokens.to_string(),
            info.summary.clone(),
        ]);
    }
    table.to_string()
}
