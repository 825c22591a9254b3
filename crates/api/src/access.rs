//! What a request needs to be allowed to do (reference, section 5.1).

use wharf_oci::{Access, Action, RepositoryName};

use crate::endpoint::Endpoint;

/// The access that an endpoint needs.
pub(crate) fn needed(endpoint: &Endpoint) -> Vec<Access> {
    let on = |name: &RepositoryName, actions: &[Action]| {
        let access = |action: &Action| Access::repository(name.clone(), *action);
        actions.iter().map(access).collect()
    };
    match endpoint {
        Endpoint::Base => Vec::new(),
        Endpoint::Catalog => vec![Access::catalog()],
        Endpoint::ListTags { name }
        | Endpoint::GetManifest { name, .. }
        | Endpoint::GetBlob { name, .. }
        | Endpoint::Referrers { name, .. }
        | Endpoint::UploadStatus { name, .. } => on(name, &[Action::Pull]),
        // Whoever may push may also give up a push (reference, 11.1 #28).
        Endpoint::PutManifest { name, .. }
        | Endpoint::StartUpload { name }
        | Endpoint::AppendUpload { name, .. }
        | Endpoint::CompleteUpload { name, .. }
        | Endpoint::CancelUpload { name, .. } => on(name, &[Action::Pull, Action::Push]),
        Endpoint::DeleteManifest { name, .. } | Endpoint::DeleteBlob { name, .. } => {
            on(name, &[Action::Delete])
        }
    }
}
