//! `registry serve`: listens, serves until it is told to stop, and ends in order.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    assemble::{self, Parts},
    cli::ServeArgs,
    commands::{Failure, load_configuration},
    config::source::ConfigSource,
    listener::{self, socket::Listener},
    maintenance, telemetry,
};

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// When the configuration, the store, a certificate or an address cannot be used.
pub(crate) fn run(arguments: ServeArgs) -> Result<(), Failure> {
    let loaded = load_configuration(arguments.config)?;
    telemetry::init(assemble::log_options(&loaded.configuration.log));
    if loaded.origin == ConfigSource::BuiltIn {
        tracing::warn!(
            "no configuration file given: using the built-in configuration, storing under \
             ./registry-data; name a file to change that: registry serve <config.yml>"
        );
    }
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    // Before the runtime has threads: it takes the socket out of the environment.
    let runtime = assemble::runtime()?;
    let inherited = {
        let _entered = runtime.enter();
        Listener::inherited().map_err(Failure::setup)?
    };
    runtime.block_on(serve(assemble::assemble(loaded.configuration)?, inherited))
}

async fn serve(parts: Parts, inherited: Option<Listener>) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let listener = match inherited {
        Some(listener) => listener,
        None => Listener::bind(parts.network, &parts.address)
            .await
            .map_err(Failure::setup)?,
    };
    let debug = match parts.debug {
        Some(debug) => Some(debug.listen().await?),
        None => None,
    };
    let background = parts.health.spawn_checks();
    let purging = tokio::spawn(maintenance::purge_uploads(parts.registry, parts.purging));
    let encrypted = if parts.tls.is_some() { ", tls" } else { "" };
    tracing::info!("listening on {}{encrypted}", listener.local_address());
    let drain = parts.options.drain;
    let summary = listener::serve(
        listener,
        parts.tls,
        parts.service,
        parts.options,
        stop.requested(drain),
    )
    .await;
    tracing::info!(
        http.requests.drained = summary.drained as u64,
        http.requests.cutoff = summary.cut_off as u64,
        "server stopped"
    );
    background.abort();
    purging.abort();
    if let Some(debug) = debug {
        debug.abort();
    }
    Ok(())
}

/// The signals that ask the server to stop.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(Failure::setup);
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn requested(&mut self, drain: std::time::Duration) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        tracing::info!(
            "stopping server gracefully. Draining connections for {}s",
            drain.as_secs_f64()
        );
    }
}
