//! What stands before the API: the health gate, and patience with clients that stop sending.

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::{body::Incoming, service::Service};
use wharf_api::{Api, Body};

use crate::{health::Health, listener::request_body::PatientBody};

/// The service of the main listener.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    api: Arc<Api>,
    health: Health,
}

impl Front {
    /// Puts the gate before an API.
    pub(crate) fn new(api: Api, health: Health) -> Self {
        Self {
            api: Arc::new(api),
            health,
        }
    }
}

impl Service<Request<Incoming>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        // As in Distribution, an unhealthy registry answers nothing at all.
        if self.health.failing() {
            let unavailable = self.health.unavailable().map(Body::from);
            return Box::pin(std::future::ready(Ok(unavailable)));
        }
        let api = Arc::clone(&self.api);
        let request = request.map(|body| PatientBody::new(body, PATIENCE));
        Box::pin(async move { Ok(api.handle(request).await) })
    }
}

/// How long a client may send nothing in the middle of a body.
const PATIENCE: Duration = Duration::from_secs(300);
