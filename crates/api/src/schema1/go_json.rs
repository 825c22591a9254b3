//! JSON down to the byte as Go 1.19 writes it: Distribution's digests are of such documents.

use std::fmt::Write;

/// An object that is written field after field.
#[derive(Debug)]
pub(super) struct Object(String);

impl Object {
    pub(super) fn new() -> Self {
        Self("{".to_owned())
    }

    /// Adds a field that is JSON already.
    pub(super) fn field(mut self, name: &str, json: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        write_quoted(&mut self.0, name);
        self.0.push(':');
        self.0.push_str(json);
        self
    }

    /// Adds a text.
    pub(super) fn text(self, name: &str, text: &str) -> Self {
        self.field(name, &quoted(text))
    }

    /// Adds a text unless it is empty: Go's `omitempty`.
    pub(super) fn text_if_any(self, name: &str, text: &str) -> Self {
        if text.is_empty() {
            return self;
        }
        self.text(name, text)
    }

    /// Adds `true`, or nothing: Go's `omitempty`.
    pub(super) fn flag(self, name: &str, set: bool) -> Self {
        if set { self.field(name, "true") } else { self }
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A list of what is JSON already.
pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// A text.
pub(super) fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    write_quoted(&mut json, text);
    json
}

fn write_quoted(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            c if c < ' ' || is_escaped_for_html(c) => escape(json, c),
            c => json.push(c),
        }
    }
    json.push('"');
}

/// What is JSON already and stays as it is, as Go's `json.RawMessage` does: only spaces go, and
/// what a browser might take for HTML is escaped.
pub(super) fn compacted(json: &str) -> String {
    let mut compact = String::with_capacity(json.len());
    let (mut in_text, mut escaped) = (false, false);
    for c in json.chars() {
        match c {
            ' ' | '\t' | '\r' | '\n' if !in_text => continue,
            c if is_escaped_for_html(c) => escape(&mut compact, c),
            c => compact.push(c),
        }
        if c == '"' && !escaped {
            in_text = !in_text;
        }
        escaped = in_text && c == '\\' && !escaped;
    }
    compact
}

/// The same document over many lines, as Go's `json.Indent` lays it out. Every line but the first
/// begins with `prefix`.
pub(super) fn indented(compact: &str, prefix: &str, indent: &str) -> String {
    let mut json = String::with_capacity(compact.len() * 2);
    let (mut depth, mut in_text, mut escaped) = (0, false, false);
    let new_line = |json: &mut String, depth: usize| {
        json.push('\n');
        json.push_str(prefix);
        for _ in 0..depth {
            json.push_str(indent);
        }
    };
    let mut previous = '\0';
    for c in compact.chars() {
        if in_text {
            json.push(c);
            in_text = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        let opens = matches!(previous, '{' | '[');
        previous = c;
        match c {
            '}' | ']' => {
                depth -= 1;
                // What is empty stays on its line.
                if !opens {
                    new_line(&mut json, depth);
                }
                json.push(c);
                continue;
            }
            _ if opens => new_line(&mut json, depth),
            _ => {}
        }
        json.push(c);
        match c {
            '{' | '[' => depth += 1,
            ',' => new_line(&mut json, depth),
            ':' => json.push(' '),
            '"' => in_text = true,
            _ => {}
        }
    }
    json
}

fn is_escaped_for_html(c: char) -> bool {
    matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}

fn escape(json: &mut String, c: char) {
    // Writing to a text cannot fail.
    let _ = write!(json, "\\u{:04x}", u32::from(c));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_go_does() {
        for (text, json) in [
            ("", r#""""#),
            (r#"a"b\c"#, r#""a\"b\\c""#),
            ("\n\r\t", r#""\n\r\t""#),
            ("\u{8}\u{c}\u{1}\u{1f}", r#""\u0008\u000c\u0001\u001f""#),
            ("<a & b>", r#""\u003ca \u0026 b\u003e""#),
            ("\u{2028}\u{2029}", r#""\u2028\u2029""#),
            ("é/\u{7f}日", "\"é/\u{7f}日\""),
        ] {
            assert_eq!(quoted(text), json);
        }
    }

    #[test]
    fn raw_json_keeps_its_words() {
        for (raw, compact) in [
            (" [ 1 , 2.50e+3 ]\n", "[1,2.50e+3]"),
            (
                "{ \"a b\" : \"c  d\\\" , <\" }",
                "{\"a b\":\"c  d\\\" , \\u003c\"}",
            ),
            (r#""\b\f\/\u00e9\\" "#, r#""\b\f\/\u00e9\\""#),
            ("\"\u{2028}\"", r#""\u2028""#),
        ] {
            assert_eq!(compacted(raw), compact);
        }
    }

    #[test]
    fn an_indented_document_is_laid_out_as_go_does() {
        let compact = r#"{"a":[],"b":{},"c":[1,{"d":"{,:\"[]"}]}"#;
        let expected = "{\n>  \"a\": [],\n>  \"b\": {},\n>  \"c\": [\n>    1,\n>    {\n>      \
                        \"d\": \"{,:\\\"[]\"\n>    }\n>  ]\n>}";
        assert_eq!(indented(compact, ">", "  "), expected);
    }
}
