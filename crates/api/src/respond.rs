//! Answers: the one place where outcomes become status lines and headers.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde::Serialize;
use wharf_oci::{Descriptor, Digest, Manifest, MediaType, Tag};
use wharf_registry::{Blob, UploadStatus};

use crate::{
    body::Body,
    error::{Answer, ErrorEntry},
    schema1::SignedManifest,
};

/// The form of every answer.
pub(crate) type Answered = Response<Body>;

/// An empty answer.
pub(crate) fn empty(status: StatusCode) -> Answered {
    with_body(status, Body::empty())
}

/// A JSON document, written as Go writes it.
pub(crate) fn document(value: &impl Serialize) -> Answered {
    let mut response = with_body(StatusCode::OK, Body::from(to_json(value)));
    set(&mut response, header::CONTENT_TYPE, JSON);
    response
}

/// `{}`, without a line's end: the answer of `/v2/`.
pub(crate) fn base() -> Answered {
    let mut response = with_body(StatusCode::OK, Body::from(Bytes::from_static(b"{}")));
    set(&mut response, header::CONTENT_TYPE, JSON);
    response
}

/// A plain text with a line's end, as Go's `http.Error` writes it.
pub(crate) fn text(status: StatusCode, text: &'static str) -> Answered {
    let mut response = with_body(status, Body::from(Bytes::from(format!("{text}\n"))));
    set(&mut response, header::CONTENT_TYPE, PLAIN_TEXT);
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    response
}

/// The errors of a request.
pub(crate) fn errors(answer: Answer) -> Answered {
    let body = Body::from(to_json(&Errors {
        errors: &answer.errors,
    }));
    let mut response = with_body(answer.status, body);
    set(&mut response, header::CONTENT_TYPE, JSON);
    response.headers_mut().extend(answer.headers);
    response
}

#[derive(Serialize)]
struct Errors<'a> {
    errors: &'a [ErrorEntry],
}

/// A manifest, byte for byte.
pub(crate) fn manifest(manifest: &Manifest) -> Answered {
    let content = manifest.bytes().clone();
    manifest_of(manifest.media_type(), manifest.digest(), content)
}

/// A manifest of schema 1 with its signature, which the digest is not of.
pub(crate) fn signed_manifest(manifest: SignedManifest) -> Answered {
    let SignedManifest { digest, bytes } = manifest;
    manifest_of(&SignedManifest::MEDIA_TYPE, &digest, bytes)
}

fn manifest_of(media_type: &MediaType, digest: &Digest, content: Bytes) -> Answered {
    let mut response = with_body(StatusCode::OK, Body::from(content));
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_str(media_type.as_str());
    headers.insert(header::CONTENT_TYPE, media_type.unwrap_or(OCTET_STREAM));
    name_content(headers, digest);
    response
}

/// A blob, or the range of it that was opened.
pub(crate) fn blob(blob: Blob, ranged: bool) -> Answered {
    let Blob { descriptor, reader } = blob;
    let status = if ranged {
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    let range = ranged.then(|| {
        let last = (reader.offset + reader.length).saturating_sub(1);
        format!("bytes {}-{last}/{}", reader.offset, reader.size)
    });
    let mut response = with_body(status, Body::reader(reader));
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, A_YEAR);
    headers.insert(header::CONTENT_TYPE, OCTET_STREAM);
    if let Some(value) = range.and_then(|range| HeaderValue::from_str(&range).ok()) {
        headers.insert(header::CONTENT_RANGE, value);
    }
    name_content(headers, &descriptor.digest);
    response
}

/// The client has the content already.
pub(crate) fn not_modified(digest: &Digest) -> Answered {
    let mut response = empty(StatusCode::NOT_MODIFIED);
    response.headers_mut().remove(header::CONTENT_LENGTH);
    name_content(response.headers_mut(), digest);
    response
}

/// Content was stored: where it is, and under which digest.
pub(crate) fn created(location: HeaderValue, digest: &Digest) -> Answered {
    let mut response = empty(StatusCode::CREATED);
    response.headers_mut().insert(header::LOCATION, location);
    insert_digest(response.headers_mut(), digest);
    response
}

/// What a push of a manifest did beside storing it: whose list of referrers it is in now, and the
/// tags from its query (OCI-5.11, OCI-5.14).
pub(crate) fn publication(response: &mut Answered, manifest: &Manifest, tags: &[Tag]) {
    if let Some(subject) = manifest.subject()
        && let Ok(value) = HeaderValue::from_str(subject.digest.as_str())
    {
        set(response, OCI_SUBJECT, value);
    }
    let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
    if !tags.is_empty()
        && let Ok(value) = HeaderValue::from_str(&tags.join(", "))
    {
        set(response, OCI_TAG, value);
    }
}

/// An index of what is about a manifest; `filtered` when only one type of artifact is in it.
pub(crate) fn referrers(manifests: &[Descriptor], filtered: bool) -> Answered {
    let mut response = document(&Referrers {
        schema_version: 2,
        media_type: MediaType::OCI_INDEX,
        manifests,
    });
    let index = HeaderValue::from_static("application/vnd.oci.image.index.v1+json");
    set(&mut response, header::CONTENT_TYPE, index);
    if filtered {
        let filter = HeaderValue::from_static("artifactType");
        set(&mut response, OCI_FILTERS_APPLIED, filter);
    }
    response
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Referrers<'a> {
    schema_version: u8,
    media_type: MediaType,
    manifests: &'a [Descriptor],
}

/// Where an upload goes on, and how far it is. Empty and one byte look alike, as in Distribution.
pub(crate) fn upload_headers(
    headers: &mut HeaderMap,
    location: HeaderValue,
    status: &UploadStatus,
) {
    let range = format!("0-{}", status.offset.saturating_sub(1));
    headers.insert(header::LOCATION, location);
    for (name, value) in [(UPLOAD_UUID, status.id.as_str()), (header::RANGE, &range)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
}

/// The client has the blob already; what a cache was told of it still holds.
pub(crate) fn blob_not_modified(digest: &Digest) -> Answered {
    let mut response = not_modified(digest);
    set(&mut response, header::CACHE_CONTROL, A_YEAR);
    response
}

/// Sends the client to the canonical path; the query goes along.
pub(crate) fn moved(path: &str, query: Option<&str>, method: &Method) -> Answered {
    let target = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let has_body = matches!(*method, Method::GET | Method::HEAD);
    let body = if has_body {
        let shown = target.replace('&', "&amp;");
        Body::from(Bytes::from(format!(
            "<a href=\"{shown}\">Moved Permanently</a>.\n\n"
        )))
    } else {
        Body::empty()
    };
    let mut response = with_body(StatusCode::MOVED_PERMANENTLY, body);
    if has_body {
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        set(&mut response, header::CONTENT_TYPE, html);
    }
    if let Ok(target) = HeaderValue::from_str(&target) {
        set(&mut response, header::LOCATION, target);
    }
    response
}

fn with_body(status: StatusCode, body: Body) -> Answered {
    let length = HeaderValue::from(body.length());
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_LENGTH, length);
    response
}

fn name_content(headers: &mut HeaderMap, digest: &Digest) {
    insert_digest(headers, digest);
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{digest}\"")) {
        headers.insert(header::ETAG, tag);
    }
}

fn insert_digest(headers: &mut HeaderMap, digest: &Digest) {
    if let Ok(value) = HeaderValue::from_str(digest.as_str()) {
        headers.insert(CONTENT_DIGEST, value);
    }
}

pub(crate) fn set(response: &mut Answered, name: HeaderName, value: HeaderValue) {
    response.headers_mut().insert(name, value);
}

/// JSON as Go's encoder writes it: `<`, `>`, `&` and the line separators of Unicode escaped, a
/// line's end at the end.
fn to_json(value: &impl Serialize) -> Bytes {
    // Lists of texts and error entries always have a JSON form.
    let mut json = serde_json::to_string(value).unwrap_or_default();
    // Outside texts JSON has none of these.
    if json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        json = json
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029");
    }
    json.push('\n');
    json.into()
}

/// `Docker-Content-Digest`.
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// `Docker-Distribution-Api-Version`.
pub(crate) const API_VERSION: HeaderName =
    HeaderName::from_static("docker-distribution-api-version");
/// Its value.
pub(crate) const REGISTRY_2_0: HeaderValue = HeaderValue::from_static("registry/2.0");
const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");
const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
/// Content never changes under its digest.
const A_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const OCTET_STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
