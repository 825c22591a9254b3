//! The machine that the figures are from: what matters for them, and nothing that would tell whose it is.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::process::kibibytes;

/// Processor, memory, kernel, filesystem.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    /// In GiB.
    memory: u64,
    kernel: String,
    filesystem: String,
    congestion: String,
}

impl Machine {
    /// Looks at this machine, and at the filesystem that holds the stores.
    pub(crate) fn look(stores: &Path) -> Outcome<Self> {
        let processors = fs::read_to_string("/proc/cpuinfo")?;
        let processor = processors
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
            .map_or("unknown", |(_, name)| name.trim());
        let memory = fs::read_to_string("/proc/meminfo")?;
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        Ok(Self {
            processor: processor.to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            memory: kibibytes(&memory, "MemTotal:")
                .unwrap_or(0)
                .div_ceil(1 << 20),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
                .trim()
                .to_owned(),
            filesystem: filesystem(&mounts, &stores.canonicalize()?)
                .unwrap_or("unknown")
                .to_owned(),
            congestion: fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control")
                .map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned()),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}, {} cores, {} GiB of memory, Linux {}, stores on {}, TCP congestion control {}",
            self.processor, self.cores, self.memory, self.kernel, self.filesystem, self.congestion
        )
    }
}

/// The type of the filesystem that a folder lies on: that of the longest mount point above it.
fn filesystem<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?, words.next()?))
        })
        .filter(|(point, _)| folder.starts_with(point))
        .max_by_key(|(point, _)| point.len())
        .map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_point_counts() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/x xfs rw 0 0\n";
        assert_eq!(filesystem(mounts, Path::new("/tmp/y")), Some("tmpfs"));
        assert_eq!(filesystem(mounts, Path::new("/tmp/x/y")), Some("xfs"));
        assert_eq!(filesystem(mounts, Path::new("/home")), Some("ext4"));
    }
}
