//! Writing to the terminal. A reader that has gone away (`| head`) is no error.

use std::io::{self, Write};

use super::Failure;

/// A line of results on stdout.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    match writeln!(io::stdout().lock(), "{}", text.trim_end_matches('\n')) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// One JSON document on stdout.
pub(super) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    print(&serde_json::to_string_pretty(value)?)
}

/// A line for the person at the terminal, on stderr.
pub(super) fn tell(text: &str) {
    // There is nobody left to tell that it failed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A table without lines between its cells.
pub(super) fn table(header: &[&str]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    table.set_header(header.to_vec());
    table
}
