//! The queries that lost and gained most, with both orders side by side.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::HtmlReport;
use super::per_query::{Delta, deltas};
use super::shown::{cut, mean, signed};
use crate::eval::first_stage::Texts;
use crate::eval::runner::Row;
use crate::eval::summary::Measured;

/// Queries shown from either end.
const QUERIES: usize = 5;
/// Documents shown of each order.
const DEPTH: usize = 10;
/// Longest texts, in characters.
const LONGEST_QUERY: usize = 300;
const LONGEST_TITLE: usize = 160;
const LONGEST_TEXT: usize = 240;

/// One variant's queries.
#[derive(Serialize)]
pub(super) struct OfVariant<'p> {
    variant: &'p str,
    worst: Vec<Query<'p>>,
    best: Vec<Query<'p>>,
}

/// One query.
#[derive(Serialize)]
struct Query<'p> {
    id: &'p str,
    text: String,
    baseline: String,
    variant: String,
    difference: String,
    /// The baseline's order and the variant's.
    orders: [Order<'p>; 2],
}

/// The head of an order.
#[derive(Serialize)]
struct Order<'p> {
    name: &'p str,
    /// How it came about.
    status: &'p str,
    reason: Option<&'p str>,
    places: Vec<Place<'p>>,
}

/// One document at its place.
#[derive(Serialize)]
struct Place<'p> {
    rank: usize,
    id: &'p str,
    title: String,
    text: String,
    grade: Option<i32>,
    relevant: bool,
    moved: Moved,
    /// Where the baseline has it; none for the baseline itself.
    beside: Option<String>,
}

/// From the first stage's place to this one.
#[derive(Serialize)]
struct Moved {
    class: &'static str,
    symbol: &'static str,
    by: usize,
    from: usize,
}

/// One variant's queries before anything of them is shown.
struct Notable<'a> {
    variant: &'a Measured<'a>,
    baseline: &'a Measured<'a>,
    worst: Vec<Delta<'a>>,
    best: Vec<Delta<'a>>,
}

fn selected<'a>(report: &HtmlReport<'a>) -> impl Iterator<Item = Notable<'a>> {
    report.comparisons().map(|(variant, baseline)| {
        let deltas = deltas(variant, baseline);
        let best = deltas.iter().filter(|it| it.difference > 0.0).take(QUERIES);
        let worst = deltas.iter().rev().filter(|it| it.difference < 0.0).take(QUERIES);
        let (best, worst) = (best.copied().collect(), worst.copied().collect());
        Notable { variant, baseline, worst, best }
    })
}

fn row<'a>(measured: &Measured<'a>, query: &str) -> Option<&'a Row> {
    measured.rows.iter().find(|row| row.query == query)
}

/// Ids of all documents in the orders that are shown.
pub(super) fn documents<'a>(report: &HtmlReport<'a>) -> BTreeSet<&'a str> {
    let mut ids = BTreeSet::new();
    for Notable { variant, baseline, worst, best } in selected(report) {
        for delta in worst.iter().chain(&best) {
            let rows = [baseline, variant].into_iter().filter_map(|it| row(it, delta.query));
            ids.extend(rows.flat_map(|row| row.order.iter().take(DEPTH)).map(String::as_str));
        }
    }
    ids
}

/// The queries of each variant that is compared.
pub(super) fn notable<'p, 'a: 'p>(
    report: &HtmlReport<'a>,
    documents: &'p Texts,
) -> Vec<OfVariant<'p>> {
    let show = Show { report, documents, texts: report.queries() };
    let of = |it: Notable<'a>| OfVariant {
        variant: it.variant.name,
        worst: it.worst.iter().map(|delta| show.query(&it, delta)).collect(),
        best: it.best.iter().map(|delta| show.query(&it, delta)).collect(),
    };
    selected(report).map(of).collect()
}

/// What is needed to show a query.
struct Show<'s, 'p, 'a> {
    report: &'s HtmlReport<'a>,
    documents: &'p Texts,
    texts: HashMap<&'a str, &'a str>,
}

impl<'p, 'a: 'p> Show<'_, 'p, 'a> {
    fn query(&self, of: &Notable<'a>, delta: &Delta<'a>) -> Query<'p> {
        let text = self.texts.get(delta.query).copied().unwrap_or(delta.query);
        let baseline = row(of.baseline, delta.query);
        Query {
            id: delta.query,
            text: cut(text, LONGEST_QUERY),
            baseline: mean(delta.baseline),
            variant: mean(delta.variant),
            difference: signed(delta.difference),
            orders: [
                self.order(of.baseline.name, baseline, None),
                self.order(of.variant.name, row(of.variant, delta.query), baseline),
            ],
        }
    }

    /// An order, with the places of its documents in another where there is
    /// one.
    fn order(&self, name: &'a str, row: Option<&'a Row>, beside: Option<&Row>) -> Order<'p> {
        let Some(row) = row else {
            return Order { name, status: "not asked", reason: None, places: Vec::new() };
        };
        let ranked = row.order.iter().zip(&row.first_stage_ranks).take(DEPTH).enumerate();
        let places = ranked.map(|(at, (id, &from))| Place {
            beside: beside.map(|it| place_in(it, id)),
            ..self.place(&row.query, at + 1, id, from)
        });
        Order { name, status: row.status, reason: row.reason, places: places.collect() }
    }

    fn place(&self, query: &str, rank: usize, id: &'a str, from: usize) -> Place<'p> {
        let document = self.documents.get(id);
        let grades = self.report.judgments.of(query);
        let grade = grades.and_then(|grades| grades.get(id)).copied();
        Place {
            rank,
            id,
            title: document.map(|it| cut(&it.title, LONGEST_TITLE)).unwrap_or_default(),
            text: document.map(|it| cut(&it.text, LONGEST_TEXT)).unwrap_or_default(),
            grade,
            relevant: grade.is_some_and(|grade| grade >= self.report.relevance_level),
            moved: moved(from, rank),
            beside: None,
        }
    }
}

fn place_in(row: &Row, id: &str) -> String {
    let place = row.order.iter().position(|it| it == id);
    place.map_or_else(|| "not there".to_owned(), |at| (at + 1).to_string())
}

fn moved(from: usize, to: usize) -> Moved {
    let (class, symbol) = match to.cmp(&from) {
        Ordering::Less => ("up", "▲"),
        Ordering::Greater => ("down", "▼"),
        Ordering::Equal => ("level", "="),
    };
    Moved { class, symbol, by: from.abs_diff(to), from }
}
