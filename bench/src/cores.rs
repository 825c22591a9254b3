//! Who runs where: servers on one core, the load on the others, so that neither takes the other's time.

use std::thread;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::Outcome;

/// How the cores that this process may use are divided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    all: CpuSet,
    /// One core for the server, the others for the load; `None` on a machine with one core.
    divided: Option<(CpuSet, CpuSet)>,
}

impl Cores {
    /// Gives the last core to servers, and moves this thread to the others.
    pub(crate) fn divide() -> Outcome<Self> {
        let all = sched_getaffinity(THIS_THREAD)?;
        let numbers: Vec<usize> = (0..CpuSet::count())
            .filter(|core| all.is_set(*core).unwrap_or(false))
            .collect();
        let divided = match numbers.as_slice() {
            [load @ .., server] if !load.is_empty() => Some((set(&[*server])?, set(load)?)),
            _ => None,
        };
        if let Some((_, load)) = divided {
            sched_setaffinity(THIS_THREAD, &load)?;
        }
        Ok(Self { all, divided })
    }

    /// Does something on the server's core; a process that it starts stays there.
    pub(crate) fn on_server<T: Send>(self, action: impl FnOnce() -> T + Send) -> Outcome<T> {
        on(self.divided.map_or(self.all, |(server, _)| server), action)
    }

    /// Does something where every core is at hand; a process that it starts has them all.
    pub(crate) fn on_all<T: Send>(self, action: impl FnOnce() -> T + Send) -> Outcome<T> {
        on(self.all, action)
    }
}

/// A thread of its own, since a process inherits the cores of the thread that starts it.
fn on<T: Send>(cores: CpuSet, action: impl FnOnce() -> T + Send) -> Outcome<T> {
    let moved = thread::scope(|scope| {
        let thread = scope.spawn(|| sched_setaffinity(THIS_THREAD, &cores).map(|()| action()));
        thread.join()
    });
    match moved {
        Ok(done) => Ok(done?),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn set(cores: &[usize]) -> Outcome<CpuSet> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core)?;
    }
    Ok(set)
}

const THIS_THREAD: Pid = Pid::from_raw(0);
