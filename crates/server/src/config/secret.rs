//! Values that must not reach a log.

use std::fmt;

use serde::Deserialize;

/// A value that does not show itself.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Secret<T>(T);

impl<T> Secret<T> {
    /// The value, for the one who needs it.
    pub(crate) fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
