//! Referrers: what is about a manifest.

use http::{Uri, header};
use wharf_oci::Digest;
use wharf_registry::{ReferrersRequest, Repository};

use crate::{
    error::Error,
    handlers::Query,
    location,
    respond::{self, Answered},
};

/// Serves a page of the manifests whose subject this is (end-12). There is always an answer, if an
/// empty one: clients take 404 to mean that there is no such list at all (OCI-6.10).
pub(crate) async fn list(
    repository: &Repository,
    subject: &Digest,
    uri: &Uri,
) -> Result<Answered, Error> {
    let query = Query::parse(uri.query());
    let after = query.get("last").map(|last| {
        last.parse().map_err(|source| Error::DigestMalformed {
            digest: last.to_owned(),
            source,
        })
    });
    let limit = match query.get("n") {
        None => MOST_REFERRERS,
        Some(n) => match n.parse() {
            Ok(n) => MOST_REFERRERS.min(n),
            Err(_) => return Err(Error::PageSize(n.to_owned())),
        },
    };
    let artifact_type = query.get("artifactType").map(ToOwned::to_owned);
    let filtered = artifact_type.is_some();
    let request = ReferrersRequest {
        after: after.transpose()?,
        limit,
        artifact_type,
    };
    let listing = repository.manifests.referrers(subject, request).await?;
    let mut response = respond::referrers(&listing.items, filtered);
    let last = listing.items.last().filter(|_| listing.more);
    if let Some(link) = last.and_then(|last| location::more_referrers(uri, &query, &last.digest)) {
        respond::set(&mut response, header::LINK, link);
    }
    Ok(response)
}

/// How many entries a page has at most.
const MOST_REFERRERS: usize = 1000;
