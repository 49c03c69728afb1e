//! Keys of the documented configuration that this release doesn't have yet.
//! They are refused rather than ignored: a setting that has no effect is worse
//! than an error.

use toml::Table;

use super::document::KeyPath;

struct Planned {
    /// The way to the key.
    path: &'static [&'static str],
    /// What to do instead.
    remedy: &'static str,
}

const PLANNED: &[Planned] = &[
    Planned {
        path: &["keys"],
        remedy: "client keys are not built yet, and requests would be let in without one: remove \
                 [keys], listen on a loopback address, and let a reverse proxy check who asks",
    },
    Planned {
        path: &["limits", "requests_per_second"],
        remedy: "this limit is not built yet: remove it, and use max_in_flight or a reverse proxy",
    },
    Planned {
        path: &["limits", "llm_usd_per_day"],
        remedy: "this limit is not built yet: remove it, and set a budget at the LLM's provider",
    },
];

/// The planned keys that the table has, each with what to do instead.
pub(super) fn found(table: &Table) -> Vec<(KeyPath, &'static str)> {
    let has = |planned: &&Planned| {
        let Some((last, way)) = planned.path.split_last() else { return false };
        let inner = way.iter().try_fold(table, |table, key| table.get(*key)?.as_table());
        inner.is_some_and(|table| table.contains_key(*last))
    };
    let found = PLANNED.iter().filter(has);
    found.map(|planned| (KeyPath::of(planned.path.iter().copied()), planned.remedy)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_planned_and_nothing_else() {
        let text = "[keys.a]\nsha256 = \"0\"\n[limits]\nrequests_per_second = 5\nmax_in_flight = 3";
        let found: Vec<String> = found(&toml::from_str(text).unwrap())
            .into_iter()
            .map(|(path, _)| path.to_string())
            .collect();
        assert_eq!(found, ["keys", "limits.requests_per_second"]);
    }
}
