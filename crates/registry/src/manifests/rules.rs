//! What the configuration asks of a manifest that is pushed.

use regex::RegexSet;

/// `validation`: what of a manifest is looked at before it is accepted.
#[derive(Debug, Clone)]
pub enum ManifestRules {
    /// Nothing beyond its form: `validation.disabled`.
    Unchecked,
    /// The repository must have all its parts.
    Checked {
        /// Which URLs a layer may name.
        urls: UrlRules,
        /// Which children of an index must be there.
        platforms: RequiredPlatforms,
    },
}

/// `validation.manifests.urls`: the places that a layer may name to be fetched from.
///
/// Distribution allows none unless some are configured, and so refuses Windows images; here no
/// rule means no restriction.
#[derive(Debug, Clone, Default)]
pub struct UrlRules {
    /// A URL must match one of these, if there are any.
    pub allow: Option<RegexSet>,
    /// A URL must match none of these.
    pub deny: Option<RegexSet>,
}

/// `validation.manifests.indexes.platforms`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RequiredPlatforms {
    /// Every child must be there.
    #[default]
    All,
    /// No child needs to be there: sparse indexes are taken.
    None,
    /// The children for these platforms must be there.
    Listed(Vec<PlatformRule>),
}

/// One platform of `validation.manifests.indexes.platformlist`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformRule {
    /// The processor, such as `amd64`.
    pub architecture: String,
    /// The operating system, such as `linux`.
    pub os: String,
}

impl Default for ManifestRules {
    fn default() -> Self {
        Self::Checked {
            urls: UrlRules::default(),
            platforms: RequiredPlatforms::default(),
        }
    }
}

impl UrlRules {
    /// Whether a layer may name this URL.
    #[must_use]
    pub fn allows(&self, url: &str) -> bool {
        let http = url.starts_with("http://") || url.starts_with("https://");
        let allowed = self.allow.as_ref().is_none_or(|allow| allow.is_match(url));
        let denied = self.deny.as_ref().is_some_and(|deny| deny.is_match(url));
        http && !url.contains('#') && allowed && !denied
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_allowed_and_denied() {
        let set = |patterns: &[&str]| Some(RegexSet::new(patterns).unwrap());
        let free = UrlRules::default();
        assert!(free.allows("https://example.com/layer"));
        assert!(!free.allows("ftp://example.com/layer"), "scheme");
        assert!(!free.allows("https://example.com/layer#part"), "fragment");
        let ruled = UrlRules {
            allow: set(&["^https://a\\.example/", "^https://b\\.example/"]),
            deny: set(&["/private/"]),
        };
        assert!(ruled.allows("https://b.example/layer"));
        assert!(!ruled.allows("https://c.example/layer"));
        assert!(!ruled.allows("https://a.example/private/layer"));
    }
}
