//! Routes and their descriptions, registered together.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodRouter, delete, get, post};

use super::{Operation, Schemas};
use crate::http::state::HttpState;

/// A route and how it is described.
#[derive(Clone, Copy)]
pub(in crate::http) struct Described {
    pub method: &'static str,
    pub path: &'static str,
    pub describe: Describe,
}

/// Describes a route.
pub(in crate::http) type Describe = fn(&mut Schemas) -> Operation;

/// Routes, each with its description.
#[derive(Default)]
pub(in crate::http) struct Routes {
    router: Router<HttpState>,
    described: Vec<Described>,
}

impl Routes {
    pub fn get<H, T>(self, path: &'static str, handler: H, describe: Describe) -> Self
    where
        H: Handler<T, HttpState>,
        T: 'static,
    {
        self.route("get", path, get(handler), describe)
    }

    pub fn post<H, T>(self, path: &'static str, handler: H, describe: Describe) -> Self
    where
        H: Handler<T, HttpState>,
        T: 'static,
    {
        self.route("post", path, post(handler), describe)
    }

    pub fn delete<H, T>(self, path: &'static str, handler: H, describe: Describe) -> Self
    where
        H: Handler<T, HttpState>,
        T: 'static,
    {
        self.route("delete", path, delete(handler), describe)
    }

    fn route(
        mut self,
        method: &'static str,
        path: &'static str,
        handler: MethodRouter<HttpState>,
        describe: Describe,
    ) -> Self {
        self.router = self.router.route(path, handler);
        self.described.push(Described { method, path, describe });
        self
    }

    /// The routes, for serving.
    pub fn router(self) -> Router<HttpState> {
        self.router
    }

    /// What is said of them.
    pub fn described(self) -> Vec<Described> {
        self.described
    }
}
