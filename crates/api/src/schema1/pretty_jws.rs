//! A JSON document with its signature inside, as Docker's libtrust lays it out: the signature is a
//! JWS (RFC 7515) of the document as it is without it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use jiff::Timestamp;

use super::{
    go_json,
    go_json::Object,
    key::{SigningFailed, SigningKey},
};

/// Signs a document, an object of JSON with at least one field.
pub(super) fn sign(
    payload: &Bytes,
    key: &SigningKey,
    time: Timestamp,
) -> Result<Bytes, SigningFailed> {
    let length = formatted_length(payload).ok_or(SigningFailed)?;
    let (formatted, tail) = payload.split_at(length);
    let protected = Object::new()
        .field("formatLength", &length.to_string())
        .text("formatTail", &URL_SAFE_NO_PAD.encode(tail))
        .text("time", &time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .finish();
    let protected = URL_SAFE_NO_PAD.encode(protected);
    let input = format!("{protected}.{}", URL_SAFE_NO_PAD.encode(payload));
    let signature = key.sign(input.as_bytes())?;

    let header = Object::new()
        .field("jwk", key.jwk())
        .text("alg", key.algorithm())
        .finish();
    let signature = Object::new()
        .field("header", &header)
        .text("signature", &URL_SAFE_NO_PAD.encode(signature))
        .text("protected", &protected)
        .finish();
    let signatures = format!("[{signature}]");
    let signatures = match indent(payload) {
        "" => format!(",\"signatures\":{signatures}}}"),
        indent => {
            let signatures = go_json::indented(&signatures, indent, indent);
            format!(",\n{indent}\"signatures\": {signatures}\n}}")
        }
    };
    Ok([formatted, signatures.as_bytes()].concat().into())
}

/// How much of a document comes before its end: a signature goes between the two.
fn formatted_length(payload: &[u8]) -> Option<usize> {
    let is_something = |byte: &u8| !byte.is_ascii_whitespace();
    let end = payload.iter().rposition(is_something)?;
    let last = payload[..end].iter().rposition(is_something)?;
    (payload[end] == b'}').then_some(last + 1)
}

/// What stands before the first field, if that has a line of its own.
fn indent(payload: &[u8]) -> &str {
    let Some(lines) = payload.strip_prefix(b"{\n") else {
        return "";
    };
    let first = lines.iter().position(|byte| *byte == b'"').unwrap_or(0);
    std::str::from_utf8(&lines[..first]).unwrap_or_default()
}
