//! The page at `/docs`: Swagger UI over `/openapi.json`. Its files are in the
//! program, so that the page needs nothing from outside.

use axum::Router;
use axum::response::Response;
use swagger_ui_dist::{ApiDefinition, OpenApiSource, generate_routes};
use tower::ServiceBuilder;

use super::assets;
use super::state::HttpState;

/// Where Swagger UI's own files are.
const ASSETS: &str = "/docs/assets";

/// What the page may load. Swagger UI draws its icons from data.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page and its files.
pub(super) fn routes() -> Router<HttpState> {
    let library = generate_routes(ApiDefinition {
        uri_prefix: ASSETS,
        api_definition: OpenApiSource::Uri("/openapi.json"),
        title: None,
    });
    // It brings a page of its own, whose script stands in it and isn't let run.
    let library: Router<()> = library.layer(
        ServiceBuilder::new().map_response(|response: Response| assets::guarded(response, POLICY)),
    );
    Router::new()
        .route("/docs", assets::html(include_str!("page.html"), POLICY))
        .route("/docs/start.js", assets::script(include_str!("start.js"), POLICY))
        .merge(library.with_state(()))
}
