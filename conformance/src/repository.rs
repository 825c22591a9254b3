//! A repository as clients use it: the verbs of the specification.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::answer::Answer;
use crate::digest::Algorithm;
use crate::manifest::Manifest;
use crate::request::Request;
use crate::server::Server;

/// A repository of a server.
#[derive(Debug, Clone, Copy)]
pub struct Repository<'server> {
    server: &'server Server,
    name: &'server str,
}

impl<'server> Repository<'server> {
    pub(crate) fn new(server: &'server Server, name: &str) -> Self {
        // A test has a handful of names, and ends soon.
        let name = name.to_owned().leak();
        Self { server, name }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.name
    }

    /// `/v2/<name>/` and what follows.
    pub fn path(&self, rest: &str) -> String {
        format!("/v2/{}/{rest}", self.name)
    }

    /// Sends a request.
    #[track_caller]
    pub fn send(&self, request: Request) -> Answer {
        self.server.send(request)
    }

    /// GET of something in this repository.
    #[track_caller]
    pub fn get(&self, rest: &str) -> Answer {
        self.send(Request::get(self.path(rest)))
    }

    /// HEAD of something in this repository.
    #[track_caller]
    pub fn head(&self, rest: &str) -> Answer {
        self.send(Request::head(self.path(rest)))
    }

    /// DELETE of something in this repository.
    #[track_caller]
    pub fn delete(&self, rest: &str) -> Answer {
        self.send(Request::delete(self.path(rest)))
    }

    /// GET of a blob.
    #[track_caller]
    pub fn blob(&self, digest: &str) -> Answer {
        self.get(&format!("blobs/{digest}"))
    }

    /// GET of a manifest; what the suite accepts, in two lines, the index first.
    #[track_caller]
    pub fn manifest(&self, reference: &str) -> Answer {
        let request = Request::get(self.path(&format!("manifests/{reference}")));
        self.send(accepting(request))
    }

    /// HEAD of a manifest.
    #[track_caller]
    pub fn manifest_head(&self, reference: &str) -> Answer {
        let request = Request::head(self.path(&format!("manifests/{reference}")));
        self.send(accepting(request))
    }

    /// Begins an upload with these parameters, and without `Content-Type`.
    #[track_caller]
    pub fn post(&self, query: &str) -> Answer {
        self.send(Request::post(self.path(&format!("blobs/uploads/{query}"))))
    }

    /// Begins an upload and tells its location.
    #[track_caller]
    pub fn start(&self) -> String {
        self.post("").expect(202).location()
    }

    /// Appends the next chunk to an upload.
    #[track_caller]
    pub fn append(&self, location: &str, first: usize, chunk: &[u8]) -> Answer {
        let request = Request::patch(location).header("Content-Type", OCTETS);
        self.send(request.content_range(first, chunk.len()).body(chunk))
    }

    /// Appends bytes to an upload as docker does: no range, no length.
    #[track_caller]
    pub fn stream(&self, location: &str, bytes: &[u8]) -> Answer {
        let request = Request::patch(location).header("Content-Type", OCTETS);
        self.send(request.chunked(bytes))
    }

    /// Ends an upload with these last bytes.
    #[track_caller]
    pub fn finish(&self, location: &str, digest: &str, bytes: &[u8]) -> Answer {
        let request = Request::put(with_digest(location, digest)).header("Content-Type", OCTETS);
        self.send(request.body(bytes))
    }

    /// Ends an upload with its last chunk, which says where it belongs.
    #[track_caller]
    pub fn finish_at(&self, location: &str, digest: &str, first: usize, chunk: &[u8]) -> Answer {
        let request = Request::put(with_digest(location, digest)).header("Content-Type", OCTETS);
        self.send(request.content_range(first, chunk.len()).body(chunk))
    }

    /// How far an upload is.
    #[track_caller]
    pub fn status(&self, location: &str) -> Answer {
        self.send(Request::get(location))
    }

    /// Pushes a blob in two requests; tells its digest.
    #[track_caller]
    pub fn push_blob(&self, algorithm: Algorithm, content: &[u8]) -> String {
        let digest = algorithm.of(content);
        self.finish(&self.start(), &digest, content).expect(201);
        digest
    }

    /// PUT of a manifest as Go clients do it: without `Content-Length`.
    #[track_caller]
    pub fn put_manifest(&self, reference: &str, media_type: &str, bytes: &[u8]) -> Answer {
        let target = self.path(&format!("manifests/{reference}"));
        let request = Request::put(target).header("Content-Type", media_type);
        self.send(request.chunked(bytes))
    }

    /// PUT of a manifest under its digest or a tag, expected to be taken.
    #[track_caller]
    pub fn push(&self, reference: &str, manifest: &Manifest) -> Answer {
        self.put_manifest(reference, &manifest.media_type, &manifest.bytes)
            .expect(201)
    }

    /// Pushes a manifest with its blobs under its digest.
    #[track_caller]
    pub fn push_whole(&self, manifest: &Manifest) -> Answer {
        self.push_parts(manifest);
        self.push(&manifest.digest(), manifest)
    }

    /// Pushes the blobs of a manifest.
    #[track_caller]
    pub fn push_parts(&self, manifest: &Manifest) {
        for blob in &manifest.blobs {
            self.push_blob(manifest.algorithm, blob);
        }
    }

    /// The tags in one answer without parameters.
    #[track_caller]
    pub fn tags(&self) -> Vec<String> {
        tags_of(&self.get("tags/list").expect(200))
    }

    /// All pages of the referrers of a digest, with these parameters on the first.
    ///
    /// # Panics
    ///
    /// If an answer is no index.
    #[track_caller]
    pub fn referrers(&self, digest: &str, query: &str) -> Vec<Value> {
        let mut target = self.path(&format!("referrers/{digest}{query}"));
        let mut entries = Vec::new();
        let mut seen = BTreeSet::new();
        loop {
            let page = self.send(Request::get(target)).expect(200);
            entries.extend(referrers_of(&page));
            match page.next_page() {
                None => return entries,
                Some(next) => target = next,
            }
            assert!(seen.insert(target.clone()), "pages without end: {page:?}");
        }
    }

    /// The digests in the referrers of a digest, sorted.
    #[track_caller]
    pub fn referrer_digests(&self, digest: &str) -> Vec<String> {
        sorted_digests(&self.referrers(digest, ""))
    }
}

/// The digests in descriptors, sorted.
///
/// # Panics
///
/// If one has none.
pub fn sorted_digests(descriptors: &[Value]) -> Vec<String> {
    let digest = |entry: &Value| entry["digest"].as_str().unwrap().to_owned();
    let mut digests: Vec<String> = descriptors.iter().map(digest).collect();
    digests.sort();
    digests
}

/// The descriptors in one page of referrers, which must be a whole index (OCI-6.12).
///
/// # Panics
///
/// If it is none.
#[track_caller]
pub fn referrers_of(page: &Answer) -> Vec<Value> {
    assert_eq!(
        page.required("Content-Type"),
        crate::content::INDEX,
        "{page:?}"
    );
    let index = page.json();
    assert_eq!(index["schemaVersion"], 2, "{page:?}");
    assert_eq!(index["mediaType"], crate::content::INDEX, "{page:?}");
    let manifests = index["manifests"].as_array();
    manifests
        .unwrap_or_else(|| panic!("no list: {page:?}"))
        .clone()
}

/// The tags in an answer.
///
/// # Panics
///
/// If it is no list of tags.
#[track_caller]
pub fn tags_of(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    let tags = json["tags"].as_array();
    let tags = tags.unwrap_or_else(|| panic!("no tags: {answer:?}"));
    tags.iter()
        .map(|tag| tag.as_str().unwrap().to_owned())
        .collect()
}

/// An upload's location with the digest that ends it, joined and encoded as Go does.
pub fn with_digest(location: &str, digest: &str) -> String {
    let separator = if location.contains('?') { '&' } else { '?' };
    format!("{location}{separator}digest={}", encoded(digest))
}

/// A value in a query.
pub fn encoded(value: &str) -> String {
    utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()
}

/// The tag under which clients keep the referrers of a digest where there is no API for them (OCI-6.20).
///
/// # Panics
///
/// If it is no digest.
pub fn fallback_tag(digest: &str) -> String {
    let (algorithm, value) = digest.split_once(':').unwrap();
    let cut = |text: &str, length: usize| text.chars().take(length).collect::<String>();
    let allowed = |character: char| match character {
        '.' | '_' | '-' => character,
        _ if character.is_ascii_alphanumeric() => character,
        _ => '-',
    };
    let tag = format!("{}-{}", cut(algorithm, 32), cut(value, 64));
    tag.chars().map(allowed).collect()
}

fn accepting(request: Request) -> Request {
    request
        .header("Accept", crate::content::INDEX)
        .header("Accept", crate::content::IMAGE)
}

/// What clients call bytes.
pub const OCTETS: &str = "application/octet-stream";
