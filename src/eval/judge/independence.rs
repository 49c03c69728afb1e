//! Who may not judge.

use std::collections::BTreeSet;

/// A model by every name it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelNames<'a> {
    /// Its name in the configuration.
    pub configured: &'a str,
    /// What upstreams call it.
    pub upstream: BTreeSet<&'a str>,
}

impl<'a> ModelNames<'a> {
    /// The name under which both are the same model.
    fn shared(&self, other: &Self) -> Option<&'a str> {
        if self.configured == other.configured {
            return Some(self.configured);
        }
        let is_other = |name: &&&str| other.upstream.iter().any(|it| it.eq_ignore_ascii_case(name));
        self.upstream.iter().find(is_other).copied()
    }
}

/// A variant that ranks with a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranker<'a> {
    /// The variant's name.
    pub variant: &'a str,
    /// Its model.
    pub model: ModelNames<'a>,
}

/// The judge is a model that ranks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "judge.model: \"{judge}\" is the model that variant {variant} ranks with ({model}), and a \
     model finds its own choices right; name one that ranks in no variant"
)]
pub struct JudgeRanks {
    judge: String,
    variant: String,
    model: String,
}

/// Makes sure that the judge is none of the models that rank: not by its name
/// in the configuration, and not by what an upstream calls it.
///
/// # Errors
/// With the first variant whose model it is.
pub fn refuse_rankers(judge: &ModelNames<'_>, rankers: &[Ranker<'_>]) -> Result<(), JudgeRanks> {
    let found = rankers.iter().find_map(|ranker| Some((ranker, judge.shared(&ranker.model)?)));
    match found {
        None => Ok(()),
        Some((ranker, model)) => Err(JudgeRanks {
            judge: judge.configured.to_owned(),
            variant: ranker.variant.to_owned(),
            model: model.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn model<'a>(configured: &'a str, upstream: &[&'a str]) -> ModelNames<'a> {
        ModelNames { configured, upstream: upstream.iter().copied().collect() }
    }

    #[test_case("small", &["gpt-x"], Some("(small)") ; "the same entry of the configuration")]
    #[test_case("other", &["GPT-5-mini"], Some("(GPT-5-mini)") ; "the same model under another entry")]
    #[test_case("other", &["a", "deployed"], Some("(deployed)") ; "the same deployment")]
    #[test_case("large", &["gpt-5"], None ; "another model")]
    #[test_case("gpt-5-mini", &["gpt-5"], None ; "an entry named like a model")]
    fn a_ranker_is_no_judge(name: &str, upstream: &[&str], refused: Option<&str>) {
        let ranker = |variant, model| Ranker { variant, model };
        let rankers = [
            ranker("one", model("tiny", &["tiny-1"])),
            ranker("two", model("small", &["gpt-5-mini", "deployed"])),
        ];
        let found = refuse_rankers(&model(name, upstream), &rankers);
        match refused {
            None => assert_eq!(found, Ok(())),
            Some(shared) => {
                let error = found.unwrap_err().to_string();
                assert!(error.starts_with(&format!("judge.model: \"{name}\" is")), "{error}");
                assert!(error.contains("variant two") && error.contains(shared), "{error}");
            }
        }
    }
}
