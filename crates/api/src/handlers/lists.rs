//! The lists: catalog and tags.

use http::Uri;
use serde::Serialize;
use wharf_oci::{RepositoryName, Tag};
use wharf_registry::{ListRequest, Registry, Repository};

use crate::{
    error::Error,
    handlers::Query,
    location,
    respond::{self, Answered},
};

#[derive(Serialize)]
struct Catalog {
    repositories: Vec<RepositoryName>,
}

#[derive(Serialize)]
struct Tags<'a> {
    name: &'a RepositoryName,
    tags: Vec<Tag>,
}

/// Serves a page of the catalog (reference, section 4.5).
pub(crate) async fn catalog(
    registry: &dyn Registry,
    uri: &Uri,
    max_entries: usize,
) -> Result<Answered, Error> {
    let query = Query::parse(uri.query());
    let limit = match query.get("n") {
        None => DEFAULT_CATALOG_PAGE.min(max_entries),
        Some(n) => match n.parse() {
            Ok(limit) if limit <= max_entries => limit,
            _ => return Err(Error::PageSize(n.to_owned())),
        },
    };
    let request = ListRequest {
        after: query.get("last").map(ToOwned::to_owned),
        limit: Some(limit),
    };
    let listing = registry.catalog(request).await?;
    let last = listing.items.last().map(ToString::to_string);
    let response = respond::document(&Catalog {
        repositories: listing.items,
    });
    Ok(with_link(
        response,
        uri,
        last.filter(|_| listing.more),
        limit,
    ))
}

/// Serves a repository's tags, all of them unless a page is asked for (end-8).
pub(crate) async fn tags(
    repository: &Repository,
    uri: &Uri,
    max_tags: usize,
) -> Result<Answered, Error> {
    let query = Query::parse(uri.query());
    let limit = match query.get("n") {
        None => None,
        Some(n) => match n.parse::<u64>() {
            Ok(n) => Some(usize::try_from(n).unwrap_or(usize::MAX).min(max_tags)),
            // A number too large for us is still only a large number.
            Err(_) if n.bytes().all(|byte| byte.is_ascii_digit()) => Some(max_tags),
            Err(_) => return Err(Error::PageSize(n.to_owned())),
        },
    };
    let request = ListRequest {
        after: query.get("last").map(ToOwned::to_owned),
        limit,
    };
    let listing = repository.tags.list(request).await?;
    let last = listing.items.last().map(ToString::to_string);
    let response = respond::document(&Tags {
        name: &repository.name,
        tags: listing.items,
    });
    let more = last.filter(|_| listing.more);
    Ok(with_link(response, uri, more, limit.unwrap_or_default()))
}

fn with_link(mut response: Answered, uri: &Uri, last: Option<String>, n: usize) -> Answered {
    if let Some(link) = last.and_then(|last| location::next_page(uri, &last, n)) {
        respond::set(&mut response, http::header::LINK, link);
    }
    response
}

/// How many repositories a page has when the client does not say.
const DEFAULT_CATALOG_PAGE: usize = 100;
