//! The lists of referrers: whether each names those that are about its subject, and no other.

use std::collections::HashMap;

use wharf_oci::Digest;
use wharf_storage::StoragePath;

use crate::{
    layout::PathSpec,
    verify::{
        finding::{Fault, Object},
        reading::{of_path, unreadable},
        repository::Look,
    },
};

impl Look<'_> {
    /// Compares the lists with the manifests.
    pub(super) async fn check_referrers(&mut self) {
        let name = &self.local.name;
        let subjects = std::mem::take(&mut self.subjects);
        let expected: HashMap<StoragePath, (Digest, Digest)> = subjects
            .into_iter()
            .map(|(referrer, subject)| {
                let entry = PathSpec::Referrer(name, &subject, &referrer).path();
                (entry, (referrer, subject))
            })
            .collect();
        let lists = PathSpec::ReferrersIndexed(name).path().parent();
        self.find_leftovers(&lists).await;
        for algorithm in self.folders(&lists).await {
            let Ok(below) = lists.child(&algorithm) else {
                continue;
            };
            for subject in self.folders(&below).await {
                let Ok(list) = below.child(&subject) else {
                    continue;
                };
                let subject = format!("{algorithm}:{subject}");
                self.check_list(&subject, &list, &expected).await;
            }
        }
        self.check_what_is_listed(expected).await;
    }

    /// Looks for entries that do not belong to a subject's list.
    async fn check_list(
        &mut self,
        subject: &str,
        list: &StoragePath,
        expected: &HashMap<StoragePath, (Digest, Digest)>,
    ) {
        for referrer in self.links_below(list).await {
            let entry = list
                .child(referrer.algorithm().as_str())
                .and_then(|folder| folder.child(referrer.hex()));
            let Ok(entry) = entry else { continue };
            // What could not be listed may be about anything.
            if self.is_incomplete
                || expected.contains_key(&entry)
                || self.unread.contains(&referrer)
            {
                continue;
            }
            match Digest::mentioned(subject) {
                Ok(subject) if subject.algorithm() != wharf_oci::Algorithm::Other => {
                    let object = Object::Referrer { subject, referrer };
                    self.found(object, Fault::Stale, None);
                }
                // The text of such a subject cannot be told from its folder.
                Ok(_) | Err(_) => self.elsewhere.push(of_path(entry, Fault::Stale)),
            }
        }
    }

    /// Looks for manifests that are not in the list of their subject, where nobody would put them
    /// there any more.
    async fn check_what_is_listed(&mut self, expected: HashMap<StoragePath, (Digest, Digest)>) {
        if expected.is_empty() {
            return;
        }
        match self.local.is_indexed().await {
            Ok(true) => {}
            // They are put there when somebody asks for the list.
            Ok(false) => return,
            Err(error) => {
                let note = PathSpec::ReferrersIndexed(&self.local.name).path();
                self.elsewhere.push(of_path(note, unreadable(&error)));
                return;
            }
        }
        for (entry, (referrer, subject)) in expected {
            // The folder is the entry. What cannot be looked up was found when it was listed.
            if let Ok(false) = self.local.store.exists(&entry).await {
                let object = Object::Referrer { subject, referrer };
                self.found(object, Fault::NotIndexed, None);
            }
        }
    }
}
