//! Verifying: every link and every blob is read, and what is wrong is told and put right.
//!
//! In reading order: `finding` is what can be wrong, `contents` judges each blob once, `repository`
//! looks at what one repository has and names, `referrers` at its lists, `repair` puts right what
//! can be, `throttle` is how fast all that may read.
//!
//! It may run beside servers, and collections unless it repairs. What looks wrong is looked at a
//! second time, after a pause, before it is told: a push or a deletion that was on its way is over
//! then. Nothing is ever deleted that has content: damaged bytes are moved to where they are in
//! nobody's way.

mod contents;
mod finding;
mod referrers;
mod repair;
mod repository;
mod throttle;

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    num::{NonZeroU64, NonZeroUsize},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use wharf_oci::RepositoryName;
use wharf_storage::{EntryKind, ListPage, StoragePath};

pub use self::finding::{Fault, Finding, Object, Repair, Severity, Told};

use self::{
    contents::{Contents, meaningless},
    repository::{Counted, Seen},
    throttle::Throttle,
};
use crate::{
    Error, LocalRegistry,
    catalog::Walk,
    layout::PathSpec,
    local::{LocalRepository, Store},
    progress::{Phase, Progress},
};

/// How to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyOptions {
    /// How many blobs are read, or repositories looked at, at a time.
    pub jobs: NonZeroUsize,
    /// How many bytes of content are read in a second, by all jobs together.
    pub bytes_per_second: Option<NonZeroU64>,
    /// What of a blob is looked at.
    pub content: Content,
    /// Whether what can be put right is.
    pub effect: Effect,
    /// What is younger may be part of a push that is on its way: [`SETTLED`].
    pub settled: Duration,
    /// How long to wait before what looks wrong is looked at again: [`PAUSE`].
    pub pause: Duration,
}

/// Longer than a push takes from its first byte to its last link.
pub const SETTLED: Duration = Duration::from_secs(3600);
/// Longer than a push takes from its first link to its last.
pub const PAUSE: Duration = Duration::from_secs(2);

/// What of a blob is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// All of it is read and hashed.
    Whole,
    /// Only how large it is; manifests are read anyway.
    Sizes,
}

/// Whether what can be put right is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is only told.
    Report,
    /// It is put right: `--repair`.
    Repair,
}

/// What was verified, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VerifyReport {
    /// Repositories looked at.
    pub repositories: u64,
    /// Tags looked at.
    pub tags: u64,
    /// Manifests looked at: as many as repositories have them.
    pub manifests: u64,
    /// Blobs found, manifests among them.
    pub blobs: u64,
    /// Bytes of content that were read.
    pub bytes: u64,
    /// Problems that are left, by their kind.
    pub problems: BTreeMap<&'static str, u64>,
    /// What may be meant so.
    pub warnings: u64,
    /// What is for others to clear away.
    pub notes: u64,
    /// What was put right.
    pub repaired: u64,
}

impl VerifyReport {
    /// Whether nothing is wrong, or nothing is any more.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    fn count(&mut self, told: &Told) {
        if matches!(told.repair, Repair::Done(_)) {
            self.repaired += 1;
            return;
        }
        match told.finding.fault.severity() {
            Severity::Problem => *self.problems.entry(told.finding.fault.kind()).or_default() += 1,
            Severity::Warning => self.warnings += 1,
            Severity::Note => self.notes += 1,
        }
    }
}

type Observer<'a> = &'a mut (dyn FnMut(&Told) + Send);

/// What all that look have in common.
#[derive(Debug)]
struct Verifier {
    store: Arc<Store>,
    options: VerifyOptions,
    contents: Contents,
    throttle: Throttle,
    progress: Arc<Progress>,
    bytes_read: AtomicU64,
}

/// Reads all blobs and all links; `observe` hears of what is wrong, and of what was done about it.
///
/// Memory grows with the number of blobs, about 150 bytes for each, and with the links of the
/// largest repositories that are looked at at the same time.
///
/// # Errors
/// [`Error::AlreadyCollecting`] if it is to repair, and when the store is not there at all. What
/// fails on the way is a finding.
pub async fn verify(
    registry: &LocalRegistry,
    options: VerifyOptions,
    progress: &Arc<Progress>,
    observe: Observer<'_>,
) -> Result<VerifyReport, Error> {
    let store = &registry.store;
    let root = store.driver.stat(&StoragePath::root()).await;
    root.map_err(Error::Storage)?;
    let verifier = Arc::new(Verifier {
        store: Arc::clone(store),
        options,
        contents: Contents::default(),
        throttle: Throttle::new(options.bytes_per_second),
        progress: Arc::clone(progress),
        bytes_read: AtomicU64::new(0),
    });
    if options.effect == Effect::Report {
        return Ok(verifier.run(observe).await);
    }
    // No collection takes away what is about to be linked.
    let collector = store.collector().await?;
    // A collector that was killed may have left servers waiting for it.
    store.end_offline().await?;
    let report = verifier.run(observe).await;
    collector.end(store).await?;
    Ok(report)
}

impl Verifier {
    async fn run(self: &Arc<Self>, observe: Observer<'_>) -> VerifyReport {
        let mut report = VerifyReport::default();
        let mut tell = |told: &Told, report: &mut VerifyReport| {
            report.count(told);
            observe(told);
        };
        for finding in self.find_blobs().await {
            tell(&self.told(finding).await, &mut report);
        }
        self.read_blobs().await;
        self.progress.begin(Phase {
            doing: "checking repositories",
            ..Phase::default()
        });
        self.check_repositories(&mut report, &mut tell).await;
        for finding in self.unnamed().await {
            tell(
                &Told {
                    finding,
                    repair: Repair::None,
                },
                &mut report,
            );
        }
        if self.options.effect == Effect::Repair {
            for told in self.move_damaged().await {
                tell(&told, &mut report);
            }
        }
        self.progress.end();
        report.blobs = self.contents.count();
        report.bytes = self.bytes_read.load(Ordering::Relaxed);
        report
    }

    /// Looks at all repositories, some at a time, and tells of them in their order.
    async fn check_repositories(
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

    /// The blobs that no repository names: whole ones are for a collection to remove.
    async fn unnamed(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for unnamed in self.contents.unnamed() {
            let digest = unnamed.digest;
            // It may have come again, or gone, since it was listed.
            let data = PathSpec::BlobData(&digest).path();
            match self.store.driver.stat(&data).await {
                Ok(info) if self.is_young(info.modified) => continue,
                Err(wharf_storage::Error::NotFound { .. }) => continue,
                Ok(_) | Err(_) => {}
            }
            self.confirm(&digest).await;
            let fault = match self.judge(&digest).await {
                Ok(_) => Fault::Orphaned {
                    bytes: unnamed.size,
                },
                Err(Fault::Missing | Fault::SetAside) => continue,
                Err(fault) => fault,
            };
            findings.push(Finding {
                object: Object::Blob(digest),
                fault,
                ..of_path(StoragePath::root(), Fault::Missing)
            });
        }
        findings
    }

    /// A finding outside of all repositories, repaired if it is to be.
    async fn told(&self, finding: Finding) -> Told {
        let repair = match (&finding.object, &finding.fault, self.options.effect) {
            (Object::Path(path), Fault::Leftover, Effect::Repair) => {
                self.remove_leftover(path).await
            }
            _ => Repair::None,
        };
        Told { finding, repair }
    }

    /// The names in a folder that is known to be one; that it cannot be listed is a finding.
    async fn listed(&self, folder: &StoragePath, findings: &mut Vec<Finding>) -> Vec<String> {
        match self.store.driver.list(folder, ListPage::all()).await {
            Ok(entries) => {
                let mut names = Vec::with_capacity(entries.len());
                for entry in entries {
                    if entry.kind == EntryKind::Folder {
                        names.push(entry.name);
                    } else {
                        findings.extend(meaningless(folder, &entry.name));
                    }
                }
                names
            }
            Err(error) => {
                findings.push(of_path(folder.clone(), unreadable(&error)));
                Vec::new()
            }
        }
    }

    /// What writes left behind in a folder that were cut off long ago.
    async fn find_leftovers(&self, folder: &StoragePath, findings: &mut Vec<Finding>) {
        match self.store.driver.leftovers(folder).await {
            Ok(leftovers) => findings.extend(
                leftovers
                    .into_iter()
                    .filter(|leftover| !self.is_young(leftover.modified))
                    .map(|leftover| of_path(leftover.path, Fault::Leftover)),
            ),
            Err(error) => findings.push(of_path(folder.clone(), unreadable(&error))),
        }
    }

    async fn holds_manifests(&self, folder: &StoragePath) -> bool {
        match folder.child("_manifests") {
            Ok(manifests) => self.store.exists(&manifests).await.unwrap_or(true),
            Err(_) => false,
        }
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

fn of_path(path: StoragePath, fault: Fault) -> Finding {
    Finding {
        repository: None,
        tags: Vec::new(),
        named_by: Vec::new(),
        object: Object::Path(path),
        fault,
    }
}

/// What the store said, with its reasons.
fn unreadable(error: &(dyn std::error::Error + 'static)) -> Fault {
    Fault::Unreadable {
        error: chain(error),
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

/// The result of a task; its panic is ours.
fn joined<T>(result: Result<T, tokio::task::JoinError>) -> T {
    match result {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Nobody cancels them.
            Err(error) => unreachable!("{error}"),
        },
    }
}

/// How often a repository is looked at again before what is wrong with it is told, whatever it is.
const MOST_LOOKS: usize = 4;
/// How often a repository is looked at again for what was hidden behind what was repaired.
const MOST_ROUNDS: usize = 4;

#[cfg(test)]
mod tests;
