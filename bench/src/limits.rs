//! What hashing and syncing cost by themselves, on the core that the servers have.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::Outcome;
use crate::content::Noise;
use crate::cores::Cores;
use crate::load::Taken;
use crate::process::thread_cpu;

/// The name that the table gives to [`hashing`].
pub(crate) const SHA256: &str = "SHA-256";
/// The name that the table gives to [`syncing`].
pub(crate) const WRITE_AND_SYNC: &str = "write + fsync";

/// Hashes so many bytes that are in memory.
pub(crate) fn hashing(cores: Cores, length: u64) -> Outcome<Taken> {
    let pieces: Vec<Bytes> = Noise {
        number: 0,
        length: length.min(HASHED),
    }
    .pieces()
    .collect();
    let rounds = length.div_ceil(HASHED);
    let work = || {
        let start = Instant::now();
        let before = cpu()?;
        let mut hash = Sha256::new();
        for _ in 0..rounds {
            for piece in &pieces {
                hash.update(piece);
            }
        }
        std::hint::black_box(hash.finalize());
        Ok::<_, io::Error>((start.elapsed(), cpu()? - before))
    };
    let (wall, cpu) = cores.on_server(work)??;
    let hashed: usize = pieces.iter().map(Bytes::len).sum();
    Ok(taken(rounds, hashed as u64 * rounds, wall, cpu, Vec::new()))
}

/// Writes files of this length from several threads, each made durable by itself: written under another name, synced, renamed,
/// and the folder synced.
pub(crate) fn syncing(cores: Cores, length: u64, files: u64, threads: u64) -> Outcome<Taken> {
    let folder = tempfile::tempdir()?;
    let bytes = Noise { number: 0, length }.bytes();
    let work = || {
        let start = Instant::now();
        let done = thread::scope(|scope| {
            let writers: Vec<_> = (0..threads)
                .map(|writer| {
                    let (folder, bytes) = (folder.path(), &bytes);
                    scope.spawn(move || write_each(folder, writer, files / threads, bytes))
                })
                .collect();
            let ends = writers.into_iter().map(|writer| {
                writer
                    .join()
                    .unwrap_or_else(|_| Err(io::Error::other("a writer panicked")))
            });
            ends.collect::<io::Result<Vec<_>>>()
        })?;
        Ok::<_, io::Error>((start.elapsed(), done))
    };
    let (wall, done) = cores.on_server(work)??;
    let cpu = done.iter().map(|(cpu, _)| *cpu).sum();
    let latencies: Vec<Duration> = done
        .into_iter()
        .flat_map(|(_, latencies)| latencies)
        .collect();
    let jobs = latencies.len() as u64;
    Ok(taken(jobs, jobs * length, wall, cpu, latencies))
}

fn write_each(
    folder: &Path,
    writer: u64,
    files: u64,
    bytes: &[u8],
) -> io::Result<(Duration, Vec<Duration>)> {
    let before = cpu()?;
    let mut latencies = Vec::new();
    for file in 0..files {
        let start = Instant::now();
        let own = folder.join(format!("{writer}-{file}"));
        fs::create_dir(&own)?;
        let written = own.join("new");
        let mut file = File::create(&written)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(written, own.join("data"))?;
        File::open(own)?.sync_all()?;
        latencies.push(start.elapsed());
    }
    Ok((cpu()? - before, latencies))
}

fn taken(
    jobs: u64,
    bytes: u64,
    wall: Duration,
    cpu: Duration,
    mut latencies: Vec<Duration>,
) -> Taken {
    latencies.sort_unstable();
    Taken {
        jobs,
        bytes,
        wall,
        cpu,
        latencies,
        peak: 0,
    }
}

fn cpu() -> io::Result<Duration> {
    thread_cpu().map_err(|error| io::Error::other(error.to_string()))
}

/// How much is held in memory to be hashed, in bytes.
const HASHED: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_taken_as_loads_are() {
        let cores = Cores::divide().unwrap();
        let hashed = hashing(cores, 40 << 20).unwrap();
        assert_eq!(hashed.bytes, 48 << 20);
        assert!(hashed.cpu > Duration::ZERO);
        let synced = syncing(cores, 1024, 8, 4).unwrap();
        assert_eq!(
            (synced.jobs, synced.bytes, synced.latencies.len()),
            (8, 8 * 1024, 8)
        );
    }
}
