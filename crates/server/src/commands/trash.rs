//! `registry trash`: what collections set aside, listed, moved back, or deleted now.

use std::{
    io::{self, BufWriter, Write},
    sync::Arc,
};

use jiff::SignedDuration;
use wharf_api::Chain;
use wharf_registry::{
    Error,
    garbage_collect::{Emptied, Trash, empty_trash},
    progress::Progress,
    trash::{Collected, list, restore},
};

use crate::{
    assemble,
    cli::{TrashArgs, TrashCommand},
    commands::{Failure, configure, heard},
    progress::{Show, Shown},
};

/// Lists the trash, or takes everything out of it in one direction or the other.
///
/// # Errors
/// When the store fails, when garbage is being collected, or when the output cannot be written.
pub(crate) fn run(arguments: TrashArgs) -> Result<(), Failure> {
    let TrashArgs { command } = arguments;
    let config = command.config();
    let configuration = configure(config)?;
    let registry = assemble::existing_registry(configuration.storage, configuration.validation)?;
    let runtime = assemble::runtime()?;
    let failed = |error: Error| Failure::Failed(format!("failed: {}", Chain(&error)));
    let mut output = BufWriter::new(io::stdout());
    let written = match command {
        TrashCommand::List(_) => {
            let collected = runtime.block_on(list(&registry)).map_err(failed)?;
            print_list(&mut output, &collected)
        }
        TrashCommand::Restore(_) => {
            let count = runtime.block_on(restore(&registry)).map_err(failed)?;
            writeln!(output, "{count} blobs and links are back in their place")
        }
        TrashCommand::Empty(_) => {
            let progress = Arc::new(Progress::default());
            let _shown = Shown::begin(&progress, Show::LongPhases);
            let emptied = empty_trash(&registry, Trash::All, &progress);
            let Emptied {
                blobs,
                bytes,
                moved_back,
                ..
            } = runtime.block_on(emptied).map_err(failed)?;
            writeln!(
                output,
                "{blobs} blobs deleted, {bytes} bytes are free now; {moved_back} blobs and links are named, and back in their place"
            )
        }
    };
    heard(written.and_then(|()| output.flush())).map_err(Failure::Output)
}

fn print_list(output: &mut impl Write, collected: &[Collected]) -> io::Result<()> {
    if collected.is_empty() {
        return writeln!(output, "the trash is empty");
    }
    for Collected {
        run,
        left,
        blobs,
        bytes,
    } in collected
    {
        let left = SignedDuration::from_secs(left.as_secs().try_into().unwrap_or(i64::MAX));
        writeln!(
            output,
            "{run}: {blobs} blobs, {bytes} bytes, kept for {left:#} yet"
        )?;
    }
    Ok(())
}
