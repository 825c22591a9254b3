//! Conditional requests (RFC 9110, section 13): every entity tag here is a digest in quotes.

use http::{HeaderMap, HeaderName, header};
use wharf_oci::Digest;

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

/// Evaluates `If-Match` and `If-None-Match`.
pub(crate) fn evaluate(headers: &HeaderMap, digest: &Digest) -> Verdict {
    if headers.contains_key(header::IF_MATCH) && !lists(headers, &header::IF_MATCH, digest) {
        return Verdict::Failed;
    }
    if lists(headers, &header::IF_NONE_MATCH, digest) {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// Whether a `Range` is to be honoured: `If-Range` is absent or names this content.
pub(crate) fn range_applies(headers: &HeaderMap, digest: &Digest) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|value| {
        let value = value.to_str().unwrap_or_default().trim();
        value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) == Some(digest.as_str())
    })
}

/// Whether a header lists the digest: quoted, weak, or bare as Distribution takes it too.
fn lists(headers: &HeaderMap, name: &HeaderName, digest: &Digest) -> bool {
    let values = headers.get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim())
        .any(|tag| {
            let bare = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
            bare == digest.as_str() || bare == "*"
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
    fn entity_tags_are_compared_in_every_form() {
        let digest = Digest::sha256(b"");
        let other = Digest::sha256(b"x");
        let there = [
            format!("\"{digest}\""),
            format!("W/\"{digest}\""),
            digest.to_string(),
            format!("\"{other}\", \"{digest}\""),
            "*".to_owned(),
        ];
        for tag in &there {
            assert_eq!(verdict("if-none-match", tag), Verdict::NotModified, "{tag}");
            assert_eq!(verdict("if-match", tag), Verdict::Proceed, "{tag}");
        }
        for tag in [format!("\"{other}\""), String::new()] {
            assert_eq!(verdict("if-none-match", &tag), Verdict::Proceed, "{tag}");
            assert_eq!(verdict("if-match", &tag), Verdict::Failed, "{tag}");
        }
        assert_eq!(evaluate(&HeaderMap::new(), &digest), Verdict::Proceed);
    }
}
