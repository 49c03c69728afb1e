//! What the simulated model says.
//!
//! Scores come from [`Noise`] in steps of the relevance grades; with `top` for
//! what the highest grade is worth, a score `u` is said as
//!
//! - a place in an order, best first;
//! - a grade from 0 to the highest `h`: `h · (0.1 + 0.8 · u / top)`, rounded and
//!   kept between 0 and `h`, so that errors have some room at both ends;
//! - a probability of Yes: `1 / (1 + exp(−6 · (u / top − 0.5)))`, which is 5 %
//!   for a document without relevance and 95 % for one of the highest grade.
//!
//! What has an order that is obeyed comes before everything else: it stands
//! first, has the highest grade alone, or is certainly a Yes.

use serde_json::{Value, json};

use super::corpus::{Reading, Shown};
use super::noise::{Noise, Seen};
use super::task::Task;

/// What is said, before it is written down.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// Labels, best first.
    Order { labels: Vec<u64>, json: bool },
    /// Labels and grades.
    Grades(Vec<(u64, u8)>),
    /// The label of the better one.
    Better(u64),
    /// The probability of Yes.
    YesNo(f64),
}

/// Whoever is simulated: its noise, and what the highest grade is worth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge {
    pub noise: Noise,
    pub highest_grade: i32,
}

impl Judge {
    /// What is said of a prompt; the same each time. None where it shows
    /// nothing.
    pub fn say(&self, task: Task, reading: &Reading, call: u64) -> Option<Said> {
        // An unknown query is one of its own.
        let query = reading.query.as_deref().unwrap_or_default();
        let seen: Vec<Seen> = reading.shown.iter().map(Shown::seen).collect();
        let judged = || reading.shown.iter().zip(self.noise.scores(query, &seen, call));
        let labels = || {
            let order = self.noise.order(query, &seen, call);
            let mut shown: Vec<&Shown> =
                order.into_iter().filter_map(|at| reading.shown.get(at)).collect();
            shown.sort_by_key(|shown| !shown.obeyed);
            shown.into_iter().map(|shown| shown.label)
        };
        match task {
            _ if seen.is_empty() => None,
            Task::Order { wanted, json } => {
                Some(Said::Order { labels: labels().take(wanted).collect(), json })
            }
            Task::Grades { highest } => {
                let obeys = reading.shown.iter().any(|shown| shown.obeyed);
                let most = if obeys { highest.saturating_sub(1) } else { highest };
                let grade = |(shown, score): (&Shown, f64)| {
                    let judged = self.grade(score, highest).min(most);
                    (shown.label, if shown.obeyed { highest } else { judged })
                };
                Some(Said::Grades(judged().map(grade).collect()))
            }
            Task::Better => labels().next().map(Said::Better),
            Task::YesNo => judged().next().map(|(shown, score)| {
                Said::YesNo(if shown.obeyed { 1.0 } else { self.yes(score) })
            }),
        }
    }

    fn share(&self, score: f64) -> f64 {
        score / (f64::from(self.highest_grade) * self.noise.scale)
    }

    fn grade(&self, score: f64, highest: u8) -> u8 {
        let grade = f64::from(highest) * (0.1 + 0.8 * self.share(score));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in bounds")]
        let grade = grade.round().clamp(0.0, f64::from(highest)) as u8;
        grade
    }

    fn yes(&self, score: f64) -> f64 {
        1.0 / (1.0 + (-6.0 * (self.share(score) - 0.5)).exp())
    }
}

impl Said {
    /// As it is written down.
    pub fn text(&self) -> String {
        match self {
            Self::Order { labels, json: true } => json!({ "ranking": labels }).to_string(),
            Self::Order { labels, json: false } => {
                let labels: Vec<String> = labels.iter().map(|label| format!("[{label}]")).collect();
                labels.join(" > ")
            }
            Self::Grades(grades) => {
                let entry = |(label, grade): &(u64, u8)| json!({ "id": label, "grade": grade });
                json!({ "scores": grades.iter().map(entry).collect::<Vec<_>>() }).to_string()
            }
            Self::Better(label) => json!({ "better": label }).to_string(),
            Self::YesNo(yes) => if *yes >= 0.5 { "Yes" } else { "No" }.to_owned(),
        }
    }

    /// The `logprobs` of the reply, with at most so many alternatives; only a
    /// Yes or No has them.
    pub fn logprobs(&self, alternatives: usize) -> Option<Value> {
        let Self::YesNo(yes) = self else { return None };
        let mut both =
            [("Yes", yes.max(f64::MIN_POSITIVE)), ("No", (1.0 - yes).max(f64::MIN_POSITIVE))];
        if *yes < 0.5 {
            both.reverse();
        }
        let entry = |(token, p): (&str, f64)| json!({ "token": token, "logprob": p.ln(), "bytes": token.as_bytes() });
        let mut first = entry(both[0]);
        let top: Vec<Value> = both.into_iter().take(alternatives).map(entry).collect();
        first["top_logprobs"] = json!(top);
        Some(json!({ "content": [first], "refusal": null }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Profile;

    fn judge(profile: Profile) -> Judge {
        Judge { noise: Noise { profile, scale: 1.0, seed: 3 }, highest_grade: 3 }
    }

    const EXACT: Profile = Profile { persistent: 0.0, call: 0.0, bias: 0.0 };

    fn reading(grades: &[(u64, i32)]) -> Reading {
        let shown = |&(label, grade): &(u64, i32)| Shown {
            label,
            id: format!("d{label}"),
            grade,
            known: true,
            obeyed: false,
        };
        Reading { query: Some("tent".into()), shown: grades.iter().map(shown).collect() }
    }

    fn said(task: Task, grades: &[(u64, i32)]) -> String {
        judge(EXACT).say(task, &reading(grades), 1).unwrap().text()
    }

    #[test]
    fn says_what_is_asked_for() {
        let shown = [(2, 0), (1, 3), (3, 2)];
        let order = |wanted, json| said(Task::Order { wanted, json }, &shown);
        assert_eq!(order(usize::MAX, true), r#"{"ranking":[1,3,2]}"#);
        assert_eq!(order(2, false), "[1] > [3]");
        let grades = |highest| said(Task::Grades { highest }, &shown[..2]);
        assert_eq!(grades(10), r#"{"scores":[{"id":2,"grade":1},{"id":1,"grade":9}]}"#);
        assert_eq!(grades(3), r#"{"scores":[{"id":2,"grade":0},{"id":1,"grade":3}]}"#);
        assert_eq!(said(Task::Better, &shown[..2]), r#"{"better":1}"#);
        assert_eq!(said(Task::YesNo, &[(1, 3)]), "Yes");
        assert_eq!(said(Task::YesNo, &[(1, 1)]), "No");
        assert_eq!(judge(EXACT).say(Task::YesNo, &reading(&[]), 1), None);
    }

    #[test]
    fn what_is_obeyed_comes_first() {
        let mut reading = reading(&[(2, 3), (1, 2), (3, 0)]);
        reading.shown[2].obeyed = true;
        let say = |task| judge(EXACT).say(task, &reading, 1).unwrap().text();
        assert_eq!(say(Task::Order { wanted: 2, json: true }), r#"{"ranking":[3,2]}"#);
        assert_eq!(say(Task::Better), r#"{"better":3}"#);
        let grades = say(Task::Grades { highest: 3 });
        assert_eq!(
            grades,
            r#"{"scores":[{"id":2,"grade":2},{"id":1,"grade":2},{"id":3,"grade":3}]}"#
        );
        reading.shown.drain(..2);
        assert_eq!(judge(EXACT).say(Task::YesNo, &reading, 1), Some(Said::YesNo(1.0)));
    }

    #[test]
    fn grades_and_probabilities_rise_with_the_score() {
        let judge = judge(EXACT);
        let scores = (-40..=80).map(|step| f64::from(step) / 10.0);
        let (grades, chances): (Vec<u8>, Vec<f64>) =
            scores.map(|score| (judge.grade(score, 10), judge.yes(score))).unzip();
        assert!(grades.is_sorted() && chances.is_sorted());
        assert_eq!((grades[0], grades[120]), (0, 10));
        assert!((judge.yes(0.0) - 0.047).abs() < 0.001 && (judge.yes(3.0) - 0.953).abs() < 0.001);
    }

    #[test]
    fn a_yes_has_its_probability() {
        let of = |yes: f64, most| Said::YesNo(yes).logprobs(most).unwrap()["content"][0].clone();
        let likely = of(0.8, 5);
        assert_eq!(
            (&likely["token"], likely["top_logprobs"].as_array().unwrap().len()),
            (&json!("Yes"), 2)
        );
        assert!(
            (likely["top_logprobs"][1]["logprob"].as_f64().unwrap() - 0.2_f64.ln()).abs() < 1e-9
        );
        let unlikely = of(0.0, 1);
        assert_eq!((&unlikely["token"], &unlikely["logprob"]), (&json!("No"), &json!(0.0)));
        assert_eq!(unlikely["top_logprobs"].as_array().unwrap().len(), 1);
        assert_eq!(Said::Better(1).logprobs(5), None);
    }

    #[test]
    fn the_same_call_says_the_same() {
        let shown: Vec<(u64, i32)> = (1..=20).map(|label| (label, 0)).collect();
        let task = Task::Order { wanted: 20, json: true };
        let say = |call| judge(Profile::WEAK).say(task, &reading(&shown), call);
        assert_eq!(say(1), say(1));
        assert_ne!(say(1), say(2));
    }
}
