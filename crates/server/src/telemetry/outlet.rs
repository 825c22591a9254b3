//! A stream that lines go to, written by a thread of its own: nobody who logs waits for a reader.
//!
//! This is our own and not `tracing-appender`, whose queue is bounded in lines but not in bytes,
//! which counts what it drops but tells nobody, and which gives up at the end after a fixed time,
//! with a line on a stream that may be the one that is stuck.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// A stream for lines, each of which arrives whole or not at all.
///
/// When the stream does not take them, lines wait, up to a number and a size; what comes then is
/// dropped and counted. When the stream takes lines again, half of what waited is written first:
/// so what is lost is one gap and not a sieve.
pub(super) struct Outlet {
    shared: Arc<Shared>,
}

impl Outlet {
    /// Starts to write to `writer`. Calls `tell_lost` with the number of lines that were lost, once
    /// there is room to say so.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn start(
        name: &str,
        writer: impl Write + Send + 'static,
        tell_lost: impl FnMut(u64) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || of_thread.write_to(writer, tell_lost))?;
        Ok(Self { shared })
    }

    /// Hands a line over, without its end. Never waits for the stream.
    pub(super) fn push(&self, mut line: String) {
        line.push('\n');
        let mut queue = self.shared.queue();
        queue.push(line);
        if std::mem::take(&mut queue.asleep) {
            drop(queue);
            self.shared.filled.notify_one();
        }
    }

    /// Waits until all lines are written, or `patience` has passed since `start` without anything
    /// being written, or half as much again in any case.
    pub(super) fn flush(&self, start: Instant, patience: Duration) {
        let mut queue = self.shared.queue();
        while queue.writing || !queue.lines.is_empty() {
            let progress = queue.progress.map_or(start, |progress| progress.max(start));
            let end = (progress + patience).min(start + patience * 3 / 2);
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.shared.moved.wait_timeout(queue, left);
            (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.filled.notify_one();
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Outlet").finish_non_exhaustive()
    }
}

/// What those who log share with the thread that writes.
#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// There is something to write.
    filled: Condvar,
    /// Something was written.
    moved: Condvar,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what comes, until the outlet is dropped.
    fn write_to(&self, mut writer: impl Write, mut tell_lost: impl FnMut(u64)) {
        let mut batch = String::new();
        while let Some(lines) = self.take(&mut batch) {
            let written = write_all(&mut writer, batch.as_bytes());
            let lost = self.queue().settle(lines, written.is_ok());
            if lost > 0 {
                tell_lost(lost);
            }
        }
    }

    /// Waits for lines and fills `batch` with some; tells how many. What was taken before is done.
    fn take(&self, batch: &mut String) -> Option<usize> {
        let mut queue = self.queue();
        queue.writing = false;
        if queue.lines.is_empty() && !queue.closed && !batch.is_empty() {
            self.moved.notify_all();
            drop(queue);
            // To be woken for each line costs as much as all the rest of it.
            thread::sleep(GATHERING);
            queue = self.queue();
        }
        batch.clear();
        while queue.lines.is_empty() {
            if queue.closed {
                return None;
            }
            queue.asleep = true;
            queue = self
                .filled
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        queue.asleep = false;
        queue.writing = true;
        Some(queue.pop(batch))
    }
}

/// The lines that wait.
#[derive(Default)]
struct Queue {
    lines: VecDeque<String>,
    /// The size of all lines.
    bytes: usize,
    /// Whether lines are dropped, until the queue is half empty.
    refusing: bool,
    /// How many lines were lost since that was last told.
    lost: u64,
    /// Whether the thread that writes is to be woken.
    asleep: bool,
    /// Whether lines are on their way into the stream.
    writing: bool,
    /// When the stream last took something.
    progress: Option<Instant>,
    /// Whether nothing more will come.
    closed: bool,
}

impl Queue {
    /// Adds a line, or counts it as lost. An empty queue takes any line.
    fn push(&mut self, line: String) {
        let full = self.lines.len() >= MOST_LINES || self.bytes + line.len() > MOST_BYTES;
        self.refusing |= full && !self.lines.is_empty();
        if self.refusing {
            self.lost += 1;
            return;
        }
        self.bytes += line.len();
        self.lines.push_back(line);
    }

    /// Moves lines to `batch`, at least one; tells how many.
    fn pop(&mut self, batch: &mut String) -> usize {
        let mut count = 0;
        while let Some(line) = self.lines.front()
            && (count == 0 || batch.len() + line.len() <= ATOMIC)
        {
            batch.push_str(line);
            self.bytes -= line.len();
            self.lines.pop_front();
            count += 1;
        }
        count
    }

    /// Notes what became of a batch of so many lines; tells how many are lost, if it is time to.
    fn settle(&mut self, lines: usize, written: bool) -> u64 {
        if self.lines.len() <= MOST_LINES / 2 && self.bytes <= MOST_BYTES / 2 {
            self.refusing = false;
        }
        if !written {
            self.lost += lines as u64;
            return 0;
        }
        self.progress = Some(Instant::now());
        if self.refusing {
            return 0;
        }
        std::mem::take(&mut self.lost)
    }
}

/// Writes all of it, also to a stream that another process made non-blocking.
fn write_all(writer: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match writer.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(RETRY),
            Err(error) => return Err(error),
        }
    }
    writer.flush()
}

/// Lines that wait at most.
const MOST_LINES: usize = 16 * 1024;

/// Bytes that wait at most: some seconds of a busy server.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// What goes to the stream at a time, unless a single line is longer: Linux does not mix writes of
/// this size with those of others into the same pipe.
const ATOMIC: usize = 4096;

/// How long lines gather while there are many.
const GATHERING: Duration = Duration::from_millis(1);

/// How long to wait when a stream that does not block has no room.
const RETRY: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, PipeReader, Read, pipe},
        sync::mpsc::{Receiver, channel},
    };

    use super::*;

    /// An outlet into a pipe, and what it tells of losses.
    fn outlet() -> (Outlet, PipeReader, Receiver<u64>) {
        let (reader, writer) = pipe().unwrap();
        let (told, losses) = channel();
        let tell = move |lost| told.send(lost).unwrap();
        (Outlet::start("test", writer, tell).unwrap(), reader, losses)
    }

    /// Fills the pipe and the queue, until lines are lost; tells how many were pushed.
    fn fill(outlet: &Outlet, line: &str) -> u64 {
        let lost = || outlet.shared.queue().lost;
        (0..)
            .take_while(|_| {
                outlet.push(line.to_owned());
                lost() == 0
            })
            .count() as u64
            + 1
    }

    #[test]
    fn a_reader_that_does_not_read_costs_lines_and_no_time_and_the_loss_is_told() {
        for length in [20, 5_000] {
            let (outlet, reader, losses) = outlet();
            let line = "x".repeat(length);
            let mut pushed = fill(&outlet, &line);
            for _ in 0..100 {
                outlet.push(line.clone());
                pushed += 1;
            }
            {
                let queue = outlet.shared.queue();
                assert!(queue.lines.len() <= MOST_LINES && queue.bytes <= MOST_BYTES);
                assert!(queue.lost > 1);
            }

            let mut lines = BufReader::new(reader).lines();
            let mut read = 0;
            let lost = loop {
                assert_eq!(lines.next().unwrap().unwrap(), line);
                read += 1;
                if let Ok(lost) = losses.try_recv() {
                    break lost;
                }
            };
            outlet.push("after the gap".to_owned());
            drop(outlet);
            let rest: Vec<String> = lines.map(Result::unwrap).collect();
            let (last, rest) = rest.split_last().unwrap();
            assert_eq!(last, "after the gap");
            assert!(rest.iter().all(|whole| *whole == line));
            assert_eq!(read + rest.len() as u64 + lost, pushed);
            losses.recv().unwrap_err();
        }
    }

    #[test]
    fn flushing_waits_for_a_reader_but_not_for_one_that_does_not_read() {
        let (outlet, mut reader, _losses) = outlet();
        fill(&outlet, "line");
        let start = Instant::now();
        let patience = Duration::from_millis(20);
        outlet.flush(start, patience);
        let waited = start.elapsed();
        assert!(waited >= patience);

        let reading = thread::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            text
        });
        outlet.flush(Instant::now(), Duration::from_secs(60));
        assert!(outlet.shared.queue().lines.is_empty());
        drop(outlet);
        assert!(reading.join().unwrap().ends_with("line\n"));
    }

    #[test]
    fn lines_that_cannot_be_written_are_lost_and_told_when_writing_works_again() {
        /// A disk that is full at first.
        struct Full(u64);

        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if self.0 > 0 {
                    self.0 -= 1;
                    return Err(io::ErrorKind::StorageFull.into());
                }
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let (told, losses) = channel();
        let outlet = Outlet::start("test", Full(2), move |lost| told.send(lost).unwrap()).unwrap();
        for line in ["one", "two", "three"] {
            outlet.push(line.to_owned());
            outlet.flush(Instant::now(), Duration::from_secs(60));
        }
        assert_eq!(losses.recv(), Ok(2));
    }

    #[test]
    fn a_stream_that_does_not_block_is_tried_again() {
        /// A stream that takes a byte every other time.
        struct Stubborn(bool, Arc<Mutex<Vec<u8>>>);

        impl Write for Stubborn {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 = !self.0;
                if self.0 {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                self.1.lock().unwrap().push(bytes[0]);
                Ok(1)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let written = Arc::default();
        let stream = Stubborn(false, Arc::clone(&written));
        let outlet = Outlet::start("test", stream, |_| {}).unwrap();
        outlet.push("whole".to_owned());
        outlet.flush(Instant::now(), Duration::from_secs(60));
        assert_eq!(*written.lock().unwrap(), b"whole\n");
    }

    #[test]
    fn a_line_of_any_size_passes_an_empty_queue() {
        let mut queue = Queue::default();
        queue.push("x".repeat(MOST_BYTES + 1));
        queue.push("lost".to_owned());
        let mut batch = String::new();
        assert_eq!(queue.pop(&mut batch), 1);
        assert_eq!(queue.settle(1, true), 1);
        queue.push("x".to_owned());
        assert_eq!(queue.lines, ["x"]);
    }
}
