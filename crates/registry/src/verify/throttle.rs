//! How fast the store may be read, by all jobs together.

use std::{
    num::NonZeroU64,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{self, Instant};

/// Spreads reading over time. Whoever has read something waits until its share of time is over, so
/// that no job is ahead by more than what it reads at once.
#[derive(Debug)]
pub(super) struct Throttle {
    bytes_per_second: Option<NonZeroU64>,
    /// Until when what was read so far takes.
    taken_until: Mutex<Option<Instant>>,
}

impl Throttle {
    pub(super) fn new(bytes_per_second: Option<NonZeroU64>) -> Self {
        Self {
            bytes_per_second,
            taken_until: Mutex::new(None),
        }
    }

    /// Waits as long as so many bytes take, behind those of the others.
    pub(super) async fn wait(&self, bytes: usize) {
        let Some(rate) = self.bytes_per_second else {
            return;
        };
        let takes = Duration::from_secs_f64(bytes as f64 / rate.get() as f64);
        let until = {
            let mut taken_until = self
                .taken_until
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let from = taken_until.map_or(now, |taken| taken.max(now));
            let until = from + takes;
            *taken_until = Some(until);
            until
        };
        time::sleep_until(until).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_jobs_share_one_rate() {
        let throttle = Throttle::new(NonZeroU64::new(1000));
        let began = Instant::now();
        let job = async || {
            for _ in 0..5 {
                throttle.wait(500).await;
            }
        };
        tokio::join!(job(), job(), job(), job());
        assert_eq!(began.elapsed().as_secs(), 10, "10,000 bytes");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_read_while_nobody_read_is_not_made_up_for() {
        let throttle = Throttle::new(NonZeroU64::new(1000));
        throttle.wait(1000).await;
        time::sleep(Duration::from_secs(100)).await;
        let began = Instant::now();
        throttle.wait(5000).await;
        assert_eq!(began.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_nobody_waits() {
        let began = Instant::now();
        Throttle::new(None).wait(usize::MAX).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
