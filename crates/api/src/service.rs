//! Every request in four steps: parse, authorize, handle, render.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use wharf_auth::AccessController;
use wharf_oci::{Access, Action, Digest, RepositoryName};
use wharf_registry::{BodyStream, Registry};

use crate::{
    access,
    body::{self, Body, BoxError},
    config::Config,
    connection::ConnectionInfo,
    endpoint::{Endpoint, Unrouted},
    error::Error,
    handlers::{
        Query, blobs, lists, manifests, referrers,
        uploads::{self, Mount, Uploads},
    },
    location::Locations,
    request_log::RequestLog,
    respond::{self, Answered},
    schema1::Converter,
    upload_state::UploadStates,
};

/// The registry's HTTP API.
#[derive(Debug, Clone)]
pub struct Api {
    registry: Arc<dyn Registry>,
    access: Arc<dyn AccessController>,
    config: Arc<Config>,
    states: UploadStates,
}

/// What a handler may look at of a request.
struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: BodyStream,
    /// Whether it came over an encrypted connection.
    tls: bool,
}

impl Api {
    /// An API to a registry, for those whom the access controller lets in.
    #[must_use]
    pub fn new(
        registry: Arc<dyn Registry>,
        access: Arc<dyn AccessController>,
        config: Config,
    ) -> Self {
        Self {
            registry,
            access,
            states: UploadStates::new(config.secret.as_deref()),
            config: Arc::new(config),
        }
    }

    /// Answers a request. Whatever goes wrong is an answer too, and is in the log.
    ///
    /// The request's extensions hold the [`ConnectionInfo`]; without one it came over an
    /// unencrypted connection from nowhere, as in tests.
    pub async fn handle<B>(&self, request: Request<B>) -> Answered
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let connection = request
            .extensions()
            .get()
            .cloned()
            .unwrap_or(ConnectionInfo {
                peer: None,
                tls: false,
                files: None,
            });
        let mut log = Box::new(RequestLog::begin(&request, &connection));
        let is_head = request.method() == Method::HEAD;
        let mut response = self.answer(request, &connection, &mut log).await;
        if is_head {
            // The head says how long the body would be.
            *response.body_mut() = Body::empty();
        }
        log.answered(&response);
        response.map(|body| body.sent_by(connection.files.as_ref()).logged(log))
    }

    async fn answer<B>(
        &self,
        request: Request<B>,
        connection: &ConnectionInfo,
        log: &mut RequestLog,
    ) -> Answered
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        match parts.uri.path() {
            "/" => return root(),
            // What the server can do as a whole (RFC 9110, section 9.3.7).
            "*" if parts.method == Method::OPTIONS => return respond::empty(StatusCode::OK),
            _ => {}
        }
        let config = &self.config;
        let parsed = Endpoint::parse(&parts.method, &parts.uri, &config.prefix, config.mode);
        let asked = Asked {
            tls: connection.tls,
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body: body::incoming(body),
        };
        let mut response = match parsed {
            Ok(endpoint) => {
                log.routed(&endpoint);
                let answered = match self
                    .authorize(&asked.headers, access::needed(&endpoint), log)
                    .await
                {
                    Ok(()) => self.carry_out(endpoint, asked).await,
                    Err(error) => Err(error),
                };
                let response = answered.unwrap_or_else(|error| failed(&error, log));
                self.with_configured_headers(response)
            }
            Err(unrouted) => self.unrouted(unrouted, asked, log).await,
        };
        let headers = response.headers_mut();
        headers.insert(respond::API_VERSION, respond::REGISTRY_2_0);
        response
    }

    async fn authorize(
        &self,
        headers: &HeaderMap,
        needed: Vec<Access>,
        log: &mut RequestLog,
    ) -> Result<(), Error> {
        match self.access.authorize(credentials(headers), &needed).await {
            Ok(grant) => {
                log.authorized(grant.user);
                Ok(())
            }
            Err(refusal) => Err(Error::Refused {
                refusal,
                access: needed,
            }),
        }
    }

    /// Handles a request. One that changes the store runs on by itself: when its client leaves in
    /// the middle, it still ends in order.
    async fn carry_out(&self, endpoint: Endpoint, asked: Asked) -> Result<Answered, Error> {
        if endpoint.changes_the_store() {
            let api = self.clone();
            let handled = tokio::spawn(async move { api.dispatch(endpoint, asked).await });
            handled.await?
        } else {
            self.dispatch(endpoint, asked).await
        }
    }

    async fn dispatch(&self, endpoint: Endpoint, asked: Asked) -> Result<Answered, Error> {
        let Asked {
            uri,
            headers,
            body,
            tls,
            ..
        } = asked;
        let open = |name| self.registry.repository(name);
        let locations = || Locations::of(&self.config, &uri, &headers, tls);
        let uploads = |name| Uploads {
            repository: open(name),
            states: self.states.clone(),
            locations: locations(),
        };
        let query = || Query::parse(uri.query());
        match endpoint {
            Endpoint::Base => Ok(respond::base()),
            Endpoint::Catalog => {
                lists::catalog(&*self.registry, &uri, self.config.catalog_max_entries).await
            }
            Endpoint::ListTags { name } => {
                lists::tags(&open(&name), &uri, self.config.tags_max).await
            }
            Endpoint::GetManifest { name, reference } => {
                let converter = Converter::of(&self.config);
                manifests::get(&open(&name), &reference, &headers, converter).await
            }
            Endpoint::PutManifest { name, reference } => {
                let (repository, query) = (open(&name), query());
                manifests::put(
                    &repository,
                    &reference,
                    &query,
                    &headers,
                    body,
                    &locations(),
                )
                .await
            }
            Endpoint::DeleteManifest { name, reference } => {
                manifests::delete(&open(&name), &reference, &headers).await
            }
            Endpoint::GetBlob { name, digest } => blobs::get(&open(&name), &digest, &headers).await,
            Endpoint::Referrers { name, digest } => {
                referrers::list(&open(&name), &digest, &uri).await
            }
            Endpoint::DeleteBlob { name, digest } => blobs::delete(&open(&name), &digest).await,
            Endpoint::StartUpload { name } => {
                let query = query();
                uploads::check_algorithm(&query)?;
                match uploads::whole_blob(&query, &headers) {
                    Some(digest) => {
                        let chunk = uploads::chunk(&headers, body)?;
                        uploads(&name).take(digest, chunk).await
                    }
                    _ => {
                        let mount = self.permitted_mount(&query, &headers).await;
                        uploads(&name).start(mount).await
                    }
                }
            }
            Endpoint::UploadStatus { name, id } => uploads(&name).status(&id).await,
            Endpoint::AppendUpload { name, id } => {
                let chunk = uploads::chunk(&headers, body)?;
                uploads(&name).append(&id, &query(), chunk).await
            }
            Endpoint::CompleteUpload { name, id } => {
                let chunk = uploads::chunk(&headers, body)?;
                uploads(&name).complete(&id, &query(), chunk).await
            }
            Endpoint::CancelUpload { name, id } => uploads(&name).cancel(&id).await,
        }
    }

    /// The mount that is asked for, unless the caller may not read the source: then it is as if
    /// it had not been asked for (OCI-4.31), and nothing shows whether the blob exists. Where no
    /// source is named, one that the caller may read is as good as any (OCI-4.32).
    async fn permitted_mount(&self, query: &Query, headers: &HeaderMap) -> Option<Mount> {
        let digest: Digest = query.get("mount")?.parse().ok()?;
        let sources = match query.get("from") {
            Some(source) => vec![source.parse().ok()?],
            None => self.holders(&digest).await,
        };
        for source in sources {
            let needed = [Access::repository(source.clone(), Action::Pull)];
            let allowed = self.access.authorize(credentials(headers), &needed).await;
            if allowed.is_ok() {
                return Some(Mount { source, digest });
            }
        }
        None
    }

    /// The repositories that a blob may be mounted from. A search that fails finds none: the
    /// client pushes the blob instead.
    async fn holders(&self, digest: &Digest) -> Vec<RepositoryName> {
        let found = self.registry.holders(digest).await;
        found.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, vars.digest = %digest,
                "cannot look for a repository to mount from");
            Vec::new()
        })
    }

    /// Answers what no handler sees. Paths that exist are shown to those only who may come in.
    async fn unrouted(&self, unrouted: Unrouted, asked: Asked, log: &mut RequestLog) -> Answered {
        let response = match unrouted {
            Unrouted::NotFound => {
                return respond::text(StatusCode::NOT_FOUND, "404 page not found");
            }
            Unrouted::Moved { path } => {
                return respond::moved(&path, asked.uri.query(), &asked.method);
            }
            Unrouted::MethodNotAllowed { .. } | Unrouted::Options { .. } | Unrouted::Invalid(_) => {
                match self.authorize(&asked.headers, Vec::new(), log).await {
                    Ok(()) => known_path(unrouted, log),
                    Err(error) => failed(&error, log),
                }
            }
        };
        self.with_configured_headers(response)
    }

    /// Adds the configured headers, but for those that the answer itself has.
    fn with_configured_headers(&self, mut response: Answered) -> Answered {
        let headers = response.headers_mut();
        let configured = self.config.headers.iter();
        let added: Vec<_> = configured
            .filter(|(name, _)| !headers.contains_key(name))
            .collect();
        for (name, value) in added {
            headers.append(name, value.clone());
        }
        response
    }
}

fn known_path(unrouted: Unrouted, log: &mut RequestLog) -> Answered {
    let (status, allow) = match unrouted {
        Unrouted::MethodNotAllowed { allow } => (StatusCode::METHOD_NOT_ALLOWED, allow),
        Unrouted::Options { allow } => (StatusCode::OK, allow),
        Unrouted::Invalid(error) => return failed(&error, log),
        Unrouted::NotFound | Unrouted::Moved { .. } => {
            return respond::empty(StatusCode::NOT_FOUND);
        }
    };
    let mut response = match status {
        StatusCode::OK => respond::empty(status),
        _ => respond::text(status, "Method not allowed"),
    };
    respond::set(
        &mut response,
        header::ALLOW,
        HeaderValue::from_static(allow),
    );
    response
}

/// `/`: for load balancers that ask whether anything is there.
fn root() -> Answered {
    let mut response = respond::empty(StatusCode::OK);
    let no_cache = HeaderValue::from_static("no-cache");
    respond::set(&mut response, header::CACHE_CONTROL, no_cache);
    response
}

fn failed(error: &Error, log: &mut RequestLog) -> Answered {
    let answer = error.answer();
    log.failed(error, answer.errors.clone());
    respond::errors(answer)
}

fn credentials(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}
