//! Requests with a password at bcrypt cost 10: what remembering a verified password is worth.

use std::sync::Arc;

use crate::Outcome;
use crate::bench::Bench;
use crate::push::{self, Image};
use crate::report::goal::Plan;
use crate::scenarios::manifests::{self, NAME, Read, TAG};
use crate::stage::{Passwords, Setup, Stage};

/// The limit is our own server without passwords.
pub(crate) fn run(bench: &Bench) -> Outcome {
    let mut scenarios = scenarios();
    scenarios.retain(|(_, _, plan)| bench.wants(&plan.name));
    if scenarios.is_empty() {
        return Ok(());
    }
    let setup = Setup {
        htpasswd: Some(Arc::new(Passwords::new()?)),
        ..Setup::default()
    };
    let secured = Stage::start(&bench.programs, &setup)?;
    let open = Stage::start(&bench.programs, &Setup::default())?;
    let mut targets = secured.targets();
    targets.extend(open.targets().into_iter().take(1));
    let images = targets
        .iter()
        .map(|target| Ok(bench.wait(push::image(target, NAME, TAG, 1, &[LAYER]))?))
        .collect::<Outcome<Vec<Image>>>()?;
    for (read, connections, plan) in scenarios {
        bench.row(&plan, &targets, |target| {
            manifests::measure(
                bench,
                target,
                &read.request(target, &images[0]),
                connections,
            )
        })?;
    }
    Ok(())
}

fn scenarios() -> Vec<(Read, usize, Plan)> {
    let plan = |name: &str| {
        Plan::each(name, "requests")
            .times(500.0, BCRYPT)
            .within("anonymous", 1.0 / 1.2)
    };
    vec![
        (
            Read::ManifestByTag,
            1,
            plan("GET manifest by tag, htpasswd, 1 connection"),
        ),
        (
            Read::ManifestByTag,
            32,
            plan("GET manifest by tag, htpasswd, 32 connections"),
        ),
        (
            Read::BlobExists,
            32,
            plan("HEAD blob, htpasswd, 32 connections"),
        ),
        (Read::Base, 32, plan("GET /v2/, htpasswd, 32 connections")),
    ]
}

/// In bytes.
const LAYER: u64 = 64 << 10;
/// What 3.1.1 spent on each request, in microseconds.
const BCRYPT: f64 = 46_300.0;
