//! How far a long job is: counts that the job adds to, and that somebody else draws.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How far a job is. The job calls [`Progress::begin`] for each of its phases and adds to it, from
/// as many tasks as it has; whoever wants to know looks whenever it likes.
#[derive(Debug, Default)]
pub struct Progress {
    state: Mutex<State>,
}

/// What a phase is about, and how much there is to do where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Phase {
    /// What is done, such as `reading blobs`: the count is of the last word.
    pub doing: &'static str,
    /// How many there are.
    pub count: Option<u64>,
    /// How many bytes they have.
    pub bytes: Option<u64>,
    /// What became of the bytes, such as `read` or `freed`; empty where bytes are not counted.
    pub bytes_are: &'static str,
}

/// How far a phase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reached {
    /// The phase.
    pub phase: Phase,
    /// How many are done.
    pub count: u64,
    /// How many bytes are done.
    pub bytes: u64,
    /// How long it has taken.
    pub elapsed: Duration,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Current>,
    /// The phases that are over and that nobody has asked for yet.
    ended: Vec<Reached>,
}

#[derive(Debug)]
struct Current {
    phase: Phase,
    began: Instant,
    count: u64,
    bytes: u64,
}

impl Progress {
    /// Begins a phase; the one before is over.
    pub fn begin(&self, phase: Phase) {
        self.end();
        self.lock().current = Some(Current {
            phase,
            began: Instant::now(),
            count: 0,
            bytes: 0,
        });
    }

    /// Ends the phase that is on.
    pub fn end(&self) {
        let mut state = self.lock();
        let ended = state.current.take().map(|current| current.reached());
        state.ended.extend(ended);
    }

    /// So many more are done.
    pub fn add(&self, count: u64) {
        if let Some(current) = &mut self.lock().current {
            current.count = current.count.saturating_add(count);
        }
    }

    /// So many more bytes are done.
    pub fn add_bytes(&self, bytes: u64) {
        if let Some(current) = &mut self.lock().current {
            current.bytes = current.bytes.saturating_add(bytes);
        }
    }

    /// How far the phase is that is on, if one is.
    #[must_use]
    pub fn reached(&self) -> Option<Reached> {
        self.lock().current.as_ref().map(Current::reached)
    }

    /// The phases that have ended since this was asked last.
    #[must_use]
    pub fn take_ended(&self) -> Vec<Reached> {
        mem::take(&mut self.lock().ended)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    fn reached(&self) -> Reached {
        Reached {
            phase: self.phase,
            count: self.count,
            bytes: self.bytes,
            elapsed: self.began.elapsed(),
        }
    }
}

impl Reached {
    /// How much time is left if it goes on at the same rate; by the bytes where all are known, by
    /// the count otherwise.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        let (done, all) = match (self.phase.bytes, self.phase.count) {
            (Some(bytes), _) if bytes > 0 => (self.bytes, bytes),
            (_, Some(count)) => (self.count, count),
            (_, None) => return None,
        };
        if done == 0 {
            return None;
        }
        let whole = self.elapsed.as_secs_f64() * (all as f64 / done as f64);
        let whole = Duration::try_from_secs_f64(whole).ok()?;
        Some(whole.saturating_sub(self.elapsed))
    }

    /// How many of something there were per second.
    #[must_use]
    pub fn per_second(&self, many: u64) -> u64 {
        // A rate over less than this says nothing.
        let seconds = self.elapsed.as_secs_f64().max(0.1);
        (many as f64 / seconds) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READING: Phase = Phase {
        doing: "reading blobs",
        count: Some(4),
        bytes: None,
        bytes_are: "read",
    };

    #[test]
    fn a_phase_counts_from_its_beginning_and_is_handed_out_once_when_it_ends() {
        let progress = Progress::default();
        progress.add(1);
        assert_eq!(progress.reached(), None);
        progress.begin(READING);
        progress.add(2);
        progress.add_bytes(100);
        let reached = progress.reached().unwrap();
        assert_eq!((reached.count, reached.bytes), (2, 100));
        assert_eq!(progress.take_ended(), []);
        progress.begin(Phase {
            doing: "marking manifests",
            ..Phase::default()
        });
        let ended = progress.take_ended();
        assert_eq!(
            (ended.len(), ended[0].phase, ended[0].count),
            (1, READING, 2)
        );
        assert_eq!(progress.reached().map(|reached| reached.count), Some(0));
        assert_eq!(progress.take_ended(), []);
    }

    #[test]
    fn the_time_left_follows_the_bytes_or_else_the_count() {
        let reached = |phase, count, bytes| Reached {
            phase,
            count,
            bytes,
            elapsed: Duration::from_secs(10),
        };
        let by_bytes = Phase {
            bytes: Some(400),
            ..READING
        };
        let unknown = Phase {
            count: None,
            ..READING
        };
        let empty = Phase {
            bytes: Some(0),
            ..READING
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(reached(READING, 1, 0).left(), seconds(30));
        assert_eq!(reached(by_bytes, 3, 100).left(), seconds(30));
        assert_eq!(reached(empty, 2, 0).left(), seconds(10));
        assert_eq!(reached(READING, 0, 0).left(), None);
        assert_eq!(reached(unknown, 3, 3).left(), None);
        assert_eq!(reached(by_bytes, 4, 500).left(), seconds(0));
        assert_eq!(reached(READING, 4, 500).per_second(500), 50);
    }
}
