//! Pulling blobs over plain HTTP/1.1.

use std::os::unix::fs::MetadataExt;

use crate::Outcome;
use crate::bare::{Bare, Kind, SENDFILE};
use crate::bench::Bench;
use crate::client::target::Target;
use crate::content::Noise;
use crate::load::{Until, load};
use crate::push;
use crate::report::goal::Plan;
use crate::sample::Sample;
use crate::stage::{Setup, Stage};

/// A load of pulls: so many blobs of one size over so many connections.
#[derive(Debug, Clone)]
struct Pull {
    plan: Plan,
    blobs: u64,
    /// In bytes.
    length: u64,
    connections: usize,
}

/// Each blob size by itself.
pub(crate) fn run(bench: &Bench) -> Outcome {
    for pull in scenarios(bench) {
        if bench.wants(&pull.plan.name) {
            pull.run(bench)?;
        }
    }
    Ok(())
}

fn scenarios(bench: &Bench) -> Vec<Pull> {
    let size = bench.size;
    vec![Pull {
        plan: Plan::bytes("pull 64 × 16 MiB")
            .times(7.0, 1.025)
            .within(SENDFILE, 0.95),
        blobs: size.pick(64, 8),
        length: size.pick(16 << 20, 1 << 20),
        connections: size.pick(64, 8),
    }]
}

impl Pull {
    fn run(&self, bench: &Bench) -> Outcome {
        let stage = Stage::start(&bench.programs, &Setup::default())?;
        let blobs: Vec<Noise> = (0..self.blobs)
            .map(|number| Noise {
                number,
                length: self.length,
            })
            .collect();
        let digests: Vec<String> = blobs.iter().map(|blob| blob.digest()).collect();
        let mut targets = stage.targets();
        for target in &targets {
            bench.wait(push::blobs(target, NAME, &blobs))?;
        }
        let file = stage.both()[0].blob(&digests[0]);
        debug_assert_eq!(file.metadata()?.size(), self.length);
        let bare = Bare::start(bench.programs.cores, &Kind::Sendfile(file))?;
        targets.push(bare.target.clone());
        bench.row(&self.plan, &targets, |target| {
            self.measure(bench, target, &digests)
        })
    }

    fn measure(&self, bench: &Bench, target: &Target, digests: &[String]) -> Outcome<Sample> {
        let requests: Vec<_> = digests
            .iter()
            .map(|digest| target.get(&format!("/v2/{NAME}/blobs/{digest}")))
            .collect();
        let taken = bench.wait(load(
            target,
            self.connections,
            Until::Done(self.blobs),
            async |connection, number| {
                let request = &requests[usize::try_from(number).unwrap_or(0) % requests.len()];
                Ok(connection.exchange(request).await?.expect(200)?.length)
            },
        ))?;
        Ok(Sample::of_bytes(&taken))
    }
}

const NAME: &str = "library/blobs";
