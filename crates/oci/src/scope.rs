//! What a request wants to do, and to what.

use std::fmt;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::repository_name::RepositoryName;

/// Something that can be done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Reading.
    Pull,
    /// Writing.
    Push,
    /// Deleting.
    Delete,
    /// Everything, written `*`.
    All,
}

impl Action {
    /// Returns the action as a scope has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::All => "*",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something that access is asked to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// The list of all repositories, written `registry:catalog`.
    Catalog,
    /// One repository, written `repository:<name>`.
    Repository(RepositoryName),
}

impl Resource {
    /// Returns the word in front of the name.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Catalog => "registry",
            Self::Repository(_) => "repository",
        }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        match self {
            Self::Catalog => "catalog",
            Self::Repository(name) => name.as_str(),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.name())
    }
}

/// One action on one resource; its text form is a scope, such as `repository:a/b:pull`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Access {
    /// What it is done to.
    pub resource: Resource,
    /// What is done.
    pub action: Action,
}

impl Access {
    /// Returns the access that an action on a repository needs.
    pub fn repository(name: RepositoryName, action: Action) -> Self {
        Self {
            resource: Resource::Repository(name),
            action,
        }
    }

    /// Returns the access that listing all repositories needs.
    pub fn catalog() -> Self {
        Self {
            resource: Resource::Catalog,
            action: Action::All,
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.resource, self.action)
    }
}

/// Writes the record that Distribution puts into the detail of a refusal.
impl Serialize for Access {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_struct("Access", 4)?;
        record.serialize_field("Type", self.resource.kind())?;
        record.serialize_field("Class", "")?;
        record.serialize_field("Name", self.resource.name())?;
        record.serialize_field("Action", self.action.as_str())?;
        record.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_prints_as_a_scope() {
        let name: RepositoryName = "a/b".parse().unwrap();
        assert_eq!(
            Access::repository(name.clone(), Action::Pull).to_string(),
            "repository:a/b:pull"
        );
        assert_eq!(
            Access::repository(name, Action::Delete).to_string(),
            "repository:a/b:delete"
        );
        assert_eq!(Access::catalog().to_string(), "registry:catalog:*");
    }

    #[test]
    fn a_record_has_the_fields_of_distribution_in_its_order() {
        let records = [
            Access::repository("a/b".parse().unwrap(), Action::Push),
            Access::catalog(),
        ];
        assert_eq!(
            serde_json::to_string(&records).unwrap(),
            concat!(
                r#"[{"Type":"repository","Class":"","Name":"a/b","Action":"push"},"#,
                r#"{"Type":"registry","Class":"","Name":"catalog","Action":"*"}]"#
            )
        );
    }
}
