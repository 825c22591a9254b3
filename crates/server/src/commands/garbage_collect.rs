//! `registry garbage-collect`: deletes what no manifest names, and says so in Distribution's lines.

use std::{
    fmt::{self, Write as _},
    io,
    sync::Arc,
    time::Duration,
};

use indicatif::BinaryBytes;
use jiff::{SignedDuration, Timestamp};
use wharf_api::Chain;
use wharf_registry::{
    garbage_collect::{
        CollectEvent, CollectOptions, CollectReport, Effect, SetAside, Untagged, garbage_collect,
    },
    progress::Progress,
    purge_uploads::PurgeReport,
};

use crate::{
    assemble,
    cli::{GarbageCollectArgs, Stream},
    commands::{Failure, configure, write_out},
    maintenance,
    progress::{Show, Shown},
};

/// Collects garbage in a store that is there: unlike `serve`, this makes none, and has no built-in
/// configuration that would name one by chance.
///
/// # Errors
/// When the store fails, or when a manifest could not be understood, since then not all is collected.
/// Also when the output cannot be written; the collection goes on then.
pub(crate) fn run(arguments: GarbageCollectArgs) -> Result<(), Failure> {
    let GarbageCollectArgs {
        config,
        dry_run,
        delete_untagged,
        lease,
        quiet,
        ..
    } = arguments;
    let configuration = configure(config)?;
    let lease = lease.unwrap_or(configuration.storage.garbage_collection.lease);
    let uploads = maintenance::uploads_to_purge(configuration.storage.upload_purging.as_ref());
    let registry = assemble::existing_registry(configuration.storage, configuration.validation)?;
    let options = CollectOptions {
        untagged: if delete_untagged {
            Untagged::Delete
        } else {
            Untagged::Keep
        },
        effect: if dry_run {
            Effect::Report
        } else {
            Effect::Delete
        },
        lease,
        uploads,
    };
    let runtime = assemble::runtime()?;
    let progress = Arc::new(Progress::default());
    let show = if quiet {
        Show::Nothing
    } else {
        Show::LongPhases
    };
    let mut output = Output {
        shown: Shown::begin(&progress, show),
        lines: String::new(),
        written: Ok(()),
    };
    let mut print = |event: CollectEvent<'_>| {
        if !quiet {
            output.print(&event);
        }
    };
    let collected = runtime.block_on(garbage_collect(&registry, options, &progress, &mut print));
    output.flush();
    let report = collected.map_err(|error| {
        Failure::Failed(format!("failed to garbage collect: {}", Chain(&error)))
    })?;
    let Output { shown, written, .. } = output;
    drop(shown);
    let written = written.and_then(|()| match quiet {
        true => Ok(()),
        false => write_out(
            Stream::Output,
            format_args!("{}", summary(&report, dry_run)),
        ),
    });
    tell_broken(&report)?;
    written.map_err(|error| {
        Failure::Failed(format!(
            "the collection is complete, but what it did cannot be written to standard output: {error}"
        ))
    })
}

/// Standard output, beside the progress that the same terminal may show.
struct Output {
    shown: Shown,
    /// Whole lines that are still to be written.
    lines: String,
    /// Whether all was written until now; after the first failure nothing is any more.
    written: io::Result<()>,
}

impl Output {
    fn print(&mut self, event: &CollectEvent<'_>) {
        // Writing to a string cannot fail.
        let _ = print_event(&mut self.lines, event);
        if self.lines.len() >= LINES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        if self.written.is_ok() && !lines.is_empty() {
            let write = || write_out(Stream::Output, format_args!("{lines}"));
            self.written = self.shown.beside(write);
        }
    }
}

/// How many bytes of lines are written at once.
const LINES: usize = 16 * 1024;

/// Distribution's lines, byte for byte (reference, section 10.2).
fn print_event(output: &mut String, event: &CollectEvent<'_>) -> fmt::Result {
    match event {
        CollectEvent::Repository(name) => writeln!(output, "{name}"),
        CollectEvent::NoTags(name) => {
            writeln!(
                output,
                "manifest tags path of repository {name} does not exist"
            )
        }
        CollectEvent::MarkingManifest(name, digest) => {
            writeln!(output, "{name}: marking manifest {digest} ")
        }
        CollectEvent::MarkingBlob(name, digest) => {
            writeln!(output, "{name}: marking blob {digest}")
        }
        CollectEvent::ManifestEligible(name, digest, tags) => {
            let tags: Vec<&str> = tags.iter().map(|tag| tag.as_str()).collect();
            let tags = tags.join(" ");
            writeln!(
                output,
                "manifest eligible for deletion: {{{name} {digest} [{tags}]}}"
            )
        }
        CollectEvent::Marked {
            marked,
            blobs,
            manifests,
        } => writeln!(
            output,
            "\n{marked} blobs marked, {blobs} blobs and {manifests} manifests eligible for deletion"
        ),
        CollectEvent::BlobEligible(digest) => {
            writeln!(output, "blob eligible for deletion: {digest}")
        }
        CollectEvent::LayerLinkEligible(name, digest) => {
            writeln!(output, "{name}: layer link eligible for deletion: {digest}")
        }
    }
}

/// What Distribution does not tell: how much space there is now, how much there will be, and when.
fn summary(report: &CollectReport, dry: bool) -> String {
    let CollectReport {
        blobs,
        bytes,
        manifests,
        layer_links,
        uploads,
        freed,
        set_aside,
        emptied,
        ..
    } = report;
    let found = *blobs > 0 || *manifests > 0 || *layer_links > 0 || uploads.purged > 0;
    let mut text = String::new();
    let mut line = |line: fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}");
    };
    if found || emptied.is_something() {
        let (would, out) = match dry {
            true => ("would delete", ""),
            false => ("took", " out of the store"),
        };
        line(format_args!(
            "\n{would} {blobs} blobs ({}), {manifests} manifests, {layer_links} layer links{}{out}",
            Bytes(*bytes),
            Unfinished(*uploads),
        ));
    }
    if dry && emptied.bytes_left > 0 {
        line(format_args!(
            "{} that were taken earlier are in the trash",
            Bytes(emptied.bytes_left)
        ));
    }
    if dry || !(found || emptied.is_something()) {
        return text;
    }
    line(format_args!("{} are free now", Bytes(*freed)));
    if let Some(SetAside { bytes, lease }) = set_aside {
        line(format_args!(
            "{} will be free in {}, unless somebody asks for them: a server is running on the store, and its clients may \
             have been told that they are there",
            Bytes(*bytes),
            Later(*lease)
        ));
    }
    if emptied.bytes_left > 0 {
        line(format_args!(
            "{} that were taken earlier will be free when their time is over",
            Bytes(emptied.bytes_left)
        ));
    }
    if emptied.moved_back > 0 {
        line(format_args!(
            "{} blobs and links that were taken earlier are named again, and back in their place",
            emptied.moved_back
        ));
    }
    text
}

/// A number of bytes, with a shorter one for those who read it.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.0)?;
        if self.0 < 10_000 {
            return Ok(());
        }
        write!(formatter, " [{}]", BinaryBytes(self.0))
    }
}

/// Uploads, if there are any.
struct Unfinished(PurgeReport);

impl fmt::Display for Unfinished {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PurgeReport { purged, bytes, .. } = self.0;
        if purged == 0 {
            return Ok(());
        }
        write!(
            formatter,
            ", {purged} unfinished uploads ({})",
            Bytes(bytes)
        )
    }
}

/// How long from now, and when that is.
struct Later(Duration);

impl fmt::Display for Later {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX);
        write!(formatter, "{length:#}")?;
        match Timestamp::now().checked_add(length) {
            Ok(then) => write!(formatter, ", at {}", then.strftime("%Y-%m-%dT%H:%M:%SZ")),
            Err(_) => Ok(()),
        }
    }
}

/// Tells what stands in the way of deleting everything that is garbage: a line for each, then what
/// to do.
fn tell_broken(report: &CollectReport) -> Result<(), Failure> {
    if report.broken.is_empty() {
        return Ok(());
    }
    for broken in &report.broken {
        // Where standard error cannot be written to, the exit code has to do.
        let _ = write_out(Stream::Error, format_args!("{broken}\n"));
    }
    Err(Failure::Failed(
        "not all garbage was collected: what these might name was kept; push each again, or delete it from the store, then \
         collect again"
            .to_owned(),
    ))
}
