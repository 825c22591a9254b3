//! `registry garbage-collect`: deletes what no manifest names, and says so in Distribution's lines.

use std::io::{self, BufWriter, Write};

use wharf_api::Chain;
use wharf_registry::garbage_collect::{
    CollectEvent, CollectOptions, CollectReport, Effect, Emptied, Untagged, garbage_collect,
};

use crate::{
    assemble,
    cli::{GarbageCollectArgs, Stream},
    commands::{Failure, heard, load_configuration, named_configuration, write_out},
    config::{ConfigError, source::Unreadable},
    telemetry,
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
    let source =
        named_configuration(config).ok_or(ConfigError::Unreadable(Unreadable::Unspecified))?;
    let loaded = load_configuration(source)?;
    let configuration = loaded.configuration;
    telemetry::init(assemble::log_options(&configuration.log)).map_err(Failure::setup)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let lease = lease.unwrap_or(configuration.storage.garbage_collection.lease);
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
    };
    let mut output = BufWriter::new(io::stdout());
    let mut written = Ok(());
    let mut print = |event: CollectEvent<'_>| {
        if !quiet && written.is_ok() {
            written = print_event(&mut output, &event);
        }
    };
    let report = assemble::runtime()?
        .block_on(garbage_collect(&registry, options, &mut print))
        .map_err(|error| {
            Failure::Failed(format!("failed to garbage collect: {}", Chain(&error)))
        })?;
    if !quiet && written.is_ok() {
        written = print_summary(&mut output, &report, dry_run);
    }
    let written = heard(written.and_then(|()| output.flush()));
    tell_broken(&report)?;
    written.map_err(|error| {
        Failure::Failed(format!(
            "the collection is complete, but what it did cannot be written to standard output: {error}"
        ))
    })
}

/// Distribution's lines, byte for byte (reference, section 10.2).
fn print_event(output: &mut impl Write, event: &CollectEvent<'_>) -> io::Result<()> {
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

/// What Distribution does not tell: how much space there is now, and how much there will be.
fn print_summary(output: &mut impl Write, report: &CollectReport, dry: bool) -> io::Result<()> {
    let CollectReport {
        blobs,
        bytes,
        manifests,
        layer_links,
        freed,
        set_aside,
        emptied,
        ..
    } = report;
    let nothing_found = *blobs == 0 && *manifests == 0 && *layer_links == 0;
    if nothing_found && *emptied == Emptied::default() {
        return Ok(());
    }
    let found =
        format!("{blobs} blobs ({bytes} bytes), {manifests} manifests, {layer_links} layer links");
    if dry {
        return writeln!(output, "\nwould delete {found}");
    }
    writeln!(output, "\ntook {found} out of the store")?;
    writeln!(output, "{freed} bytes are free now")?;
    if let Some(lease) = set_aside {
        let lease = lease.as_secs();
        writeln!(
            output,
            "{bytes} bytes will be free in {lease} s, unless somebody asks for them: a server is running on the store, \
             and its clients may have been told that they are there"
        )?;
    }
    if emptied.bytes_left > 0 {
        writeln!(
            output,
            "{} bytes that were taken earlier will be free when their time is over",
            emptied.bytes_left
        )?;
    }
    if emptied.moved_back > 0 {
        writeln!(
            output,
            "{} blobs and links that were taken earlier are named again, and back in their place",
            emptied.moved_back
        )?;
    }
    Ok(())
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
