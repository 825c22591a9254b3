//! What is on the disk, and what is on the way there.

use std::{collections::BTreeMap, time::SystemTime};

use bytes::Bytes;

use super::{Promise, random::Random};
use crate::StoragePath;

/// What a power cut keeps of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// Nothing.
    Nothing,
    /// Everything.
    Everything,
    /// Any of the changes, and any part of a file's bytes, as this seed says.
    Some(u64),
}

/// Two states of the names, and the files that they lead to.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    /// What the process sees.
    names: BTreeMap<StoragePath, FileId>,
    /// What is on the disk for sure.
    durable: BTreeMap<StoragePath, FileId>,
    /// What makes the first of the second, in order.
    pending: Vec<Change>,
    files: Vec<File>,
    /// Changes and bytes that another process, or a failed call, has left unsynced.
    unsettled: bool,
    changed: Option<SystemTime>,
    broken: Option<Promise>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(usize);

#[derive(Debug, Clone)]
struct File {
    content: Vec<u8>,
    /// How many bytes are on the disk for sure.
    synced: usize,
}

/// A change of names that is made whole or not at all.
#[derive(Debug, Clone)]
pub(super) struct Change {
    steps: Vec<(StoragePath, Target)>,
}

#[derive(Debug, Clone)]
enum Target {
    Nothing,
    File(FileId),
    New { content: Bytes, synced: bool },
}

impl Change {
    pub(super) fn put(path: &StoragePath, content: Bytes, synced: bool) -> Self {
        Self {
            steps: vec![(path.clone(), Target::New { content, synced })],
        }
    }

    pub(super) fn removing(paths: Vec<StoragePath>) -> Self {
        let gone = paths.into_iter().map(|path| (path, Target::Nothing));
        Self {
            steps: gone.collect(),
        }
    }

    fn meets(&self, other: &Self) -> bool {
        let mut paths = self.steps.iter().map(|(path, _)| path);
        paths.any(|path| other.steps.iter().any(|(other, _)| other == path))
    }

    fn apply(&self, names: &mut BTreeMap<StoragePath, FileId>) {
        for (path, target) in &self.steps {
            match target {
                Target::Nothing => {
                    names.remove(path);
                }
                Target::File(file) => {
                    names.insert(path.clone(), *file);
                }
                Target::New { .. } => unreachable!("a change gets its files when it is made"),
            }
        }
    }
}

impl Disk {
    pub(super) fn breaking(promise: Promise) -> Self {
        Self {
            broken: Some(promise),
            ..Self::default()
        }
    }

    /// Makes a change, durably if that was promised.
    pub(super) fn make(&mut self, mut change: Change, promise: Option<Promise>) {
        for (_, target) in &mut change.steps {
            if let Target::New { content, synced } = target {
                let synced = *synced && self.broken != Some(Promise::Put);
                self.files.push(File {
                    content: content.to_vec(),
                    synced: if synced { content.len() } else { 0 },
                });
                *target = Target::File(FileId(self.files.len() - 1));
            }
        }
        change.apply(&mut self.names);
        self.changed = Some(SystemTime::now());
        self.pending.push(change);
        if promise.is_some() && promise != self.broken {
            let mut last = vec![false; self.pending.len()];
            if let Some(last) = last.last_mut() {
                *last = true;
            }
            self.settle_those(last);
        }
    }

    /// Makes durable what was changed at these paths, if that was promised.
    pub(super) fn settle(&mut self, paths: &[StoragePath], promise: Promise) {
        if self.broken == Some(promise) {
            return;
        }
        let concerned = |(path, _): &(StoragePath, Target)| paths.contains(path);
        let changes = self.pending.iter();
        let those = changes.map(|change| change.steps.iter().any(concerned));
        self.settle_those(those.collect());
    }

    /// Makes some changes durable, with those before them that have to do with the same paths.
    fn settle_those(&mut self, mut survives: Vec<bool>) {
        if std::mem::take(&mut self.unsettled) {
            survives.fill(true);
            for file in &mut self.files {
                file.synced = file.content.len();
            }
        }
        self.durable = self.with(&mut survives);
        let mut survives = survives.into_iter();
        self.pending.retain(|_| !survives.next().unwrap_or(false));
    }

    /// The names on the disk after some of the changes, and those that they follow on.
    fn with(&self, survives: &mut [bool]) -> BTreeMap<StoragePath, FileId> {
        for later in (0..self.pending.len()).rev() {
            if !survives[later] {
                continue;
            }
            let earlier = self.pending[..later].iter().zip(survives.iter_mut());
            for (earlier, survives) in earlier {
                *survives |= self.pending[later].meets(earlier);
            }
        }
        let mut names = self.durable.clone();
        for (change, survives) in self.pending.iter().zip(survives) {
            if *survives {
                change.apply(&mut names);
            }
        }
        names
    }

    pub(super) fn changed(&self) -> SystemTime {
        self.changed.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    pub(super) fn leave_unsettled(&mut self) {
        self.unsettled = true;
    }

    pub(super) fn append(&mut self, file: Option<FileId>, bytes: &[u8]) {
        if let Some(FileId(file)) = file {
            self.files[file].content.extend_from_slice(bytes);
        }
    }

    pub(super) fn sync(&mut self, file: Option<FileId>) {
        if let Some(FileId(file)) = file.filter(|_| self.broken != Some(Promise::Bytes)) {
            self.files[file].synced = self.files[file].content.len();
        }
    }

    pub(super) fn file_at(&self, path: &StoragePath) -> Option<FileId> {
        self.names.get(path).copied()
    }

    pub(super) fn paths_within(&self, folder: &StoragePath) -> Vec<StoragePath> {
        let within = self.names.keys().filter(|path| path.is_within(folder));
        within.cloned().collect()
    }

    pub(super) fn renaming(&self, from: &StoragePath, to: &StoragePath) -> Change {
        let mut steps = Vec::new();
        for path in self.paths_within(from) {
            let renamed = format!("{}{}", to.as_str(), &path.as_str()[from.as_str().len()..]);
            if let (Ok(renamed), Some(file)) = (StoragePath::parse(&renamed), self.file_at(&path)) {
                steps.push((path, Target::Nothing));
                steps.push((renamed, Target::File(file)));
            }
        }
        Change { steps }
    }

    /// Every file that the process sees.
    pub(super) fn seen(&self) -> impl Iterator<Item = (&StoragePath, Bytes)> {
        let content = |file: &FileId| Bytes::copy_from_slice(&self.files[file.0].content);
        self.names
            .iter()
            .map(move |(path, file)| (path, content(file)))
    }

    pub(super) fn after_kill(&self) -> Self {
        Self {
            unsettled: true,
            ..self.clone()
        }
    }

    pub(super) fn after_power_cut(&self, survival: Survival) -> Self {
        let mut random = match survival {
            Survival::Nothing | Survival::Everything => Random::new(0),
            Survival::Some(seed) => Random::new(seed),
        };
        let mut survives: Vec<bool> = (self.pending.iter())
            .map(|_| match survival {
                Survival::Nothing => false,
                Survival::Everything => true,
                Survival::Some(_) => random.coin(),
            })
            .collect();
        let names = self.with(&mut survives);
        let files = self.files.iter().map(|file| {
            let content = match survival {
                Survival::Nothing => file.content[..file.synced].to_vec(),
                Survival::Everything => file.content.clone(),
                Survival::Some(_) => torn(file, &mut random),
            };
            let synced = content.len();
            File { content, synced }
        });
        Self {
            files: files.collect(),
            durable: names.clone(),
            names,
            pending: Vec::new(),
            unsettled: false,
            changed: self.changed,
            broken: self.broken,
        }
    }
}

/// A part of the bytes that were not synced, of which some are zeros: a file system may know how
/// long a file is before it has the bytes.
fn torn(file: &File, random: &mut Random) -> Vec<u8> {
    let length = random.between(file.synced, file.content.len());
    let mut content = file.content[..length].to_vec();
    if random.coin() {
        let zeros_from = random.between(file.synced, length);
        content[zeros_from..].fill(0);
    }
    content
}
