//! What can go wrong with a call, drawn by chance.

use super::noise::Noise;
use super::reply::Said;

/// Shares of calls, from 0 to 1, that go wrong in each way; of `omit`, the
/// share of labels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FaultRates {
    /// Labels that orders and grades leave out.
    pub omit: f64,
    /// Replies that decline in prose.
    pub refuse: f64,
    /// Replies that nobody can read: prose with numbers in it, the first
    /// quarter of a reply, or labels that were never shown.
    pub malformed: f64,
    /// Orders that only repeat the order in which labels were shown.
    pub echo: f64,
    /// Replies in a fence, with a remark behind it.
    pub fenced: f64,
    /// Calls answered with status 500.
    pub fail: f64,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Status 500.
    Failed,
    /// Spoils what is said.
    Spoiled(Spoiled),
}

/// What becomes of what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoiled {
    Refused,
    Prose,
    Cut,
    UnknownLabels,
    Echoed,
    Fenced,
}

/// What has no labels and no bounds to hold on to, though it has numbers.
const REFUSAL: &str = "I'm sorry, but I can't help with ranking these documents.";
const REMARK: &str = "The first one fits the query best; the last 2 or 3 hardly do.";

impl FaultRates {
    /// What goes wrong with a call; at most one thing, labels that are left
    /// out aside.
    pub(super) fn draw(&self, noise: &Noise, call: u64) -> Option<Fault> {
        let happens = |what: &str, rate: f64| noise.chance(call, what) < rate;
        if happens("fail", self.fail) {
            return Some(Fault::Failed);
        }
        let spoiled = if happens("refuse", self.refuse) {
            Spoiled::Refused
        } else if happens("malformed", self.malformed) {
            match noise.chance(call, "kind of malformed") * 3.0 {
                ..1.0 => Spoiled::Prose,
                ..2.0 => Spoiled::Cut,
                _ => Spoiled::UnknownLabels,
            }
        } else if happens("echo", self.echo) {
            Spoiled::Echoed
        } else if happens("fenced", self.fenced) {
            Spoiled::Fenced
        } else {
            return None;
        };
        Some(Fault::Spoiled(spoiled))
    }

    /// What is left of what is said where labels are left out, and how many
    /// are.
    pub(super) fn omit(&self, said: Said, noise: &Noise, call: u64) -> (Said, usize) {
        let stays = |label: u64| noise.chance(call, &format!("omit {label}")) >= self.omit;
        match said {
            Said::Order { labels, json } => {
                let left: Vec<u64> = labels.iter().copied().filter(|&it| stays(it)).collect();
                let omitted = labels.len() - left.len();
                (Said::Order { labels: left, json }, omitted)
            }
            Said::Grades(grades) => {
                let left: Vec<_> = grades.iter().copied().filter(|&(it, _)| stays(it)).collect();
                let omitted = grades.len() - left.len();
                (Said::Grades(left), omitted)
            }
            said @ (Said::Better(_) | Said::YesNo(_)) => (said, 0),
        }
    }
}

impl Spoiled {
    /// The text that comes instead of what is said; none where this can't
    /// happen to it. `shown` are all labels.
    pub fn text(self, said: &Said, shown: &[u64]) -> Option<String> {
        match (self, said) {
            (Self::Refused, _) => Some(REFUSAL.to_owned()),
            (Self::UnknownLabels, Said::YesNo(_)) | (Self::Prose, _) => Some(prose(shown.len())),
            (Self::Cut, _) => {
                let text = said.text();
                Some(text[..text.floor_char_boundary(text.len() / 4)].to_owned())
            }
            (Self::UnknownLabels, _) => Some(elsewhere(said, shown).text()),
            (Self::Echoed, Said::Order { labels, json }) => {
                let labels = shown.iter().copied().take(labels.len()).collect();
                Some(Said::Order { labels, json: *json }.text())
            }
            (Self::Fenced, Said::YesNo(_)) | (Self::Echoed, _) => None,
            (Self::Fenced, _) => Some(format!("```json\n{}\n```\n{REMARK}", said.text())),
        }
    }

    /// Its name in the statistics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Prose => "prose",
            Self::Cut => "cut",
            Self::UnknownLabels => "unknown_labels",
            Self::Echoed => "echoed",
            Self::Fenced => "fenced",
        }
    }
}

fn prose(shown: usize) -> String {
    format!(
        "I looked at {shown} of them. About 2 in 3 seem to fit what is asked for, most of all those \
         that say so within their first 10 words; the others are worth 5 out of 10 at best."
    )
}

/// The same with labels beyond those that were shown.
fn elsewhere(said: &Said, shown: &[u64]) -> Said {
    let beyond = shown.iter().copied().max().unwrap_or(0);
    let moved = |label: u64| label.saturating_add(beyond);
    match said {
        Said::Order { labels, json } => {
            Said::Order { labels: labels.iter().map(|&label| moved(label)).collect(), json: *json }
        }
        Said::Grades(grades) => {
            Said::Grades(grades.iter().map(|&(label, grade)| (moved(label), grade)).collect())
        }
        Said::Better(label) => Said::Better(moved(*label)),
        Said::YesNo(yes) => Said::YesNo(*yes),
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::domain::Usage;
    use crate::llm::{ChatReply, FinishReason};
    use crate::rerank::parse;
    use crate::simulate::Profile;

    const NOISE: Noise = Noise { profile: Profile::MEDIUM, scale: 1.0, seed: 5 };

    fn order(labels: &[u64], json: bool) -> Said {
        Said::Order { labels: labels.to_vec(), json }
    }

    /// Whether the gateway can use it, where so many labels were shown.
    fn usable(said: &Said, text: &str, shown: usize) -> bool {
        let reply = ChatReply {
            content: text.to_owned(),
            finish: FinishReason::Stop,
            refusal: None,
            first_token: Vec::new(),
            usage: Usage::default(),
        };
        match said {
            Said::Order { labels, .. } => {
                parse::parse_listwise(&reply, shown, labels.len()).into_result().is_ok()
            }
            Said::Grades(_) => parse::parse_graded(&reply, shown, 10).into_result().is_ok(),
            Said::YesNo(_) => parse::parse_pointwise(&reply).into_result().is_ok(),
            Said::Better(_) => unreachable!("not read by this release"),
        }
    }

    fn examples(shown: usize) -> Vec<Said> {
        let labels: Vec<u64> = (1..=shown as u64).rev().collect();
        vec![
            order(&labels, true),
            order(&labels, false),
            Said::Grades(labels.iter().map(|&label| (label, 7)).collect()),
            Said::YesNo(0.9),
            Said::YesNo(0.1),
        ]
    }

    #[test_case(Spoiled::Refused, false)]
    #[test_case(Spoiled::Prose, false)]
    #[test_case(Spoiled::Cut, false)]
    #[test_case(Spoiled::UnknownLabels, false)]
    #[test_case(Spoiled::Echoed, true)]
    #[test_case(Spoiled::Fenced, true)]
    fn what_cannot_be_read_is_read_by_nobody(spoiled: Spoiled, readable: bool) {
        for shown in [1, 2, 3, 4, 5, 10, 20, 50] {
            let labels: Vec<u64> = (1..=shown as u64).collect();
            for said in examples(shown) {
                assert!(usable(&said, &said.text(), shown), "{said:?}");
                if let Some(text) = spoiled.text(&said, &labels) {
                    assert_eq!(usable(&said, &text, shown), readable, "{shown} shown: {text}");
                }
            }
        }
    }

    #[test]
    fn an_echo_repeats_what_was_shown() {
        let text = Spoiled::Echoed.text(&order(&[3, 1], true), &[2, 3, 1]);
        assert_eq!(text.as_deref(), Some(r#"{"ranking":[2,3]}"#));
        assert_eq!(Spoiled::Echoed.text(&Said::YesNo(0.3), &[1]), None);
    }

    #[test]
    fn labels_are_left_out_by_their_share() {
        let labels: Vec<u64> = (1..=20).collect();
        let rates = FaultRates { omit: 0.25, ..FaultRates::default() };
        let omitted: usize =
            (0..200).map(|call| rates.omit(order(&labels, true), &NOISE, call).1).sum();
        assert!((900..1100).contains(&omitted), "{omitted}");
        let none = FaultRates::default();
        assert_eq!(none.omit(order(&labels, true), &NOISE, 1), (order(&labels, true), 0));
        let all = FaultRates { omit: 1.0, ..none };
        assert_eq!(all.omit(Said::Grades(vec![(1, 3)]), &NOISE, 1), (Said::Grades(vec![]), 1));
    }

    #[test]
    fn calls_go_wrong_by_their_share() {
        let rates = FaultRates {
            fail: 0.1,
            refuse: 0.1,
            malformed: 0.3,
            echo: 0.1,
            fenced: 0.1,
            ..FaultRates::default()
        };
        let drawn: Vec<_> = (0..4000).map(|call| rates.draw(&NOISE, call)).collect();
        let count = |fault| drawn.iter().filter(|drawn| **drawn == fault).count();
        let spoiled = |spoiled| count(Some(Fault::Spoiled(spoiled)));
        assert!((350..450).contains(&count(Some(Fault::Failed))));
        assert!((310..410).contains(&spoiled(Spoiled::Refused)));
        for kind in [Spoiled::Prose, Spoiled::Cut, Spoiled::UnknownLabels] {
            assert!((280..370).contains(&spoiled(kind)), "{kind:?}: {}", spoiled(kind));
        }
        assert_eq!(FaultRates::default().draw(&NOISE, 1), None);
        let always = FaultRates { malformed: 1.0, ..FaultRates::default() };
        assert!((0..100).all(|call| always.draw(&NOISE, call).is_some()));
    }
}
