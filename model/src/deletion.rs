//! How a client deletes, and what that means for promises and for pushes that are under way.

use crate::lookup::Place;
use crate::scenario::{Deletion, Scenario};
use crate::state::{Deleting, State};
use crate::store::Object;

impl Scenario {
    /// One step of a deletion: a link is deleted where a lookup would find it, in every place in turn.
    pub(crate) fn delete_on(&self, state: &mut State, deletion: usize) {
        let link = match self.deletions[deletion] {
            Deletion::Tag(tag) => {
                state.deletions[deletion] = Deleting::Done;
                self.delete_tag(state, tag);
                return;
            }
            Deletion::Link(link) => link,
        };
        let (been, written) = match state.deletions[deletion] {
            Deleting::Begun { been, written } => (been, written),
            _ => (0, false),
        };
        self.cross(state, link);
        let steps = if self.fine {
            been..been + 1
        } else {
            0..self.places()
        };
        for step in steps.clone() {
            match self.place(step) {
                Place::Its => state.store.delete(link),
                Place::Trash => state.store.unlink(link),
            }
        }
        let been = steps.end;
        state.deletions[deletion] = match written {
            _ if been < self.places() => Deleting::Begun { been, written },
            true => Deleting::WrittenAgain,
            false => Deleting::Done,
        };
    }

    fn delete_tag(&self, state: &mut State, tag: usize) {
        state.promised_tags[tag] = false;
        state.set_tag(self, tag, None);
        state.pull = None;
    }

    /// A client deletes this: what it is part of is no longer promised, and pushes of it that are under way may come before or after.
    fn cross(&self, state: &mut State, link: Object) {
        for tag in 0..state.store.tags.len() {
            if let Some(named) = state.store.tags[tag].map(usize::from) {
                if self.images[named].link == link {
                    self.delete_tag(state, tag);
                } else {
                    state.crossed_tags[tag] |= self.images[named].whole().has(link);
                }
            }
        }
        for other in 0..self.images.len() {
            if self.images[other].whole().has(link) {
                state.promised &= !(1 << other);
            }
        }
        for push in 0..self.pushes.len() {
            let under_way = state.pushes[push].is_under_way();
            state.pushes[push].crossed |= under_way && self.concerns(push, link);
        }
        state.pull = None;
    }

    /// A push that takes a step while something of it is deleted may come before or after the deletion.
    pub(crate) fn meet_deletions(&self, state: &mut State, push: usize) {
        for (deletion, of) in self.deletions.iter().enumerate() {
            if let (Deletion::Link(link), Deleting::Begun { .. }) = (of, state.deletions[deletion])
            {
                state.pushes[push].crossed |= self.concerns(push, *link);
            }
        }
    }

    /// Whether the push is of something that `link` is part of.
    fn concerns(&self, push: usize, link: Object) -> bool {
        self.pushes[push].pushes(|image| self.images[image].whole().has(link))
    }

    /// What was deleted is there again, and rightly so.
    pub(crate) fn write_again(&self, state: &mut State, object: Object) {
        for (deletion, of) in self.deletions.iter().enumerate() {
            if !matches!(of, Deletion::Link(link) if *link == object) {
                continue;
            }
            match &mut state.deletions[deletion] {
                Deleting::Begun { written, .. } => *written = true,
                done @ Deleting::Done => *done = Deleting::WrittenAgain,
                Deleting::Not | Deleting::WrittenAgain => {}
            }
        }
    }
}
