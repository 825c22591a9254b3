//! What a driver hands out for reading: the open file where there is one, a stream where not.

use std::{fmt, fs::File, os::unix::fs::FileExt, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};

use crate::{Error, StoragePath};

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
        let mut chunk = BytesMut::zeroed(length);
        self.file
            .read_exact_at(&mut chunk, self.offset)
            .map_err(|source| Error::Io {
                operation: "read",
                path: self.path.clone(),
                source,
            })?;
        self.offset += length as u64;
        self.length -= length as u64;
        Ok(chunk.freeze())
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
                    source: std::io::Error::other(stopped),
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

/// How much of a file is read at once, in bytes: large enough that the hop to a blocking thread
/// is small beside the copy, small enough that a thousand slow readers fit in memory.
pub const CHUNK: usize = 128 * 1024;
