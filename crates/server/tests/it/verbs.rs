//! What clients do, in the words of the specification.

use wharf_oci::Digest;

use crate::answer::Answer;
use crate::client::Client;
use crate::image::{Image, MEDIA_TYPE};
use crate::request::Request;

/// An upload in progress.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    client: Client,
    name: String,
    /// Where it goes on: path and query.
    pub(crate) location: String,
}

impl Client {
    /// Begins an upload.
    #[track_caller]
    pub(crate) fn start_upload(&self, name: &str) -> Upload {
        let target = format!("/v2/{name}/blobs/uploads/");
        let answer = self.send(Request::post(target)).expect(202);
        Upload {
            client: self.clone(),
            name: name.to_owned(),
            location: answer.location(),
        }
    }

    /// Pushes a blob as docker does: in one PATCH without a length, and a PUT.
    #[track_caller]
    pub(crate) fn push_blob(&self, name: &str, content: &[u8]) -> Digest {
        let digest = Digest::sha256(content);
        let mut upload = self.start_upload(name);
        let append = Request::patch(&upload.location).chunked(content);
        upload.location = self.send(append).expect(202).location();
        upload.complete(&digest).expect(201);
        digest
    }

    /// Pushes a manifest.
    #[track_caller]
    pub(crate) fn push_manifest(&self, name: &str, reference: &str, manifest: &[u8]) -> Answer {
        let target = format!("/v2/{name}/manifests/{reference}");
        let request = Request::put(target).header("Content-Type", MEDIA_TYPE);
        self.send(request.body(manifest))
    }

    /// Pushes everything that an image is made of.
    #[track_caller]
    pub(crate) fn push_image(&self, name: &str, tag: &str, image: &Image) -> Digest {
        for blob in &image.blobs {
            self.push_blob(name, blob);
        }
        let answer = self.push_manifest(name, tag, &image.manifest).expect(201);
        let digest = image.digest();
        let told = answer.header("docker-content-digest");
        assert_eq!(told, Some(digest.as_str()));
        digest
    }

    pub(crate) fn pull_manifest(&self, name: &str, reference: &str) -> Answer {
        let target = format!("/v2/{name}/manifests/{reference}");
        self.send(Request::get(target).header("Accept", MEDIA_TYPE))
    }

    pub(crate) fn pull_blob(&self, name: &str, digest: &Digest) -> Answer {
        self.get(format!("/v2/{name}/blobs/{digest}"))
    }

    /// Pulls an image by tag or digest and expects every byte of it.
    #[track_caller]
    pub(crate) fn expect_image(&self, name: &str, reference: &str, image: &Image) {
        let manifest = self.pull_manifest(name, reference).expect(200);
        assert_eq!(manifest.body, image.manifest);
        for blob in &image.blobs {
            let pulled = self.pull_blob(name, &Digest::sha256(blob)).expect(200);
            assert!(
                pulled.body == *blob,
                "a blob of {name} is not what was pushed"
            );
        }
    }

    /// The tags of a repository.
    #[track_caller]
    pub(crate) fn tags(&self, name: &str) -> Vec<String> {
        let answer = self.get(format!("/v2/{name}/tags/list")).expect(200);
        texts(&answer, "tags")
    }

    /// The names of all repositories.
    #[track_caller]
    pub(crate) fn catalog(&self) -> Vec<String> {
        texts(&self.get("/v2/_catalog").expect(200), "repositories")
    }
}

impl Upload {
    /// The id, which is also the name of its folder in the store.
    pub(crate) fn id(&self) -> &str {
        let path = self.location.split('?').next().unwrap();
        path.rsplit('/').next().unwrap()
    }

    /// The same upload, through a client of another server.
    pub(crate) fn through(self, client: Client) -> Self {
        Self { client, ..self }
    }

    /// Appends a chunk.
    #[track_caller]
    pub(crate) fn append(&mut self, chunk: &[u8]) {
        let request = Request::patch(&self.location).body(chunk);
        self.location = self.client.send(request).expect(202).location();
    }

    /// Asks how many bytes arrived, and where the upload goes on. None and one look alike.
    #[track_caller]
    pub(crate) fn offset(&mut self) -> u64 {
        let answer = self
            .client
            .get(format!("/v2/{}/blobs/uploads/{}", self.name, self.id()));
        let answer = answer.expect(204);
        self.location = answer.location();
        let range = answer.header("range").unwrap();
        let last: u64 = range.strip_prefix("0-").unwrap().parse().unwrap();
        if last == 0 { 0 } else { last + 1 }
    }

    /// The request that finishes the upload.
    pub(crate) fn completing(&self, digest: &Digest) -> Request {
        let separator = if self.location.contains('?') {
            '&'
        } else {
            '?'
        };
        Request::put(format!("{}{separator}digest={digest}", self.location))
    }

    /// Finishes the upload.
    pub(crate) fn complete(&self, digest: &Digest) -> Answer {
        self.client.send(self.completing(digest))
    }
}

fn texts(answer: &Answer, field: &str) -> Vec<String> {
    let list = answer.json()[field].take();
    serde_json::from_value(list).unwrap()
}
