//! Memory: of a registry at rest, with connections that do nothing, and with clients that read slowly.

use std::time::Duration;

use futures_util::future::try_join_all;

use crate::Outcome;
use crate::bench::Bench;
use crate::client::target::Target;
use crate::content::Noise;
use crate::push;
use crate::report::goal::{Lead, Plan};
use crate::sample::{Sample, mebibytes};
use crate::stage::{Restarting, Setup, Stage};

/// Each on servers that have just started.
pub(crate) fn run(bench: &Bench) -> Outcome {
    for (what, plan) in scenarios() {
        if bench.wants(&plan.name) {
            let setup = Setup::default();
            let stage = Stage::start(&bench.programs, &setup)?;
            if what == What::SlowPulls {
                for target in stage.targets() {
                    bench.wait(push::blobs(&target, NAME, &[blob(bench)]))?;
                }
            }
            let stage = Restarting::new(stage, &bench.programs, setup);
            bench.row(&plan, &[0, 1], |contender| {
                if *contender == 0 {
                    stage.restart()?;
                }
                bench.wait(measure(bench, &stage.target(*contender)?, what))
            })?;
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Rest,
    IdleConnections,
    SlowPulls,
}

fn scenarios() -> [(What, Plan); 3] {
    let plan = |name: &str| Plan::milliseconds(name).by(Lead::Peak);
    [
        (What::Rest, plan("idle memory").at_most(12.0, 44.0)),
        (
            What::IdleConnections,
            plan("1,000 idle connections").at_most(28.0, 68.0),
        ),
        (
            What::SlowPulls,
            plan("256 slow pulls of 16 MiB").at_most(48.0, 830.0),
        ),
    ]
}

async fn measure(bench: &Bench, target: &Target, what: What) -> Outcome<Sample> {
    let count = match what {
        What::Rest => 1,
        What::IdleConnections => bench.size.pick(1000, 20),
        What::SlowPulls => bench.size.pick(256, 8),
    };
    target.meter.forget_peak()?;
    let mut connections = try_join_all((0..count).map(|_| target.connect())).await?;
    let path = match what {
        What::SlowPulls => format!("/v2/{NAME}/blobs/{}", blob(bench).digest()),
        What::Rest | What::IdleConnections => "/v2/".to_owned(),
    };
    let request = target.get(&path);
    // Of a slow pull only the first bytes are read; the rest waits in the server and in the sockets.
    let heads = try_join_all(
        connections
            .iter_mut()
            .map(|connection| connection.begin(&request)),
    )
    .await?;
    if let Some(head) = heads.iter().find(|head| head.status != 200) {
        return Err(format!("answered {}", head.status).into());
    }
    tokio::time::sleep(bench.size.pick(SETTLED, Duration::from_millis(50))).await;
    let memory = match what {
        What::Rest | What::IdleConnections => target.meter.resident()?,
        What::SlowPulls => target.meter.peak()?,
    };
    Ok(Sample {
        peak: Some(mebibytes(memory)),
        ..Sample::default()
    })
}

fn blob(bench: &Bench) -> Noise {
    Noise {
        number: 1,
        length: bench.size.pick(16 << 20, 1 << 20),
    }
}

const SETTLED: Duration = Duration::from_secs(1);
const NAME: &str = "library/large";
