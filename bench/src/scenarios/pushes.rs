//! Pushing: large blobs, layers in parallel, thousands of small ones, whole images, and manifests under new and old tags.

use std::cell::Cell;
use std::io;

use bytes::Bytes;
use futures_util::future::try_join_all;

use crate::Outcome;
use crate::bench::{Bench, Size};
use crate::client::connection::Connection;
use crate::client::target::Target;
use crate::content::{self, Noise};
use crate::limits::{self, SHA256, WRITE_AND_SYNC};
use crate::load::{Taken, Until, load};
use crate::push::{self, Way};
use crate::report::goal::{Lead, Plan, Unit};
use crate::sample::Sample;
use crate::scenarios::in_turn;
use crate::stage::{Setup, Stage};

/// Each on stores of its own.
pub(crate) fn run(bench: &Bench) -> Outcome {
    for push in scenarios(bench.size) {
        if bench.wants(&push.plan.name) {
            push.run(bench)?;
        }
    }
    Ok(())
}

/// A load of pushes.
#[derive(Debug, Clone)]
struct Push {
    plan: Plan,
    what: What,
    /// How many in a round.
    count: u64,
    connections: usize,
}

/// One job of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// A blob of this many bytes.
    Blob(u64, Way),
    /// Thirty layers of 64 KiB over five connections, a configuration, a manifest under a tag.
    Image,
    /// A manifest whose parts are there, under a tag of its own.
    NewTag,
    /// The same, each under the tag of the one before.
    SameTag,
}

fn scenarios(size: Size) -> Vec<Push> {
    let blobs = |plan: Plan, length, way, count, connections| Push {
        plan,
        what: What::Blob(length, way),
        count,
        connections,
    };
    let large = |name: &str, way, older: (f64, f64)| {
        let plan = Plan::bytes(name).times(4.5, older).within(SHA256, 0.6);
        blobs(plan, size.pick(1 << 30, 4 << 20), way, 1, 1)
    };
    let layers = |name: &str, way| {
        let plan = Plan::bytes(name)
            .times(1.8, (1.95, 2.93))
            .within(SHA256, 0.6);
        blobs(
            plan,
            size.pick(64 << 20, 1 << 20),
            way,
            size.pick(16, 4),
            size.pick(16, 4),
        )
    };
    let small = |name: &str, length, way, older: (f64, f64)| {
        let plan = Plan::each(name, "pushes")
            .by(Lead::Rate)
            .times(5.0, older)
            .within(WRITE_AND_SYNC, None);
        blobs(plan, length, way, size.pick(2000, 32), 16)
    };
    let manifests = |name: &str, what, older: (f64, f64)| Push {
        plan: Plan::each(name, "requests")
            .times(3.0, older)
            .within(WRITE_AND_SYNC, None),
        what,
        count: size.pick(2000, 16),
        connections: 8,
    };
    vec![
        large("push 1 GiB, PATCH", Way::Chunked, (2.68, 4.42)),
        large("push 1 GiB, monolithic", Way::Monolithic, (3.15, 4.63)),
        layers("push 16 × 64 MiB, PATCH", Way::Chunked),
        layers("push 16 × 64 MiB, monolithic", Way::Monolithic),
        small(
            "push 1 KiB layers, PATCH, 16 connections",
            1 << 10,
            Way::Chunked,
            (247.0, 221.0),
        ),
        small(
            "push 1 KiB layers, monolithic, 16 connections",
            1 << 10,
            Way::Monolithic,
            (247.0, 221.0),
        ),
        small(
            "push 64 KiB layers, PATCH, 16 connections",
            64 << 10,
            Way::Chunked,
            (249.0, 207.0),
        ),
        small(
            "push 64 KiB layers, monolithic, 16 connections",
            64 << 10,
            Way::Monolithic,
            (249.0, 207.0),
        ),
        Push {
            plan: Plan::each("push image of 30 layers", "images")
                .by(Lead::Rate)
                .times(5.0, (6.3, 5.3)),
            what: What::Image,
            count: size.pick(20, 1),
            connections: 1,
        },
        manifests(
            "PUT manifest, new tag, 8 connections",
            What::NewTag,
            (1290.0, 2210.0),
        ),
        manifests(
            "PUT manifest, same tag, 8 connections",
            What::SameTag,
            (1240.0, 1500.0),
        ),
    ]
}

/// Who is measured: a registry, or what cannot be left out.
enum Contender {
    Registry(Target),
    Limit(&'static str),
}

impl Push {
    fn run(&self, bench: &Bench) -> Outcome {
        let stage = Stage::start(&bench.programs, &Setup::default())?;
        let mut contenders: Vec<Contender> = Vec::new();
        for target in stage.targets() {
            bench.wait(push::blobs(&target, NAME, &[CONFIG]))?;
            contenders.push(Contender::Registry(target));
        }
        contenders.extend(self.plan.limit.map(|limit| Contender::Limit(limit.name)));
        // No two jobs push the same, in no round.
        let next = Cell::new(0);
        bench.row(&self.plan, &contenders, |contender| {
            let taken = match contender {
                Contender::Registry(target) => {
                    bench.wait(self.load(target, next.replace(next.get() + self.count)))?
                }
                Contender::Limit(name) => self.limit(bench, name)?,
            };
            let sample = match self.plan.unit {
                Unit::Bytes => Sample::of_bytes(&taken),
                _ => Sample::of_requests(&taken),
            };
            Ok(Sample {
                peak: sample.peak.filter(|peak| *peak > 0.0),
                ..sample
            })
        })
    }

    fn limit(&self, bench: &Bench, name: &str) -> Outcome<Taken> {
        let cores = bench.programs.cores;
        match self.what {
            What::Blob(length, _) if name == SHA256 => limits::hashing(cores, length * self.count),
            What::Blob(length, _) => {
                limits::syncing(cores, length, self.count, self.connections as u64)
            }
            _ => limits::syncing(cores, CONFIG.length, self.count, self.connections as u64),
        }
    }

    async fn load(&self, target: &Target, first: u64) -> Outcome<Taken> {
        let until = Until::Done(self.count);
        match self.what {
            What::Blob(length, way) => {
                let blobs = self.blobs(first, length);
                load(
                    target,
                    self.connections,
                    until,
                    async |connection, number| {
                        let (blob, digest) = in_turn(&blobs, number);
                        push::blob(target, connection, NAME, *blob, digest, way).await?;
                        Ok(blob.length)
                    },
                )
                .await
            }
            What::Image => {
                let layers = self.blobs(first * LAYERS, LAYER);
                load(
                    target,
                    self.connections,
                    until,
                    async |connection, number| {
                        let start = usize::try_from(number * LAYERS).map_err(io::Error::other)?;
                        let layers = &layers[start..start + LAYERS_OF_AN_IMAGE];
                        image(target, connection, &format!("i{}", first + number), layers).await
                    },
                )
                .await
            }
            What::NewTag | What::SameTag => {
                let manifests: Vec<Bytes> = (first..first + self.count).map(manifest).collect();
                load(
                    target,
                    self.connections,
                    until,
                    async |connection, number| {
                        let tag = match self.what {
                            What::SameTag => "latest".to_owned(),
                            _ => format!("t{}", first + number),
                        };
                        let bytes = in_turn(&manifests, number).clone();
                        push::manifest(target, connection, NAME, &tag, bytes).await?;
                        Ok(0)
                    },
                )
                .await
            }
        }
    }

    /// Digests are part of the client's work, not of the server's time.
    fn blobs(&self, first: u64, length: u64) -> Vec<(Noise, String)> {
        let count = match self.what {
            What::Image => self.count * LAYERS,
            _ => self.count,
        };
        (first..first + count)
            .map(|number| {
                let blob = Noise {
                    number: number + FIRST,
                    length,
                };
                (blob, blob.digest())
            })
            .collect()
    }
}

/// Pushes an image as a client does: its layers over five connections, then the rest over one.
async fn image(
    target: &Target,
    connection: &mut Connection,
    tag: &str,
    layers: &[(Noise, String)],
) -> io::Result<u64> {
    try_join_all(layers.chunks(layers.len() / PARALLEL).map(async |layers| {
        let mut connection = target.connect().await?;
        for (layer, digest) in layers {
            push::blob(target, &mut connection, NAME, *layer, digest, Way::Chunked).await?;
        }
        io::Result::Ok(())
    }))
    .await?;
    let layers: Vec<Noise> = layers.iter().map(|(layer, _)| *layer).collect();
    let bytes = Bytes::from(content::manifest(CONFIG, &layers));
    push::manifest(target, connection, NAME, tag, bytes).await?;
    Ok(layers.len() as u64 * LAYER)
}

/// A manifest that no other number has, of parts that are there.
fn manifest(number: u64) -> Bytes {
    let mut text = content::manifest(CONFIG, &[CONFIG]);
    // Trailing space is part of the bytes and of nothing else.

    for bit in 0..32 {
        text.push(if number >> bit & 1 == 1 { b' ' } else { b'\n' });
    }
    Bytes::from(text)
}

const NAME: &str = "library/pushed";
/// A configuration that every image here has.
const CONFIG: Noise = Noise {
    number: 0,
    length: 1500,
};
/// The first number of what is pushed while it is measured.
const FIRST: u64 = 1;
const LAYERS: u64 = 30;
const LAYERS_OF_AN_IMAGE: usize = 30;
/// In bytes.
const LAYER: u64 = 64 << 10;
const PARALLEL: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_is_another_one() {
        assert_eq!(manifest(1), manifest(1));
        assert_ne!(manifest(1), manifest(2));
    }
}
