//! URLs in answers: a client that follows one asks for what was meant.

use http::{HeaderName, Method, Uri, header, uri::Authority};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use wharf_api::Mode;
use wharf_api::fuzzing::{self, Routed};
use wharf_oci::RepositoryName;
use wharf_registry::UploadId;

use crate::input;

/// The request's target in the first line, the size of a page in the second, `last` behind them.
pub fn link(data: &[u8]) {
    let Some(text) = input::text(data) else {
        return;
    };
    let (target, rest) = input::first_line(text);
    let (n, last) = input::first_line(rest);
    let Ok(uri) = target.parse::<Uri>() else {
        return;
    };
    let n: usize = n.parse().unwrap_or(100);
    parameters(&uri, last);

    let link = fuzzing::next_page(&uri, last, n);
    let listed = fuzzing::route(&Method::GET, &uri, "", Mode::ReadWrite);
    if !matches!(listed, Routed::Endpoint { .. }) {
        return;
    }
    let link = link.expect("what is listed has a next page");
    let link = link.to_str().expect("a link is printable");
    let inner = link.strip_prefix('<');
    let inner = inner.and_then(|link| link.strip_suffix(">; rel=\"next\""));
    let inner = inner.expect("a link is of one form");
    assert!(!inner.contains(['<', '>']), "{link}");
    let next: Uri = inner.parse().expect("a link leads to a target");
    assert_eq!(next.path(), uri.path());
    assert_eq!(next.authority(), None, "{link}");
    assert_eq!(
        fuzzing::route(&Method::GET, &next, "", Mode::ReadWrite),
        listed
    );
    let parameter = |key| fuzzing::parameter(next.query(), key);
    assert_eq!(parameter("last").unwrap_or_default(), last, "{link}");
    assert_eq!(parameter("n"), Some(n.to_string()), "{link}");
}

/// What is written into a query is read out of it, whatever stands beside it.
fn parameters(uri: &Uri, value: &str) {
    let encoded = utf8_percent_encode(value, NON_ALPHANUMERIC);
    let query = format!("key={encoded}&{}", uri.query().unwrap_or_default());
    let found = fuzzing::parameter(Some(&query), "key");
    assert_eq!(found.unwrap_or_default(), value);
}

/// The request's target, a repository, an upload and its state in one line each; headers behind
/// them.
pub fn location(data: &[u8]) {
    let Some(text) = input::text(data) else {
        return;
    };
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default();
    let (target, name, id, state) = (next(), next(), next(), next());
    let (Ok(uri), Ok(name), Ok(id)) = (
        target.parse::<Uri>(),
        name.parse::<RepositoryName>(),
        id.parse::<UploadId>(),
    ) else {
        return;
    };
    let headers = input::headers(lines);
    let location = fuzzing::upload_location(&uri, &headers, &name, &id, state);
    let location = location.to_str().expect("a location is printable");

    let (above, query) = location.split_once("?_state=").expect("it has a state");
    let query = format!("_state={query}");
    let found = fuzzing::parameter(Some(&query), "_state");
    assert_eq!(found.unwrap_or_default(), state, "{location}");
    let path = format!("/v2/{name}/blobs/uploads/{id}");
    let origin = above.strip_suffix(&path).expect("it is that of the upload");
    if origin.is_empty() {
        return;
    }
    let (scheme, host) = origin.split_once("://").expect("an origin has a scheme");
    assert!(matches!(scheme, "http" | "https"), "{location}");
    assert!(!host.is_empty(), "{location}");
    // Where the client says which host it means, it gets what it says.
    let host_header = headers.get(&header::HOST);
    if uri.authority().is_none() && host_header.is_some_and(|said| said == host) {
        return;
    }
    assert!(host.parse::<Authority>().is_ok(), "{location}");
    let told = |name: HeaderName| {
        let mut values = headers.get_all(name).iter();
        values.any(|value| value.to_str().is_ok_and(|value| value.contains(host)))
    };
    assert!(
        uri.authority().is_some_and(|authority| authority == host)
            || told(header::FORWARDED)
            || told(HeaderName::from_static("x-forwarded-host")),
        "nobody spoke of {host}"
    );
    let target: Uri = location.parse().expect("a location can be followed");
    assert_eq!(target.path(), path, "{location}");
}
