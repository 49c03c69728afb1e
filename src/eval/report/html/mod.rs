//! `report.html`: a run for whoever decides on it, in one file.
//!
//! Each section has a view, numbers and texts made ready in Rust, and a place
//! in `page.html`; plots are SVG with coordinates that a view has worked out.
//! The page loads nothing and runs no script, and its content policy keeps it
//! that way whatever a document's text may try. Colour never tells anything by
//! itself.

mod explanations;
mod holes;
mod metrics;
mod orders;
mod per_query;
mod provenance;
mod reliability;
mod scale;
mod shown;
#[cfg(test)]
mod tests;
mod tradeoff;
mod verdicts;

use std::collections::{BTreeSet, HashMap};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

pub use self::provenance::{ModelUsed, PromptUsed, Provenance, VariantSetup};
use crate::eval::dataset::Topic;
use crate::eval::first_stage::Texts;
use crate::eval::gates::Verdict;
use crate::eval::judgments::Judgments;
use crate::eval::summary::{Measured, Summary};

/// Templates by name; the ending decides how values in them are escaped.
const TEMPLATES: [(&str, &str); 5] = [
    ("page.html", include_str!("page.html")),
    ("queries.html", include_str!("queries.html")),
    ("setup.html", include_str!("setup.html")),
    ("plots.html", include_str!("plots.html")),
    ("style.css", include_str!("style.css")),
];

/// A run of a suite with everything that the page tells of it.
#[derive(Clone, Copy)]
pub struct HtmlReport<'a> {
    /// The suite's name.
    pub title: &'a str,
    /// The numbers.
    pub summary: &'a Summary,
    /// What became of the suite's gates.
    pub verdicts: &'a [Verdict],
    /// The variants of the summary.
    pub measured: &'a [Measured<'a>],
    /// The queries that were asked.
    pub topics: &'a [Topic],
    /// The grades.
    pub judgments: &'a Judgments<'a>,
    /// Lowest grade that counts as relevant.
    pub relevance_level: i32,
}

/// The page's template failed, which a test would have told.
#[derive(Debug, thiserror::Error)]
#[error("report.html can't be made: {0}; the other results are not affected")]
pub struct Unrendered(#[from] minijinja::Error);

/// What `page.html` reads.
#[derive(Serialize)]
struct Page<'a> {
    title: &'a str,
    queries: usize,
    baseline: &'a str,
    headline: String,
    headline_meaning: String,
    compared: bool,
    cards: Vec<verdicts::Card<'a>>,
    gates: verdicts::Gates<'a>,
    metrics: Vec<metrics::Table<'a>>,
    bars: Vec<per_query::Bars<'a>>,
    tradeoffs: tradeoff::Tradeoffs<'a>,
    reliability: Vec<reliability::Line<'a>>,
    explanations: Vec<explanations::Line<'a>>,
    holes: Vec<holes::Line<'a>>,
    notable: Vec<orders::OfVariant<'a>>,
    provenance: &'a Provenance,
    statistics: provenance::Statistics,
}

impl<'a> HtmlReport<'a> {
    /// Ids of the documents whose titles and texts the page shows: those at the
    /// head of the queries that gained or lost most.
    #[must_use]
    pub fn documents(&self) -> BTreeSet<&'a str> {
        orders::documents(self)
    }

    /// The page. A document that is missing from `documents` is shown by its
    /// id.
    ///
    /// # Errors
    /// When the template fails, which no data of a run causes.
    pub fn render(&self, documents: &Texts, provenance: &Provenance) -> Result<String, Unrendered> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).build()?);
        for (name, source) in TEMPLATES {
            environment.add_template(name, source)?;
        }
        let page = self.page(documents, provenance);
        Ok(environment.get_template("page.html")?.render(Value::from(Serde(&page)))?)
    }

    fn page<'p>(&self, documents: &'p Texts, provenance: &'p Provenance) -> Page<'p>
    where
        'a: 'p,
    {
        let headline = self.summary.variants.first().and_then(|it| it.metrics.first());
        Page {
            title: self.title,
            queries: self.summary.queries,
            baseline: &self.summary.baseline,
            headline: headline.map(|it| it.metric.to_string()).unwrap_or_default(),
            headline_meaning: headline.map(|it| metrics::meaning(it.metric)).unwrap_or_default(),
            compared: self.summary.variants.len() > 1,
            cards: verdicts::cards(self.summary),
            gates: verdicts::Gates::of(self.verdicts),
            metrics: metrics::tables(self.summary),
            bars: per_query::bars(self),
            tradeoffs: tradeoff::Tradeoffs::of(self.summary, self.measured),
            reliability: reliability::lines(self.summary, self.measured),
            explanations: explanations::lines(self.summary),
            holes: holes::lines(self.summary),
            notable: orders::notable(self, documents),
            provenance,
            statistics: provenance::Statistics::default(),
        }
    }

    /// The variants that were compared, and what with; none where the baseline
    /// wasn't run.
    fn comparisons(&self) -> impl Iterator<Item = (&'a Measured<'a>, &'a Measured<'a>)> {
        let (measured, name) = (self.measured, self.summary.baseline.as_str());
        let baseline = measured.iter().find(move |it| it.name == name);
        let others = measured.iter().filter(move |it| it.name != name);
        others.filter_map(move |variant| Some((variant, baseline?)))
    }

    /// Texts of the queries by id.
    fn queries(&self) -> HashMap<&'a str, &'a str> {
        self.topics.iter().map(|it| (it.id.as_str(), it.query.as_str())).collect()
    }
}
