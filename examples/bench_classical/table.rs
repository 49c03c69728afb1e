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

/// For each group, the settings that are better than the default on both
/// halves of every set: those that a default could be changed to.
pub fn print_choices(rows: &[Row]) {
    let mut groups: Vec<&str> = rows.iter().map(|row| row.group).collect();
    groups.dedup();
    for group in groups {
        let members = || rows.iter().filter(|row| row.group == group);
        let Some(default) = members().find(|row| row.default) else { continue };
        let better: Vec<&str> = members()
            .filter(|row| is_better(row, default))
            .map(|row| row.setting.as_str())
            .collect();
        let better = if better.is_empty() { "none".to_owned() } else { better.join("; ") };
        println!("- {group}: better than the default on both halves of every set: {better}");
    }
}

fn is_better(row: &Row, default: &Row) -> bool {
    row.figures.iter().zip(&default.figures).all(|(figures, default)| {
        figures.choosing > default.choosing && figures.confirming > default.confirming
    })
}
