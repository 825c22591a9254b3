//! What a server is told: its configuration file and its environment.

use std::path::Path;

/// The file and the environment of one server.
#[derive(Debug, Clone)]
pub struct Config {
    file: File,
    environment: Vec<(String, String)>,
}

/// Which configuration file the server gets.
#[derive(Debug, Clone)]
enum File {
    /// Everything in the file.
    Complete,
    /// The file of the `registry:2.8` image as it is; what is ours comes by the environment.
    Shipped,
    /// Words of the test's own, with `{address}` and `{store}` to fill in.
    Written(String),
}

impl Config {
    /// A file with address, store and deletion filled in.
    pub fn new() -> Self {
        Self {
            file: File::Complete,
            environment: Vec::new(),
        }
    }

    /// The file that ships in the image, with address, store and deletion by environment variables.
    pub fn shipped() -> Self {
        Self {
            file: File::Shipped,
            environment: Vec::new(),
        }
    }

    /// A file in the test's own words, with `{address}` and `{store}` to fill in.
    pub fn written(yaml: impl Into<String>) -> Self {
        Self {
            file: File::Written(yaml.into()),
            environment: Vec::new(),
        }
    }

    /// Sets a variable in the server's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<Path>) -> Self {
        let value = value.as_ref().display().to_string();
        self.environment.push((name.to_owned(), value));
        self
    }

    /// The text of the configuration file.
    pub(crate) fn yaml(&self, address: &str, store: &Path) -> String {
        let store = store.display().to_string();
        match &self.file {
            File::Written(yaml) => yaml
                .replace("{address}", address)
                .replace("{store}", &store),
            File::Shipped => yaml("/var/lib/registry", "", ":5000", ""),
            File::Complete => yaml(
                &store,
                "  delete:\n    enabled: true\n",
                address,
                "  secret: the same on every replica\n",
            ),
        }
    }

    /// The variables to set, on top of the tests' own environment.
    pub(crate) fn environment(&self, address: &str, store: &Path) -> Vec<(String, String)> {
        let mut environment = match &self.file {
            File::Complete | File::Written(_) => Vec::new(),
            File::Shipped => [
                ("REGISTRY_HTTP_ADDR", address),
                (
                    "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY",
                    &store.display().to_string(),
                ),
                ("REGISTRY_STORAGE_DELETE_ENABLED", "true"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        };
        environment.extend(self.environment.iter().cloned());
        environment
    }

    /// Whether the server will speak TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.environment
            .iter()
            .any(|(name, _)| name == "REGISTRY_HTTP_TLS_CERTIFICATE")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// The configuration of the `registry:2.8` image with four places to fill.
fn yaml(store: &str, delete: &str, address: &str, secret: &str) -> String {
    format!(
        "\
version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: {store}
{delete}http:
  addr: {address}
{secret}  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
"
    )
}
