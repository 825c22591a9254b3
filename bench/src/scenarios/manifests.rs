//! Small reads: manifests by tag and by digest, whether a blob is there, `/v2/`, over one connection and over many.

use crate::Outcome;
use crate::bare::{Bare, HELLO, Kind};
use crate::bench::Bench;
use crate::client::request::{Body, Request};
use crate::client::target::Target;
use crate::load::{Until, load};
use crate::push::{self, Image};
use crate::report::goal::{Lead, Plan};
use crate::sample::Sample;
use crate::stage::{Setup, Stage};

/// Every kind of read at every number of connections.
pub(crate) fn run(bench: &Bench) -> Outcome {
    let wanted: Vec<(Read, usize, Plan)> = scenarios()
        .into_iter()
        .filter(|(_, _, plan)| bench.wants(&plan.name))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let stage = Stage::start(&bench.programs, &Setup::default())?;
    let mut targets = stage.targets();
    let images = targets
        .iter()
        .map(|target| Ok(bench.wait(push::image(target, NAME, TAG, 1, &[LAYER; LAYERS]))?))
        .collect::<Outcome<Vec<Image>>>()?;
    let image = &images[0];
    let bare = Bare::start(bench.programs.cores, &Kind::Hello)?;
    targets.push(bare.target.clone());
    for (read, connections, plan) in wanted {
        bench.row(&plan, &targets, |target| {
            measure(bench, target, &read.request(target, image), connections)
        })?;
    }
    Ok(())
}

/// Sends one request over and over.
pub(crate) fn measure(
    bench: &Bench,
    target: &Target,
    request: &Request,
    connections: usize,
) -> Outcome<Sample> {
    let taken = bench.wait(load(
        target,
        connections,
        Until::Elapsed(bench.size.while_steady()),
        async |connection, _| Ok(connection.exchange(request).await?.expect(200)?.length),
    ))?;
    Ok(Sample::of_requests(&taken))
}

/// One kind of read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    ManifestByTag,
    ManifestByDigest,
    TagExists,
    DigestExists,
    BlobExists,
    Base,
}

impl Read {
    const ALL: [Self; 6] = [
        Self::ManifestByTag,
        Self::ManifestByDigest,
        Self::TagExists,
        Self::DigestExists,
        Self::BlobExists,
        Self::Base,
    ];

    /// What is asked for.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::ManifestByTag => "GET manifest by tag",
            Self::ManifestByDigest => "GET manifest by digest",
            Self::TagExists => "HEAD manifest by tag",
            Self::DigestExists => "HEAD manifest by digest",
            Self::BlobExists => "HEAD blob",
            Self::Base => "GET /v2/",
        }
    }

    /// The request for an image that [`NAME`] and [`TAG`] name.
    pub(crate) fn request(self, target: &Target, image: &Image) -> Request {
        let (method, path) = match self {
            Self::ManifestByTag => ("GET", format!("/v2/{NAME}/manifests/{TAG}")),
            Self::ManifestByDigest => ("GET", format!("/v2/{NAME}/manifests/{}", image.digest)),
            Self::TagExists => ("HEAD", format!("/v2/{NAME}/manifests/{TAG}")),
            Self::DigestExists => ("HEAD", format!("/v2/{NAME}/manifests/{}", image.digest)),
            Self::BlobExists => (
                "HEAD",
                format!("/v2/{NAME}/blobs/{}", image.layers[0].digest()),
            ),
            Self::Base => ("GET", "/v2/".to_owned()),
        };
        let accept = format!("Accept: {}", crate::content::MANIFEST_TYPE);
        target.request(method, &path, &[&accept], Body::Empty)
    }

    /// With the targets, where there are any for this number of connections.
    fn plan(self, connections: usize) -> Plan {
        let name = match connections {
            1 => format!("{}, 1 connection", self.words()),
            _ => format!("{}, {connections} connections", self.words()),
        };
        let plan = Plan::each(name, "requests").within(HELLO, None);
        match (self, connections) {
            (Self::ManifestByTag, 1) => plan.by(Lead::P50).times(2.2, (0.142, 0.479)),
            (Self::ManifestByTag, 32) => plan.times(12.0, (151.0, 526.0)).within(HELLO, 0.5),
            (Self::ManifestByDigest, 32) => plan.times(14.0, (121.0, 496.0)).within(HELLO, 0.5),
            (Self::TagExists, 32) => plan.times(12.0, (148.0, 562.0)).within(HELLO, 0.5),
            (Self::BlobExists, 32) => plan.times(9.0, (93.0, 439.0)).within(HELLO, 1.0 / 1.6),
            (Self::Base, 32) => plan.times(7.0, (47.0, 361.0)).within(HELLO, 1.0 / 1.2),
            _ => plan,
        }
    }
}

fn scenarios() -> Vec<(Read, usize, Plan)> {
    let mut scenarios = Vec::new();
    for read in Read::ALL {
        for connections in [1, 32, 256] {
            scenarios.push((read, connections, read.plan(connections)));
        }
    }
    scenarios
}

/// The repository that is read from.
pub(crate) const NAME: &str = "library/image";
/// The tag that is read.
pub(crate) const TAG: &str = "latest";
const LAYERS: usize = 5;
/// In bytes.
const LAYER: u64 = 64 << 10;
