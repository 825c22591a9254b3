//! Large writes that go past the page cache.
//!
//! What is about to be synced is on its way to the disk anyhow. Written directly it need not be
//! copied into pages that the kernel must find first, which costs more than all else of a large
//! push together, its hash included; nor does the sync at the end wait for all of it at once.

use std::{
    fs::File,
    io::{self, IoSlice, Write},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use rustix::fs::OFlags;

/// Memory for direct writes, used again and again.
#[derive(Debug, Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    fn take(&self) -> Vec<u8> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop().unwrap_or_default()
    }

    fn give_back(&self, mut buffer: Vec<u8>) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_BUFFERS && buffer.capacity() <= LARGEST_IDLE {
            buffer.clear();
            idle.push(buffer);
        }
    }
}

/// Appends at the end of a file, which lies at `offset`: whole blocks directly, what is left of the
/// first and the last through the page cache.
pub(super) fn append(
    file: &File,
    offset: u64,
    mut chunks: Vec<Bytes>,
    buffers: &Buffers,
) -> io::Result<()> {
    let total: usize = chunks.iter().map(Bytes::len).sum();
    let head = (BLOCK - (offset % BLOCK as u64) as usize) % BLOCK;
    let blocks = total.saturating_sub(head) / BLOCK * BLOCK;
    if total < SMALLEST || !takes_direct_writes(file) {
        return write_all_vectored(file, &chunks);
    }
    write_all_vectored(file, &split_off_front(&mut chunks, head))?;
    let mut buffer = buffers.take();
    let aligned = copy_aligned(&mut buffer, &split_off_front(&mut chunks, blocks));
    let written = write_blocks(file, aligned);
    buffers.give_back(buffer);
    written?;
    write_all_vectored(file, &chunks)
}

/// Writes through the page cache.
pub(super) fn write_all_vectored(mut file: &File, chunks: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = chunks.iter().map(|chunk| IoSlice::new(chunk)).collect();
    let mut rest = slices.as_mut_slice();
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Takes the first `length` bytes away.
fn split_off_front(chunks: &mut Vec<Bytes>, mut length: usize) -> Vec<Bytes> {
    let mut front = Vec::with_capacity(chunks.len());
    for chunk in chunks.iter_mut() {
        let taken = chunk.split_to(length.min(chunk.len()));
        length -= taken.len();
        front.push(taken);
    }
    chunks.retain(|chunk| !chunk.is_empty());
    front
}

/// Copies chunks to where a direct write may take them from: the address must be a multiple of the
/// block, too.
fn copy_aligned<'a>(buffer: &'a mut Vec<u8>, chunks: &[Bytes]) -> &'a [u8] {
    let length: usize = chunks.iter().map(Bytes::len).sum();
    buffer.clear();
    buffer.reserve(length + BLOCK);
    let start = buffer.as_ptr().align_offset(BLOCK);
    buffer.resize(start, 0);
    chunks
        .iter()
        .for_each(|chunk| buffer.extend_from_slice(chunk));
    &buffer[start..]
}

/// Writes whole blocks directly, and through the page cache where the file system refuses that.
fn write_blocks(mut file: &File, blocks: &[u8]) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(file)?;
    let direct = rustix::fs::fcntl_setfl(file, flags | OFlags::DIRECT);
    let mut written = 0;
    let mut outcome = Ok(());
    while direct.is_ok() && written < blocks.len() && written % BLOCK == 0 {
        match file.write(&blocks[written..]) {
            // It wants another alignment, or nothing of the kind: so be it.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                outcome = Err(error);
                break;
            }
            Ok(0) => break,
            Ok(more) => written += more,
        }
    }
    if direct.is_ok() {
        rustix::fs::fcntl_setfl(file, flags)?;
    }
    outcome?;
    file.write_all(&blocks[written..])
}

/// Whether the file lies on a file system where direct writes are known to be a gain. Over a network
/// they are not.
fn takes_direct_writes(file: &File) -> bool {
    // The number is 32 bits wide and sign-extended where the field is wider.
    rustix::fs::fstatfs(file).is_ok_and(|system| DIRECT.contains(&(system.f_type as u32)))
}

/// From the kernel's `include/uapi/linux/magic.h`.
const DIRECT: [u32; 2] = [
    0x0000_ef53, // ext2, ext3, ext4
    0x5846_5342, // xfs
];
/// What places, lengths and addresses of direct writes are multiples of, in bytes: no disk's blocks
/// are larger.
const BLOCK: usize = 4096;
/// The fewest bytes that are worth going past the page cache.
const SMALLEST: usize = 128 * 1024;
/// How many buffers are kept, each of which has at most so many bytes.
const IDLE_BUFFERS: usize = 4;
const LARGEST_IDLE: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Bytes that no other place of the content has.
    fn content(length: usize) -> Bytes {
        (0..length as u32 / 4 + 1)
            .flat_map(u32::to_le_bytes)
            .take(length)
            .collect()
    }

    #[test]
    fn appends_of_every_alignment_arrive_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (path, buffers) = (folder.path().join("file"), Buffers::default());
        let whole = content(3 * 1024 * 1024);
        let file = File::create(&path).unwrap();
        let lengths = [
            1,
            SMALLEST,
            7,
            BLOCK - 8,
            SMALLEST + 1,
            SMALLEST * 2 - 1,
            0,
            300_000,
        ];
        let mut at = 0;
        for length in lengths {
            let mut piece = whole.slice(at..at + length);
            let first = piece.split_to(length / 3);
            append(&file, at as u64, vec![first, Bytes::new(), piece], &buffers).unwrap();
            at += length;
            assert_eq!(fs::read(&path).unwrap(), whole[..at], "after {length}");
        }
        let flags = rustix::fs::fcntl_getfl(&file).unwrap();
        assert!(!flags.contains(OFlags::DIRECT), "what follows may be short");
        assert_eq!(buffers.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn few_buffers_are_kept_and_no_large_one() {
        let buffers = Buffers::default();
        buffers.give_back(Vec::with_capacity(LARGEST_IDLE + 1));
        assert!(buffers.0.lock().unwrap().is_empty());
        (0..9).for_each(|_| buffers.give_back(Vec::with_capacity(BLOCK)));
        assert_eq!(buffers.0.lock().unwrap().len(), IDLE_BUFFERS);
    }
}
