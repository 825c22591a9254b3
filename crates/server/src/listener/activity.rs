//! What a connection is doing, and when it has had its time.
//!
//! The transport and the service of a connection note what happens in a shared [`Activity`]; the
//! connection's task looks at it now and then through a [`Watch`]. So nothing on the way of the
//! bytes needs a timer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// How long a connection may keep us waiting. What is over its time is noticed up to half of the
/// shortest limit later.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// For a TLS handshake.
    pub(crate) handshake: Duration,
    /// For the head of a request, from its first byte on.
    pub(crate) head: Duration,
    /// For the first byte of a request.
    pub(crate) idle: Duration,
    /// For a client to take some of a response that is ready for it.
    pub(crate) stall: Duration,
}

impl Limits {
    /// How often to look at a connection.
    pub(super) fn period(&self) -> Duration {
        (self.head.min(self.idle).min(self.stall) / 2).max(Duration::from_millis(1))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(30),
            idle: Duration::from_secs(180),
            stall: Duration::from_secs(300),
        }
    }
}

/// What a connection is doing.
#[derive(Debug)]
pub(super) struct Activity {
    start: Instant,
    in_flight: AtomicUsize,
    in_flight_of_all: Arc<AtomicUsize>,
    awaiting_client: AtomicUsize,
    written: AtomicU64,
    quiet_since: AtomicU64,
    head_since: AtomicU64,
    multiplexed: AtomicBool,
    held_up: AtomicBool,
}

impl Activity {
    /// Starts to note; `in_flight_of_all` counts the requests of all connections.
    pub(super) fn new(in_flight_of_all: Arc<AtomicUsize>) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            in_flight: AtomicUsize::new(0),
            in_flight_of_all,
            awaiting_client: AtomicUsize::new(0),
            written: AtomicU64::new(0),
            quiet_since: AtomicU64::new(0),
            head_since: AtomicU64::new(NEVER),
            multiplexed: AtomicBool::new(false),
            held_up: AtomicBool::new(false),
        })
    }

    /// Notes bytes from the client. Outside of a request they are the start of the next one's head.
    pub(super) fn read(&self) {
        if self.in_flight.load(Ordering::Acquire) == 0
            && self.head_since.load(Ordering::Relaxed) == NEVER
        {
            self.head_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Notes bytes for the client that the kernel took.
    pub(super) fn wrote(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
        self.quiet_since.store(self.now(), Ordering::Relaxed);
    }

    /// Notes whether there are bytes for the client that the kernel does not take yet.
    pub(super) fn held_up(&self, held_up: bool) {
        self.held_up.store(held_up, Ordering::Relaxed);
    }

    /// How long the connection has had nothing to do; nothing, if it is at work.
    pub(super) fn idle(&self) -> Option<Duration> {
        let at_work =
            self.in_flight.load(Ordering::Acquire) > 0 || self.held_up.load(Ordering::Relaxed);
        let quiet = self.quiet_since.load(Ordering::Relaxed);
        (!at_work).then(|| Duration::from_millis(self.now().saturating_sub(quiet)))
    }

    /// Notes a request whose head is complete, until the returned value is dropped.
    ///
    /// On a connection for `multiplexed` requests, bytes between requests may be frames of the
    /// connection itself.
    pub(super) fn request(self: &Arc<Self>, multiplexed: bool) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        self.in_flight_of_all.fetch_add(1, Ordering::Relaxed);
        self.head_since.store(NEVER, Ordering::Relaxed);
        if multiplexed {
            self.multiplexed.store(true, Ordering::Relaxed);
        }
        InFlight {
            activity: Arc::clone(self),
            awaiting_client: false,
        }
    }

    /// Milliseconds since the connection began.
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(NEVER)
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct InFlight {
    activity: Arc<Activity>,
    awaiting_client: bool,
}

impl InFlight {
    /// Notes whether it is the client that the response waits for, and not the content.
    pub(super) fn await_client(&mut self, awaiting: bool) {
        if awaiting && !self.awaiting_client {
            self.activity
                .awaiting_client
                .fetch_add(1, Ordering::Relaxed);
        } else if !awaiting && self.awaiting_client {
            self.activity
                .awaiting_client
                .fetch_sub(1, Ordering::Relaxed);
        }
        self.awaiting_client = awaiting;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.await_client(false);
        let activity = &self.activity;
        activity
            .quiet_since
            .store(activity.now(), Ordering::Relaxed);
        activity.in_flight_of_all.fetch_sub(1, Ordering::Relaxed);
        activity.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Why a connection has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    /// No request for too long.
    Idle,
    /// The head of a request takes too long.
    Head,
    /// The client has stopped to take its response.
    Stalled,
}

/// Looks at a connection from time to time.
#[derive(Debug)]
pub(super) struct Watch {
    activity: Arc<Activity>,
    limits: Limits,
    closing_since: Option<Instant>,
    written: u64,
    progress: Instant,
}

impl Watch {
    /// Starts to look at a connection.
    pub(super) fn new(activity: Arc<Activity>, limits: Limits) -> Self {
        Self {
            activity,
            limits,
            closing_since: None,
            written: 0,
            progress: Instant::now(),
        }
    }

    /// From now on the connection may only finish what it is at.
    pub(super) fn close(&mut self) {
        self.closing_since.get_or_insert_with(Instant::now);
    }

    /// Whether the connection was told to end.
    pub(super) fn is_closing(&self) -> bool {
        self.closing_since.is_some()
    }

    /// Tells what the connection has had its time for, if anything.
    pub(super) fn check(&mut self) -> Option<Overdue> {
        let activity = &self.activity;
        let written = activity.written.load(Ordering::Relaxed);
        let awaiting_client = activity.awaiting_client.load(Ordering::Relaxed) > 0;
        if !awaiting_client || written - self.written >= PROGRESS {
            self.written = written;
            self.progress = Instant::now();
        }
        if activity.in_flight.load(Ordering::Acquire) > 0 {
            return (self.progress.elapsed() >= self.limits.stall).then_some(Overdue::Stalled);
        }

        let now = activity.now();
        let since = |moment: u64| Duration::from_millis(now.saturating_sub(moment));
        let head = activity.head_since.load(Ordering::Relaxed);
        if head != NEVER
            && !activity.multiplexed.load(Ordering::Relaxed)
            && since(head) >= self.limits.head
        {
            return Some(Overdue::Head);
        }
        let quiet = since(activity.quiet_since.load(Ordering::Relaxed));
        let overdue = match self.closing_since {
            Some(closing) => quiet.min(closing.elapsed()) >= GRACE,
            None => quiet >= self.limits.idle,
        };
        overdue.then_some(Overdue::Idle)
    }
}

/// Stands for a moment that has not come.
const NEVER: u64 = u64::MAX;

/// Bytes that count as progress: more than the pings of HTTP/2 during a whole limit, less than any
/// client that reads.
const PROGRESS: u64 = 512;

/// How long a connection without requests may take for its goodbye.
pub(super) const GRACE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn watched() -> (Arc<Activity>, Watch) {
        let activity = Activity::new(Arc::default());
        let watch = Watch::new(Arc::clone(&activity), Limits::default());
        (activity, watch)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_requests_ends_when_its_idle_time_is_over() {
        let (activity, mut watch) = watched();
        advance(Duration::from_secs(179)).await;
        assert_eq!(watch.check(), None);
        drop(activity.request(false));
        advance(Duration::from_secs(179)).await;
        assert_eq!(watch.check(), None);
        advance(Duration::from_secs(1)).await;
        assert_eq!(watch.check(), Some(Overdue::Idle));
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_that_never_become_a_head_do_not_hold_a_connection() {
        let (activity, mut watch) = watched();
        advance(Duration::from_secs(100)).await;
        for _ in 0..30 {
            activity.read();
            assert_eq!(watch.check(), None);
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(watch.check(), Some(Overdue::Head));
        let request = activity.request(false);
        advance(Duration::from_secs(3600)).await;
        assert_eq!(
            watch.check(),
            None,
            "a handler takes the time that it needs"
        );
        drop(request);
        assert_eq!(watch.check(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn frames_between_the_requests_of_http2_are_no_heads() {
        let (activity, mut watch) = watched();
        drop(activity.request(true));
        activity.read();
        advance(Duration::from_secs(179)).await;
        assert_eq!(watch.check(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_to_read_is_given_up() {
        let (activity, mut watch) = watched();
        let mut request = activity.request(false);
        request.await_client(true);
        for _ in 0..20 {
            activity.wrote(600);
            assert_eq!(watch.check(), None);
            advance(Duration::from_secs(100)).await;
        }
        assert_eq!(watch.check(), None);
        for _ in 0..3 {
            activity.wrote(17);
            advance(Duration::from_secs(100)).await;
        }
        assert_eq!(watch.check(), Some(Overdue::Stalled));

        request.await_client(false);
        assert_eq!(
            watch.check(),
            None,
            "content that is slow to come is not the client's fault"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_closing_connection_has_a_moment_to_say_goodbye() {
        let (activity, mut watch) = watched();
        advance(Duration::from_secs(60)).await;
        let request = activity.request(false);
        watch.close();
        advance(Duration::from_secs(60)).await;
        assert_eq!(watch.check(), None);
        drop(request);
        assert_eq!(watch.check(), None);
        advance(GRACE).await;
        assert_eq!(watch.check(), Some(Overdue::Idle));
    }
}
