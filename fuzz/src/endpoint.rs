//! Methods and paths: whatever is asked for, the answer is a path of the protocol, a way to one
//! that stays on this host, or a refusal.

use http::{HeaderValue, Method, Uri};
use percent_encoding::percent_decode_str;
use wharf_api::Mode;
use wharf_api::fuzzing::{Routed, route};
use wharf_oci::RepositoryName;

use crate::input;

/// The method in the first line, the request's target in the second, `http.prefix` in the third.
pub fn endpoint(data: &[u8]) {
    let Some(text) = input::text(data) else {
        return;
    };
    let (method, rest) = input::first_line(text);
    let (target, prefix) = input::first_line(rest);
    let Ok(method) = Method::from_bytes(method.as_bytes()) else {
        return;
    };
    let mut next = target.parse::<Uri>().ok();
    let mut redirects = 0;
    while let Some(uri) = next.take() {
        let routed = route(&method, &uri, prefix, Mode::ReadWrite);
        match route(&method, &uri, prefix, Mode::ReadOnly) {
            Routed::Refused => {}
            reading => assert_eq!(reading, routed),
        }
        match routed {
            Routed::Endpoint { path, repository } => arrived(&uri, prefix, &path, repository),
            Routed::Moved { path } => {
                redirects += 1;
                assert!(redirects < 3, "{uri} moves again and again, to {path}");
                let printable = HeaderValue::from_str(&path).expect("a path is a header's value");
                assert!(printable.to_str().is_ok(), "{path}");
                assert!(path.starts_with('/') && !path.starts_with("//"), "{path}");
                assert!(!path.contains('\\'), "{path}");
                next = Some(path.parse().expect("a path is a request's target"));
            }
            Routed::Refused => {}
        }
    }
}

/// The parts of an endpoint are those of the path, and nothing was left out.
fn arrived(uri: &Uri, prefix: &str, path: &str, repository: Option<RepositoryName>) {
    let asked = percent_decode_str(uri.path());
    let asked = asked.decode_utf8().expect("a path with meaning is text");
    let meant = format!("{prefix}{path}");
    // The one path that may do without its slash.
    let bare = meant.strip_suffix("/blobs/uploads/");
    let bare = bare.map(|above| format!("{above}/blobs/uploads"));
    assert!(
        meant == asked || bare.as_deref() == Some(&*asked),
        "{asked:?} is taken for {meant:?}"
    );
    if let Some(name) = repository {
        assert!(path.starts_with(&format!("/v2/{name}/")), "{path}");
        assert_eq!(name.as_str().parse(), Ok(name));
    }
}
