//! What is sent, a file for each theme.

mod authentication;
mod blobs;
mod connection;
mod deletion;
mod links;
mod lists;
mod manifests_bad;
mod manifests_pull;
mod manifests_push;
mod paths;
mod read_only;
mod uploads;
mod uploads_chunks;

use super::scenario::Scenario;

/// All of them.
pub(super) fn all() -> Vec<Scenario> {
    let themes = [
        authentication::scenarios(),
        blobs::scenarios(),
        connection::scenarios(),
        deletion::scenarios(),
        links::scenarios(),
        lists::scenarios(),
        manifests_bad::scenarios(),
        manifests_pull::scenarios(),
        manifests_push::scenarios(),
        paths::scenarios(),
        read_only::scenarios(),
        uploads::scenarios(),
        uploads_chunks::scenarios(),
    ];
    themes.into_iter().flatten().collect()
}
