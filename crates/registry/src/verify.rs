//! Verifying: every link and every blob is read, and what is wrong is told and put right.
//!
//! In reading order: `finding` is what can be wrong, `blobs` judges each blob once, `contents`
//! remembers that, `repositories` goes through them, `repository` looks at what one has, `parts` at
//! what its manifests name, `referrers` at its lists, `repair` puts right what can be; `reading` and
//! `throttle` are how all that reads.
//!
//! It may run beside servers, and collections unless it repairs. What looks wrong is looked at a
//! second time, after a pause, before it is told: a push or a deletion that was on its way is over
//! then. Nothing is ever deleted that has content: damaged bytes are moved to where they are in
//! nobody's way.

mod blobs;
mod contents;
mod finding;
mod parts;
mod reading;
mod referrers;
mod repair;
mod repositories;
mod repository;
mod throttle;

use std::{
    collections::BTreeMap,
    num::{NonZeroU64, NonZeroUsize},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use wharf_oci::Digest;
use wharf_storage::StoragePath;

pub use self::finding::{Fault, Finding, Object, Repair, Severity, Told};

use self::{contents::Contents, reading::of_path, throttle::Throttle};
use crate::{
    Error, LocalRegistry,
    layout::PathSpec,
    local::Store,
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
    /// What may be meant so, or what nobody suffers from yet.
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
        let has_unseen = AtomicBool::new(false);
        let mut tell = |told: &Told, report: &mut VerifyReport| {
            has_unseen.fetch_or(hides_others(&told.finding), Ordering::Relaxed);
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
        // What could not be looked at may name anything.
        let is_complete = !has_unseen.load(Ordering::Relaxed);
        for key in self.contents.unnamed() {
            let finding = self.unnamed(self.contents.digest(&key)).await;
            let is_told = |finding: &Finding| is_complete || is_problem(finding);
            if let Some(finding) = finding.filter(is_told) {
                let repair = Repair::None;
                tell(&Told { finding, repair }, &mut report);
            }
        }
        if self.options.effect == Effect::Repair && is_complete {
            for key in self.contents.in_the_way() {
                if let Some(told) = self.move_damaged(self.contents.digest(&key)).await {
                    tell(&told, &mut report);
                }
            }
        }
        self.progress.end();
        report.blobs = self.contents.count();
        report.bytes = self.bytes_read.load(Ordering::Relaxed);
        report
    }

    /// What to say of a blob that no repository names: a whole one is for a collection to remove.
    async fn unnamed(&self, digest: Digest) -> Option<Finding> {
        // It may have come again, or gone, since it was listed.
        let data = PathSpec::BlobData(&digest).path();
        match self.store.driver.stat(&data).await {
            Ok(info) if self.is_young(info.modified) => return None,
            Err(wharf_storage::Error::NotFound { .. }) => return None,
            Ok(_) | Err(_) => {}
        }
        self.confirm(&digest).await;
        let fault = match self.judge(&digest).await {
            Ok(bytes) => Fault::Orphaned { bytes },
            Err(Fault::Missing | Fault::SetAside) => return None,
            Err(fault) => fault,
        };
        Some(Finding {
            object: Object::Blob(digest),
            fault,
            ..of_path(StoragePath::root(), Fault::Missing)
        })
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
}

/// Whether there may be more behind a finding that nobody has looked at.
fn hides_others(finding: &Finding) -> bool {
    let is_place = matches!(finding.object, Object::Path(_) | Object::Tag(_));
    match finding.fault {
        Fault::Unreadable { .. } => is_place,
        Fault::NameNotAccepted => true,
        _ => false,
    }
}

fn is_problem(finding: &Finding) -> bool {
    finding.fault.severity() == Severity::Problem
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

#[cfg(test)]
mod tests;
