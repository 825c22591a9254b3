//! Challenges: whatever the configuration says, the header is one, and says the same.

use http::HeaderValue;
use wharf_oci::Challenge;
use wharf_oci::challenge::BearerError;

use crate::input;

/// Realm, service and scope in one line each, the error behind them; and all of it as one realm.
pub fn challenge(data: &[u8]) {
    let Some(text) = input::text(data) else {
        return;
    };
    let realm = text.to_owned();
    let basic = Challenge::Basic { realm };
    check(&basic, "Basic ", &[("realm", text)]);

    let (realm, rest) = input::first_line(text);
    let (service, rest) = input::first_line(rest);
    let (scope, error) = input::first_line(rest);
    let error = [BearerError::InvalidToken, BearerError::InsufficientScope]
        .into_iter()
        .find(|known| known.as_str() == error);
    let scope = (!scope.is_empty()).then_some(scope);
    let bearer = Challenge::Bearer {
        realm: realm.to_owned(),
        service: service.to_owned(),
        scope: scope.map(ToOwned::to_owned),
        error,
    };
    let mut expected = vec![("realm", realm), ("service", service)];
    expected.extend(scope.map(|scope| ("scope", scope)));
    expected.extend(error.map(|error| ("error", error.as_str())));
    check(&bearer, "Bearer ", &expected);
}

fn check(challenge: &Challenge, scheme: &str, expected: &[(&str, &str)]) {
    let printed = challenge.to_string();
    assert!(HeaderValue::from_bytes(printed.as_bytes()).is_ok());
    assert!(!printed.contains(char::is_control), "{printed:?}");
    let mut rest = printed.strip_prefix(scheme).expect("the scheme is first");
    for (index, (name, value)) in expected.iter().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix(',').expect("a comma stands between");
        }
        let quoted = rest
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('='));
        let (found, behind) = unquote(quoted.expect("parameters stand in their order"));
        assert_eq!(found, *value, "{printed}");
        rest = behind;
    }
    assert_eq!(rest, "", "{printed}");
}

/// Reads a string literal of Go, and returns what stands behind it.
fn unquote(text: &str) -> (String, &str) {
    let mut found = String::new();
    let mut rest = text.strip_prefix('"').expect("a value is quoted").chars();
    loop {
        let code = match rest.next().expect("a quote ends") {
            '"' => return (found, rest.as_str()),
            '\\' => match rest.next().expect("a backslash is not the last") {
                'a' => 7,
                'b' => 8,
                't' => 9,
                'n' => 10,
                'v' => 11,
                'f' => 12,
                'r' => 13,
                'x' => hex(&mut rest, 2),
                'u' => hex(&mut rest, 4),
                plain @ ('"' | '\\') => u32::from(plain),
                other => panic!("{other:?} needs no backslash"),
            },
            plain => u32::from(plain),
        };
        found.push(char::from_u32(code).expect("an escape is a character"));
    }
}

fn hex(rest: &mut std::str::Chars<'_>, digits: usize) -> u32 {
    let text: String = rest.take(digits).collect();
    u32::from_str_radix(&text, 16).expect("an escape is in hex")
}
