//! What a scenario is measured by, what Distribution 3.1.1 did, and what is to be reached.

use crate::sample::Sample;

/// A scenario's name and what its figures are compared by.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    /// The figure that the ratio is about.
    pub(crate) lead: Lead,
    /// That figure of Distribution 3.1.1.
    pub(crate) older: Older,
    pub(crate) goal: Option<Goal>,
    pub(crate) limit: Option<Limit>,
}

/// What Distribution 3.1.1 did, measured earlier on a machine of the same kind.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Older {
    pub(crate) figure: Option<f64>,
    /// What 2.8.2 did in the same run, if that is known.
    peer: Option<f64>,
}

impl Older {
    /// What 3.1.1 would do now, if the machine treats it as it treats 2.8.2, which does this now.
    pub(crate) fn scaled(self, peer: f64) -> Option<f64> {
        Some(self.figure? * peer / self.peer?)
    }
}

impl From<Option<f64>> for Older {
    fn from(figure: Option<f64>) -> Self {
        Self { figure, peer: None }
    }
}

impl From<f64> for Older {
    fn from(figure: f64) -> Self {
        Some(figure).into()
    }
}

/// 3.1.1's figure and 2.8.2's of the same run.
impl From<(f64, f64)> for Older {
    fn from((figure, peer): (f64, f64)) -> Self {
        Self {
            figure: Some(figure),
            peer: Some(peer),
        }
    }
}

/// What rate and CPU are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// MB/s, and seconds of CPU per GiB.
    Bytes,
    /// So many of these per second, and microseconds of CPU for each.
    Each(&'static str),
    /// Seconds, and seconds of CPU.
    Seconds,
    /// Milliseconds, and milliseconds of CPU.
    Milliseconds,
}

impl Unit {
    fn more_is_better(self) -> bool {
        matches!(self, Self::Bytes | Self::Each(_))
    }
}

/// One of a sample's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lead {
    Rate,
    Cpu,
    P50,
    P99,
    Peak,
}

impl Lead {
    /// Its word in the table.
    pub(crate) fn word(self, unit: Unit) -> &'static str {
        match self {
            Self::Rate if unit.more_is_better() => "speed",
            Self::Rate => "time",
            Self::Cpu => "CPU",
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::Peak => "memory",
        }
    }

    /// Its value in a sample.
    pub(crate) fn of(self, sample: &Sample) -> Option<f64> {
        match self {
            Self::Rate => sample.rate,
            Self::Cpu => sample.cpu,
            Self::P50 => sample.p50,
            Self::P99 => sample.p99,
            Self::Peak => sample.peak,
        }
    }
}

/// What is to be reached in the leading figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// So many times better than the better of 2.8.2 and 3.1.1.
    Times(f64),
    /// Not more than this, in the figure's unit.
    AtMost(f64),
}

/// What the machine could do with nothing but the work that cannot be left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limit {
    pub(crate) name: &'static str,
    /// The share of it that is to be reached, if that is a goal.
    pub(crate) share: Option<f64>,
}

/// How a figure stands to its goal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Standing {
    pub(crate) reached: bool,
    /// How many times better than the goal, less than 1 where it is missed.
    pub(crate) margin: f64,
}

impl Plan {
    /// A scenario that is counted in bytes and compared by CPU.
    pub(crate) fn bytes(name: impl Into<String>) -> Self {
        Self::new(name.into(), Unit::Bytes)
    }

    /// A scenario that is counted in requests (or what they are called) and compared by CPU.
    pub(crate) fn each(name: impl Into<String>, what: &'static str) -> Self {
        Self::new(name.into(), Unit::Each(what))
    }

    /// A scenario that takes seconds.
    pub(crate) fn seconds(name: impl Into<String>) -> Self {
        Self::new(name.into(), Unit::Seconds)
    }

    /// A scenario that takes milliseconds.
    pub(crate) fn milliseconds(name: impl Into<String>) -> Self {
        Self::new(name.into(), Unit::Milliseconds)
    }

    fn new(name: String, unit: Unit) -> Self {
        Self {
            name,
            unit,
            lead: Lead::Cpu,
            older: Older::default(),
            goal: None,
            limit: None,
        }
    }

    /// Compares by another figure.
    pub(crate) fn by(mut self, lead: Lead) -> Self {
        self.lead = lead;
        self
    }

    /// Sets what Distribution 3.1.1 did, if that is known, and how many times better the better of the two is to be surpassed.
    pub(crate) fn times(mut self, times: f64, older: impl Into<Older>) -> Self {
        self.older = older.into();
        self.goal = Some(Goal::Times(times));
        self
    }

    /// Sets what Distribution 3.1.1 did, and the most that the leading figure may be.
    pub(crate) fn at_most(mut self, most: f64, older: impl Into<Older>) -> Self {
        self.older = older.into();
        self.goal = Some(Goal::AtMost(most));
        self
    }

    /// Sets what Distribution 3.1.1 did.
    pub(crate) fn beside(mut self, older: f64) -> Self {
        self.older = older.into();
        self
    }

    /// Sets the limit, and the share of it that is to be reached.
    pub(crate) fn within(mut self, name: &'static str, share: impl Into<Option<f64>>) -> Self {
        self.limit = Some(Limit {
            name,
            share: share.into(),
        });
        self
    }

    /// How many times better the first figure is than the second.
    pub(crate) fn ratio(&self, lead: Lead, ours: f64, theirs: f64) -> f64 {
        if lead == Lead::Rate && self.unit.more_is_better() {
            ours / theirs
        } else {
            theirs / ours
        }
    }

    /// How the leading figure stands to the goal, given 2.8.2's in the same run.
    pub(crate) fn standing(&self, ours: &Sample, peer: Option<&Sample>) -> Option<Standing> {
        self.standing_to(ours, peer, self.older.figure)
    }

    /// The same with what 3.1.1 would do now, and that figure.
    pub(crate) fn standing_scaled(
        &self,
        ours: &Sample,
        peer: Option<&Sample>,
    ) -> Option<(Standing, f64)> {
        let Some(Goal::Times(_)) = self.goal else {
            return None;
        };
        let older = self.older.scaled(self.lead.of(peer?)?)?;
        Some((self.standing_to(ours, peer, Some(older))?, older))
    }

    fn standing_to(
        &self,
        ours: &Sample,
        peer: Option<&Sample>,
        older: Option<f64>,
    ) -> Option<Standing> {
        let ours = self.lead.of(ours)?;
        let margin = match self.goal? {
            Goal::AtMost(most) => most / ours,
            Goal::Times(times) => {
                // The better of the two is the one that is surpassed by less.
                let peer = peer.and_then(|peer| self.lead.of(peer));
                let ratio = peer
                    .into_iter()
                    .chain(older)
                    .map(|theirs| self.ratio(self.lead, ours, theirs))
                    .reduce(f64::min)?;
                ratio / times
            }
        };
        Some(Standing {
            reached: margin >= 1.0,
            margin,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rate: f64, cpu: f64) -> Sample {
        Sample {
            rate: Some(rate),
            cpu: Some(cpu),
            ..Sample::default()
        }
    }

    #[test]
    fn the_better_of_the_two_counts() {
        let plan = Plan::each("x", "requests").times(10.0, 100.0);
        let peer = sample(1.0, 500.0);
        let standing = plan.standing(&sample(1.0, 20.0), Some(&peer)).unwrap();
        assert!(!standing.reached);
        assert!((standing.margin - 0.5).abs() < 1e-9);
        let better_peer = sample(1.0, 50.0);
        let standing = plan
            .standing(&sample(1.0, 20.0), Some(&better_peer))
            .unwrap();
        assert!((standing.margin - 0.25).abs() < 1e-9);
    }

    #[test]
    fn on_a_machine_that_is_half_as_fast_3_1_1_counts_as_half_as_fast() {
        let plan = Plan::each("x", "requests").times(10.0, (100.0, 400.0));
        let (ours, peer) = (sample(1.0, 20.0), sample(1.0, 800.0));
        assert!((plan.standing(&ours, Some(&peer)).unwrap().margin - 0.5).abs() < 1e-9);
        let (standing, older) = plan.standing_scaled(&ours, Some(&peer)).unwrap();
        assert!(standing.reached && (standing.margin - 1.0).abs() < 1e-9);
        assert!((older - 200.0).abs() < 1e-9);
        // 2.8.2 was better than 3.1.1: it counts.
        let plan = Plan::each("x", "requests").times(10.0, (800.0, 400.0));
        let (standing, _) = plan.standing_scaled(&ours, Some(&peer)).unwrap();
        assert!((standing.margin - 4.0).abs() < 1e-9);
        let alone = Plan::each("x", "requests").times(10.0, 100.0);
        assert_eq!(alone.standing_scaled(&ours, Some(&peer)), None);
    }

    #[test]
    fn more_per_second_is_better_and_more_seconds_are_not() {
        let rate = Plan::each("x", "requests").by(Lead::Rate).times(2.0, 10.0);
        assert!(rate.standing(&sample(20.0, 1.0), None).unwrap().reached);
        let time = Plan::milliseconds("x").by(Lead::Rate).times(2.0, 10.0);
        assert!(time.standing(&sample(5.0, 1.0), None).unwrap().reached);
        assert!(!time.standing(&sample(6.0, 1.0), None).unwrap().reached);
    }

    #[test]
    fn a_ceiling_is_held_or_not() {
        let plan = Plan::milliseconds("x").by(Lead::Rate).at_most(2.0, None);
        assert!(plan.standing(&sample(2.0, 0.0), None).unwrap().reached);
        assert!(!plan.standing(&sample(2.1, 0.0), None).unwrap().reached);
        assert_eq!(Plan::bytes("x").standing(&sample(1.0, 1.0), None), None);
    }
}
