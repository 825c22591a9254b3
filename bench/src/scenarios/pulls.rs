//! Pulling blobs: one large one, an image's layers at once, small ones; plain, over TLS, over HTTP/2; whole, in ranges, and from a
//! disk that has to be read.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;

use crate::Outcome;
use crate::bare::{Bare, Kind, SENDFILE};
use crate::bench::{Bench, Size};
use crate::client::http2::{Http2, PROTOCOL};
use crate::client::request::{Body, Request};
use crate::client::target::Target;
use crate::content::Noise;
use crate::load::{Taken, Until, load, load_over};
use crate::page_cache;
use crate::push;
use crate::report::goal::{Lead, Plan, Unit};
use crate::sample::Sample;
use crate::scenarios::in_turn;
use crate::stage::{Certificate, Running, Setup, Stage};

/// Plain ones first; then the same servers start again with a certificate.
pub(crate) fn run(bench: &Bench) -> Outcome {
    let mut pulls = scenarios();
    pulls.retain(|pull| bench.wants(&pull.plan.name));
    if pulls.is_empty() {
        return Ok(());
    }
    let mut stage = Stage::start(&bench.programs, &Setup::default())?;
    for content in Content::PREPARED {
        if pulls.iter().any(|pull| pull.content == content) {
            for target in stage.targets() {
                bench.wait(push::blobs(&target, NAME, &content.blobs(bench.size)))?;
            }
        }
    }
    let (plain, secure): (Vec<Pull>, Vec<Pull>) =
        pulls.into_iter().partition(|pull| pull.wire == Wire::Plain);
    for pull in &plain {
        pull.run(bench, &stage, None)?;
    }
    if !secure.is_empty() {
        let certificate = Arc::new(Certificate::new()?);
        let setup = Setup {
            tls: Some(certificate.clone()),
            ..Setup::default()
        };
        stage = stage.restart(&bench.programs, &setup)?;
        for pull in &secure {
            pull.run(bench, &stage, Some(&certificate))?;
        }
    }
    Ok(())
}

/// A load of pulls.
#[derive(Debug, Clone)]
struct Pull {
    plan: Plan,
    content: Content,
    wire: Wire,
    part: Part,
    cache: Cache,
}

/// What is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// One blob of 1 GiB.
    Large,
    /// 64 blobs of 16 MiB.
    Layers,
    /// Blobs of 64 KiB.
    Small,
    /// 16 blobs of 16 MiB that are pushed when they are to be pulled.
    Fresh,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Plain,
    Tls,
    /// All pulls are streams of one connection.
    Http2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    /// One MiB of the blob after the other.
    Range,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cache {
    /// All is read first.
    Warm,
    /// The kernel is told to forget the file's pages first.
    Cold,
    /// As the push leaves it, which ends right before.
    Pushed,
}

fn scenarios() -> Vec<Pull> {
    let pull = |plan: Plan, content, wire| Pull {
        plan,
        content,
        wire,
        part: Part::Whole,
        cache: Cache::Warm,
    };
    let small = |name: &str| Plan::each(name, "requests");
    vec![
        pull(
            Plan::bytes("pull 1 GiB")
                .times(2.7, 0.4)
                .within(SENDFILE, 0.95),
            Content::Large,
            Wire::Plain,
        ),
        pull(
            Plan::bytes("pull 64 × 16 MiB")
                .times(7.0, 1.025)
                .within(SENDFILE, 0.95),
            Content::Layers,
            Wire::Plain,
        ),
        pull(
            small("pull 64 KiB blobs, 32 connections")
                .times(40.0, (915.0, 1060.0))
                .within(SENDFILE, None),
            Content::Small,
            Wire::Plain,
        ),
        Pull {
            part: Part::Range,
            ..pull(
                small("pull 1 MiB ranges of 1 GiB, 8 connections").times(6.0, (1504.0, 1836.0)),
                Content::Large,
                Wire::Plain,
            )
        },
        Pull {
            cache: Cache::Cold,
            ..pull(
                Plan::bytes("pull 1 GiB, cold page cache")
                    .by(Lead::Rate)
                    .times(1.0, None),
                Content::Large,
                Wire::Plain,
            )
        },
        Pull {
            cache: Cache::Cold,
            ..pull(
                Plan::bytes("pull 64 × 16 MiB, cold page cache")
                    .by(Lead::Rate)
                    .times(1.0, None),
                Content::Layers,
                Wire::Plain,
            )
        },
        Pull {
            cache: Cache::Pushed,
            ..pull(
                Plan::bytes("pull 16 × 16 MiB right after their push")
                    .by(Lead::Rate)
                    .times(1.0, None),
                Content::Fresh,
                Wire::Plain,
            )
        },
        pull(
            Plan::bytes("pull 1 GiB, TLS").times(3.5, 0.92),
            Content::Large,
            Wire::Tls,
        ),
        pull(
            Plan::bytes("pull 64 × 16 MiB, TLS").times(3.5, 1.395),
            Content::Layers,
            Wire::Tls,
        ),
        pull(
            small("pull 64 KiB blobs, TLS, 32 connections").beside(996.0),
            Content::Small,
            Wire::Tls,
        ),
        pull(
            Plan::bytes("pull 1 GiB, HTTP/2").times(2.7, None),
            Content::Large,
            Wire::Http2,
        ),
        pull(
            Plan::bytes("pull 64 × 16 MiB, HTTP/2").times(2.7, (1.24, 1.19)),
            Content::Layers,
            Wire::Http2,
        ),
        pull(
            small("pull 64 KiB blobs, HTTP/2, 32 streams"),
            Content::Small,
            Wire::Http2,
        ),
    ]
}

impl Content {
    /// What is pushed before anything is pulled.
    const PREPARED: [Self; 3] = [Self::Large, Self::Layers, Self::Small];

    fn blobs(self, size: Size) -> Vec<Noise> {
        let (first, count, length) = match self {
            Self::Large => (0, 1, size.pick(1 << 30, 8 << 20)),
            Self::Layers => (1000, size.pick(64, 8), size.pick(16 << 20, 1 << 20)),
            Self::Small => (2000, 64, 64 << 10),
            Self::Fresh => (3000, size.pick(16, 4), size.pick(16 << 20, 1 << 20)),
        };
        (first..first + count)
            .map(|number| Noise { number, length })
            .collect()
    }
}

/// Whom to pull from, and where the content lies on its disk.
struct Contender {
    target: Target,
    files: Vec<PathBuf>,
    /// How many rounds have pushed something.
    pushed: Cell<u64>,
}

impl Pull {
    fn run(&self, bench: &Bench, stage: &Stage, certificate: Option<&Certificate>) -> Outcome {
        let digests: Vec<String> = self
            .content
            .blobs(bench.size)
            .iter()
            .map(|blob| blob.digest())
            .collect();
        let contender = |running: &Running| Contender {
            target: running.target.clone(),
            files: digests.iter().map(|digest| running.blob(digest)).collect(),
            pushed: Cell::new(0),
        };
        let mut contenders: Vec<Contender> = stage.both().map(contender).into();
        let bare = match self.plan.limit {
            None => None,
            Some(_) => Some(Bare::start(
                bench.programs.cores,
                &Kind::Sendfile(contenders[0].files[0].clone()),
            )?),
        };
        let files = contenders[0].files.clone();
        contenders.extend(bare.iter().map(|bare| Contender {
            target: bare.target.clone(),
            files: files.clone(),
            pushed: Cell::new(0),
        }));
        bench.row(&self.plan, &contenders, |contender| {
            self.measure(bench, contender, &digests, certificate)
        })
    }

    fn measure(
        &self,
        bench: &Bench,
        contender: &Contender,
        digests: &[String],
        certificate: Option<&Certificate>,
    ) -> Outcome<Sample> {
        let digests = &match self.cache {
            Cache::Warm => {
                page_cache::fill(&contender.files)?;
                digests.to_vec()
            }
            Cache::Cold => {
                page_cache::forget(&contender.files)?;
                digests.to_vec()
            }
            Cache::Pushed => self.push(bench, contender)?,
        };
        let taken = match (self.wire, certificate) {
            (Wire::Http2, Some(certificate)) => {
                self.streams(bench, &contender.target, digests, certificate)?
            }
            _ => self.requests(bench, &contender.target, digests)?,
        };
        Ok(match self.plan.unit {
            Unit::Each(_) => Sample::of_requests(&taken),
            _ => Sample::of_bytes(&taken),
        })
    }

    /// Pushes what no round before has pushed.
    fn push(&self, bench: &Bench, contender: &Contender) -> Outcome<Vec<String>> {
        let round = contender.pushed.get();
        contender.pushed.set(round + 1);
        let mut blobs = self.content.blobs(bench.size);
        let count = blobs.len() as u64;
        for blob in &mut blobs {
            blob.number += round * count;
        }
        bench.wait(push::blobs(&contender.target, NAME, &blobs))?;
        Ok(blobs.iter().map(|blob| blob.digest()).collect())
    }

    fn requests(&self, bench: &Bench, target: &Target, digests: &[String]) -> Outcome<Taken> {
        let path = |digest: &String| format!("/v2/{NAME}/blobs/{digest}");
        let (status, requests): (u16, Vec<Request>) = match self.part {
            Part::Whole => (
                200,
                digests
                    .iter()
                    .map(|digest| target.get(&path(digest)))
                    .collect(),
            ),
            Part::Range => (
                206,
                ranges(bench.size)
                    .map(|range| target.request("GET", &path(&digests[0]), &[&range], Body::Empty))
                    .collect(),
            ),
        };
        bench.wait(load(
            target,
            self.connections(digests),
            self.until(bench, digests),
            async |connection, number| {
                Ok(connection
                    .exchange(in_turn(&requests, number))
                    .await?
                    .expect(status)?
                    .length)
            },
        ))
    }

    fn streams(
        &self,
        bench: &Bench,
        target: &Target,
        digests: &[String],
        certificate: &Certificate,
    ) -> Outcome<Taken> {
        let tls = certificate.connector(&[PROTOCOL])?;
        let paths: Vec<String> = digests
            .iter()
            .map(|digest| format!("/v2/{NAME}/blobs/{digest}"))
            .collect();
        bench.wait(async {
            let connection = Http2::open(target.address, &tls).await?;
            let streams = vec![connection; self.connections(digests)];
            load_over(
                target,
                streams,
                self.until(bench, digests),
                async |stream, number| stream.pull(in_turn::<String>(&paths, number)).await,
            )
            .await
        })
    }

    fn connections(&self, digests: &[String]) -> usize {
        match (self.content, self.part) {
            (Content::Small, _) => 32,
            (_, Part::Range) => 8,
            (_, Part::Whole) => digests.len(),
        }
    }

    /// Small answers are asked for again and again, large ones once each.
    fn until(&self, bench: &Bench, digests: &[String]) -> Until {
        match self.plan.unit {
            Unit::Each(_) => Until::Elapsed(bench.size.while_steady()),
            _ => Until::Done(digests.len() as u64),
        }
    }
}

/// Every MiB of the large blob.
fn ranges(size: Size) -> impl Iterator<Item = String> {
    let mebibytes: u64 = size.pick(1024, 8);
    (0..mebibytes).map(|index| format!("Range: bytes={}-{}", index << 20, ((index + 1) << 20) - 1))
}

const NAME: &str = "library/blobs";
