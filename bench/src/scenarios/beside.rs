//! One kind of work beside another: small reads beside a large push and beside a pull from a cold disk, and a mixed load.

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select, try_join_all};

use crate::Outcome;
use crate::bench::Bench;
use crate::client::request::{Body, Request};
use crate::client::target::Target;
use crate::content::{self, Noise};
use crate::load::{Until, load};
use crate::page_cache;
use crate::push::{self, Way};
use crate::report::goal::{Lead, Plan};
use crate::sample::{Sample, milliseconds};
use crate::scenarios::in_turn;
use crate::stage::{Running, Setup, Stage};

/// Each on stores of its own.
pub(crate) fn run(bench: &Bench) -> Outcome {
    for (what, plan) in scenarios() {
        if bench.wants(&plan.name) {
            let stage = Stage::start(&bench.programs, &Setup::default())?;
            for target in stage.targets() {
                bench.wait(prepare(bench, &target, what))?;
            }
            // Blobs that are pushed meanwhile are never the same.
            let next = Cell::new(1_000);
            bench.row(&plan, &stage.both(), |running| {
                measure(bench, running, what, &next)
            })?;
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Manifest reads beside a push of 1 GiB after the other.
    LargePush,
    /// Manifest reads beside one pull of 1 GiB that is not in memory.
    ColdPull,
    /// 32 connections that read a manifest and a blob in turn, 4 that push.
    Mixed,
}

fn scenarios() -> [(What, Plan); 3] {
    let reads = |name: &str| Plan::each(name, "requests");
    [
        (
            What::LargePush,
            reads("GET manifest beside a push of 1 GiB")
                .by(Lead::P99)
                .at_most(2.0, 25.0),
        ),
        (
            What::ColdPull,
            Plan::milliseconds("GET manifest beside a cold pull of 1 GiB: the longest wait")
                .by(Lead::Rate)
                .at_most(25.0, 20.0),
        ),
        (
            What::Mixed,
            reads("mixed: 32 pull a manifest and a 64 KiB blob, 4 push 64 KiB")
                .by(Lead::P99)
                .beside(156.0),
        ),
    ]
}

async fn prepare(bench: &Bench, target: &Target, what: What) -> Outcome {
    push::image(target, NAME, TAG, 1, &[SMALL]).await?;
    if what == What::ColdPull {
        push::blobs(target, NAME, &[large(bench, 0)]).await?;
    }
    Ok(())
}

fn measure(bench: &Bench, running: &Running, what: What, next: &Cell<u64>) -> Outcome<Sample> {
    let target = &running.target;
    // Without this header 2.8.2 makes a manifest of the old kind out of it.
    let accept = format!("Accept: {}", content::MANIFEST_TYPE);
    let path = format!("/v2/{NAME}/manifests/{TAG}");
    let manifest = target.request("GET", &path, &[&accept], Body::Empty);
    match what {
        What::LargePush => {
            // All that may be pushed meanwhile has its digest before the clock runs.
            let blobs: Vec<(Noise, String)> = numbered(next, 3, |number| large(bench, number));
            let pushes = push_again_and_again(target, &blobs);
            bench.wait(reads(bench, target, 1, &[manifest], pushes))
        }
        What::Mixed => {
            let blob = Noise {
                number: 1001,
                length: SMALL,
            };
            let blob = target.get(&format!("/v2/{NAME}/blobs/{}", blob.digest()));
            let blobs: Vec<_> = (0..PUSHERS)
                .map(|_| {
                    numbered(next, bench.size.pick(4_000, 50), |number| Noise {
                        number,
                        length: SMALL,
                    })
                })
                .collect();
            let pushes = async {
                try_join_all(
                    blobs
                        .iter()
                        .map(|blobs| push_again_and_again(target, blobs)),
                )
                .await?;
                Ok(())
            };
            bench.wait(reads(bench, target, 32, &[manifest, blob], pushes))
        }
        What::ColdPull => {
            let digest = large(bench, 0).digest();
            page_cache::forget(&[running.blob(&digest)])?;
            let pull = target.get(&format!("/v2/{NAME}/blobs/{digest}"));
            bench.wait(longest_wait(target, &manifest, &pull))
        }
    }
}

/// Reads for a while and stops what goes on meanwhile.
async fn reads(
    bench: &Bench,
    target: &Target,
    connections: usize,
    requests: &[Request],
    meanwhile: impl Future<Output = io::Result<()>>,
) -> Outcome<Sample> {
    let until = Until::Elapsed(bench.size.while_steady());
    let reads = load(target, connections, until, async |connection, number| {
        Ok(connection
            .exchange(in_turn(requests, number))
            .await?
            .expect(200)?
            .length)
    });
    match select(std::pin::pin!(reads), std::pin::pin!(meanwhile)).await {
        Either::Left((taken, _)) => Ok(Sample {
            // It would be that of the other work too.
            cpu: None,
            ..Sample::of_requests(&taken?)
        }),
        Either::Right((Err(error), _)) => Err(error.into()),
        Either::Right((Ok(()), _)) => Err("what goes on meanwhile ended too early".into()),
    }
}

/// Pushes blobs one after the other, and waits when there are no more.
async fn push_again_and_again(target: &Target, blobs: &[(Noise, String)]) -> io::Result<()> {
    let mut connection = target.connect().await?;
    for (blob, digest) in blobs {
        push::blob(target, &mut connection, NAME, *blob, digest, Way::Chunked).await?;
    }
    Ok(())
}

/// The longest that a manifest took while a blob was pulled.
async fn longest_wait(target: &Target, manifest: &Request, pull: &Request) -> Outcome<Sample> {
    let mut puller = target.connect().await?;
    let mut reader = target.connect().await?;
    reader.exchange(manifest).await?.expect(200)?;
    let longest = Cell::new(Duration::ZERO);
    let reads = async {
        loop {
            let start = Instant::now();
            if let Err(error) = reader.exchange(manifest).await {
                return error;
            }
            longest.set(longest.get().max(start.elapsed()));
        }
    };
    let pulled = puller.exchange(pull);
    match select(std::pin::pin!(pulled), std::pin::pin!(reads)).await {
        Either::Left((answer, _)) => answer?.expect(200)?,
        Either::Right((error, _)) => return Err(error.into()),
    };
    Ok(Sample {
        rate: Some(milliseconds(longest.get())),
        ..Sample::default()
    })
}

fn numbered(next: &Cell<u64>, count: u64, blob: impl Fn(u64) -> Noise) -> Vec<(Noise, String)> {
    let first = next.replace(next.get() + count);
    (first..first + count)
        .map(|number| {
            let blob = blob(number);
            (blob, blob.digest())
        })
        .collect()
}

fn large(bench: &Bench, number: u64) -> Noise {
    Noise {
        number,
        length: bench.size.pick(1 << 30, 64 << 20),
    }
}

const NAME: &str = "library/busy";
const TAG: &str = "latest";
/// In bytes.
const SMALL: u64 = 64 << 10;
const PUSHERS: usize = 4;
