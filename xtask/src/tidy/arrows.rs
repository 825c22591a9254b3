//! The walls: which package may name which.

use std::path::Path;

use super::Finding;
use crate::workspace::Package;

/// Compares every package's dependencies with its room.
pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    packages.iter().flat_map(check_package).collect()
}

/// A package's place in the house.
struct Room {
    package: &'static str,
    floor: u8,
    /// The rooms it may name; all of them stand on lower floors.
    may_name: &'static [&'static str],
    /// The libraries whose subject is another room's.
    never_names: &'static [&'static str],
}

const ROOMS: [Room; 12] = [
    Room {
        package: "wharf-server",
        floor: 5,
        may_name: &[
            "wharf-api",
            "wharf-registry",
            "wharf-auth",
            "wharf-storage",
            "wharf-oci",
        ],
        never_names: &[],
    },
    Room {
        package: "wharf-api",
        floor: 4,
        may_name: &["wharf-registry", "wharf-auth", "wharf-oci"],
        never_names: &["hyper", "rustls", "tokio-rustls"],
    },
    Room {
        package: "wharf-registry",
        floor: 2,
        may_name: &["wharf-storage", "wharf-oci"],
        never_names: HTTP,
    },
    Room {
        package: "wharf-auth",
        floor: 2,
        may_name: &["wharf-oci"],
        never_names: HTTP,
    },
    Room {
        package: "wharf-oci",
        floor: 1,
        may_name: &[],
        never_names: &["http", "http-body", "hyper", "hyper-util", "tokio"],
    },
    Room {
        package: "wharf-storage",
        floor: 1,
        may_name: &[],
        never_names: &[],
    },
    Room {
        package: "wharf-e2e",
        floor: 6,
        may_name: &[],
        never_names: &[],
    },
    Room {
        package: "wharf-conformance",
        floor: 7,
        may_name: &["wharf-e2e"],
        never_names: &[],
    },
    Room {
        package: "wharf-bench",
        floor: 7,
        may_name: &["wharf-e2e"],
        never_names: &[],
    },
    Room {
        package: "wharf-fuzz",
        floor: 6,
        may_name: &["wharf-api", "wharf-auth", "wharf-registry", "wharf-oci"],
        never_names: &[],
    },
    Room {
        package: "wharf-model",
        floor: 6,
        may_name: &[],
        never_names: &[],
    },
    Room {
        package: "xtask",
        floor: 6,
        may_name: &[],
        never_names: &[],
    },
];

const HTTP: &[&str] = &[
    "http",
    "http-body",
    "http-body-util",
    "hyper",
    "hyper-util",
    "rustls",
    "tokio-rustls",
];

fn check_package(package: &Package) -> Vec<Finding> {
    let file = Path::new("Cargo.toml");
    let Some(room) = room(&package.name) else {
        let message = format!(
            "{} has no room in xtask/src/tidy/arrows.rs: give it one, or do without it",
            package.name
        );
        return vec![Finding::in_file(file, message)];
    };
    let refusals = package.dependencies.iter().filter_map(|dependency| {
        let name = dependency.name.as_str();
        let allowed = match self::room(name) {
            // Tests may reach any lower floor, to build what the code is given, and switch on features of their own package.
            Some(other) if dependency.only_for_tests => {
                other.floor < room.floor || other.package == room.package
            }
            Some(other) => room.may_name.contains(&other.package),
            None => dependency.only_for_tests || !room.never_names.contains(&name),
        };
        (!allowed)
            .then(|| Finding::in_file(file, format!("{} must not depend on {name}", package.name)))
    });
    refusals.collect()
}

fn room(package: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.package == package)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn refused(package: &str, dependency: &str, only_for_tests: bool) -> bool {
        let package = Package {
            name: package.to_owned(),
            dependencies: vec![Dependency {
                name: dependency.to_owned(),
                only_for_tests,
            }],
        };
        !check(&[package]).is_empty()
    }

    #[test]
    fn arrows_only_go_down() {
        for room in &ROOMS {
            for name in room.may_name {
                let lower = super::room(name).expect("every name in the table is a room");
                assert!(lower.floor < room.floor, "{} -> {name}", room.package);
            }
        }
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_refused() {
        assert!(!refused("wharf-registry", "wharf-storage", false));
        assert!(refused("wharf-storage", "wharf-registry", false));
        assert!(refused("wharf-api", "wharf-storage", false));
        assert!(refused("wharf-auth", "wharf-registry", false));
    }

    #[test]
    fn tests_may_reach_any_lower_floor_and_no_higher_one() {
        assert!(!refused("wharf-api", "wharf-storage", true));
        assert!(refused("wharf-registry", "wharf-api", true));
        assert!(!refused("wharf-storage", "wharf-storage", true));
    }

    #[test]
    fn a_library_of_another_room_is_refused() {
        assert!(refused("wharf-registry", "http", false));
        assert!(refused("wharf-oci", "tokio", false));
        assert!(!refused("wharf-api", "http", false));
    }

    #[test]
    fn a_package_without_a_room_is_refused() {
        assert!(refused("wharf-attic", "serde", false));
    }
}
