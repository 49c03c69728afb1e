//! Keys of the documented configuration that this release doesn't have yet.
//! They are refused rather than ignored: a setting that has no effect is worse
//! than an error.

use toml::{Table, Value};

use super::document::{KeyPath, Step};

struct Planned {
    /// The way to the key; `*` stands for any name.
    path: &'static [&'static str],
    /// A value that asks for nothing and is let through.
    harmless: Option<&'static str>,
    /// What to do instead.
    remedy: &'static str,
}

const PLANNED: &[Planned] = &[
    Planned {
        path: &["keys"],
        harmless: None,
        remedy: "client keys are not built yet, and requests would be let in without one: remove \
                 [keys], listen on a loopback address, and let a reverse proxy check who asks",
    },
    Planned {
        path: &["limits", "requests_per_second"],
        harmless: None,
        remedy: "this limit is not built yet: remove it, and use max_in_flight or a reverse proxy",
    },
    Planned {
        path: &["limits", "llm_usd_per_day"],
        harmless: None,
        remedy: "this limit is not built yet: remove it, and set a budget at the LLM's provider",
    },
    Planned {
        path: &["pipelines", "*", "explain"],
        harmless: Some("off"),
        remedy: "explanations are not built yet: write \"off\" or remove the key",
    },
    Planned {
        path: &["pipelines", "*", "explain_model"],
        harmless: None,
        remedy: "explanations are not built yet: remove the key",
    },
    Planned {
        path: &["pipelines", "*", "promotion_below"],
        harmless: None,
        remedy: "bounded promotion is not built yet: remove the key",
    },
];

/// Takes harmless planned keys out of the table, and tells of the others.
pub(super) fn refuse(table: &mut Table) -> Vec<(KeyPath, &'static str)> {
    let mut refused = Vec::new();
    for planned in PLANNED {
        walk(table, planned.path, &mut Vec::new(), planned, &mut refused);
    }
    refused
}

fn walk(
    table: &mut Table,
    rest: &[&str],
    way: &mut Vec<Step>,
    planned: &Planned,
    refused: &mut Vec<(KeyPath, &'static str)>,
) {
    let Some((&first, rest)) = rest.split_first() else { return };
    let names: Vec<String> = match first {
        "*" => table.keys().cloned().collect(),
        name => vec![name.to_owned()],
    };
    for name in names {
        way.push(Step::Key(name.clone()));
        match table.get_mut(&name) {
            Some(value) if rest.is_empty() => {
                if planned.harmless.is_some() && value.as_str() == planned.harmless {
                    table.remove(&name);
                } else {
                    refused.push((KeyPath(way.clone()), planned.remedy));
                }
            }
            Some(Value::Table(inner)) => walk(inner, rest, way, planned, refused),
            _ => {}
        }
        way.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_planned_and_passes_what_asks_for_nothing() {
        let text = "[keys.a]\nsha256 = \"0\"\n[limits]\nrequests_per_second = 5\n\
             [pipelines.p]\nexplain = \"off\"\n[pipelines.q]\nexplain = \"on\"\npromotion_below = 50";
        let mut table: Table = toml::from_str(text).unwrap();
        let refused: Vec<String> =
            refuse(&mut table).into_iter().map(|(path, _)| path.to_string()).collect();
        let expected = [
            "keys",
            "limits.requests_per_second",
            "pipelines.q.explain",
            "pipelines.q.promotion_below",
        ];
        assert_eq!(refused, expected);
        assert!(table["pipelines"]["p"].get("explain").is_none());
    }
}
