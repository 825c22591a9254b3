//! Conditional requests (RFC 9110, section 13): every entity tag here is a digest in quotes.

use http::{HeaderMap, header};
use wharf_oci::{Digest, Precondition};

/// What the conditions of a GET or HEAD ask for, once the content is known to be `digest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The content.
    Proceed,
    /// Nothing: the client has it.
    NotModified,
    /// A refusal: it is not what the client expects.
    Failed,
}

/// The conditions of a request.
pub(crate) fn of(headers: &HeaderMap) -> Precondition {
    // What cannot be read names nothing, but it is a condition all the same.
    let values = |name| {
        let values = headers.get_all(name).iter();
        values.map(|value| value.to_str().unwrap_or("unreadable"))
    };
    Precondition::from_values(values(header::IF_MATCH), values(header::IF_NONE_MATCH))
}

/// Evaluates the conditions of a GET or HEAD.
pub(crate) fn evaluate(headers: &HeaderMap, digest: &Digest) -> Verdict {
    let condition = of(headers);
    if !condition.matches(Some(digest)) {
        Verdict::Failed
    } else if !condition.matches_not(Some(digest)) {
        Verdict::NotModified
    } else {
        Verdict::Proceed
    }
}

/// Whether a `Range` is to be honoured: `If-Range` is absent or names this content.
pub(crate) fn range_applies(headers: &HeaderMap, digest: &Digest) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|value| {
        let value = value.to_str().unwrap_or_default().trim();
        value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) == Some(digest.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(name: &'static str, value: &str) -> Verdict {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        evaluate(&headers, &Digest::sha256(b""))
    }

    #[test]
    fn each_header_has_its_verdict() {
        let (digest, other) = (Digest::sha256(b""), Digest::sha256(b"x"));
        for (name, tag, expected) in [
            ("if-match", &digest, Verdict::Proceed),
            ("if-match", &other, Verdict::Failed),
            ("if-none-match", &digest, Verdict::NotModified),
            ("if-none-match", &other, Verdict::Proceed),
        ] {
            assert_eq!(
                verdict(name, &format!("\"{tag}\"")),
                expected,
                "{name} {tag}"
            );
        }
        assert_eq!(evaluate(&HeaderMap::new(), &digest), Verdict::Proceed);
    }
}
