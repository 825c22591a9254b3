//! Memory that files are read into, used again.
//!
//! New memory of this size comes from the system page by page and has to be zeroed: that costs about
//! as much as the copy out of the page cache. So what was sent is kept for the next read.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::CHUNK;

/// Has `read` fill memory for `length` bytes, at most [`CHUNK`], and returns as many as it says that
/// it did. Nothing but these bytes is ever seen of the memory.
///
/// # Errors
/// When `read` fails.
pub(crate) fn read_with<E>(
    length: usize,
    read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
) -> Result<Bytes, E> {
    if length <= CHUNK / 2 {
        // It would hold much more memory than it needs, for as long as its client takes.
        let mut bytes = vec![0; length];
        let filled = read(&mut bytes)?;
        bytes.truncate(filled);
        return Ok(bytes.into());
    }
    let mut buffer = Buffer {
        memory: spare().pop().unwrap_or_else(|| vec![0; CHUNK]),
        filled: 0,
    };
    let room = length.min(CHUNK);
    buffer.filled = read(&mut buffer.memory[..room])?.min(room);
    Ok(Bytes::from_owner(buffer))
}

/// Memory of [`CHUNK`] bytes that is kept when it is done with.
struct Buffer {
    memory: Vec<u8>,
    filled: usize,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut spare = spare();
        if spare.len() < MOST {
            spare.push(std::mem::take(&mut self.memory));
        }
    }
}

fn spare() -> MutexGuard<'static, Vec<Vec<u8>>> {
    static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
    // Nothing panics while it holds the lock.
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many are kept, 2 MiB in all: connections take turns, so that few are spare at a time.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn fill(length: usize, with: u8, filled: usize) -> Bytes {
        let read = |memory: &mut [u8]| {
            assert_eq!(memory.len(), length);
            memory[..filled].fill(with);
            Ok::<_, Infallible>(filled)
        };
        read_with(length, read).unwrap()
    }

    #[test]
    fn nothing_is_seen_of_what_memory_held_before() {
        for length in [100, CHUNK - 1, CHUNK] {
            let first = fill(length, 1, length);
            let slice = first.slice(1..50);
            drop(first);
            let others: Vec<_> = (0..40).map(|_| fill(length, 2, length - 60)).collect();
            assert!(slice.len() == 49 && slice.iter().all(|byte| *byte == 1));
            for other in others {
                assert!(other.len() == length - 60 && other.iter().all(|byte| *byte == 2));
            }
            assert!(spare().len() <= MOST);
        }
    }

    #[test]
    fn memory_of_a_read_that_failed_is_kept_too() {
        read_with(CHUNK, |_| Err(())).unwrap_err();
        let sent = fill(CHUNK, 7, CHUNK);
        assert_eq!(sent.len(), CHUNK);
    }
}
