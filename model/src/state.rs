//! One moment: the store, how far everybody is, and what has been promised to whom.

use crate::scenario::{ImageId, Scenario, Untagged};
use crate::store::{MOST_TAGS, Object, ObjectSet, Store};

/// The most pushes in a scenario.
pub const MOST_PUSHES: usize = 2;
/// The most deletions.
pub const MOST_DELETIONS: usize = 2;

/// One moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    /// What is where.
    pub store: Store,
    /// How far each push is.
    pub pushes: [Push; MOST_PUSHES],
    /// What the collector does.
    pub collector: Collector,
    /// The deletions.
    pub deletions: [Deleting; MOST_DELETIONS],
    /// The images that were acknowledged and, since then, neither deleted nor, where it counts, untagged.
    pub promised: u8,
    /// The tags that were acknowledged and not deleted.
    pub promised_tags: [bool; MOST_TAGS],
    /// The tags that name what a client deleted a part of, or was deleting while the tag was written.
    pub crossed_tags: [bool; MOST_TAGS],
    /// A lookup that did not find its thing in its place at once.
    pub pull: Option<Pull>,
}

/// A push, carried out by one of the servers. One that crashes, or whose client goes away, takes no more steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Push {
    /// The next instruction.
    pub at: u8,
    /// How many places a look has been to in vain.
    pub looked: u8,
    /// The lease of its client is over: it may be refused.
    pub late: bool,
    /// It has taken longer than a lease since its latest look began.
    pub slow: bool,
    /// Somebody deleted what it pushes meanwhile: it may be refused, and its 201 is as good as one from before.
    pub crossed: bool,
    /// Its tag was deleted or moved before it was acknowledged: its 201 is as good as one from before.
    pub untagged: bool,
    /// How it ended.
    pub end: Option<End>,
}

/// How a push ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// All was acknowledged.
    Done,
    /// It was late, or crossed a deletion, and was refused.
    Refused,
    /// It was in time and refused all the same.
    RefusedInTime,
}

impl Push {
    /// The client has begun to ask, and the push has not ended.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.end.is_none() && (self.at > 0 || self.looked > 0)
    }

    /// What the push is to remember of itself: nothing but its end.
    #[must_use]
    pub fn ended(end: End) -> Self {
        Self {
            end: Some(end),
            ..Self::default()
        }
    }
}

/// What the collector does. A crash leads back to `Idle`, from where another one begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Collector {
    /// Nothing.
    Idle,
    /// It walks from root to root.
    Marking {
        /// Whether manifest links are roots as well as tags.
        from_links: bool,
        /// The next root.
        next: u8,
        /// What was named so far.
        named: ObjectSet,
    },
    /// It sets aside, moves back and unlinks, in any order.
    Sweeping {
        /// Whether manifest links are left alone.
        spares_links: bool,
        /// What the mark named.
        named: ObjectSet,
        /// What was set aside already, where a run handles each thing once.
        handled: ObjectSet,
    },
}

/// How far a deletion is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Deleting {
    /// Not asked for.
    #[default]
    Not,
    /// It is under way.
    Begun {
        /// How many places it has been to.
        been: u8,
        /// Somebody wrote the same thing meanwhile.
        written: bool,
    },
    /// 202.
    Done,
    /// And after that somebody wrote the same thing again.
    WrittenAgain,
}

/// A lookup for a pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pull {
    /// What is wanted.
    pub object: Object,
    /// How many places it was not in.
    pub looked: u8,
    /// It was nowhere, though part of an image that was acknowledged all the time.
    pub in_vain: bool,
}

impl State {
    /// How it begins.
    #[must_use]
    pub fn first(scenario: &Scenario) -> Self {
        let mut state = Self {
            store: scenario.first_store(),
            pushes: [Push::default(); MOST_PUSHES],
            collector: Collector::Idle,
            deletions: [Deleting::default(); MOST_DELETIONS],
            promised: 0,
            promised_tags: [false; MOST_TAGS],
            crossed_tags: [false; MOST_TAGS],
            pull: None,
        };
        for &image in &scenario.standing {
            state.promise(scenario, image);
        }
        state
    }

    /// The image was acknowledged. Where untagged manifests go, that is worth something only while its tag names it.
    pub fn promise(&mut self, scenario: &Scenario, image: ImageId) {
        let tag = scenario.images[image].tag;
        if let Some(tag) = tag.filter(|&tag| self.store.tags[tag].is_some()) {
            self.promised_tags[tag] = true;
        }
        let names_it = tag.is_some_and(|tag| self.store.tags[tag].map(usize::from) == Some(image));
        if scenario.untagged == Untagged::Stays || names_it {
            self.promised |= 1 << image;
        }
    }

    /// Whether `image` must be whole now.
    #[must_use]
    pub fn is_promised(&self, image: ImageId) -> bool {
        self.promised >> image & 1 == 1
    }

    /// Everything that can be pulled now.
    #[must_use]
    pub fn promised_objects(&self, scenario: &Scenario) -> ObjectSet {
        let images = scenario.images.iter().enumerate();
        images
            .filter(|(image, _)| self.is_promised(*image))
            .fold(ObjectSet::default(), |all, (_, image)| {
                all.and(image.whole())
            })
    }

    /// Two pushes that are the same have no names: the one that got less far comes first.
    pub fn order_pushes(&mut self) {
        if self.pushes[0] <= self.pushes[1] {
            return;
        }
        self.pushes.swap(0, 1);
        let swapped = |bits: u8| bits & !3 | bits >> 1 & 1 | bits << 1 & 2;
        for entry in self.store.entries_mut() {
            entry.asked = swapped(entry.asked);
            entry.looked = swapped(entry.looked);
        }
    }

    /// Whether a lookup or a deletion is between two places.
    #[must_use]
    pub fn somebody_looks(&self) -> bool {
        let deletes = |deleting: &Deleting| matches!(deleting, Deleting::Begun { .. });
        self.pull.is_some()
            || self.pushes.iter().any(|push| push.looked > 0)
            || self.deletions.iter().any(deletes)
    }

    /// The pushes of which this holds, one bit each.
    #[must_use]
    pub fn pushes_that(&self, holds: impl Fn(usize, &Push) -> bool) -> u8 {
        (0..MOST_PUSHES)
            .filter(|&push| holds(push, &self.pushes[push]))
            .fold(0, |all, push| all | 1 << push)
    }

    /// Nothing needs to be remembered of a push that ended.
    pub fn end(&mut self, push: usize, end: End) {
        self.pushes[push] = Push::ended(end);
        for entry in self.store.entries_mut() {
            entry.asked &= !(1 << push);
            entry.looked &= !(1 << push);
        }
    }

    /// A tag names another image, or none: the one before is no longer promised where untagged manifests go.
    pub fn set_tag(&mut self, scenario: &Scenario, tag: usize, image: Option<ImageId>) {
        self.crossed_tags[tag] = false;
        self.store.tags[tag] = image.and_then(|image| u8::try_from(image).ok());
        if scenario.untagged != Untagged::Stays {
            for (number, program) in scenario.pushes.iter().enumerate() {
                let push = &mut self.pushes[number];
                let same = |pushed: ImageId| scenario.images[pushed].tag == Some(tag);
                push.untagged |= push.end.is_none() && program.has_written_tag(push, same);
            }
            for (other, _) in scenario
                .images
                .iter()
                .enumerate()
                .filter(|(other, of)| of.tag == Some(tag) && Some(*other) != image)
            {
                self.promised &= !(1 << other);
            }
        }
    }
}
