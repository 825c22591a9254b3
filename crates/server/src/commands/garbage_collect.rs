//! `registry garbage-collect`: deletes what no manifest names, and says so in Distribution's lines.

use std::io::{BufWriter, Write};

use wharf_registry::garbage_collect::{
    CollectEvent, CollectOptions, CollectReport, Effect, Untagged, garbage_collect,
};

use crate::{
    assemble,
    cli::GarbageCollectArgs,
    commands::{Chain, Failure, load_configuration},
    telemetry,
};

/// Collects garbage.
///
/// # Errors
/// When the store fails, or when a manifest could not be understood; nothing is deleted then.
pub(crate) fn run(arguments: GarbageCollectArgs) -> Result<(), Failure> {
    let GarbageCollectArgs {
        config,
        dry_run,
        delete_untagged,
        quiet,
        ..
    } = arguments;
    let loaded = load_configuration(config)?;
    let configuration = loaded.configuration;
    telemetry::init(assemble::log_options(&configuration.log));
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let registry = assemble::registry(configuration.storage, configuration.validation)?;
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
    };
    let mut output = BufWriter::new(std::io::stdout());
    let mut print = |event: CollectEvent<'_>| {
        if !quiet {
            // Whoever closed the pipe does not want to hear; the collection goes on.
            let _ = print_event(&mut output, &event);
        }
    };
    let report = assemble::runtime()?
        .block_on(garbage_collect(&registry, options, &mut print))
        .map_err(|error| {
            Failure::Failed(format!("failed to garbage collect: {}", Chain(&error)))
        })?;
    let _ = output.flush();
    tell_broken(&report)
}

/// Distribution's lines, byte for byte (reference, section 10.2).
fn print_event(output: &mut impl Write, event: &CollectEvent<'_>) -> std::io::Result<()> {
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

fn tell_broken(report: &CollectReport) -> Result<(), Failure> {
    if report.broken.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "failed to garbage collect: nothing was deleted, because what these name is not known: {}",
        report.broken.join("; ")
    )))
}
