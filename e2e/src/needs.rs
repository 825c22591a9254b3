//! What a test cannot do without, and what becomes of the test where it is missing.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A program or a right that this machine does not have.
#[derive(Debug, Clone)]
pub struct Missing(String);

impl Missing {
    /// Says in half a sentence what is missing.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Hands out what a test needs, or ends the test there: left out, or failed under `CI=true`.
#[macro_export]
macro_rules! need {
    ($thing:expr) => {
        match $thing {
            Ok(thing) => thing,
            Err(missing) => {
                fn here() {}
                return $crate::needs::leave_out(std::any::type_name_of_val(&here), &missing);
            }
        }
    };
}

/// Looks a program up in `PATH`.
pub fn program(name: &str) -> Result<PathBuf, Missing> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| is_program(file))
        .ok_or_else(|| Missing::new(format!("{name} is not installed")))
}

/// Whether a file can be run at all; by whom does not matter here.
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Ends a test that cannot run here; [`need!`] calls it.
///
/// # Panics
///
/// Under `CI=true`, where no test may be left out.
pub fn leave_out(here: &str, missing: &Missing) {
    let test = here.trim_end_matches("::here");
    let test = test
        .split_once("::")
        .map_or(test, |(_crate_name, rest)| rest);
    let line = format!("left out: {test}: {missing}");
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{line}, and under CI=true no test may be left out"
    );
    // Not by `eprintln!`, which the test harness keeps to itself as long as the test passes; and in one piece, as others print too.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
