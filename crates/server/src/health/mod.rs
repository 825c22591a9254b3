//! Health: checks that run now and then, and what they found last.
//!
//! In reading order: [`Health`] and [`Check`] here, `probe` has the checks that need nothing of
//! ours, [`debug`] is the listener that shows the outcome.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Response, StatusCode, header};
use tokio::{
    task::{JoinHandle, JoinSet},
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};

pub(crate) mod debug;
mod probe;

pub(crate) use self::probe::HttpProbe;

/// What the checks found last.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    checks: Arc<[Check]>,
    findings: Arc<Findings>,
}

impl Health {
    /// Takes the checks; everything is well until they run.
    pub(crate) fn new(checks: Vec<Check>) -> Result<Self, HealthError> {
        let mut names = HashSet::new();
        for check in &checks {
            if !names.insert(&check.name) {
                return Err(HealthError::Duplicate {
                    name: check.name.clone(),
                });
            }
        }
        Ok(Self {
            checks: checks.into(),
            findings: Arc::default(),
        })
    }

    /// Runs all checks until the returned task is aborted, each for the first time after its
    /// interval.
    pub(crate) fn spawn_checks(&self) -> JoinHandle<()> {
        let mut running = JoinSet::new();
        for check in self.checks.iter() {
            running.spawn(check.clone().run(Arc::clone(&self.findings)));
        }
        tokio::spawn(async move { while running.join_next().await.is_some() {} })
    }

    /// Whether any check fails; costs next to nothing, as every request asks.
    pub(crate) fn failing(&self) -> bool {
        self.findings.failing.load(Ordering::Relaxed)
    }

    /// The failing checks by name, with what they found.
    pub(crate) fn report(&self) -> BTreeMap<String, String> {
        self.findings.lock().clone()
    }

    /// The answer to every request while a check fails.
    pub(crate) fn unavailable(&self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from_static(UNAVAILABLE));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert(header::CONTENT_TYPE, JSON);
        response
    }
}

/// Something to look at now and then.
#[derive(Clone)]
pub(crate) struct Check {
    name: String,
    interval: Duration,
    threshold: u32,
    limit: Duration,
    probe: Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
}

impl Check {
    /// A check by any means; `threshold` failures in a row make it fail, one success makes it well.
    pub(crate) fn new<F>(
        name: impl Into<String>,
        interval: Duration,
        threshold: u32,
        probe: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self {
            name: name.into(),
            interval: if interval.is_zero() {
                DEFAULT_INTERVAL
            } else {
                interval
            },
            threshold,
            limit: DEFAULT_LIMIT,
            probe: Arc::new(move || Box::pin(probe())),
        }
    }

    /// Gives each run at most `limit`, if there is one.
    fn within(mut self, limit: Option<Duration>) -> Self {
        self.limit = limit.filter(|limit| !limit.is_zero()).unwrap_or(self.limit);
        self
    }

    /// Probes for ever.
    async fn run(self, findings: Arc<Findings>) {
        let mut ticks = interval_at(Instant::now() + self.interval, self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failures: u32 = 0;
        loop {
            ticks.tick().await;
            let outcome = timeout(self.limit, (self.probe)())
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {:?}", self.limit)));
            match outcome {
                Ok(()) => {
                    failures = 0;
                    findings.well(&self.name);
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    if failures >= self.threshold {
                        findings.failed(&self.name, error);
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Check")
            .field("name", &self.name)
            .field("interval", &self.interval)
            .field("threshold", &self.threshold)
            .finish_non_exhaustive()
    }
}

/// Why the checks cannot be had as configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HealthError {
    /// Two checks have one name.
    #[error("check already exists: {name}")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A check over HTTP that is not over plain HTTP.
    #[error("health.http supports http:// only: \"{uri}\"")]
    UnsupportedUri {
        /// The address as configured.
        uri: String,
    },
}

/// The failing checks.
#[derive(Debug, Default)]
struct Findings {
    failing: AtomicBool,
    errors: Mutex<BTreeMap<String, String>>,
}

impl Findings {
    /// Notes that a check fails.
    fn failed(&self, name: &str, error: String) {
        let mut errors = self.lock();
        if !errors.contains_key(name) {
            tracing::error!(check = name, error, "health check failed");
        }
        errors.insert(name.to_owned(), error);
        self.failing.store(true, Ordering::Relaxed);
    }

    /// Notes that a check succeeds.
    fn well(&self, name: &str) {
        let mut errors = self.lock();
        if errors.remove(name).is_some() {
            tracing::info!(check = name, "health check succeeds again");
        }
        self.failing.store(!errors.is_empty(), Ordering::Relaxed);
    }

    /// The failing checks; whatever panicked meanwhile, they are whole.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time between two runs of a check that names none.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);

/// How long a check may take that names no limit: storage that hangs is storage that fails.
const DEFAULT_LIMIT: Duration = Duration::from_secs(30);

/// The content type of what is said about health.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The body of the answer while a check fails, as operators know it from Distribution.
const UNAVAILABLE: &[u8] =
    b"{\"errors\":[{\"code\":\"UNAVAILABLE\",\"message\":\"service unavailable\",\
\"detail\":\"health check failed: please see /debug/health\"}]}\n";

#[cfg(test)]
mod tests;
