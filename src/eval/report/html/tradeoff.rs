//! Quality against what it costs, and against how long it takes.

use serde::Serialize;

use super::scale::{Scale, Tick, plain, tenth};
use super::shown::{cut, dollars, mean, milliseconds, thousands};
use crate::eval::summary::{Measured, Summary, VariantSummary};

/// Pixels from the lowest cost to the highest.
const ACROSS: (f64, f64) = (56.0, 440.0);
/// Pixels of the best and of the worst.
const UPWARDS: (f64, f64) = (14.0, 234.0);
/// Pixels from one name to the next at least.
const APART: f64 = 18.0;
/// Longest name, in characters: what fits beside the plot.
const LONGEST: usize = 26;

/// Both plots, and the numbers in a table.
#[derive(Serialize)]
pub(super) struct Tradeoffs<'a> {
    /// None where nothing was spent.
    cost: Option<Plot>,
    latency: Plot,
    lines: Vec<Line<'a>>,
}

/// What one variant took.
#[derive(Serialize)]
struct Line<'a> {
    variant: &'a str,
    mean: String,
    calls: String,
    input_tokens: String,
    output_tokens: String,
    cost: String,
    per_thousand: String,
    p50: String,
    p95: String,
}

/// A plot of the headline metric against something else.
#[derive(Serialize)]
struct Plot {
    points: Vec<Point>,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    /// The lower end of the plot, which moves where many names need room.
    bottom: f64,
    /// Of the whole, with the numbers below it.
    height: f64,
}

/// One variant.
#[derive(Serialize)]
struct Point {
    name: String,
    detail: String,
    x: f64,
    y: f64,
    /// Where its 95th percentile is.
    until: Option<f64>,
    /// Where the line to its name begins.
    lead: f64,
    /// Where its name stands, beside the plot.
    name_y: f64,
}

/// A variant's place before it is drawn.
struct Value<'a> {
    name: &'a str,
    quality: f64,
    x: f64,
    until: Option<f64>,
    detail: String,
}

impl<'a> Tradeoffs<'a> {
    pub fn of(summary: &'a Summary, measured: &[Measured<'_>]) -> Self {
        let asked = |name: &str| {
            let found = measured.iter().find(|it| it.name == name);
            found.map_or(1, |it| it.rows.len().max(1)) as f64
        };
        let per_thousand = |it: &VariantSummary| it.usage.cost_usd / asked(&it.name) * 1000.0;
        let variants = || summary.variants.iter();
        let cost = |it: &'a VariantSummary| Value {
            name: &it.name,
            quality: quality(it),
            x: per_thousand(it),
            until: None,
            detail: format!("{} for 1,000 queries", dollars(per_thousand(it))),
        };
        let latency = |it: &'a VariantSummary| Value {
            name: &it.name,
            quality: quality(it),
            x: it.latency_p50_ms,
            until: Some(it.latency_p95_ms),
            detail: format!(
                "half within {}, 95 % within {}",
                milliseconds(it.latency_p50_ms),
                milliseconds(it.latency_p95_ms)
            ),
        };
        let spent = variants().any(|it| it.usage.cost_usd > 0.0);
        Self {
            cost: spent.then(|| plot(&variants().map(cost).collect::<Vec<_>>())),
            latency: plot(&variants().map(latency).collect::<Vec<_>>()),
            lines: variants().map(|it| line(it, per_thousand(it))).collect(),
        }
    }
}

fn quality(variant: &VariantSummary) -> f64 {
    variant.metrics.first().map_or(0.0, |it| it.mean)
}

fn line(it: &VariantSummary, per_thousand: f64) -> Line<'_> {
    Line {
        variant: &it.name,
        mean: mean(quality(it)),
        calls: thousands(it.calls),
        input_tokens: thousands(it.usage.input_tokens),
        output_tokens: thousands(it.usage.output_tokens),
        cost: dollars(it.usage.cost_usd),
        per_thousand: dollars(per_thousand),
        p50: milliseconds(it.latency_p50_ms),
        p95: milliseconds(it.latency_p95_ms),
    }
}

fn plot(values: &[Value<'_>]) -> Plot {
    let bottom = UPWARDS.1.max(UPWARDS.0 + APART * values.len() as f64);
    let along = values.iter().flat_map(|it| [Some(it.x), it.until]).flatten();
    let x = Scale::of(along.chain([0.0]), 4, ACROSS.0, ACROSS.1);
    let y = Scale::of(values.iter().map(|it| it.quality), 4, bottom, UPWARDS.0);
    let mut points: Vec<Point> = values
        .iter()
        .map(|it| Point {
            name: cut(it.name, LONGEST),
            detail: format!("{}: {}, {}", it.name, mean(it.quality), it.detail),
            x: x.at(it.x),
            y: y.at(it.quality),
            until: it.until.map(|until| x.at(until)),
            lead: tenth(x.at(it.until.unwrap_or(it.x).max(it.x)) + 8.0),
            name_y: 0.0,
        })
        .collect();
    points.sort_by(|a, b| a.y.total_cmp(&b.y));
    name(&mut points, bottom);
    let (x_ticks, y_ticks) = (x.ticks(plain), y.ticks(plain));
    Plot { points, x_ticks, y_ticks, bottom, height: bottom + 26.0 }
}

/// Names stand beside the plot, each as near to its point's height as the
/// others let it. The points are in order from the top.
fn name(points: &mut [Point], bottom: f64) {
    let mut free = f64::NEG_INFINITY;
    for point in points.iter_mut() {
        point.name_y = point.y.max(free);
        free = point.name_y + APART;
    }
    let mut free = bottom;
    for point in points.iter_mut().rev() {
        point.name_y = tenth(point.name_y.min(free));
        free = point.name_y - APART;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(qualities: &[f64]) -> Vec<Value<'static>> {
        let value = |&quality: &f64| Value {
            name: "a",
            quality,
            x: 1.0,
            until: None,
            detail: String::new(),
        };
        qualities.iter().map(value).collect()
    }

    proptest! {
        #[test]
        fn names_never_overlap_nor_leave_the_plot(
            qualities in prop::collection::vec(0.0..1.0_f64, 1..30),
        ) {
            let plot = plot(&values(&qualities));
            let names: Vec<f64> = plot.points.iter().map(|it| it.name_y).collect();
            for pair in names.windows(2) {
                prop_assert!(pair[1] - pair[0] >= APART - 0.01, "{names:?}");
            }
            prop_assert!(names[0] >= UPWARDS.0 - 0.1, "{names:?}");
            prop_assert!(names.iter().all(|&name| name <= plot.bottom + 0.1), "{names:?}");
        }
    }

    #[test]
    fn lone_points_have_their_names_beside_them() {
        let plot = plot(&values(&[0.2, 0.9]));
        assert!(plot.points.iter().all(|it| (it.name_y - it.y).abs() < 0.1));
    }
}
