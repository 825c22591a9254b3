//! Sections that CNCF Distribution has and this version has not: each is refused in plain words as
//! soon as it asks for something.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::config::cursor::Cursor;
use crate::config::fault::Fault;

/// Refuses what this version cannot do, and warns of what it does not do.
pub(super) fn refuse(root: &Cursor<'_>) -> Result<(), Fault> {
    let Notifications {
        events: _,
        endpoints,
    } = root.child("notifications").read()?;
    if endpoints.iter().any(|endpoint| !endpoint.disabled) {
        return Err(root.child("notifications").child("endpoints").unsupported(
            "sends no notifications; remove the endpoints or set disabled: true on each",
        ));
    }

    let middleware = root.child("middleware");
    let kinds: Middleware = middleware.read()?;
    for (kind, entries) in [
        ("registry", kinds.registry),
        ("repository", kinds.repository),
        ("storage", kinds.storage),
    ] {
        if let Some(Entry { name, .. }) = entries.into_iter().find(|entry| !entry.disabled) {
            return Err(middleware.child(kind).unsupported(&format!(
                "has no middleware; remove {name:?} or set disabled: true on it"
            )));
        }
    }

    let redis = root.child("redis");
    for key in ["addr", "addrs"] {
        if !redis.child(key).node.is_blank() {
            return Err(redis
                .child(key)
                .unsupported("does not use Redis; remove the section redis"));
        }
    }

    if !redis.node.is_blank() {
        redis.warn("this version does not use Redis, this section is ignored");
    }

    let Proxy { .. } = root.child("proxy").read()?;
    let upstream = root.child("proxy").child("remoteurl");
    if !upstream.node.is_blank() {
        return Err(upstream.unsupported("is no pull-through cache; remove the section proxy"));
    }

    let Policy { .. } = root.child("policy").read()?;
    let classes = root.child("policy").child("repository").child("classes");
    if !classes.node.is_blank() {
        return Err(classes.unsupported("knows no repository classes; remove the section policy"));
    }

    let reporting = root.child("reporting");
    if !reporting.node.is_blank() {
        reporting.warn("errors are reported to the log only, this section is ignored");
    }
    Ok(())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Notifications {
    events: Events,
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Events {
    #[serde(rename = "includereferences")]
    _includereferences: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Endpoint {
    disabled: bool,
    #[serde(rename = "name")]
    _name: IgnoredAny,
    #[serde(rename = "url")]
    _url: IgnoredAny,
    #[serde(rename = "headers")]
    _headers: IgnoredAny,
    #[serde(rename = "timeout")]
    _timeout: IgnoredAny,
    #[serde(rename = "threshold")]
    _threshold: IgnoredAny,
    #[serde(rename = "backoff")]
    _backoff: IgnoredAny,
    #[serde(rename = "ignoredmediatypes")]
    _ignoredmediatypes: IgnoredAny,
    #[serde(rename = "ignore")]
    _ignore: IgnoredAny,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Middleware {
    registry: Vec<Entry>,
    repository: Vec<Entry>,
    storage: Vec<Entry>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    name: String,
    disabled: bool,
    #[serde(rename = "options")]
    _options: IgnoredAny,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Proxy {
    #[serde(rename = "remoteurl")]
    _remoteurl: IgnoredAny,
    #[serde(rename = "username")]
    _username: IgnoredAny,
    #[serde(rename = "password")]
    _password: IgnoredAny,
    #[serde(rename = "exec")]
    _exec: IgnoredAny,
    #[serde(rename = "ttl")]
    _ttl: IgnoredAny,
    #[serde(rename = "cachewritetimeout")]
    _cachewritetimeout: IgnoredAny,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Policy {
    #[serde(rename = "repository")]
    _repository: PolicyRepository,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PolicyRepository {
    #[serde(rename = "classes")]
    _classes: IgnoredAny,
}
