//! What was measured, as a table of Markdown.

use super::measure::Figures;

/// One setting of the classical ranking, measured on every set.
pub struct Row {
    /// What is varied.
    pub group: &'static str,
    /// To what.
    pub setting: String,
    /// Whether the gateway does so where nothing is configured.
    pub default: bool,
    /// In the order of the sets.
    pub figures: Vec<Figures>,
}

/// All rows under one heading.
pub fn print(sets: &[&str], rows: &[Row]) {
    println!("| varied | setting | {} |", sets.join(" | "));
    println!("|---|---|{}", "---|".repeat(sets.len()));
    for row in rows {
        let figures: Vec<String> = row.figures.iter().map(cell).collect();
        let setting = &row.setting;
        let setting = if row.default { format!("**{setting}**") } else { setting.clone() };
        println!("| {} | {setting} | {} |", row.group, figures.join(" | "));
    }
}

fn cell(figures: &Figures) -> String {
    let Figures { all, choosing, confirming } = figures;
    format!("{all:.4} ({choosing:.4} {confirming:.4})")
}

/// For each group, the setting that is best on the halves to choose by, and
/// what it gains or loses over the default on the halves that confirm.
pub fn print_choices(sets: &[&str], rows: &[Row]) {
    let mut groups: Vec<&str> = rows.iter().map(|row| row.group).collect();
    groups.dedup();
    for group in groups {
        let members: Vec<&Row> = rows.iter().filter(|row| row.group == group).collect();
        let best = members.iter().max_by(|a, b| chosen_by(a).total_cmp(&chosen_by(b)));
        let default = members.iter().find(|row| row.default);
        let (Some(best), Some(default)) = (best, default) else { continue };
        let gains: Vec<String> = sets
            .iter()
            .zip(best.figures.iter().zip(&default.figures))
            .map(|(set, (best, default))| {
                let choosing = best.choosing - default.choosing;
                let confirming = best.confirming - default.confirming;
                format!("{set} {choosing:+.4} chosen, {confirming:+.4} confirmed")
            })
            .collect();
        println!("- {group}: {} against {}: {}", best.setting, default.setting, gains.join("; "));
    }
}

fn chosen_by(row: &Row) -> f64 {
    row.figures.iter().map(|figures| figures.choosing).sum()
}
