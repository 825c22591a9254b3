//! `Accept` headers: what is accepted grows with what is listed, whatever the case and the order.

use wharf_oci::{Accept, MediaType};

use crate::input;

/// `Accept` headers, one a line.
pub fn accept(data: &[u8]) {
    let Some(text) = input::text(data) else {
        return;
    };
    let accept = read(text);
    let listed = text.split(['\n', ',']);
    let listed = listed.filter_map(|item| MediaType::parse(item).ok());
    let media_types: Vec<MediaType> = MediaType::MANIFESTS.into_iter().chain(listed).collect();
    let all = |accepted: &Accept| media_types.iter().all(|m| accepted.accepts(m));

    let says_nothing = text
        .split(['\n', ','])
        .all(|item| item.trim_ascii().is_empty());
    assert!(!says_nothing || accept.is_any(), "{text:?}");
    assert!(!accept.is_any() || all(&accept), "{text:?}");
    assert!(all(&read(&format!("{text},*/*;q=0.1"))), "{text:?}");

    let backwards: Vec<&str> = text.split(['\n', ',']).rev().collect();
    let printed = accept.to_string();
    for other in [
        text.to_ascii_uppercase(),
        backwards.join(","),
        // What is not understood is not printed, and nothing at all would accept everything.
        format!("{printed},?"),
    ] {
        let other = read(&other);
        for media_type in &media_types {
            let same = accept.accepts(media_type) == other.accepts(media_type);
            let nothing_said = accept.is_any() && printed.is_empty();
            assert!(same || nothing_said, "{text:?} {media_type} {other:?}");
        }
    }
    for media_type in &media_types {
        assert!(!accept.names(media_type) || accept.accepts(media_type));
        let more = read(&format!("{text},{media_type};q=1"));
        assert!(
            more.names(media_type) && more.accepts(media_type),
            "{text:?}"
        );
    }
    // Asked for by itself, each item that is a media type is named.
    for item in text.split(['\n', ',']) {
        if let Ok(media_type) = MediaType::parse(item) {
            assert!(accept.names(&media_type), "{text:?} does not name {item:?}");
        }
    }
}

fn read(text: &str) -> Accept {
    Accept::from_values(text.split('\n'))
}
