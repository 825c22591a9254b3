//! From YAML text to the untyped tree.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Tag};

use crate::config::fault::{Fault, Problem};
use crate::config::node::{Node, Place, Scalar, Section, Value};

/// A parsed document.
pub(crate) struct Document {
    /// The tree; null if the text says nothing.
    pub(crate) root: Node,
    /// What is legal and yet probably not meant.
    pub(crate) warnings: Vec<(Place, String)>,
}

/// Parses the first document of `text`.
///
/// `place` says where a line of the text is. Aliases and merge keys are resolved; what a text may
/// unfold to is limited.
pub(crate) fn parse(text: &str, place: impl Fn(usize) -> Place) -> Result<Document, Fault> {
    let options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder {
        place,
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        root: None,
        warnings: Vec::new(),
    };
    let mut documents = 0;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| {
            let problem = Problem::Syntax(error.info().lines().collect::<Vec<_>>().join(" "));
            Fault::new(problem).at(&(builder.place)(error.marker().line()), "")
        })?;
        let line = span.start.line();
        match event {
            Event::DocumentStart(..) => documents += 1,
            Event::DocumentEnd if documents > 1 => break,
            _ if documents > 1 => {}
            event => builder.take(event, line)?,
        }
    }
    let mut warnings = builder.warnings;
    if documents > 1 {
        warnings.push((
            (builder.place)(1),
            "only the first YAML document is read".to_owned(),
        ));
    }
    let root = builder
        .root
        .unwrap_or_else(|| Node::null((builder.place)(1)));
    Ok(Document { root, warnings })
}

/// Turns the parser's events into nodes, without recursion.
struct Builder<P> {
    place: P,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    root: Option<Node>,
    warnings: Vec<(Place, String)>,
}

/// A collection whose end has not been seen.
struct Open {
    anchor: usize,
    line: usize,
    content: Content,
}

/// What an open collection holds so far.
enum Content {
    List(Vec<Node>),
    Section {
        section: Section,
        key: Option<(String, Place)>,
        merged: Vec<Section>,
    },
}

/// A node that an alias may repeat, with what repeating it costs.
struct Anchored {
    node: Node,
    size: usize,
    depth: usize,
}

impl<P: Fn(usize) -> Place> Builder<P> {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain || is_text(tag.as_deref());
                let value = Value::Scalar(Scalar {
                    text: text.into_owned(),
                    quoted,
                });
                self.finish(value, anchor, line)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open(Content::List(Vec::new()), anchor, line)
            }
            Event::MappingStart(_, anchor, _) => {
                let content = Content::Section {
                    section: Section::default(),
                    key: None,
                    merged: Vec::new(),
                };
                self.open(content, anchor, line)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open {
                    anchor,
                    line,
                    content,
                }) = self.open.pop()
                else {
                    return Ok(());
                };
                self.finish(content.close(), anchor, line)
            }
            Event::Alias(anchor) => {
                let Some(Anchored { node, size, depth }) = self.anchors.get(&anchor) else {
                    return Err(syntax(
                        "an alias stands inside the value that it repeats",
                        &(self.place)(line),
                    ));
                };
                if self.open.len() + depth > MAX_DEPTH {
                    return Err(syntax("aliases nest too deeply", &(self.place)(line)));
                }
                self.nodes += size;
                let node = node.clone();
                self.put(node, line)
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, content: Content, anchor: usize, line: usize) -> Result<(), Fault> {
        if self.open.len() >= MAX_DEPTH {
            return Err(syntax(
                "lists and sections nest too deeply",
                &(self.place)(line),
            ));
        }
        self.open.push(Open {
            anchor,
            line,
            content,
        });
        Ok(())
    }

    fn finish(&mut self, value: Value, anchor: usize, line: usize) -> Result<(), Fault> {
        let node = Node {
            place: (self.place)(line),
            value,
        };
        if anchor != 0 {
            let (size, depth) = extent(&node);
            let node = node.clone();
            self.anchors.insert(anchor, Anchored { node, size, depth });
        }
        self.nodes += 1;
        self.put(node, line)
    }

    /// Puts a finished node into the collection that is open.
    fn put(&mut self, mut node: Node, line: usize) -> Result<(), Fault> {
        let place = (self.place)(line);
        if self.nodes > MAX_NODES {
            return Err(syntax("the text unfolds to too many values", &place));
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Section {
                key: key @ None, ..
            }) => match node.value {
                Value::Scalar(scalar) => *key = Some((scalar.text, place)),
                Value::List(_) | Value::Section(_) => {
                    return Err(syntax("a key must be a text", &place));
                }
            },
            Some(Content::Section {
                section,
                key: key @ Some(_),
                merged,
            }) => {
                let (key, place) = key.take().unwrap_or((String::new(), place));
                // A section begins, for whoever looks for it, at its key.
                node.place.clone_from(&place);
                if key == "<<" {
                    merged.extend(
                        merge_sources(node)
                            .ok_or_else(|| syntax("<< merges sections only", &place))?,
                    );
                } else if section.set(key.clone(), node).is_some() {
                    let warning = format!(
                        "the key {} is given twice; the last one counts",
                        self.path(&key)
                    );
                    self.warnings.push((place, warning));
                }
            }
        }
        Ok(())
    }

    /// The dotted name of `key` in the collection that is open.
    fn path(&self, key: &str) -> String {
        let mut path = String::new();
        for open in &self.open {
            match &open.content {
                Content::List(items) => path.push_str(&format!("[{}]", items.len())),
                Content::Section { key, .. } => {
                    if let Some((key, _)) = key {
                        path.push_str(if path.is_empty() { "" } else { "." });
                        path.push_str(key);
                    }
                }
            }
        }
        path.push_str(if path.is_empty() { "" } else { "." });
        path + key
    }
}

impl Content {
    fn close(self) -> Value {
        match self {
            Self::List(items) => Value::List(items),
            Self::Section {
                mut section,
                merged,
                ..
            } => {
                for source in merged {
                    for (key, node) in source.iter() {
                        section.entry(key.to_owned(), || node.clone());
                    }
                }
                Value::Section(section)
            }
        }
    }
}

/// The sections that a merge key names: one, or a list of them.
fn merge_sources(node: Node) -> Option<Vec<Section>> {
    match node.value {
        Value::Section(section) => Some(vec![section]),
        Value::List(items) => items
            .into_iter()
            .map(|item| match item.value {
                Value::Section(section) => Some(section),
                Value::Scalar(_) | Value::List(_) => None,
            })
            .collect(),
        Value::Scalar(_) => None,
    }
}

/// How many nodes a tree has, and how many levels.
fn extent(node: &Node) -> (usize, usize) {
    let add = |(size, depth): (usize, usize), child: &Node| {
        let (more, deeper) = extent(child);
        (size + more, depth.max(deeper + 1))
    };
    match &node.value {
        Value::Scalar(_) => (1, 0),
        Value::List(items) => items.iter().fold((1, 1), add),
        Value::Section(section) => section.iter().map(|(_, child)| child).fold((1, 1), add),
    }
}

fn syntax(message: &str, place: &Place) -> Fault {
    Fault::new(Problem::Syntax(message.to_owned())).at(place, "")
}

fn is_text(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"))
}

/// How deep lists and sections may nest; a real configuration needs seven levels.
const MAX_DEPTH: usize = 64;

/// How many values a file may unfold to, against aliases of aliases of aliases.
const MAX_NODES: usize = 20_000;

#[cfg(test)]
mod tests;
