//! How a thing is looked for: in its place and in the trash, in turn, because it may be renamed from one to the other meanwhile.

use crate::protocol::Step;
use crate::push::Asker;
use crate::scenario::Scenario;
use crate::state::State;
use crate::store::Object;

/// Where a thing can be.
pub(crate) enum Place {
    /// Where Distribution would look for it.
    Its,
    /// Where the collector sets it aside.
    Trash,
}

impl Scenario {
    /// A look, or one step of it: whether the thing is there, if that is known now.
    pub(crate) fn look(
        &self,
        state: &mut State,
        push: usize,
        object: Object,
        asker: Asker,
    ) -> Option<bool> {
        let rescues = match asker {
            Asker::Head => self.protocol.has(Step::RescueByHead),
            Asker::Mount => self.protocol.has(Step::RescueByMount),
            Asker::Put => true,
        };
        let store = &mut state.store;
        if !self.fine {
            let in_trash = self.protocol.has(Step::FallBack) && store.spot(object).trash.is_some();
            let found = store.is_in_place(object) || in_trash;
            if found && rescues && !store.is_in_place(object) {
                store.move_back(object);
            }
            return Some(found);
        }
        let looked = state.pushes[push].looked;
        let found = match self.place(looked) {
            Place::Its => store.is_in_place(object),
            Place::Trash if rescues => store.move_back(object),
            Place::Trash => store.spot(object).trash.is_some(),
        };
        match found {
            true => Some(true),
            false if looked + 1 == self.places() => Some(false),
            false => None,
        }
    }

    /// Where a lookup goes first, second, and so on.
    pub(crate) fn place(&self, looked: u8) -> Place {
        match looked % 2 {
            0 => Place::Its,
            _ => Place::Trash,
        }
    }

    /// How many places a lookup goes to.
    pub(crate) fn places(&self) -> u8 {
        let protocol = self.protocol;
        match (
            protocol.has(Step::FallBack),
            protocol.has(Step::PlaceAgain),
            protocol.has(Step::TrashAgain),
        ) {
            (false, ..) => 1,
            (true, false, _) => 2,
            (true, true, false) => 3,
            (true, true, true) => 5,
        }
    }

    /// One step of a pull's lookup, which moves nothing.
    pub(crate) fn pull_on(&self, state: &mut State) {
        let Some(mut pull) = state.pull else {
            return;
        };
        let found = match self.place(pull.looked) {
            Place::Its => state.store.is_in_place(pull.object),
            Place::Trash => state.store.spot(pull.object).trash.is_some(),
        };
        pull.looked += 1;
        pull.in_vain = pull.looked == self.places();
        let excused = pull.in_vain && !state.promised_objects(self).has(pull.object);
        state.pull = (!found && !excused).then_some(pull);
    }
}
