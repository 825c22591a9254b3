//! Load on one server: connections that do a job again and again, and what that took.

use std::cell::{Cell, RefCell};
use std::io;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::Outcome;
use crate::client::connection::Connection;
use crate::client::target::Target;

/// When a load ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// No new job begins after this time.
    Elapsed(Duration),
    /// So many jobs were done by all connections together.
    Done(u64),
}

/// What a load took.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) jobs: u64,
    /// What the jobs said they moved, in bytes.
    pub(crate) bytes: u64,
    pub(crate) wall: Duration,
    /// The server's time on the processor.
    pub(crate) cpu: Duration,
    /// How long each job took, shortest first.
    pub(crate) latencies: Vec<Duration>,
    /// The most memory that the server had resident meanwhile, in bytes.
    pub(crate) peak: u64,
}

/// Opens connections and lets each do the job until the end. The job gets a number that no other gets, and says how many bytes it
/// moved.
///
/// # Errors
/// When any job fails: figures of a load with failures mean nothing.
pub(crate) async fn load(
    target: &Target,
    connections: usize,
    until: Until,
    job: impl AsyncFn(&mut Connection, u64) -> io::Result<u64>,
) -> Outcome<Taken> {
    let opened = try_join_all((0..connections).map(|_| target.connect())).await?;
    load_over(target, opened, until, job).await
}

/// The same over connections of any kind, which are open already.
///
/// # Errors
/// When any job fails.
pub(crate) async fn load_over<C>(
    target: &Target,
    opened: Vec<C>,
    until: Until,
    job: impl AsyncFn(&mut C, u64) -> io::Result<u64>,
) -> Outcome<Taken> {
    let connections = RefCell::new(opened);
    let next = Cell::new(0);
    if let Until::Elapsed(duration) = until {
        // What happens only once, such as the first look at a file, is no part of a steady load.
        run(
            &connections,
            Until::Elapsed(duration / WARMING),
            &next,
            &job,
        )
        .await?;
    }
    let first = next.get();
    target.meter.forget_peak()?;
    let cpu = target.meter.cpu()?;
    let start = Instant::now();
    let until = match until {
        Until::Elapsed(_) => until,
        Until::Done(jobs) => Until::Done(first + jobs),
    };
    let (bytes, mut latencies) = run(&connections, until, &next, &job).await?;
    let wall = start.elapsed();
    latencies.sort_unstable();
    Ok(Taken {
        jobs: latencies.len() as u64,
        bytes,
        wall,
        cpu: target.meter.cpu()? - cpu,
        latencies,
        peak: target.meter.peak()?,
    })
}

async fn run<C>(
    connections: &RefCell<Vec<C>>,
    until: Until,
    next: &Cell<u64>,
    job: &impl AsyncFn(&mut C, u64) -> io::Result<u64>,
) -> io::Result<(u64, Vec<Duration>)> {
    let start = Instant::now();
    let latencies = RefCell::new(Vec::new());
    let bytes = Cell::new(0);
    let mut opened = connections.take();
    try_join_all(opened.iter_mut().map(async |connection| {
        loop {
            let goes_on = match until {
                Until::Elapsed(duration) => start.elapsed() < duration,
                Until::Done(jobs) => next.get() < jobs,
            };
            if !goes_on {
                return io::Result::Ok(());
            }
            let number = next.replace(next.get() + 1);
            let begun = Instant::now();
            let moved = job(connection, number).await?;
            bytes.set(bytes.get() + moved);
            latencies.borrow_mut().push(begun.elapsed());
        }
    }))
    .await?;
    connections.replace(opened);
    Ok((bytes.get(), latencies.into_inner()))
}

/// The part of the time that a steady load runs before it counts.
const WARMING: u32 = 8;

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;
    use crate::bare;
    use crate::process::Meter;

    fn hello() -> Target {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || bare::hello(listener));
        Target {
            address,
            tls: None,
            authorization: None,
            meter: Meter::of(std::process::id()).unwrap(),
        }
    }

    #[tokio::test]
    async fn every_job_of_every_connection_counts() {
        let target = hello();
        let request = target.get("/");
        let seen = RefCell::new(Vec::new());
        let taken = load(&target, 8, Until::Done(40), async |connection, number| {
            seen.borrow_mut().push(number);
            Ok(connection.exchange(&request).await?.expect(200)?.length)
        })
        .await
        .unwrap();
        assert_eq!((taken.jobs, taken.bytes), (40, 40 * 5));
        assert_eq!(taken.latencies.len(), 40);
        assert!(taken.latencies.is_sorted());
        let mut seen = seen.into_inner();
        seen.sort_unstable();
        assert_eq!(seen, (0..40).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn one_wrong_answer_is_the_end() {
        let target = hello();
        let request = target.get("/");
        let ended = load(&target, 2, Until::Done(10), async |connection, number| {
            let expected = if number == 7 { 201 } else { 200 };
            Ok(connection
                .exchange(&request)
                .await?
                .expect(expected)?
                .length)
        })
        .await;
        assert!(ended.is_err());
    }
}
