//! `If-Match` and `If-None-Match`: content that is named is found, and nothing else is.

use http::{StatusCode, header};
use wharf_api::fuzzing;
use wharf_oci::Digest;

use crate::input;

/// Headers, one a line; the content is empty, and so its digest is known to whoever writes seeds.
pub fn precondition(data: &[u8]) {
    let Some(text) = input::text(data) else {
        return;
    };
    let digest = Digest::sha256(b"");
    let headers = input::headers(text.lines());
    let status = fuzzing::conditional(&headers, &digest);
    // Whatever stands around it, a header without the digest or a star cannot mean the content.
    let may_mean = |name| {
        let mut values = headers.get_all(name).iter();
        values.any(|value| {
            let value = String::from_utf8_lossy(value.as_bytes());
            value.contains(digest.as_str()) || value.contains('*')
        })
    };
    let quoted = format!("\"{digest}\"");
    let means = |name| {
        let values = headers.get_all(name).iter();
        let mut values = values.filter_map(|value| value.to_str().ok());
        values.any(|value| value.trim() == "*" || value.split(',').any(|tag| tag.trim() == quoted))
    };
    if headers.contains_key(header::IF_MATCH) && !may_mean(header::IF_MATCH) {
        assert_eq!(status, StatusCode::PRECONDITION_FAILED, "{headers:?}");
    }
    if !headers.contains_key(header::IF_MATCH) || means(header::IF_MATCH) {
        assert_ne!(status, StatusCode::PRECONDITION_FAILED, "{headers:?}");
        if means(header::IF_NONE_MATCH) {
            assert_eq!(status, StatusCode::NOT_MODIFIED, "{headers:?}");
        }
    }
    if !may_mean(header::IF_NONE_MATCH) {
        assert_ne!(status, StatusCode::NOT_MODIFIED, "{headers:?}");
    }
}
