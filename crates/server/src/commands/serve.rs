//! `registry serve`: listens, serves until it is told to stop, and ends in order.

use std::{sync::Arc, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    assemble::{self, Parts},
    cli::ServeArgs,
    commands::{Failure, load_configuration, named_configuration},
    config::source::ConfigSource,
    listener::{self, descriptors, socket::Listener},
    maintenance, telemetry,
};

/// Serves until SIGTERM or SIGINT, and finishes what is in flight unless a second one comes.
///
/// # Errors
/// When the configuration, the store, a certificate or an address cannot be used.
pub(crate) fn run(arguments: ServeArgs) -> Result<(), Failure> {
    let source = named_configuration(arguments.config).unwrap_or(ConfigSource::BuiltIn);
    let loaded = load_configuration(source)?;
    telemetry::init(assemble::log_options(&loaded.configuration.log)).map_err(Failure::setup)?;
    if loaded.origin == ConfigSource::BuiltIn {
        let store = &loaded.configuration.storage.driver;
        tracing::warn!(
            "no configuration file given: using the built-in configuration, storing {store}; name a \
             file to change that: registry serve <config.yml>"
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
    let parts = assemble::assemble(loaded.configuration)?;
    let served = runtime.block_on(serve(parts, inherited));
    // A disk that hangs holds up its threads, but not the end: the store bears a crash too.
    runtime.shutdown_timeout(LAST_STEPS);
    served
}

async fn serve(parts: Parts, inherited: Option<Listener>) -> Result<(), Failure> {
    let stop = Stop::listen()?;
    let files = descriptors::raise();
    let options = listener::Options {
        connections: descriptors::connections(files),
        ..parts.options
    };
    tracing::debug!(files, options.connections, "files that may be open");
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
    // Before a client is told of anything, collectors in other processes know of this server.
    let announcement = parts.announcement;
    if let Err(error) = announcement.make().await {
        // Whatever is wrong with the store, what can be read of it is served.
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "garbage collections of other processes do not know of this server: run none until this \
             is put right; trying again"
        );
    }
    let announcing = Arc::clone(&announcement);
    let announcing = tokio::spawn(async move { announcing.keep_trying().await });
    let background = parts.health.spawn_checks();
    let uploads = maintenance::uploads_to_purge(parts.purging.as_ref());
    let purging = maintenance::purge_uploads(parts.registry.clone(), parts.purging);
    let purging = tokio::spawn(purging);
    let collecting =
        maintenance::collect_garbage(parts.registry, parts.collection, uploads, parts.full);
    let collecting = tokio::spawn(collecting);
    tracing::info!("{}", parts.store);
    let encrypted = if parts.tls.is_some() { ", tls" } else { "" };
    tracing::info!("listening on {}{encrypted}", listener.local_address());
    let drain = options.drain;
    let summary = listener::serve(
        listener,
        parts.tls,
        parts.service,
        options,
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
    collecting.abort();
    if let Some(debug) = debug {
        debug.abort();
    }
    announcing.abort();
    announcement.end().await;
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

    /// Waits for the first signal; what comes back waits for the second, of somebody who cannot
    /// wait for the drain.
    async fn requested(mut self, drain: Duration) -> impl Future<Output = ()> {
        self.signal().await;
        tracing::info!(
            "stopping server gracefully. Draining connections for {}s",
            drain.as_secs_f64()
        );
        async move {
            self.signal().await;
            tracing::info!("asked to stop again, cutting off the requests in flight");
        }
    }

    async fn signal(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// How long the end waits for what is being done to the store.
const LAST_STEPS: Duration = Duration::from_secs(1);
