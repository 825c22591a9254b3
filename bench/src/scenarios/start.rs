//! From the start of the process to the first 200.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wharf_e2e::program::Program;
use wharf_e2e::registry::{Place, free_port};

use crate::Outcome;
use crate::bench::Bench;
use crate::process::Meter;
use crate::report::goal::{Lead, Plan};
use crate::sample::{Sample, milliseconds};
use crate::stage::{Setup, configuration};

/// Several starts in each round, of which the median counts.
pub(crate) fn run(bench: &Bench) -> Outcome {
    let plan = Plan::milliseconds("start to the first 200")
        .by(Lead::Rate)
        .at_most(10.0, 20.0);
    if !bench.wants(&plan.name) {
        return Ok(());
    }
    let programs = [&bench.programs.ours, &bench.programs.peer];
    bench.row(&plan, &programs, |program| {
        let starts = (0..bench.size.pick(9, 1)).map(|_| start(bench, program));
        Ok(Sample::median(&starts.collect::<Outcome<Vec<_>>>()?))
    })
}

fn start(bench: &Bench, program: &Program) -> Outcome<Sample> {
    let port = free_port();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let config = configuration(program, &Setup::default());
    let place = Place::new(config);
    let mut command = Command::new(program.path());
    command.arg("serve").arg(place.configuration());
    // The place does not tell its own.
    command.env("REGISTRY_HTTP_ADDR", address.to_string());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let begun = Instant::now();
    let process = Killed(bench.programs.cores.on_server(move || command.spawn())??);
    while !answers(address)? {
        if begun.elapsed() > PATIENCE {
            return Err(format!("{program:?} does not answer").into());
        }
        std::thread::sleep(PAUSE);
    }
    let took = begun.elapsed();
    let meter = Meter::of(process.0.id())?;
    Ok(Sample {
        rate: Some(milliseconds(took)),
        cpu: Some(milliseconds(meter.cpu()?)),
        ..Sample::default()
    })
}

/// Whether a request is answered with 200; nobody listening yet is no failure.
pub(crate) fn answers(address: SocketAddr) -> io::Result<bool> {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return Ok(false);
    };
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(status == *b"HTTP/1.1 200")
}

/// A process that does not outlive its user.
#[derive(Debug)]
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
/// Between attempts: what the figure may be too large by.
const PAUSE: Duration = Duration::from_micros(200);
