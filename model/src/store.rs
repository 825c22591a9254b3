//! The store: each thing in its place, in the trash, in both, or gone; and what each tag names.

use std::fmt;

/// A thing in the store, by its number in the [`Scenario`](crate::scenario::Scenario).
pub type Object = usize;

/// The most things that a scenario may have.
pub const MOST_OBJECTS: usize = 8;
/// The most tags.
pub const MOST_TAGS: usize = 2;

/// A set of things.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectSet(u8);

impl ObjectSet {
    /// The set with `object` too.
    #[must_use]
    pub fn with(self, object: Object) -> Self {
        Self(self.0 | 1 << object)
    }

    /// What is in either.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `object` is in the set.
    #[must_use]
    pub fn has(self, object: Object) -> bool {
        self.0 >> object & 1 == 1
    }

    /// The things in it, in their order.
    pub fn iter(self) -> impl Iterator<Item = Object> {
        (0..MOST_OBJECTS).filter(move |&object| self.has(object))
    }
}

impl fmt::Debug for ObjectSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}

/// Where one thing is. Two copies of the same content may lie in both places: it was pushed again after it was set aside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Spot {
    /// It is where Distribution would look for it.
    pub in_place: bool,
    /// It is in the trash.
    pub trash: Option<Entry>,
}

/// A thing in the trash. No clock is modelled: what matters of time is who asked before the thing was set aside, because when its lease
/// is over theirs is over too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// How much of its lease is left.
    pub lease: Lease,
    /// Set aside by the run that is under way. Only kept apart where a protocol without its safeguards would ask.
    pub by_this_run: bool,
    /// The pushes that had begun to ask when it was set aside.
    pub asked: u8,
    /// The pushes whose latest look at all parts had begun when it was set aside.
    pub looked: u8,
}

/// The lease of what is in the trash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lease {
    /// It runs.
    Running,
    /// It is over, but was not when the latest mark began.
    Over,
    /// It was over when the latest mark began.
    OverBeforeMark,
}

/// The store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Store {
    spots: [Spot; MOST_OBJECTS],
    /// Which image each tag names.
    pub tags: [Option<u8>; MOST_TAGS],
}

impl Store {
    /// Where `object` is.
    #[must_use]
    pub fn spot(&self, object: Object) -> Spot {
        self.spots[object]
    }

    /// What is known of `object` in the trash, to change it.
    pub fn trash_mut(&mut self, object: Object) -> &mut Option<Entry> {
        &mut self.spots[object].trash
    }

    /// Everything in the trash.
    pub fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.spots.iter_mut().filter_map(|spot| spot.trash.as_mut())
    }

    /// Whether `object` is in its place.
    #[must_use]
    pub fn is_in_place(&self, object: Object) -> bool {
        self.spots[object].in_place
    }

    /// Whether `object` is in its place or in the trash.
    #[must_use]
    pub fn is_somewhere(&self, object: Object) -> bool {
        self.is_in_place(object) || self.spots[object].trash.is_some()
    }

    /// A file is written elsewhere and renamed to its place: all or nothing, and whatever was there is replaced by the same content.
    pub fn write(&mut self, object: Object) {
        self.spots[object].in_place = true;
    }

    /// The collector renames a thing from its place to the trash. A copy that lay there already is no longer counted: the younger outlives it.
    pub fn set_aside(&mut self, object: Object, entry: Entry) {
        self.spots[object] = Spot {
            in_place: false,
            trash: Some(entry),
        };
    }

    /// A thing is renamed from the trash to its place. Of this and [`unlink`](Self::unlink) one comes first, and the other finds nothing.
    pub fn move_back(&mut self, object: Object) -> bool {
        let found = self.spots[object].trash.take().is_some();
        self.spots[object].in_place |= found;
        found
    }

    /// A thing in the trash is deleted for good.
    pub fn unlink(&mut self, object: Object) {
        self.spots[object].trash = None;
    }

    /// A client deletes a thing in its place.
    pub fn delete(&mut self, object: Object) {
        self.spots[object].in_place = false;
    }
}
