//! The form of a refusal (OCI-9.1, OCI-9.2), which every answer of a test is held to.

use serde_json::Value;

use crate::answer::Answer;

/// The codes in an answer's body.
///
/// # Panics
///
/// If it is no list of errors.
#[track_caller]
pub fn codes(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    let errors = json["errors"].as_array();
    let errors = errors.unwrap_or_else(|| panic!("no list of errors: {answer:?}"));
    errors
        .iter()
        .map(|error| error["code"].as_str().unwrap().to_owned())
        .collect()
}

/// What is wrong with the form of an answer, if anything.
pub fn fault(answer: &Answer) -> Option<String> {
    warnings(answer).or_else(|| errors(answer))
}

/// OCI-9.6: warn-code 299, warn-agent `-`, no date, and not too much of it.
fn warnings(answer: &Answer) -> Option<String> {
    let warnings = answer
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("Warning"));
    let mut length = 0;
    for (_, value) in warnings {
        length += value.len();
        let quoted = value.strip_prefix("299 - \"");
        if quoted.is_none_or(|rest| !rest.ends_with('"')) {
            return Some(format!("a warning that is none: {value}"));
        }
    }
    (length > 4096).then(|| format!("{length} bytes of warnings"))
}

/// OCI-9.1, OCI-9.2: a body of JSON has the list of errors, each with a code that clients know.
fn errors(answer: &Answer) -> Option<String> {
    if !(400..600).contains(&answer.status) || answer.body.is_empty() {
        return None;
    }
    let content_type = answer.header("Content-Type").unwrap_or_default();
    if !content_type.starts_with("application/json") {
        return None;
    }
    let Ok(json) = serde_json::from_slice::<Value>(&answer.body) else {
        return Some("a body of JSON that is none".to_owned());
    };
    let Some(errors) = json["errors"]
        .as_array()
        .filter(|errors| !errors.is_empty())
    else {
        return Some("JSON without errors".to_owned());
    };
    errors.iter().find_map(error)
}

fn error(error: &Value) -> Option<String> {
    let code = error["code"].as_str().unwrap_or_default();
    if !CODES.contains(&code) && !DOCKER_CODES.contains(&code) {
        return Some(format!("a code that no client knows: {error}"));
    }
    if error
        .get("message")
        .is_some_and(|message| !message.is_string())
    {
        return Some(format!("a message that is no text: {error}"));
    }
    let detail = error.get("detail").unwrap_or(&Value::Null);
    let plain = detail.is_string() || detail.is_null();
    // Clients built on the specification's own Go type fail on anything but text. Where Docker's registry has always sent a record, its
    // clients may read it, and those of the specification never could.
    (!plain && !RECORDS.contains(&code)).then(|| format!("a detail that is no text: {error}"))
}

/// The codes of the specification.
pub const CODES: [&str; 14] = [
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DENIED",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "TOOMANYREQUESTS",
    "UNAUTHORIZED",
    "UNSUPPORTED",
];

/// Docker's codes, which OCI-9.4 tolerates.
const DOCKER_CODES: [&str; 6] = [
    "MANIFEST_UNVERIFIED",
    "PAGINATION_NUMBER_INVALID",
    "RANGE_INVALID",
    "TAG_INVALID",
    "UNAVAILABLE",
    "UNKNOWN",
];

/// The codes whose detail is a record in Distribution, which its clients may read.
const RECORDS: [&str; 3] = ["NAME_UNKNOWN", "PAGINATION_NUMBER_INVALID", "UNAUTHORIZED"];
