//! Overrides from the environment: each variable `REGISTRY_A_B=value` sets the key `a.b`, before
//! anything is typed.

use std::ffi::OsString;
use std::sync::Arc;

use crate::config::cursor::Report;
use crate::config::fault::{Fault, Problem};
use crate::config::node::{Node, Place, Section, Value};
use crate::config::{SECTIONS, yaml};

/// The variable that names the configuration file.
pub(crate) const PATH_VARIABLE: &str = "REGISTRY_CONFIGURATION_PATH";

/// The variables of a process that concern a registry; bytes that are not UTF-8 are replaced.
pub(crate) fn of_registry(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (String, String)> {
    variables.filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        name.starts_with(PREFIX)
            .then(|| (name, value.to_string_lossy().into_owned()))
    })
}

/// Applies the variables to `tree` in the order of their names, so that a section is replaced
/// before its keys are set.
pub(crate) fn apply(
    tree: &mut Node,
    environment: impl Iterator<Item = (String, String)>,
    report: &Report,
) -> Result<(), Fault> {
    let mut variables: Vec<(String, String)> = environment
        .filter(|(name, _)| name.starts_with(PREFIX) && name != PATH_VARIABLE)
        .collect();
    variables.sort();
    for (name, value) in variables {
        let elements: Vec<&str> = name[PREFIX.len()..].split('_').collect();
        let section = elements[0].to_lowercase();
        if section == "version" {
            report.warn(format!(
                "Ignoring environment variable {name}: the version is that of the file"
            ));
            continue;
        }
        if !SECTIONS.contains(&section.as_str()) || elements.contains(&"") {
            report.warn(format!("Ignoring unrecognized environment variable {name}"));
            continue;
        }
        let place = Place::Variable(Arc::from(name.as_str()));
        let document = yaml::parse(&value, |_| place.clone()).map_err(suggest_quotes)?;
        for (place, warning) in document.warnings {
            report.warn_at(&place, &warning);
        }
        let assignment = Assignment {
            name: &name,
            place,
            report,
        };
        assignment.descend(tree, &mut Vec::new(), &elements, document.root)?;
    }
    Ok(())
}

/// One variable on its way to its key.
struct Assignment<'v> {
    name: &'v str,
    place: Place,
    report: &'v Report,
}

impl Assignment<'_> {
    /// Walks down from `node`, which stands at `path`, along the elements that are left, and puts
    /// `value` there.
    fn descend(
        &self,
        node: &mut Node,
        path: &mut Vec<String>,
        elements: &[&str],
        value: Node,
    ) -> Result<(), Fault> {
        let Some((element, rest)) = elements.split_first() else {
            *node = value;
            return Ok(());
        };
        self.make_room(node, path, element);
        match &mut node.value {
            Value::Section(section) => {
                let Some(key) = key_for(section, path, element) else {
                    return self.descend(node, path, rest, value);
                };
                let child = section.entry(key.clone(), || Node::null(self.place.clone()));
                path.push(key);
                self.descend(child, path, rest, value)
            }
            Value::List(items) => {
                let index: usize = element.parse().map_err(|_| {
                    self.fault(path, Problem::IndexNotNumeric((*element).to_owned()))
                })?;
                let next = items.len();
                if index > next {
                    let index = (*element).to_owned();
                    return Err(self.fault(path, Problem::IndexUndefined { index, next }));
                }
                if index == items.len() {
                    items.push(Node::null(self.place.clone()));
                }
                path.push((*element).to_owned());
                self.descend(&mut items[index], path, rest, value)
            }
            Value::Scalar(_) => {
                let key = path.join(".");
                let name = self.name;
                self.report.warn(format!(
                    "Ignoring environment variable {name}: {key} has a value and no keys below it"
                ));
                Ok(())
            }
        }
    }

    /// Turns a value that says nothing into what `element` can be looked up in, and `storage:
    /// inmemory` into its long form.
    fn make_room(&self, node: &mut Node, path: &[String], element: &str) {
        let Value::Scalar(scalar) = &node.value else {
            return;
        };
        let mut section = Section::default();
        if scalar.is_null() {
            if element.bytes().all(|byte| byte.is_ascii_digit()) {
                node.value = Value::List(Vec::new());
                return;
            }
        } else if matches!(path, [name] if name == "storage" || name == "auth") {
            section.set(scalar.text.clone(), Node::null(node.place.clone()));
        } else {
            return;
        }
        node.value = Value::Section(section);
    }

    fn fault(&self, path: &[String], problem: Problem) -> Fault {
        Fault::new(problem).at(&self.place, &path.join("."))
    }
}

/// The key of `section`, which stands at `path`, that a variable means by `element`; `None` if it
/// means the section itself.
fn key_for(section: &Section, path: &[String], element: &str) -> Option<String> {
    let lower = element.to_lowercase();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    // Distribution goes by the names of its structures' fields; some are not those of the keys.
    let lower = match (path.as_slice(), lower.as_str()) {
        (["notifications"], "eventconfig") => "events".to_owned(),
        (["health"], "filecheckers") => "file".to_owned(),
        (["health"], "httpcheckers") => "http".to_owned(),
        (["health"], "tcpcheckers") => "tcp".to_owned(),
        (["log", "hooks", _], "mailoptions") => "options".to_owned(),
        (["compatibility", "schema1"], "trustkey") => "signingkeyfile".to_owned(),
        (["redis"], "options") => return None,
        _ => lower,
    };
    let existing = section.get(&lower).is_none().then(|| {
        section
            .iter()
            .map(|(key, _)| key)
            .find(|key| key.to_lowercase() == lower)
    });
    Some(existing.flatten().map_or(lower, str::to_owned))
}

/// Adds to a mistake in YAML what whoever set a variable mostly needs: `[::]:5000` is a list to YAML.
fn suggest_quotes(mut fault: Fault) -> Fault {
    if let Problem::Syntax(message) = &mut fault.problem {
        message.push_str("; put the value in quotes if it is meant as a text");
    }
    fault
}

/// What the names of all variables begin with.
const PREFIX: &str = "REGISTRY_";

#[cfg(test)]
mod tests;
