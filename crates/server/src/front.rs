//! What stands before the API: the health gate, and patience with clients that stop sending, or
//! send what nobody reads.

use std::{convert::Infallible, error::Error as StdError, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header, uri::Authority,
};
use http_body::Body as _;
use hyper::{body::Incoming, service::Service};
use tokio::sync::Notify;
use wharf_api::{Api, Body};

use crate::{
    announcement::Announcement,
    health::Health,
    listener::{request_body::PatientBody, unread_body::LentBody},
};

/// The service of the main listener.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    api: Arc<Api>,
    health: Health,
    full: Arc<Notify>,
    announcement: Arc<Announcement>,
}

impl Front {
    /// Puts the gate before an API. Whoever waits for `full` hears when an answer says that the
    /// store is. What may write waits for the `announcement`.
    pub(crate) fn new(
        api: Api,
        health: Health,
        full: Arc<Notify>,
        announcement: Arc<Announcement>,
    ) -> Self {
        Self {
            api: Arc::new(api),
            health,
            full,
            announcement,
        }
    }
}

impl Front {
    async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        // As in Distribution, an unhealthy registry answers nothing at all.
        if self.health.failing() {
            return self.health.unavailable().map(Body::from);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD)
            && let Err(error) = self.announcement.make().await
        {
            tracing::debug!(error = &error as &dyn StdError, "collectors cannot be told");
        }
        let request = request.map(|body| PatientBody::new(body, PATIENCE));
        let answer = self.api.handle(request).await;
        if answer.status() == StatusCode::INSUFFICIENT_STORAGE {
            self.full.notify_one();
        }
        answer
    }
}

impl Service<Request<Incoming>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if let Some(fault) = host_fault(request.version(), request.headers()) {
            return Box::pin(std::future::ready(Ok(bad_request(fault))));
        }
        let front = self.clone();
        if request.version() >= Version::HTTP_2 || request.body().is_end_stream() {
            return Box::pin(async move { Ok(front.answer(request).await) });
        }
        let (head, body) = request.into_parts();
        let (lent, lender) = LentBody::new(body, &head.headers);
        Box::pin(async move {
            let mut answer = front.answer(Request::from_parts(head, lent)).await;
            lender.settle(answer.headers_mut()).await;
            Ok(answer)
        })
    }
}

/// What is wrong with the `Host` of a request, which the URLs in its answer repeat (RFC 9112,
/// section 3.2).
fn host_fault(version: Version, headers: &HeaderMap) -> Option<&'static str> {
    if version != Version::HTTP_11 {
        return None;
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let Some(host) = hosts.next() else {
        return Some("400 Bad Request: missing required Host header");
    };
    if hosts.next().is_some() {
        return Some("400 Bad Request: too many Host headers");
    }
    let well_formed = |host: &str| {
        // An empty one is what a client sends that has no name for us.
        host.is_empty()
            || host
                .parse::<Authority>()
                .is_ok_and(|authority| !authority.as_str().contains('@'))
    };
    if host.to_str().is_ok_and(well_formed) {
        None
    } else {
        Some("400 Bad Request: malformed Host header")
    }
}

fn bad_request(fault: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from_static(fault.as_bytes())));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// How long a client may send nothing in the middle of a body.
const PATIENCE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_the_host_once_and_well() {
        let fault = |hosts: &[&str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, HeaderValue::from_str(host).unwrap());
            }
            host_fault(Version::HTTP_11, &headers)
        };
        for host in ["a", "a:5000", "127.0.0.1:5000", "[::1]:5000", ""] {
            assert_eq!(fault(&[host]), None, "{host}");
        }
        for hosts in [
            &[][..],
            &["a", "a"],
            &["a b"],
            &["a/b"],
            &["a@b"],
            &["a\"b"],
        ] {
            assert!(fault(hosts).is_some(), "{hosts:?}");
        }
        assert_eq!(host_fault(Version::HTTP_2, &HeaderMap::new()), None);
        assert_eq!(host_fault(Version::HTTP_10, &HeaderMap::new()), None);
    }
}
