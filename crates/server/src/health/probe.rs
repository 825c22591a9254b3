//! Checks of the world around: a file, an address, a service.

use std::{convert::Infallible, path::PathBuf, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header, uri::Scheme};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Check, HealthError};

/// A service that has to answer to HEAD.
#[derive(Debug, Clone)]
pub(crate) struct HttpProbe {
    /// Its address, over plain HTTP.
    pub(crate) uri: Uri,
    /// Headers of the request.
    pub(crate) headers: HeaderMap,
    /// The status that means it is well.
    pub(crate) status: u16,
    /// How long the answer may take.
    pub(crate) timeout: Option<Duration>,
}

impl Check {
    /// Fails while `path` exists: an operator takes the registry out of service by a file.
    pub(crate) fn file(path: PathBuf, interval: Duration) -> Self {
        Self::new(path.display().to_string(), interval, 1, move || {
            let path = path.clone();
            async move {
                match tokio::fs::try_exists(&path).await {
                    Ok(false) => Ok(()),
                    Ok(true) => Err("file exists".to_owned()),
                    Err(error) => Err(error.to_string()),
                }
            }
        })
    }

    /// Fails while nobody accepts connections at `address`, a host and a port.
    pub(crate) fn tcp(
        address: String,
        timeout: Option<Duration>,
        interval: Duration,
        threshold: u32,
    ) -> Self {
        let check = Self::new(address.clone(), interval, threshold, move || {
            let address = address.clone();
            async move {
                TcpStream::connect(&address)
                    .await
                    .map(drop)
                    .map_err(|error| format!("{address}: connection failed: {error}"))
            }
        });
        check.within(timeout)
    }

    /// Fails while a service does not answer, or answers with another status; redirects are not
    /// followed.
    pub(crate) fn http(
        probe: HttpProbe,
        interval: Duration,
        threshold: u32,
    ) -> Result<Self, HealthError> {
        let uri = probe.uri.to_string();
        if probe.uri.scheme() != Some(&Scheme::HTTP) || probe.uri.host().is_none() {
            return Err(HealthError::UnsupportedUri { uri });
        }
        let timeout = probe.timeout;
        let check = Self::new(uri.clone(), interval, threshold, move || {
            let probe = probe.clone();
            let uri = uri.clone();
            async move {
                match head(&probe).await {
                    Ok(status) if status == probe.status => Ok(()),
                    Ok(status) => Err(format!(
                        "{uri}: downstream service returned unexpected status: {status}"
                    )),
                    Err(error) => Err(format!("{uri}: error while checking: {error}")),
                }
            }
        });
        Ok(check.within(timeout))
    }
}

/// Asks a service once, over a connection of its own.
async fn head(probe: &HttpProbe) -> Result<u16, Box<dyn std::error::Error + Send + Sync>> {
    let host = probe.uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let port = probe.uri.port_u16().unwrap_or(80);
    let stream = TcpStream::connect((address, port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;

    let path = probe.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = Method::HEAD;
    *request.uri_mut() = path.parse()?;
    if let Some(authority) = probe.uri.authority() {
        let host = HeaderValue::from_str(authority.as_str())?;
        request.headers_mut().insert(header::HOST, host);
    }
    request.headers_mut().extend(probe.headers.clone());
    let response = tokio::select! {
        biased;
        response = sender.send_request(request) => response?,
        never = drive(connection) => match never {},
    };
    Ok(response.status().as_u16())
}

/// Moves a connection along until somebody else has what they want of it.
async fn drive(connection: impl Future<Output = hyper::Result<()>>) -> Infallible {
    // What goes wrong here is told to the request.
    let _ = connection.await;
    std::future::pending().await
}
