//! What a process used: its time on the processor and its memory, from the kernel's own accounting.

use std::fs;
use std::time::Duration;

use nix::time::ClockId;
use nix::unistd::Pid;

use crate::Outcome;

/// A running process, to be asked what it used.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    id: u32,
    clock: ClockId,
}

impl Meter {
    /// A meter for a process of ours.
    pub(crate) fn of(id: u32) -> Outcome<Self> {
        let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(i32::try_from(id)?))?;
        Ok(Self { id, clock })
    }

    /// User and system time of all its threads so far: what `/proc/<pid>/stat` counts in ticks of 10 ms, in nanoseconds.
    pub(crate) fn cpu(&self) -> Outcome<Duration> {
        Ok(Duration::from(self.clock.now()?))
    }

    /// The most memory that was resident since the start or since [`Meter::forget_peak`], in bytes.
    pub(crate) fn peak(&self) -> Outcome<u64> {
        self.memory("VmHWM:")
    }

    /// The memory that is resident now, in bytes.
    pub(crate) fn resident(&self) -> Outcome<u64> {
        self.memory("VmRSS:")
    }

    /// Lets the peak begin again at what is resident now.
    pub(crate) fn forget_peak(&self) -> Outcome {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.id), "5")?)
    }

    fn memory(&self, field: &str) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id))?;
        kibibytes(&status, field)
            .map(|size| size * 1024)
            .ok_or_else(|| format!("the status of process {} has no {field}", self.id).into())
    }
}

/// The time that this thread was on the processor so far.
pub(crate) fn thread_cpu() -> Outcome<Duration> {
    Ok(Duration::from(ClockId::CLOCK_THREAD_CPUTIME_ID.now()?))
}

/// The value of a line `VmHWM:   1234 kB`.
pub(crate) fn kibibytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_is_read() {
        let status = "Name:\tregistry\nVmHWM:\t   12345 kB\nVmRSS:\t      77 kB\n";
        assert_eq!(kibibytes(status, "VmHWM:"), Some(12345));
        assert_eq!(kibibytes(status, "VmSwap:"), None);
    }

    #[test]
    fn work_and_memory_are_seen() {
        let meter = Meter::of(std::process::id()).unwrap();
        let before = meter.cpu().unwrap();
        meter.forget_peak().unwrap();
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(meter.peak().unwrap() > 64 << 20);
        assert!(meter.resident().unwrap() > 64 << 20);
        drop(block);
        assert!(meter.cpu().unwrap() > before);
    }
}
