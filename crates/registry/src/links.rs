//! Links: small files whose text is a digest.

use bytes::Bytes;
use wharf_oci::Digest;
use wharf_storage::{Put, StorageDriver, StoragePath, Sync};

use crate::Error;

/// Reads a link. One that is empty or damaged, as a power cut leaves it behind on stores that do
/// not sync, counts as absent: whoever pushes the content again puts it right.
///
/// # Errors
/// When the store fails; an error is never an absence.
pub(crate) async fn read(
    driver: &dyn StorageDriver,
    path: &StoragePath,
) -> Result<Option<Digest>, Error> {
    Ok(match look(driver, path).await? {
        Link::To(digest) => Some(digest),
        Link::Missing | Link::Damaged => None,
    })
}

/// What there is at the path of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    /// Nothing.
    Missing,
    /// The link to a digest.
    To(Digest),
    /// A file that holds no digest.
    Damaged,
}

/// Reads a link where it matters whether one is missing or damaged.
///
/// # Errors
/// When the store fails.
pub(crate) async fn look(driver: &dyn StorageDriver, path: &StoragePath) -> Result<Link, Error> {
    // A read from the page cache never waits, so a walk over many links must let others in itself.
    tokio::task::consume_budget().await;
    let content = match driver.get_content(path).await {
        Ok(content) => content,
        Err(wharf_storage::Error::NotFound { .. }) => return Ok(Link::Missing),
        Err(error) => return Err(Error::Storage(error)),
    };
    Ok(understood(path, &content))
}

/// Reads many links; see [`look`].
///
/// # Errors
/// When the store fails.
pub(crate) async fn look_at_all(
    driver: &dyn StorageDriver,
    paths: Vec<StoragePath>,
) -> Result<Vec<Link>, Error> {
    let contents = driver
        .get_all(paths.clone())
        .await
        .map_err(Error::Storage)?;
    let links = paths
        .iter()
        .zip(contents)
        .map(|(path, content)| content.map_or(Link::Missing, |content| understood(path, &content)));
    Ok(links.collect())
}

fn understood(path: &StoragePath, content: &Bytes) -> Link {
    let digest = std::str::from_utf8(content)
        .ok()
        .and_then(|text| text.trim_end().parse().ok());
    if let Some(digest) = digest {
        return Link::To(digest);
    }
    tracing::warn!(
        storage.path = %path,
        storage.size = content.len() as u64,
        "link does not hold a digest, treated as absent"
    );
    Link::Damaged
}

/// The file that links to a digest.
pub(crate) fn to(path: StoragePath, digest: &Digest) -> Put {
    let content = Bytes::copy_from_slice(digest.as_str().as_bytes());
    Put { path, content }
}

/// Writes a link durably.
///
/// # Errors
/// When the store fails.
pub(crate) async fn write(
    driver: &dyn StorageDriver,
    path: &StoragePath,
    digest: &Digest,
) -> Result<(), Error> {
    let content = Bytes::copy_from_slice(digest.as_str().as_bytes());
    driver
        .put_content(path, content, Sync::Durable)
        .await
        .map_err(Error::Storage)
}

/// Deletes what is at a path durably, if anything is; tells whether there was.
///
/// # Errors
/// When the store fails.
pub(crate) async fn delete_if_there(
    driver: &dyn StorageDriver,
    path: &StoragePath,
) -> Result<bool, Error> {
    delete(driver, path, Sync::Durable).await
}

/// Deletes what may come back after a power cut, if it is there.
///
/// # Errors
/// When the store fails.
pub(crate) async fn forget_if_there(
    driver: &dyn StorageDriver,
    path: &StoragePath,
) -> Result<bool, Error> {
    delete(driver, path, Sync::Lazy).await
}

async fn delete(driver: &dyn StorageDriver, path: &StoragePath, sync: Sync) -> Result<bool, Error> {
    match driver.delete(path, sync).await {
        Ok(()) => Ok(true),
        Err(wharf_storage::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(Error::Storage(error)),
    }
}
