//! What a text is to each kind of target.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use super::*;
use crate::config::cursor::Report;
use crate::config::node::Place;
use crate::config::yaml;

/// Reads one value as a `T`; the error is without its place.
fn read<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, String> {
    let report = Report::new("config.yml".to_owned());
    let root = yaml::parse(text, |_| Place::Absent).unwrap().root;
    Cursor::root(&root, &report)
        .read()
        .map_err(|fault| fault.to_string())
}

/// Each text with what it is to a `T`.
fn means<T: for<'de> Deserialize<'de> + PartialEq + Debug>(table: &[(&str, T)]) {
    for (text, value) in table {
        assert_eq!(read::<T>(text).as_ref(), Ok(value), "{text:?}");
    }
}

#[test]
fn a_text_takes_every_scalar_as_it_was_written() {
    let table = [
        ("debug", "debug"),
        ("12345", "12345"),
        ("yes", "yes"),
        ("0x10", "0x10"),
        ("1.50", "1.50"),
        ("2001-01-01", "2001-01-01"),
        ("\"q\"", "q"),
        ("'null'", "null"),
        ("abc # x", "abc"),
        ("null", ""),
        ("~", ""),
        ("", ""),
        ("!!binary aGk=", "aGk="),
    ];
    means(&table.map(|(text, value)| (text, value.to_owned())));
    assert_eq!(
        read::<String>("[a]").unwrap_err(),
        "this is a list, not a text; put it in quotes if it is meant as one"
    );
}

#[test]
fn a_boolean_takes_the_words_of_yaml_1_1() {
    means(&[
        ("yes", true),
        ("Off", false),
        ("'true'", true),
        ("", false),
        ("y", true),
    ]);
    assert_eq!(
        read::<bool>("1").unwrap_err(),
        "\"1\" is not a boolean; use true or false"
    );
    assert_eq!(
        read::<bool>("'yes'").unwrap_err(),
        "\"yes\" is not a boolean; use true or false"
    );
    assert_eq!(
        read::<bool>("{a: b}").unwrap_err(),
        "this is a section, not a boolean"
    );
}

#[test]
fn a_whole_number_takes_every_radix_and_knows_its_range() {
    means(&[
        ("010", 8_u64),
        ("0x10", 16),
        ("1_000", 1000),
        ("'5'", 5),
        ("", 0),
    ]);
    means(&[("-0o17", -15_i64), ("9223372036854775807", i64::MAX)]);
    assert_eq!(
        read::<u8>("256").unwrap_err(),
        "256 is not between 0 and 255"
    );
    assert_eq!(
        read::<u64>("-1").unwrap_err(),
        "-1 is not between 0 and 18446744073709551615"
    );
    assert_eq!(
        read::<i32>("1.5").unwrap_err(),
        "\"1.5\" is not a whole number"
    );
    assert_eq!(
        read::<i32>("[1]").unwrap_err(),
        "this is a list, not a whole number"
    );
}

#[test]
fn an_optional_value_is_none_only_if_nothing_is_said() {
    means(&[
        ("", None),
        ("~", None),
        ("''", Some(String::new())),
        ("a", Some("a".to_owned())),
    ]);
    means(&[("", None), ("5", Some(5_u8))]);
}

#[test]
fn a_list_takes_one_value_for_itself() {
    let list = |items: &[&str]| {
        items
            .iter()
            .map(|&item| item.to_owned())
            .collect::<Vec<String>>()
    };
    means(&[
        ("[a, 5, yes]", list(&["a", "5", "yes"])),
        ("a", list(&["a"])),
        ("", list(&[])),
        ("[a, ]", list(&["a"])),
    ]);
    assert_eq!(
        read::<Vec<String>>("{a: b}").unwrap_err(),
        "this is a section, not a list"
    );
    assert_eq!(
        read::<Vec<u8>>("[1, x]").unwrap_err(),
        "[1]: \"x\" is not a whole number"
    );
}

#[test]
fn a_map_keeps_keys_that_have_no_value() {
    let map = |entries: &[(&str, &str)]| {
        let owned = entries
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()));
        owned.collect::<BTreeMap<String, String>>()
    };
    means(&[
        ("{a: 1, b: }", map(&[("a", "1"), ("b", "")])),
        ("", map(&[])),
    ]);
    assert_eq!(
        read::<BTreeMap<String, String>>("text").unwrap_err(),
        "this is a text, not a section of keys"
    );
}

#[test]
fn a_duration_is_go_s_or_nanoseconds() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(transparent)]
    struct Time(#[serde(deserialize_with = "duration::deserialize")] Duration);
    means(&[
        ("1m30s", Time(Duration::from_secs(90))),
        ("'300ms'", Time(Duration::from_millis(300))),
        ("5", Time(Duration::from_nanos(5))),
        ("1_000", Time(Duration::from_micros(1))),
        ("0", Time(Duration::ZERO)),
    ]);
    for text in ["5x", "-5s", "-5", "''", "1.5"] {
        assert!(
            read::<Time>(text)
                .unwrap_err()
                .ends_with("is not a duration; use for example 30s or 1m30s")
        );
    }
}

#[test]
fn without_a_target_a_plain_scalar_says_what_it_is() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Any {
        Boolean(bool),
        Integer(i64),
        Float(f64),
        Text(String),
        List(Vec<Self>),
        Map(BTreeMap<String, Self>),
        Null(()),
    }
    means(&[
        ("yes", Any::Boolean(true)),
        ("0x10", Any::Integer(16)),
        ("1.5", Any::Float(1.5)),
        ("1h", Any::Text("1h".to_owned())),
        ("'5'", Any::Text("5".to_owned())),
        ("[5, ~]", Any::List(vec![Any::Integer(5), Any::Null(())])),
        (
            "{a: no}",
            Any::Map([("a".to_owned(), Any::Boolean(false))].into()),
        ),
    ]);
}

#[test]
fn a_word_without_content_is_a_variant() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        One,
        Two,
    }
    means(&[("one", Word::One), ("'two'", Word::Two)]);
    assert_eq!(
        read::<Word>("three").unwrap_err(),
        "\"three\" is not known; use one of one, two"
    );
    assert_eq!(
        read::<Word>("[one]").unwrap_err(),
        "this is a list, not a word"
    );
}
