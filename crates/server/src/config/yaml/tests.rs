//! What tree a text becomes, and which texts become none.

use super::*;

/// Writes a tree in one line: plain texts bare, quoted texts in quotes, each value after its line.
fn draw(node: &Node) -> String {
    let line = match node.place {
        Place::Line(line) => line,
        _ => 0,
    };
    let inner = match &node.value {
        Value::Scalar(Scalar { text, quoted: true }) => format!("{text:?}"),
        Value::Scalar(scalar) if scalar.is_null() => "null".to_owned(),
        Value::Scalar(scalar) => scalar.text.clone(),
        Value::List(items) => format!("[{}]", items.iter().map(draw).collect::<Vec<_>>().join(" ")),
        Value::Section(section) => {
            let entries: Vec<String> = section
                .iter()
                .map(|(key, node)| format!("{key}={}", draw(node)))
                .collect();
            format!("{{{}}}", entries.join(" "))
        }
    };
    format!("{line}:{inner}")
}

fn read(text: &str) -> String {
    parse(text, Place::Line).map_or_else(
        |fault| format!("fault: {fault}"),
        |document| draw(&document.root),
    )
}

#[test]
fn texts_keep_their_letters_quotes_and_lines() {
    let table = [
        ("", "1:null"),
        ("# nothing", "1:null"),
        (
            "a: 0x10\nb: 'yes'\nc: \"x\\ty\"\nd: !!str 5",
            "1:{a=1:0x10 b=2:\"yes\" c=3:\"x\\ty\" d=4:\"5\"}",
        ),
        ("a:\nb: ~\nc: ''", "1:{a=1:null b=2:null c=3:\"\"}"),
        (
            "a:\n  - x\n  - y: z\nb: [p, 'q']",
            "1:{a=1:[2:x 3:{y=3:z}] b=4:[4:p 4:\"q\"]}",
        ),
        ("a:\n- x\n", "1:{a=1:[2:x]}"),
        ("a:\tb # comment", "1:{a=1:b}"),
        ("addr: :5000", "1:{addr=1::5000}"),
        ("a: |\n  x\n  y\n", "1:{a=1:\"x\\ny\\n\"}"),
        ("a: [x,\ny]\nb: c", "1:{a=1:[1:x 2:y] b=3:c}"),
        ("\u{feff}a: b\r\nc: d\r\n", "1:{a=1:b c=2:d}"),
        ("%YAML 1.1\n---\na: b", "3:{a=3:b}"),
        ("5: a\ntrue: b\n~: c", "1:{5=1:a true=2:b ~=3:c}"),
    ];
    for (text, tree) in table {
        assert_eq!(read(text), tree, "{text:?}");
    }
}

#[test]
fn aliases_and_merge_keys_are_resolved() {
    let table = [
        ("a: &x b\nc: *x", "1:{a=1:b c=2:b}"),
        (
            "a: &x {p: 1}\nc: [*x, *x]",
            "1:{a=1:{p=1:1} c=2:[1:{p=1:1} 1:{p=1:1}]}",
        ),
        (
            "a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3",
            "1:{a=1:{p=1:1 q=1:2} b=2:{q=4:3 p=1:1}}",
        ),
        (
            "a: &x {p: 1}\nb: &y {p: 2, q: 3}\nc: {<<: [*x, *y]}",
            "1:{a=1:{p=1:1} b=2:{p=2:2 q=2:3} c=3:{p=1:1 q=2:3}}",
        ),
    ];
    for (text, tree) in table {
        assert_eq!(read(text), tree, "{text:?}");
    }
}

#[test]
fn of_a_key_given_twice_the_last_one_counts() {
    let document = parse("a: {b: 1, c: 2, b: 3}\nd: [{e: 1, e: 2}]", Place::Line).unwrap();
    assert_eq!(
        draw(&document.root),
        "1:{a=1:{b=1:3 c=1:2} d=2:[2:{e=2:2}]}"
    );
    let warnings: Vec<String> = document
        .warnings
        .into_iter()
        .map(|(_, warning)| warning)
        .collect();
    assert_eq!(
        warnings,
        [
            "the key a.b is given twice; the last one counts",
            "the key d[0].e is given twice; the last one counts",
        ]
    );
}

#[test]
fn only_the_first_document_counts() {
    assert_eq!(
        read("a: b\n---\nc: *x"),
        "fault: line 3: yaml: while parsing node, found unknown anchor"
    );
    assert_eq!(read("a: b\n---\nc: d\n---\ne: f"), "1:{a=1:b}");
}

#[test]
fn texts_that_unfold_without_end_are_refused() {
    let lines = (1..40).map(|line| {
        format!(
            "a{line}: &a{line} [{}]",
            format!("*a{},", line - 1).repeat(9)
        )
    });
    let bomb = format!("a0: &a0 x\n{}\n", lines.collect::<Vec<_>>().join("\n"));
    assert_eq!(
        read(&bomb),
        "fault: line 6: yaml: the text unfolds to too many values"
    );

    let tower = format!(
        "a0: &a0 [x]\n{}\n",
        (1..100)
            .map(|line| format!("a{line}: &a{line} [*a{}]", line - 1))
            .collect::<Vec<_>>()
            .join("\n")
    );
    assert_eq!(
        read(&tower),
        "fault: line 64: yaml: aliases nest too deeply"
    );

    assert_eq!(
        read("a: &a [*a]"),
        "fault: line 1: yaml: an alias stands inside the value that it repeats"
    );
    for deep in ["[".repeat(100_000), "{a: ".repeat(1000), "- ".repeat(5000)] {
        assert!(read(&deep).starts_with("fault: line 1: yaml: "));
    }
}

#[test]
fn keys_and_merges_have_their_shapes() {
    assert_eq!(read("[a]: b"), "fault: line 1: yaml: a key must be a text");
    assert_eq!(
        read("<<: a"),
        "fault: line 1: yaml: << merges sections only"
    );
    assert_eq!(
        read("<<: [{a: b}, c]"),
        "fault: line 1: yaml: << merges sections only"
    );
}
