//! The debug listener: what operators and their probes see of the server.

use std::{
    convert::Infallible,
    future::{Ready, ready},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::service::Service;

use super::{Health, JSON};

/// Answers on the debug listener. Nobody is asked for a password there.
#[derive(Debug, Clone)]
pub(crate) struct DebugService {
    health: Health,
}

impl DebugService {
    /// Shows `health`.
    pub(crate) fn new(health: Health) -> Self {
        Self { health }
    }

    /// Answers by method and path, exactly.
    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        match (method, path) {
            (&Method::GET, "/debug/health") => self.health_report(),
            _ => not_found(),
        }
    }

    /// The failing checks; nothing but `{}` is well.
    fn health_report(&self) -> Response<Full<Bytes>> {
        let report = self.health.report();
        // A map of texts is always JSON.
        let body = serde_json::to_vec(&report).unwrap_or_default();
        let mut response = Response::new(Full::from(body));
        if !report.is_empty() {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response.headers_mut().insert(header::CONTENT_TYPE, JSON);
        response
    }
}

impl<B> Service<Request<B>> for DebugService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request.method(), request.uri().path())))
    }
}

/// The answer to everything else, as Go's router words it.
fn not_found() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from("404 page not found\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}
