//! A registry in memory, and verbs that read like the specification.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use wharf_api::{Api, Config, Mode, schema1::SigningKey};
use wharf_auth::{AccessController, Anonymous};
use wharf_oci::{Algorithm, Digest};
use wharf_registry::{LocalRegistry, Registry, Rules};
use wharf_storage::{EntryKind, ListPage, StorageDriver, StoragePath, Sync, inmemory::InMemory};

use crate::{answer::Answer, ask::Ask, document::Document};

/// A registry that is asked without sockets.
#[derive(Debug)]
pub(crate) struct TestRegistry {
    api: Api,
    driver: Arc<dyn StorageDriver>,
}

/// What a registry is to be like, before it starts.
#[derive(Debug)]
pub(crate) struct Setup {
    driver: Arc<dyn StorageDriver>,
    access: Arc<dyn AccessController>,
    rules: Rules,
    config: Config,
}

impl TestRegistry {
    /// As most tests want it: empty, open to all, and with deletion switched on.
    pub(crate) fn start() -> Self {
        Self::set_up().start()
    }

    /// The same, to be changed before it starts.
    pub(crate) fn set_up() -> Setup {
        Setup {
            driver: Arc::new(InMemory::new()),
            access: Arc::new(Anonymous),
            rules: Rules {
                deletion: true,
                ..Rules::default()
            },
            config: Config::default(),
        }
    }

    /// An API to another implementation of the domain.
    pub(crate) fn to(registry: impl Registry) -> Self {
        let api = Api::new(Arc::new(registry), Arc::new(Anonymous), Config::default());
        Self {
            api,
            driver: Arc::new(InMemory::new()),
        }
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask<'_> {
        Ask::new(&self.api, method.parse().unwrap(), path)
    }

    pub(crate) fn get(&self, path: &str) -> Ask<'_> {
        Ask::new(&self.api, Method::GET, path)
    }

    pub(crate) fn head(&self, path: &str) -> Ask<'_> {
        Ask::new(&self.api, Method::HEAD, path)
    }

    pub(crate) fn post(&self, path: &str) -> Ask<'_> {
        Ask::new(&self.api, Method::POST, path)
    }

    pub(crate) fn patch(&self, path: &str) -> Ask<'_> {
        Ask::new(&self.api, Method::PATCH, path)
    }

    pub(crate) fn put(&self, path: &str) -> Ask<'_> {
        Ask::new(&self.api, Method::PUT, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Ask<'_> {
        Ask::new(&self.api, Method::DELETE, path)
    }

    /// Begins an upload; tells where it goes on.
    pub(crate) async fn begin_upload(&self, name: &str) -> String {
        let begun = self.post(&format!("/v2/{name}/blobs/uploads/")).send();
        begun.await.expect(202).location()
    }

    /// Begins an upload with these bytes; tells where it goes on.
    pub(crate) async fn upload(&self, name: &str, content: &'static str) -> String {
        let location = self.begin_upload(name).await;
        let appended = self.patch(&location).body(content).send();
        appended.await.expect(202).location()
    }

    /// Pushes a blob with POST and PUT.
    pub(crate) async fn push_blob(&self, name: &str, content: impl Into<Bytes>) -> Digest {
        self.push_blob_as(Algorithm::Sha256, name, content).await
    }

    pub(crate) async fn push_blob_as(
        &self,
        algorithm: Algorithm,
        name: &str,
        content: impl Into<Bytes>,
    ) -> Digest {
        let content = content.into();
        let digest = Digest::of(algorithm, &content);
        let location = closing(&self.begin_upload(name).await, &digest);
        let put = self.put(&location).body(content).send();
        put.await.expect(201);
        digest
    }

    pub(crate) async fn pull_blob(&self, name: &str, digest: &Digest) -> Answer {
        self.get(&blob(name, digest)).send().await
    }

    /// Puts a manifest whose parts are there already, or are missing on purpose.
    pub(crate) async fn put_manifest(
        &self,
        name: &str,
        reference: &str,
        document: &Document,
    ) -> Answer {
        let put = self.put(&manifest(name, reference));
        put.header("content-type", document.media_type.as_str())
            .body(document.bytes.clone())
            .send()
            .await
    }

    /// Pushes a manifest and everything that it is made of.
    pub(crate) async fn push_manifest(&self, name: &str, reference: &str, document: &Document) {
        for content in document.blobs() {
            self.push_blob(name, content).await;
        }
        for child in document.manifests() {
            let digest = child.digest();
            let pushed = self.put_manifest(name, digest.as_str(), child).await;
            pushed.expect(201);
        }
        let pushed = self.put_manifest(name, reference, document);
        pushed.await.expect(201);
    }

    pub(crate) async fn pull_manifest(&self, name: &str, reference: &str) -> Answer {
        self.get(&manifest(name, reference)).send().await
    }

    /// The tags, as the list has them.
    pub(crate) async fn tags(&self, name: &str) -> Vec<String> {
        let list = self.get(&format!("/v2/{name}/tags/list")).send().await;
        serde_json::from_value(list.expect(200).json()["tags"].clone()).unwrap()
    }

    /// Every file of the store.
    pub(crate) async fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![StoragePath::parse("/docker").unwrap()];
        while let Some(folder) = folders.pop() {
            for entry in self.driver.list(&folder, ListPage::all()).await.unwrap() {
                let path = folder.child(&entry.name).unwrap();
                match entry.kind {
                    EntryKind::Folder => folders.push(path),
                    EntryKind::File => files.push(path.as_str().to_owned()),
                }
            }
        }
        files.sort();
        files
    }

    /// The files that belong to uploads.
    pub(crate) async fn upload_files(&self) -> Vec<String> {
        let mut files = self.files().await;
        files.retain(|file| file.contains("/_uploads/"));
        files
    }

    /// Takes away what is known of referrers: it can be made again.
    pub(crate) async fn forget_referrers(&self, name: &str) {
        let folder = format!("/docker/registry/v2/repositories/{name}/_referrers");
        match self
            .driver
            .delete(&StoragePath::parse(&folder).unwrap(), Sync::Lazy)
            .await
        {
            Ok(()) | Err(wharf_storage::Error::NotFound { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Another registry on the same store: a restart, or a replica.
    pub(crate) fn again(&self) -> Setup {
        Self::set_up().on(Arc::clone(&self.driver))
    }
}

impl Setup {
    pub(crate) fn on(self, driver: Arc<dyn StorageDriver>) -> Self {
        Self { driver, ..self }
    }

    pub(crate) fn guarded_by(self, access: impl AccessController) -> Self {
        let access = Arc::new(access);
        Self { access, ..self }
    }

    pub(crate) fn without_deletion(mut self) -> Self {
        self.rules.deletion = false;
        self
    }

    pub(crate) fn read_only(mut self) -> Self {
        self.config.mode = Mode::ReadOnly;
        self
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        let header = (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        self.config.headers.push(header);
        self
    }

    pub(crate) fn with_secret(mut self, secret: &str) -> Self {
        self.config.secret = Some(secret.to_owned());
        self
    }

    pub(crate) fn with_prefix(mut self, prefix: &str) -> Self {
        self.config.prefix = prefix.to_owned();
        self
    }

    pub(crate) fn with_host(mut self, host: &str) -> Self {
        self.config.host = Some(host.to_owned());
        self
    }

    pub(crate) fn with_relative_urls(mut self) -> Self {
        self.config.relative_urls = true;
        self
    }

    /// Lets images be converted to schema 1, and signed with a new key.
    pub(crate) fn with_schema1(mut self) -> Self {
        self.config.schema1 = Some(SigningKey::generate().unwrap());
        self
    }

    pub(crate) fn with_largest_pages(mut self, catalog: usize, tags: usize) -> Self {
        self.config.catalog_max_entries = catalog;
        self.config.tags_max = tags;
        self
    }

    pub(crate) fn start(self) -> TestRegistry {
        let registry = LocalRegistry::new(Arc::clone(&self.driver), self.rules);
        TestRegistry {
            api: Api::new(Arc::new(registry), self.access, self.config),
            driver: self.driver,
        }
    }
}

/// The path of a blob.
pub(crate) fn blob(name: &str, digest: &Digest) -> String {
    format!("/v2/{name}/blobs/{digest}")
}

/// The path of a manifest.
pub(crate) fn manifest(name: &str, reference: &str) -> String {
    format!("/v2/{name}/manifests/{reference}")
}

/// Where an upload is finished: its location with the digest.
pub(crate) fn closing(location: &str, digest: &Digest) -> String {
    format!("{location}&digest={digest}")
}

pub(crate) fn sha256(content: &str) -> Digest {
    Digest::sha256(content.as_bytes())
}
