//! The same figures as pictures.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::measured::{Curve, DEADLINES, Row};

const SIZE: (u32, u32) = (760, 420);
const COLORS: [RGBColor; 5] = [
    RGBColor(120, 120, 120),
    RGBColor(230, 140, 20),
    RGBColor(20, 130, 60),
    RGBColor(20, 90, 200),
    RGBColor(200, 30, 90),
];

/// Writes `SET-PROFILE-deadline.svg` and `SET-PROFILE-tokens.svg`.
pub fn draw(
    folder: &Path,
    set: &str,
    profile: &str,
    classical: f64,
    rows: &[Row],
    curves: &[Curve],
) -> Result<(), Box<dyn Error>> {
    let file = |what: &str| folder.join(format!("{set}-{profile}-{what}.svg"));
    deadlines(&file("deadline"), profile, classical, curves)?;
    tokens(&file("tokens"), profile, classical, rows)
}

fn deadlines(
    file: &Path,
    profile: &str,
    classical: f64,
    curves: &[Curve],
) -> Result<(), Box<dyn Error>> {
    let seconds = |at: usize| DEADLINES[at] as f64 / 1e3;
    let last = seconds(DEADLINES.len() - 1);
    let range = range(curves.iter().flat_map(|curve| curve.ndcg.iter().copied()), classical);
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("nDCG@10 at a deadline, {profile} model"), ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(52)
        .build_cartesian_2d((seconds(0)..last).log_scale(), range)?;
    chart
        .configure_mesh()
        .x_desc("deadline, seconds")
        .x_labels(5)
        .light_line_style(WHITE)
        .draw()?;
    let level = [(seconds(0), classical), (last, classical)];
    chart
        .draw_series(DashedLineSeries::new(level, 4, 4, BLACK.into()))?
        .label("classical")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], BLACK));
    for (curve, color) in curves.iter().zip(COLORS) {
        let points = curve.ndcg.iter().enumerate().map(|(at, &ndcg)| (seconds(at), ndcg));
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)))?
            .label(curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    root.present()?;
    Ok(())
}

fn tokens(file: &Path, profile: &str, classical: f64, rows: &[Row]) -> Result<(), Box<dyn Error>> {
    let most = rows.iter().map(|row| row.input_tokens).fold(0.0, f64::max);
    let range = range(rows.iter().map(|row| row.ndcg), classical);
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("nDCG@10 against input tokens, {profile} model"), ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..most * 1.3, range)?;
    chart
        .configure_mesh()
        .x_desc("input tokens a request")
        .x_label_formatter(&|it| format!("{it:.0}"))
        .light_line_style(WHITE)
        .draw()?;
    let level = [(0.0, classical), (most * 1.3, classical)];
    chart.draw_series(DashedLineSeries::new(level, 4, 4, BLACK.into()))?;
    for (at, row) in rows.iter().enumerate() {
        // Above and below by turns, and inwards at the right edge, so that
        // neighbours don't hide each other's names.
        let below = if at % 2 == 0 { -8 } else { 18 };
        let side = if row.input_tokens > most * 0.8 { HPos::Right } else { HPos::Left };
        let style = TextStyle::from(("sans-serif", 13)).pos(Pos::new(side, VPos::Bottom));
        let label = format!("{} ({:.1} rounds)", row.name, row.rounds);
        chart.draw_series(std::iter::once(
            EmptyElement::at((row.input_tokens, row.ndcg))
                + Circle::new((0, 0), 4, COLORS[3].filled())
                + Text::new(label, (0, below), style),
        ))?;
    }
    root.present()?;
    Ok(())
}

/// From just below the least figure to just above the largest.
fn range(figures: impl Iterator<Item = f64>, classical: f64) -> std::ops::Range<f64> {
    let (least, most) =
        figures.fold((classical, classical), |(least, most), it| (least.min(it), most.max(it)));
    least - 0.02..most + 0.02
}
