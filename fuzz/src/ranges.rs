//! `Range` and `Content-Range`: a range lies inside the content, a length is that of the range.

use http::{HeaderMap, HeaderValue, header};
use wharf_api::fuzzing;
use wharf_oci::{ByteRange, ContentRange};

use crate::input;

/// The size of a blob in the first line, `Range` behind it.
pub fn range(data: &[u8]) {
    let Some(text) = input::text(data) else {
        return;
    };
    let (size, header) = input::first_line(text);
    let Ok(Some(range)) = ByteRange::parse(header) else {
        return;
    };
    assert_eq!(ByteRange::parse(&range.to_string()), Ok(Some(range)));
    let sizes = [0, 1, 2, 7, u64::MAX - 1, u64::MAX];
    for size in sizes.into_iter().chain(size.parse().ok()) {
        let means = |position: u64| match range {
            ByteRange::FromTo { first, last } => (first..=last).contains(&position),
            ByteRange::From { first } => position >= first,
            ByteRange::Last { length } => size - position <= length,
        };
        // The first and the last of the content, and the ends of the range, with their neighbours.
        let resolved = range.resolve(size);
        let mut positions = vec![0, 1, size / 2, size.saturating_sub(1)];
        if let Ok(resolved) = resolved {
            assert!(resolved.first() <= resolved.last() && resolved.last() < size);
            assert_eq!(resolved.length(), resolved.last() - resolved.first() + 1);
            let ends = [resolved.first(), resolved.last()];
            assert_eq!(resolved.to_string(), format!("{}-{}", ends[0], ends[1]));
            for end in ends {
                positions.extend([end.saturating_sub(1), end, end.saturating_add(1)]);
            }
        }
        for position in positions.into_iter().filter(|position| *position < size) {
            let inside = resolved
                .is_ok_and(|resolved| (resolved.first()..=resolved.last()).contains(&position));
            assert_eq!(inside, means(position), "{header:?} of {size}: {position}");
        }
    }
}

/// `Content-Length` in the first line, `Content-Range` behind it.
pub fn content_range(data: &[u8]) {
    let Some(text) = input::text(data) else {
        return;
    };
    let (length, header) = input::first_line(text);
    if let Ok(range) = header.parse::<ContentRange>() {
        assert!(range.first() <= range.last(), "{header:?}");
        assert_eq!(range.length(), range.last() - range.first() + 1);
        assert!(range.total().is_none_or(|total| total > range.last()));
        for again in [range.to_string(), format!("bytes {range}")] {
            assert_eq!(again.parse(), Ok(range), "{header:?}");
        }
    }
    let values = [length, header].map(HeaderValue::from_str);
    let [Ok(length), Ok(header)] = values else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_LENGTH, length);
    headers.insert(header::CONTENT_RANGE, header);
    chunk(&headers);
    headers.remove(header::CONTENT_LENGTH);
    chunk(&headers);
}

/// A chunk is taken where both headers say the same, and refused where they do not.
fn chunk(headers: &HeaderMap) {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let length = text(header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    // What no text is readable from is a range that is none, not the absence of one.
    let range = headers.get(header::CONTENT_RANGE);
    let range =
        range.map(|value| String::from_utf8_lossy(value.as_bytes()).parse::<ContentRange>());
    let expected = match (range, length) {
        (None, length) => Some((None, length)),
        (Some(Err(_)), _) => None,
        (Some(Ok(range)), Some(length)) if length != range.length() => None,
        (Some(Ok(range)), _) => Some((Some(range.first()), Some(range.length()))),
    };
    assert_eq!(fuzzing::chunk(headers), expected, "{headers:?}");
}
