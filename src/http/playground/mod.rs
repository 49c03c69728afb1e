//! The playground at `/`: a page to see what the LLM changes and why. It asks
//! the same routes as every client, and nothing outside the gateway.
//!
//! `main.js` is where its script begins; the other files are modules of it.

use axum::Router;

use super::assets;
use super::state::HttpState;

/// Only what comes from here, and no code inside the page: text of documents
/// can't become any.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const SCRIPTS: [(&str, &str); 7] = [
    ("/playground/main.js", include_str!("main.js")),
    ("/playground/dom.js", include_str!("dom.js")),
    ("/playground/pickers.js", include_str!("pickers.js")),
    ("/playground/stream.js", include_str!("stream.js")),
    ("/playground/results.js", include_str!("results.js")),
    ("/playground/account.js", include_str!("account.js")),
    ("/playground/code.js", include_str!("code.js")),
];

/// The page and its files.
pub(super) fn routes() -> Router<HttpState> {
    let page = Router::new()
        .route("/", assets::html(include_str!("page.html"), POLICY))
        .route("/playground/style.css", assets::style(include_str!("style.css"), POLICY));
    SCRIPTS
        .into_iter()
        .fold(page, |page, (path, text)| page.route(path, assets::script(text, POLICY)))
}
