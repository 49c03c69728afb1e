//! The HTTP edge: connections, layers, routes, dialects and errors.
//!
//! A route or dialect turns a body into a request of the pipeline's and an
//! answer back into a body; everything between speaks domain types. All routes
//! are in [`router`](self::router), all layers in `layers`, and every error
//! that a client can see is in the table of `error`.

mod access;
mod admission;
mod arrival;
mod assets;
mod body;
mod deadline;
mod dialects;
mod docs;
mod error;
mod host;
mod layers;
mod openapi;
mod playground;
mod ranked;
mod router;
mod routes;
mod serve;
mod state;
mod stream;
mod upload;
mod uploads;
mod whole;

pub use router::router;
pub use routes::SearchAnswer;
pub use serve::{ConnectionLimits, serve};
pub use state::{HttpSettings, HttpState, Phase, RefusedPrompts};
