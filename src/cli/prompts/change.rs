//! What a change of the lock is reported as.

use std::path::Path;

use serde::Serialize;

use super::{Outcome, Verdict, print, print_json, tell};
use crate::prompt::{Change, LOCK_FILE, NotChanged, PromptId, PromptProblem};

#[derive(Serialize)]
struct Report<'a> {
    prompt: String,
    /// Whether the lock was written; else it said so before.
    written: bool,
    retired: bool,
    /// The line of the lock.
    line: &'a str,
    /// What `@latest` means now.
    latest: Option<String>,
}

/// A change that was not made.
#[derive(Serialize)]
struct Refused<'a> {
    prompt: String,
    written: bool,
    problems: &'a [PromptProblem],
}

/// Says what became of the lock. `done` and `as_before` are the words for it.
pub(super) fn say(
    dir: &Path,
    id: &PromptId,
    result: Result<Change, NotChanged>,
    (done, as_before): (&str, &str),
    json: bool,
) -> Outcome {
    let change = match result {
        Ok(change) => change,
        Err(NotChanged::Faults(problems)) => {
            for problem in &problems {
                tell(&format!("{}/{problem}", dir.display()));
            }
            if json {
                print_json(&Refused {
                    prompt: id.to_string(),
                    written: false,
                    problems: &problems,
                })?;
            }
            tell(&format!("{id} is not {done}: {LOCK_FILE} was left as it was"));
            return Ok(Verdict::Bad);
        }
        Err(error) => return Err(error.into()),
    };
    let latest = change.latest.as_ref().map(ToString::to_string);
    if json {
        let (prompt, line) = (id.to_string(), change.line.as_str());
        let Change { written, retired, .. } = change;
        print_json(&Report { prompt, written, retired, line, latest })?;
    } else {
        let how = if change.written { done } else { as_before };
        print(&format!(
            "{id} is {how}; {}/{LOCK_FILE} has the line\n{}",
            dir.display(),
            change.line
        ))?;
        print(&meaning_of_latest(id, latest.as_deref()))?;
        if change.retired {
            print(&way_back(id))?;
        }
    }
    Ok(Verdict::Good)
}

fn meaning_of_latest(id: &PromptId, latest: Option<&str>) -> String {
    let name = &id.name;
    match latest {
        Some(latest) => format!("{name}@latest is {latest}"),
        None => format!(
            "{name}@latest means nothing now, and a pipeline that names it can't be served: release \
             a version, or pin one"
        ),
    }
}

fn way_back(id: &PromptId) -> String {
    format!(
        "{id} can still be pinned; to bring it back into @latest, remove the line # retired {}",
        id.file()
    )
}
