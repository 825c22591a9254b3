//! `registry verify`: reads every link and blob, tells what is wrong, and puts right what can be.

use std::{
    fmt,
    io::{self, BufWriter, Write},
    num::NonZeroUsize,
    process::ExitCode,
    sync::Arc,
    thread,
};

use wharf_api::Chain;
use wharf_registry::{
    progress::Progress,
    verify::{
        Content, Effect, PAUSE, Repair, SETTLED, Severity, Told, VerifyOptions, VerifyReport,
        verify,
    },
};

use crate::{
    assemble,
    cli::VerifyArgs,
    commands::{self, Failure, configure, heard},
    progress::{Show, Shown},
};

/// Verifies a store that is there, and says how it ended: 0 when nothing is wrong, 1 when something
/// is or is left after a repair, 2 when it could not be verified.
pub(crate) fn run(arguments: VerifyArgs) -> ExitCode {
    match verify_store(arguments) {
        Ok(report) if report.is_sound() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(failure) => {
            commands::report(&failure);
            ExitCode::from(COULD_NOT)
        }
    }
}

/// # Errors
/// When there is no configuration or no store, when garbage is being collected and it is to repair,
/// or when the output cannot be written; it goes on then.
fn verify_store(arguments: VerifyArgs) -> Result<VerifyReport, Failure> {
    let VerifyArgs {
        config,
        repair,
        sizes_only,
        jobs,
        rate_limit,
        quiet,
    } = arguments;
    let configuration = configure(config)?;
    let registry = assemble::existing_registry(configuration.storage, configuration.validation)?;
    let options = VerifyOptions {
        jobs: jobs.unwrap_or_else(usual_jobs),
        bytes_per_second: rate_limit,
        content: if sizes_only {
            Content::Sizes
        } else {
            Content::Whole
        },
        effect: if repair {
            Effect::Repair
        } else {
            Effect::Report
        },
        settled: SETTLED,
        pause: PAUSE,
    };
    let runtime = assemble::runtime()?;
    let progress = Arc::new(Progress::default());
    let show = if quiet {
        Show::Nothing
    } else {
        Show::EachPhase
    };
    let shown = Shown::begin(&progress, show);
    let mut output = BufWriter::new(io::stdout());
    let mut written = Ok(());
    let mut print = |told: &Told| {
        if written.is_ok() && !(quiet && is_beside_the_point(told)) {
            written = shown.beside(|| {
                writeln!(output, "{}", OneLine(told))?;
                output.flush()
            });
        }
    };
    let verified = runtime.block_on(verify(&registry, options, &progress, &mut print));
    drop(shown);
    let report = verified
        .map_err(|error| Failure::Failed(format!("failed to verify: {}", Chain(&error))))?;
    if !quiet && written.is_ok() {
        written = print_summary(&mut output, &report);
    }
    heard(written.and_then(|()| output.flush())).map_err(Failure::Output)?;
    Ok(report)
}

/// Whether something is neither a problem nor a repair.
fn is_beside_the_point(told: &Told) -> bool {
    let is_problem = told.finding.fault.severity() == Severity::Problem;
    !is_problem && !matches!(told.repair, Repair::Done(_))
}

fn print_summary(output: &mut impl Write, report: &VerifyReport) -> io::Result<()> {
    let VerifyReport {
        repositories,
        tags,
        manifests,
        blobs,
        bytes,
        problems,
        warnings,
        notes,
        repaired,
    } = report;
    writeln!(
        output,
        "\n{repositories} repositories, {tags} tags, {manifests} manifests, {blobs} blobs, {bytes} bytes read"
    )?;
    let count: u64 = problems.values().sum();
    let kinds: Vec<String> = problems
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    let kinds = match kinds.join(", ") {
        none if none.is_empty() => none,
        kinds => format!(" ({kinds})"),
    };
    writeln!(
        output,
        "{count} problems{kinds}, {warnings} warnings, {notes} notes, {repaired} repaired"
    )
}

/// As many as the machine has processors, and not one alone: while one waits for the disk, another
/// hashes.
fn usual_jobs() -> NonZeroUsize {
    let processors = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    processors.max(TWO)
}

/// A text on one line, whatever a store has put into it.
struct OneLine<'a>(&'a Told);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.0.to_string();
        f.write_str(&line.replace(char::is_control, "\u{fffd}"))
    }
}

/// The exit code when the store could not be verified.
const COULD_NOT: u8 = 2;

const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);
