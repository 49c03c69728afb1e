//! `docs/errors.md` is made from the table of errors: this test fails where it
//! says something else, and `make docs` makes it anew.

use std::fmt::Write;

use super::*;
use crate::http::dialects;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors.md");
const BEGIN: &str = "<!-- made by make docs -->\n";
const END: &str = "<!-- end -->\n";

#[test]
fn the_page_of_errors_is_their_table() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    let table = table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(shown, table, "docs/errors.md shows another table: run make docs");
    }
}

fn table() -> String {
    let mut table = String::from(
        "| `code` | | native | `/v2/rerank` | `/v1/rerank` | `/voyage/v1/rerank` | `/rerank` with `texts` |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for code in ErrorCode::ALL {
        let cells =
            [Dialect::Native, Dialect::CohereV2, Dialect::RerankV1, Dialect::Voyage, Dialect::Tei]
                .map(|dialect| cell(dialect, code));
        let (word, title) = (code.as_str(), code.title());
        writeln!(table, "| `{word}` | {title} | {} |", cells.join(" | ")).unwrap();
    }
    table
}

/// The status, and Text Embeddings Inference's word for it.
fn cell(dialect: Dialect, code: ErrorCode) -> String {
    let anywhere = [ErrorCode::BadHost, ErrorCode::MethodNotAllowed];
    if dialect != Dialect::Native && !anywhere.contains(&code) && !dialects::CODES.contains(&code) {
        return "–".into();
    }
    let status = dialect.status(code).as_u16();
    match dialect.error_type(code) {
        Some(word) => format!("{status} `{word}`"),
        None => status.to_string(),
    }
}
