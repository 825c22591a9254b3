//! An open folder: what it holds, and whether what it held can be known to hold still.

use std::{
    fs::{File, Metadata},
    io,
    mem::MaybeUninit,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::fs::{FileType, Mode, OFlags, RawDir};

use crate::filesystem::names::{Kind, Names};

/// A folder that was opened to be read.
#[derive(Debug)]
pub(super) struct Folder {
    file: File,
}

/// Which folder or file it was and when it last changed. While a path leads to the same stamp, what
/// is there holds what it held, if the stamp was [settled](Stamp::is_settled) when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    /// The inode's change time, set by the kernel whenever an entry comes or goes. Unlike the
    /// modification time nobody can set it back, as `touch`, `tar` and `rsync` do.
    changed: (i64, i64),
}

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
        Ok(Self { file })
    }

    /// The whole of the folder if it is small; `None` if there is more.
    pub(super) fn read_small(&self) -> io::Result<Option<Names>> {
        let mut buffer = [MaybeUninit::uninit(); SMALL_BUFFER];
        self.read(&mut buffer, SMALL_FILLS)
    }

    /// The whole of a folder of which nothing was read yet.
    pub(super) fn read_whole(&self) -> io::Result<Names> {
        let mut buffer = Vec::with_capacity(LARGE_BUFFER);
        let whole = self.read(buffer.spare_capacity_mut(), usize::MAX)?;
        Ok(whole.unwrap_or_default())
    }

    /// The stamp that proves what is read from now on, if there is one that can: see
    /// [`Stamp::is_settled`].
    pub(super) fn proof(&self, settling: Duration) -> io::Result<Option<Stamp>> {
        Stamp::proof(&self.file, settling)
    }

    /// Reads the entries, as long as it takes no more than so many system calls. No entry is
    /// looked up: the listing tells files from folders.
    fn read(&self, buffer: &mut [MaybeUninit<u8>], fills: usize) -> io::Result<Option<Names>> {
        let mut names = Names::default();
        let mut listing = RawDir::new(&self.file, buffer);
        let mut filled = 0;
        loop {
            if listing.is_buffer_empty() {
                if filled == fills {
                    return Ok(None);
                }
                filled += 1;
            }
            let Some(entry) = listing.next() else {
                names.sort();
                return Ok(Some(names));
            };
            let entry = entry?;
            // A name that is no text was not written by a registry.
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            if matches!(name, "." | "..") {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Directory => Kind::Folder,
                FileType::Symlink | FileType::Unknown => Kind::Unresolved,
                _ => Kind::File,
            };
            names.push(name, kind)?;
        }
    }
}

impl Stamp {
    /// The stamp that proves what is read from now on, if there is one that can.
    pub(super) fn proof(file: &File, settling: Duration) -> io::Result<Option<Self>> {
        // The clock first: a change that comes after the stamp was taken is later than this.
        let now = SystemTime::now();
        let stamp = Self::of(&file.metadata()?);
        let proves = stamp.is_settled(now, settling) && keeps_time(file);
        Ok(proves.then_some(stamp))
    }

    pub(super) fn of(folder: &Metadata) -> Self {
        Self {
            device: folder.dev(),
            inode: folder.ino(),
            modified: (folder.mtime(), folder.mtime_nsec()),
            changed: (folder.ctime(), folder.ctime_nsec()),
        }
    }

    /// Whether every change after `now` gives the folder another stamp.
    ///
    /// The kernel takes the time of a change from a clock that stands still for a tick of up to
    /// 10 ms, longer when the processor that moves it is held up, as in a virtual machine. So a
    /// change may get the stamp of one just before it, and a listing that was read between the two
    /// would look true for ever. Once the stamp lies further back than that clock can lag, the
    /// next change cannot repeat it: its time is then at least `now` less the lag.
    ///
    /// A clock that is set back makes stamps that lie in the future, which are not settled, and
    /// might come by the same time again: not to the nanosecond, but to the second, so a file
    /// system that counts in seconds proves nothing.
    fn is_settled(&self, now: SystemTime, settling: Duration) -> bool {
        let (seconds, nanoseconds) = self.changed;
        let (Ok(seconds), Ok(nanoseconds)) = (seconds.try_into(), nanoseconds.try_into()) else {
            return false;
        };
        let changed = Duration::new(seconds, nanoseconds);
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        nanoseconds != 0 && changed + settling <= now
    }
}

/// Whether a folder's times come from this machine's clock, at every change. Over a network they
/// come from another machine's clock and arrive late, and a driver in user space may do as it
/// likes: what is not known to be right is read each time.
fn keeps_time(folder: &File) -> bool {
    // The numbers are 32 bits wide and sign-extended where the field is wider.
    rustix::fs::fstatfs(folder).is_ok_and(|system| KEEP_TIME.contains(&(system.f_type as u32)))
}

/// The file systems of which it is known, from the kernel's `include/uapi/linux/magic.h`. An
/// overlay shows the times of its upper folder, which lies on a file system of this machine.
const KEEP_TIME: [u32; 6] = [
    0x0000_ef53, // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x9123_683e, // btrfs
    0x2fc1_2fc1, // zfs
    0x794c_7630, // overlayfs
    0x0102_1994, // tmpfs
];

/// How far behind the true time a stamp can be, with room to spare: see [`Stamp::is_settled`].
pub(super) const SETTLING: Duration = Duration::from_secs(2);

/// A folder is small when this buffer takes it in so many system calls, the last of which only
/// says that there is no more: some 300 names of tags, or 90 digests.
const SMALL_BUFFER: usize = 8 * 1024;
const SMALL_FILLS: usize = 2;
const LARGE_BUFFER: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(changed: (i64, i64)) -> Stamp {
        Stamp {
            device: 1,
            inode: 2,
            modified: (0, 0),
            changed,
        }
    }

    #[test]
    fn a_stamp_is_settled_when_no_later_change_can_repeat_it() {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let table = [
            ((900, 1), true, "long ago"),
            ((997, 999_999_999), true, "just long enough ago"),
            ((998, 1), false, "a moment ago"),
            ((999, 990_000_000), false, "a tick ago"),
            ((1000, 1), false, "now"),
            (
                (2000, 1),
                false,
                "in the future, by a clock that was set back",
            ),
            ((900, 0), false, "on a file system that counts in seconds"),
            ((-5, 1), false, "before all time"),
        ];
        for (changed, settled, what) in table {
            assert_eq!(stamp(changed).is_settled(now, SETTLING), settled, "{what}");
        }
    }

    #[test]
    fn a_modification_time_that_is_set_back_makes_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let stamp = || Stamp::of(&std::fs::metadata(path).unwrap());
        let first = stamp();
        let modified = std::fs::metadata(path).unwrap().modified().unwrap();
        // Within a tick the clock may stand still.
        for n in 0.. {
            std::fs::create_dir(path.join(n.to_string())).unwrap();
            File::open(path).unwrap().set_modified(modified).unwrap();
            if stamp() != first {
                break;
            }
        }
        assert_eq!(stamp().modified, first.modified);
    }
}
