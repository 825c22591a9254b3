//! All repositories, some at a time: each is looked at twice before anything is told of it.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use wharf_oci::RepositoryName;
use wharf_storage::StoragePath;

use crate::{
    Error,
    catalog::Walk,
    layout::PathSpec,
    local::LocalRepository,
    verify::{
        Effect, Finding, Repair, Severity, Told, Verifier, VerifyReport,
        finding::{Fault, Object},
        joined,
        reading::{of_path, unreadable},
        repository::{Counted, Seen},
    },
};

impl Verifier {
    /// Looks at all repositories, some at a time, and tells of them in their order.
    pub(super) async fn check_repositories(
        self: &Arc<Self>,
        report: &mut VerifyReport,
        tell: &mut (dyn FnMut(&Told, &mut VerifyReport) + Send),
    ) {
        let store = Arc::clone(&self.store);
        let mut under_way = VecDeque::new();
        let mut walk = match Walk::begin(&store, None).await {
            Ok(walk) => walk,
            Err(error) => {
                tell(&cannot_list(PathSpec::Repositories.path(), &error), report);
                return;
            }
        };
        loop {
            let folder = match walk.next_folder().await {
                Ok(Some(folder)) => folder,
                Ok(None) => break,
                Err(error) => {
                    tell(&cannot_list(PathSpec::Repositories.path(), &error), report);
                    continue;
                }
            };
            let path = PathSpec::RepositoryFolder(&folder).path();
            if let Err(error) = walk.push(folder.clone(), None).await {
                tell(&cannot_list(path.clone(), &error), report);
            }
            let Ok(name) = folder.parse::<RepositoryName>() else {
                if self.holds_manifests(&path).await && !walk.passed_by.contains(&path) {
                    walk.passed_by.push(path);
                }
                continue;
            };
            let verifier = Arc::clone(self);
            under_way.push_back(tokio::spawn(async move {
                verifier.check_and_repair(name).await
            }));
            if under_way.len() >= self.options.jobs.get()
                && let Some(oldest) = under_way.pop_front()
            {
                tell_checked(joined(oldest.await), report, tell);
            }
        }
        for oldest in under_way {
            tell_checked(joined(oldest.await), report, tell);
        }
        for folder in walk.passed_by {
            let finding = of_path(folder, Fault::NameNotAccepted);
            tell(
                &Told {
                    finding,
                    repair: Repair::None,
                },
                report,
            );
        }
    }

    /// Looks at a repository until nothing is left that can be put right.
    async fn check_and_repair(self: Arc<Self>, name: RepositoryName) -> (Vec<Told>, Counted) {
        let local = LocalRepository {
            name,
            store: Arc::clone(&self.store),
        };
        let (mut findings, mut counted) = self.confirmed(&local).await;
        let mut told: Vec<Told> = Vec::new();
        let mut known: HashSet<(Object, Fault)> = HashSet::new();
        for _ in 0..MOST_ROUNDS {
            let mut repaired = false;
            for finding in findings {
                if !known.insert((finding.object.clone(), finding.fault.clone())) {
                    continue;
                }
                let repair = match self.options.effect {
                    Effect::Report => Repair::None,
                    Effect::Repair => self.repair(&local, &finding).await,
                };
                repaired |= matches!(repair, Repair::Done(_));
                told.push(Told { finding, repair });
            }
            if !repaired {
                break;
            }
            // What is linked now may name what is not.
            (findings, counted) = self.confirmed(&local).await;
        }
        self.progress.add(u64::from(counted.is_repository));
        (told, counted)
    }

    /// What is wrong with a repository on two looks, if anything is on the first.
    async fn confirmed(&self, local: &LocalRepository) -> (Vec<Finding>, Counted) {
        let Seen {
            findings,
            mut counted,
        } = self.check(local).await;
        let may_pass = |finding: &Finding| finding.fault.severity() != Severity::Note;
        if !findings.iter().any(may_pass) {
            return (findings, counted);
        }
        let mut last = findings;
        for _ in 0..MOST_LOOKS {
            tokio::time::sleep(self.options.pause).await;
            for finding in &last {
                if let Object::Manifest(digest) | Object::Layer(digest) | Object::Child(digest) =
                    &finding.object
                {
                    self.confirm(digest).await;
                }
            }
            let before: HashSet<(Object, Fault)> = last
                .into_iter()
                .map(|finding| (finding.object, finding.fault))
                .collect();
            let seen = self.check(local).await;
            (last, counted) = (seen.findings, seen.counted);
            let after: HashSet<(Object, Fault)> = last
                .iter()
                .map(|finding| (finding.object.clone(), finding.fault.clone()))
                .collect();
            // What could not be read on one look only may have hidden the rest from it.
            let hides = |(_, fault): &&(Object, Fault)| matches!(fault, Fault::Unreadable { .. });
            if before.symmetric_difference(&after).find(hides).is_none() {
                last.retain(|finding| {
                    before.contains(&(finding.object.clone(), finding.fault.clone()))
                });
                break;
            }
        }
        (last, counted)
    }
}

fn tell_checked(
    (all, counted): (Vec<Told>, Counted),
    report: &mut VerifyReport,
    tell: &mut (dyn FnMut(&Told, &mut VerifyReport) + Send),
) {
    report.repositories += u64::from(counted.is_repository);
    report.tags += counted.tags;
    report.manifests += counted.manifests;
    for told in all {
        tell(&told, report);
    }
}

fn cannot_list(folder: StoragePath, error: &Error) -> Told {
    Told {
        finding: of_path(folder, unreadable(error)),
        repair: Repair::None,
    }
}

/// How often a repository is looked at again before what is wrong with it is told, whatever it is.
const MOST_LOOKS: usize = 4;
/// How often a repository is looked at again for what was hidden behind what was repaired.
const MOST_ROUNDS: usize = 4;
