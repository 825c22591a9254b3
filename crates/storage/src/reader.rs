//! What a driver hands out for reading: the open file where there is one, a stream where not.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, ErrorKind, IoSliceMut},
    num::NonZeroU64,
    os::unix::fs::FileExt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};

use rustix::{
    fs::{Advice, fadvise, sendfile},
    io::{ReadWriteFlags, preadv2},
};

use crate::{Error, StoragePath, spare};

/// Bytes as they arrive.
pub type ByteStream = BoxStream<'static, Result<Bytes, Error>>;

/// A range of a stored file, opened.
#[derive(Debug)]
pub struct Reader {
    /// The whole file's size in bytes.
    pub size: u64,
    /// Where the range begins.
    pub offset: u64,
    /// How many bytes the range has.
    pub length: u64,
    /// The bytes of the range.
    pub payload: Payload,
}

/// The bytes of a range.
pub enum Payload {
    /// An open file: may be sent without copying it through this process.
    File(OpenFile),
    /// A stream of exactly the range.
    Stream(ByteStream),
}

/// A range of an open file. The file is never changed in place while it is read: content is
/// immutable, and a replacement gets a new inode.
#[derive(Debug, Clone)]
pub struct OpenFile {
    file: Arc<File>,
    path: StoragePath,
    offset: u64,
    length: u64,
}

impl Reader {
    /// Turns the payload into a stream of chunks.
    #[must_use]
    pub fn into_stream(self) -> ByteStream {
        match self.payload {
            Payload::File(file) => file.into_stream(),
            Payload::Stream(stream) => stream,
        }
    }
}

impl OpenFile {
    /// A range of `file`, which is stored at `path`.
    #[must_use]
    pub fn new(file: File, path: StoragePath, offset: u64, length: u64) -> Self {
        Self {
            file: Arc::new(file),
            path,
            offset,
            length,
        }
    }

    /// The open file.
    #[must_use]
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Where the range begins, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes of the range are left.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.length
    }

    /// Reads the next chunk of at most [`CHUNK`] bytes and moves on; blocks on the disk.
    ///
    /// # Errors
    /// When the file cannot be read, or ends before the range does.
    pub fn read_chunk(&mut self) -> Result<Bytes, Error> {
        let length = self.length.min(CHUNK as u64) as usize;
        let read = spare::read_with(length, |chunk| {
            self.file.read_exact_at(chunk, self.offset).map(|()| length)
        });
        let chunk = read.map_err(|source| self.failed(source))?;
        self.advance(length as u64);
        Ok(chunk)
    }

    /// Reads of the next chunk what is in the page cache, without waiting for a disk, and moves on;
    /// `None` when nothing is, or when the file system cannot tell.
    ///
    /// # Errors
    /// When the file ends before the range does.
    pub fn read_cached(&mut self) -> Result<Option<Bytes>, Error> {
        let length = self.length.min(CHUNK as u64) as usize;
        let read = spare::read_with(length, |chunk| {
            let mut slices = [IoSliceMut::new(chunk)];
            let flags = ReadWriteFlags::NOWAIT;
            preadv2(&*self.file, &mut slices, self.offset, flags)
        });
        match read {
            Ok(chunk) if chunk.is_empty() && length > 0 => {
                Err(self.failed(ErrorKind::UnexpectedEof.into()))
            }
            Ok(chunk) => {
                self.advance(chunk.len() as u64);
                Ok(Some(chunk))
            }
            // What is wrong with the file is found out by a read that may wait.
            Err(_) => Ok(None),
        }
    }

    /// Whether the next `length` bytes are in the page cache, as far as a few looks can tell: what
    /// is missing in between was evicted by itself, and is little.
    #[must_use]
    pub fn is_cached(&self, length: u64) -> bool {
        let end = self.length.min(length);
        let last = end.saturating_sub(1);
        let looks = (0..end).step_by(LOOK_EVERY).chain([last]);
        looks.into_iter().all(|at| {
            let mut byte = [0];
            let mut slices = [IoSliceMut::new(&mut byte)];
            let at = self.offset + at;
            preadv2(&*self.file, &mut slices, at, ReadWriteFlags::NOWAIT).is_ok()
        })
    }

    /// Brings the next `length` bytes into the page cache, and lets the system begin with as many
    /// after them; blocks on the disk.
    ///
    /// # Errors
    /// When the file cannot be read, or ends before the range does.
    pub fn load(&self, length: u64) -> Result<(), Error> {
        let length = self.length.min(length);
        if let Some(wanted) = NonZeroU64::new(self.length.min(length.saturating_mul(2))) {
            // A system that does not take the advice loads them when they are due.
            let _ = fadvise(&*self.file, self.offset, Some(wanted), Advice::WillNeed);
        }
        let loaded = match sink() {
            Some(sink) => self.send_into(sink, length),
            None => Err(ErrorKind::InvalidInput.into()),
        };
        match loaded {
            Err(error) if error.kind() == ErrorKind::InvalidInput => self.read_past(length),
            loaded => loaded,
        }
        .map_err(|source| self.failed(source))
    }

    /// Waits for bytes without copying them.
    fn send_into(&self, sink: &File, length: u64) -> io::Result<()> {
        let (mut at, end) = (self.offset, self.offset + length);
        while at < end {
            let left = usize::try_from(end - at).unwrap_or(usize::MAX);
            if sendfile(sink, &*self.file, Some(&mut at), left)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// Waits for bytes by reading them.
    fn read_past(&self, length: u64) -> io::Result<()> {
        let mut scratch = vec![0; LOOK_EVERY];
        let (mut at, end) = (self.offset, self.offset + length);
        while at < end {
            let piece = (end - at).min(LOOK_EVERY as u64) as usize;
            self.file.read_exact_at(&mut scratch[..piece], at)?;
            at += piece as u64;
        }
        Ok(())
    }

    /// Takes the next `length` bytes out of the range, as one of their own.
    #[must_use]
    pub fn take(&mut self, length: u64) -> Self {
        let length = self.length.min(length);
        let taken = Self {
            file: Arc::clone(&self.file),
            path: self.path.clone(),
            offset: self.offset,
            length,
        };
        self.advance(length);
        taken
    }

    fn advance(&mut self, length: u64) {
        self.offset += length;
        self.length -= length;
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Io {
            operation: "read",
            path: self.path.clone(),
            source,
        }
    }

    /// Reads the range chunk by chunk on threads that may block.
    #[must_use]
    pub fn into_stream(self) -> ByteStream {
        stream::try_unfold(self, |mut file| async move {
            if file.length == 0 {
                return Ok(None);
            }
            let path = file.path.clone();
            let read = tokio::task::spawn_blocking(move || {
                let chunk = file.read_chunk()?;
                Ok(Some((chunk, file)))
            });
            read.await.unwrap_or_else(|stopped| {
                Err(Error::Io {
                    operation: "read",
                    path,
                    source: io::Error::other(stopped),
                })
            })
        })
        .boxed()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => formatter.debug_tuple("File").field(file).finish(),
            Self::Stream(_) => formatter.write_str("Stream"),
        }
    }
}

/// A file that takes everything and keeps nothing.
fn sink() -> Option<&'static File> {
    static SINK: OnceLock<Option<File>> = OnceLock::new();
    let open = || OpenOptions::new().write(true).open("/dev/null").ok();
    SINK.get_or_init(open).as_ref()
}

/// How much of a file is read at once, in bytes: large enough that the hop to a blocking thread
/// is small beside the copy, small enough that a thousand slow readers fit in memory.
pub const CHUNK: usize = 128 * 1024;
/// How far apart looks into the page cache are: what the system reads ahead at once, usually.
const LOOK_EVERY: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file_of(content: &[u8]) -> OpenFile {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        let path = StoragePath::parse("/a").unwrap();
        OpenFile::new(file, path, 10, content.len() as u64 - 20)
    }

    fn noise(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 31 % 251) as u8).collect()
    }

    #[test]
    fn a_range_is_read_to_its_end_however_it_is_read() {
        let content = noise(2 * CHUNK + 777);
        let expected = &content[10..content.len() - 10];
        let (mut blocking, mut cached) = (file_of(&content), file_of(&content));
        let (mut by_chunks, mut from_cache) = (Vec::new(), Vec::new());
        while blocking.remaining() > 0 {
            by_chunks.extend(blocking.read_chunk().unwrap());
        }
        while cached.remaining() > 0 {
            // It was just written.
            from_cache.extend(cached.read_cached().unwrap().unwrap());
        }
        assert!(by_chunks == expected && from_cache == expected);
    }

    #[test]
    fn a_part_is_taken_out_of_a_range() {
        let content = noise(1000);
        let mut file = file_of(&content);
        let mut first = file.take(300);
        assert_eq!((first.offset(), first.remaining()), (10, 300));
        assert_eq!((file.offset(), file.remaining()), (310, 680));
        assert_eq!(first.read_chunk().unwrap(), content[10..310]);
        let mut rest = file.take(10_000);
        assert_eq!((rest.remaining(), file.remaining()), (680, 0));
        assert_eq!(rest.read_chunk().unwrap(), content[310..990]);
    }

    #[test]
    fn what_is_loaded_is_cached_and_a_file_that_was_cut_is_an_error() {
        let content = noise(3 * LOOK_EVERY);
        let file = file_of(&content);
        file.load(u64::MAX).unwrap();
        file.read_past(file.remaining()).unwrap();
        assert!(file.is_cached(u64::MAX));
        file.file().set_len(100).unwrap();
        file.load(u64::MAX).unwrap_err();
        file.read_past(file.remaining()).unwrap_err();
        let mut cut = file;
        assert_eq!(cut.read_cached().unwrap().unwrap().len(), 90);
        cut.read_cached().unwrap_err();
        cut.read_chunk().unwrap_err();
    }
}
