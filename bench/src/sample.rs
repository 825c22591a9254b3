//! The figures of one contender in one round, and the median of several rounds.

use std::time::Duration;

use crate::load::Taken;

/// What was measured; absent is what has no meaning for the scenario.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sample {
    /// In the unit of the scenario.
    pub(crate) rate: Option<f64>,
    /// The server's time on the processor, in the unit of the scenario.
    pub(crate) cpu: Option<f64>,
    /// Half of the requests took less, in milliseconds.
    pub(crate) p50: Option<f64>,
    /// All but one in a hundred took less, in milliseconds.
    pub(crate) p99: Option<f64>,
    /// Memory, in MiB.
    pub(crate) peak: Option<f64>,
}

impl Sample {
    /// Figures of a load that is counted in bytes: MB/s and seconds of CPU per GiB.
    pub(crate) fn of_bytes(taken: &Taken) -> Self {
        let bytes = taken.bytes as f64;
        Self {
            rate: Some(bytes / 1e6 / taken.wall.as_secs_f64()),
            cpu: Some(taken.cpu.as_secs_f64() / (bytes / GIB)),
            ..Self::of_latencies(taken)
        }
    }

    /// Figures of a load that is counted in requests: requests/s and microseconds of CPU for each.
    pub(crate) fn of_requests(taken: &Taken) -> Self {
        let jobs = taken.jobs as f64;
        Self {
            rate: Some(jobs / taken.wall.as_secs_f64()),
            cpu: Some(taken.cpu.as_secs_f64() * 1e6 / jobs),
            ..Self::of_latencies(taken)
        }
    }

    fn of_latencies(taken: &Taken) -> Self {
        Self {
            rate: None,
            cpu: None,
            p50: percentile(&taken.latencies, 50).map(milliseconds),
            p99: percentile(&taken.latencies, 99).map(milliseconds),
            peak: Some(mebibytes(taken.peak)),
        }
    }

    /// The median of each figure by itself.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let median =
            |figure: fn(&Self) -> Option<f64>| median(rounds.iter().filter_map(figure).collect());
        Self {
            rate: median(|sample| sample.rate),
            cpu: median(|sample| sample.cpu),
            p50: median(|sample| sample.p50),
            p99: median(|sample| sample.p99),
            peak: median(|sample| sample.peak),
        }
    }
}

/// The middle value; of an even number, the middle between the two.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values
        .get(values.len() / 2 - 1)
        .map(|lower| f64::midpoint(*lower, upper))
}

/// The smallest value that at least `percent` of the sorted values do not exceed (nearest rank).
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// In bytes.
pub(crate) const GIB: f64 = 1_073_741_824.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let values: Vec<Duration> = (1..=200).map(Duration::from_micros).collect();
        assert_eq!(percentile(&values, 50), Some(Duration::from_micros(100)));
        assert_eq!(percentile(&values, 99), Some(Duration::from_micros(198)));
        assert_eq!(percentile(&values[..1], 99), Some(Duration::from_micros(1)));
        assert_eq!(percentile(&[], 99), None);
    }

    #[test]
    fn each_figure_has_its_own_median() {
        let sample = |rate, cpu| Sample {
            rate: Some(rate),
            cpu: Some(cpu),
            ..Sample::default()
        };
        let median = Sample::median(&[sample(1.0, 9.0), sample(2.0, 7.0), sample(3.0, 8.0)]);
        assert_eq!(
            (median.rate, median.cpu, median.p50),
            (Some(2.0), Some(8.0), None)
        );
    }

    #[test]
    fn loads_become_figures() {
        let taken = Taken {
            jobs: 4,
            bytes: 1 << 30,
            wall: Duration::from_secs(2),
            cpu: Duration::from_millis(500),
            latencies: vec![Duration::from_millis(1); 4],
            peak: 3 << 20,
        };
        let requests = Sample::of_requests(&taken);
        assert_eq!((requests.rate, requests.cpu), (Some(2.0), Some(125_000.0)));
        let bytes = Sample::of_bytes(&taken);
        assert_eq!(
            (bytes.cpu, bytes.p99, bytes.peak),
            (Some(0.5), Some(1.0), Some(3.0))
        );
        assert!(bytes.rate.is_some_and(|rate| (rate - 536.87).abs() < 0.01));
    }
}
