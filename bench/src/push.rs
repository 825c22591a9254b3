//! Filling a registry through its API, as clients do.

use std::io;

use bytes::Bytes;
use futures_util::future::try_join_all;

use crate::client::connection::Connection;
use crate::client::request::Body;
use crate::client::target::Target;
use crate::content::{self, Noise};

/// How a blob is pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// POST, PATCH with everything, PUT with nothing: docker's way.
    Chunked,
    /// POST, PUT with everything.
    Monolithic,
}

/// Pushes one blob, whose digest is known already.
pub(crate) async fn blob(
    target: &Target,
    connection: &mut Connection,
    repository: &str,
    blob: Noise,
    digest: &str,
    way: Way,
) -> io::Result<()> {
    let start = target.request(
        "POST",
        &format!("/v2/{repository}/blobs/uploads/"),
        &[],
        Body::Empty,
    );
    let answer = connection.exchange(&start).await?.expect(202)?;
    let mut place = path(answer.location)?;
    let content = if blob.length <= SMALL {
        Body::Bytes(blob.bytes())
    } else {
        Body::Noise(blob)
    };
    let last = match way {
        Way::Monolithic => content,
        Way::Chunked => {
            let chunk = target.request("PATCH", &place, &[OCTETS], content);
            place = path(connection.exchange(&chunk).await?.expect(202)?.location)?;
            Body::Empty
        }
    };
    let mark = if place.contains('?') { '&' } else { '?' };
    let end = target.request(
        "PUT",
        &format!("{place}{mark}digest={digest}"),
        &[OCTETS],
        last,
    );
    connection.exchange(&end).await?.expect(201)?;
    Ok(())
}

/// Pushes blobs over several connections.
pub(crate) async fn blobs(target: &Target, repository: &str, blobs: &[Noise]) -> io::Result<()> {
    let each = blobs.len().div_ceil(CONNECTIONS).max(1);
    try_join_all(blobs.chunks(each).map(async |blobs| {
        let mut connection = target.connect().await?;
        for noise in blobs {
            blob(
                target,
                &mut connection,
                repository,
                *noise,
                &noise.digest(),
                Way::Monolithic,
            )
            .await?;
        }
        io::Result::Ok(())
    }))
    .await?;
    Ok(())
}

/// Pushes a manifest under a tag or a digest.
pub(crate) async fn manifest(
    target: &Target,
    connection: &mut Connection,
    repository: &str,
    reference: &str,
    manifest: Bytes,
) -> io::Result<()> {
    let kind = format!("Content-Type: {}", content::MANIFEST_TYPE);
    let path = format!("/v2/{repository}/manifests/{reference}");
    let put = target.request("PUT", &path, &[&kind], Body::Bytes(manifest));
    connection.exchange(&put).await?.expect(201)?;
    Ok(())
}

/// An image that has been pushed.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) digest: String,
    pub(crate) layers: Vec<Noise>,
}

/// Pushes an image under a tag: a configuration and layers of these lengths, told from other images by a number.
pub(crate) async fn image(
    target: &Target,
    repository: &str,
    tag: &str,
    number: u64,
    layers: &[u64],
) -> io::Result<Image> {
    let noise = |index: u64, length| Noise {
        number: number * 1000 + index,
        length,
    };
    let config = noise(0, CONFIG);
    let layers: Vec<Noise> = (1..)
        .zip(layers)
        .map(|(index, length)| noise(index, *length))
        .collect();
    let mut parts = layers.clone();
    parts.push(config);
    blobs(target, repository, &parts).await?;
    let bytes = Bytes::from(content::manifest(config, &layers));
    let mut connection = target.connect().await?;
    manifest(target, &mut connection, repository, tag, bytes.clone()).await?;
    Ok(Image {
        digest: content::digest(&bytes),
        layers,
    })
}

/// The path in a `Location`, which may be a whole URL.
fn path(location: Option<String>) -> io::Result<String> {
    let location = location.ok_or_else(|| io::Error::other("the answer has no Location"))?;
    if location.starts_with('/') {
        return Ok(location);
    }
    let (_, rest) = location.split_once("://").unwrap_or(("", &location));
    Ok(rest.find('/').map_or("/", |at| &rest[at..]).to_owned())
}

/// In bytes: what is sent from memory, together with the head.
const SMALL: u64 = 64 << 10;
/// The size of a configuration, in bytes.
const CONFIG: u64 = 1500;
const CONNECTIONS: usize = 8;
const OCTETS: &str = "Content-Type: application/octet-stream";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_may_be_a_path_or_a_url() {
        let read = |text: &str| path(Some(text.to_owned())).unwrap();
        assert_eq!(read("/v2/a?b=http://c"), "/v2/a?b=http://c");
        assert_eq!(read("http://127.0.0.1/v2/a?b"), "/v2/a?b");
        assert!(path(None).is_err());
    }
}
