//! How many files this process may have open, and how many connections that leaves room for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the number of files that this process may have open as far as the system lets it, as Go
/// does for every program; tells that number, if there is one.
///
/// The low number that processes start with is a courtesy to programs that use `select`.
pub(crate) fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let highest = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, highest) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::debug!(%error, "cannot raise the number of open files");
            current
        }
    }
}

/// How many connections to serve at a time with so many files.
///
/// Each may have a file of the store open beside its socket: a blob that is pulled, or an upload.
/// Otherwise connections alone, even idle ones, could use up what the store needs to answer the
/// others. Some are left for what does not grow with connections: the log, the listeners, folders,
/// checks of the health. The requests of one HTTP/2 connection share what is counted here for one.
pub(crate) fn connections(files: Option<u64>) -> usize {
    let Some(files) = files else {
        return usize::MAX;
    };
    let beside = RESERVE.min(files / 4);
    usize::try_from((files - beside) / 2).unwrap_or(usize::MAX)
}

/// Files that are not for connections, unless there are very few.
const RESERVE: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_files_are_left_for_the_store() {
        for (files, expected) in [
            (Some(16), 6),
            (Some(64), 24),
            (Some(256), 96),
            (Some(1024), 480),
            (Some(1_048_576), 524_256),
            (None, usize::MAX),
        ] {
            assert_eq!(connections(files), expected, "{files:?}");
        }
    }
}
