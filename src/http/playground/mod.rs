//! The playground at `/`: a page to see what the LLM changes and why. It asks
//! the same routes as every client, and nothing outside the gateway.

use axum::Router;

use super::assets;
use super::state::HttpState;

/// Only what comes from here, and no code inside the page: text of documents
/// can't become any.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page and its files.
pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/", assets::html(include_str!("page.html"), POLICY))
        .route("/playground.css", assets::style(include_str!("style.css"), POLICY))
        .route("/playground.js", assets::script(include_str!("script.js"), POLICY))
}
