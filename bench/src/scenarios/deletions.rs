//! Deleting manifests by digest from a repository of 10,000 tags, each of a manifest of its own.

use std::cell::Cell;

use crate::Outcome;
use crate::bench::{Bench, Size};
use crate::client::request::Body;
use crate::content;
use crate::load::{Until, load};
use crate::report::goal::{Lead, Plan};
use crate::sample::Sample;
use crate::stage::{Setup, Stage};
use crate::store;

/// A few manifests of the many in each round.
pub(crate) fn run(bench: &Bench) -> Outcome {
    let plan = Plan::milliseconds("DELETE manifest by digest among 10,000 tags")
        .by(Lead::Rate)
        .times(8.0, (226.0, 166.0));
    if !bench.wants(&plan.name) {
        return Ok(());
    }
    let tags = bench.size.pick(10_000, 200);
    let stage = Stage::start_with(&bench.programs, &Setup::default(), |root| {
        for index in 0..tags {
            let manifest = manifest(index);
            let digest = content::digest(manifest.as_bytes());
            store::write_blob(root, &digest, manifest.as_bytes())?;
            store::tag(
                &root.join("repositories").join(NAME),
                &format!("t{index:06}"),
                &digest,
            )?;
        }
        Ok(())
    })?;
    let count = match bench.size {
        Size::Full => 30,
        Size::Quick => 3,
    };
    let next = Cell::new(0);
    bench.row(&plan, &stage.targets(), |target| {
        let first = next.replace(next.get() + count);
        let taken = bench.wait(load(
            target,
            1,
            Until::Done(count),
            async |connection, number| {
                // Spread over the list.
                let manifest = manifest((first + number) * SPREAD % tags);
                let path = format!(
                    "/v2/{NAME}/manifests/{}",
                    content::digest(manifest.as_bytes())
                );
                let delete = target.request("DELETE", &path, &[], Body::Empty);
                connection.exchange(&delete).await?.expect(202)?;
                Ok(0)
            },
        ))?;
        let sample = Sample::of_requests(&taken);
        Ok(Sample {
            rate: sample.p50,
            cpu: sample.cpu.map(|microseconds| microseconds / 1e3),
            ..sample
        })
    })
}

fn manifest(index: u64) -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","n":{index}}}"#,
        content::MANIFEST_TYPE
    )
}

/// Without a divisor in common with the number of tags.
const SPREAD: u64 = 37;
const NAME: &str = "library/tagged";
