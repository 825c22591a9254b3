//! What the API is configured with. The server reads it from `http`, `catalog`, `tags`,
//! `storage.maintenance` and `compatibility.schema1`.

use http::{HeaderName, HeaderValue};

use crate::schema1::SigningKey;

/// The API's share of the configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// `http.prefix` without its last slash: put before `/v2/` in every route.
    pub prefix: String,
    /// `http.host`: scheme and host of every absolute URL, whatever the request says.
    pub host: Option<String>,
    /// `http.relativeurls`: whether URLs go without scheme and host.
    pub relative_urls: bool,
    /// `http.secret`: what the state of uploads is signed with. Replicas share one.
    pub secret: Option<String>,
    /// `http.headers`: added to the answers of every route.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// `catalog.maxentries`: the largest page of the catalog.
    pub catalog_max_entries: usize,
    /// `tags.maxtags`: the largest page of tags.
    pub tags_max: usize,
    /// `storage.maintenance.readonly`: which methods there are.
    pub mode: Mode,
    /// `compatibility.schema1`: the key to sign with what is converted for clients that know only
    /// schema 1. Without one nothing is.
    pub schema1: Option<SigningKey>,
}

/// Whether the registry takes content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It does.
    #[default]
    ReadWrite,
    /// It only serves what it has; writing methods do not exist.
    ReadOnly,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            host: None,
            relative_urls: false,
            secret: None,
            headers: Vec::new(),
            catalog_max_entries: 1000,
            tags_max: 1000,
            mode: Mode::ReadWrite,
            schema1: None,
        }
    }
}
