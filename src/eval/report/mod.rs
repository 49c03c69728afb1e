//! What a run is told with: `report.md` for a pull request's comment,
//! `report.html` for whoever decides on it.

mod html;
mod markdown;

pub use html::{HtmlReport, ModelUsed, PromptUsed, Provenance, Unrendered, VariantSetup};
pub use markdown::{comparison, markdown};
