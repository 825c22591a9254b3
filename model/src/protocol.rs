//! The protocol's steps, each of which can be left out, to see what it is for.

/// What a push, a pull or the collector does, and must not leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A push looks at every part again after it wrote its link and before it writes its tag.
    SecondLook,
    /// A push looks at every part again after it wrote its tag.
    LookAfterTag,
    /// The looks at an index go down to the parts of its children.
    DeepLook,
    /// The looks go from the top down: the manifest's link first, what it names after it.
    TopDown,
    /// The looks take in the manifest's own bytes and link.
    LookAtOwn,
    /// A tag is written only within a lease from the beginning of the look before it; else the look is repeated.
    TagInTime,
    /// Unlinked is only what a mark left unnamed that began after it was set aside.
    SecondMark,
    /// That mark began when the lease was over.
    MarkAfterLease,
    /// Unlinked is only what has lain in the trash for a lease.
    Lease,
    /// Whoever looks for a thing and does not find it in its place looks in the trash.
    FallBack,
    /// And then in its place again.
    PlaceAgain,
    /// And once more in the trash and in its place.
    TrashAgain,
    /// A HEAD moves back what it finds in the trash.
    RescueByHead,
    /// A mount moves back what it finds in the trash.
    RescueByMount,
    /// A HEAD of a manifest says yes only when its parts are there too, and moves them back.
    DeepHead,
    /// What a mark named is moved back.
    MoveBack,
    /// Every mark begins from the tags; the ordinary one from the manifest links as well.
    MarkFromTags,
    /// A run for which manifest links are roots sets none aside.
    SpareLinks,
    /// A refused push leaves its link and its tag where they are.
    LeaveLink,
}

/// The protocol, perhaps with steps left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Protocol {
    left_out: u32,
}

impl Protocol {
    /// Nothing left out.
    #[must_use]
    pub fn whole() -> Self {
        Self::default()
    }

    /// This step left out too.
    #[must_use]
    pub fn without(self, step: Step) -> Self {
        Self {
            left_out: self.left_out | 1 << step as u32,
        }
    }

    /// Whether the step is taken.
    #[must_use]
    pub fn has(self, step: Step) -> bool {
        self.left_out >> (step as u32) & 1 == 0
    }
}
