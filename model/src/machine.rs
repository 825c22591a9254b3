//! Who can take which step, and what comes of it: the model as the checker sees it.

use stateright::{Model, Property};

use crate::collector::{self, Turn};
use crate::invariants;
use crate::push::Instruction;
use crate::scenario::Scenario;
use crate::state::{Deleting, End, Pull, State};
use crate::store::Object;

/// One step of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The next instruction of a push.
    Push(usize),
    /// A client uploads without asking.
    PushUnasked(usize),
    /// A client deletes something.
    Delete(usize),
    /// A client wants what is not in its place.
    Pull(Object),
    /// The lookup goes on.
    PullOn,
    /// A lease is over.
    LeaseEnds(Object),
    /// The collector takes a step.
    Collect(Turn),
}

impl Model for Scenario {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(self)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for push in 0..self.pushes.len() {
            let at = state.pushes[push];
            if at.end.is_some() {
                continue;
            }
            actions.push(Action::Push(push));
            if let Instruction::Look {
                unasked: Some(_), ..
            } = self.instruction(push, at.at)
                && at.looked == 0
            {
                actions.push(Action::PushUnasked(push));
            }
        }
        let not_deleted = |&deletion: &usize| {
            matches!(
                state.deletions[deletion],
                Deleting::Not | Deleting::Begun { .. }
            )
        };
        actions.extend(
            (0..self.deletions.len())
                .filter(not_deleted)
                .map(Action::Delete),
        );
        match state.pull {
            None if self.pulls => {
                let wanted = state.promised_objects(self).iter();
                let not_in_place = wanted.filter(|&object| !state.store.is_in_place(object));
                actions.extend(not_in_place.map(Action::Pull));
            }
            Some(pull) if !pull.in_vain => actions.push(Action::PullOn),
            _ => {}
        }
        let leases = 0..self.things.len();
        actions.extend(
            leases
                .filter(|&object| collector::lease_may_end(self, state, object))
                .map(Action::LeaseEnds),
        );
        let mut turns = Vec::new();
        collector::turns(self, state, &mut turns);
        actions.extend(turns.into_iter().map(Action::Collect));
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = *before;
        match action {
            Action::Push(push) => self.push_on(&mut state, push),
            Action::PushUnasked(push) => {
                if let Instruction::Look {
                    unasked: Some(upload),
                    ..
                } = self.instruction(push, state.pushes[push].at)
                {
                    self.go_to(&mut state, push, upload);
                }
            }
            Action::Delete(deletion) => self.delete_on(&mut state, deletion),
            Action::Pull(object) => {
                state.pull = Some(Pull {
                    object,
                    looked: 1,
                    in_vain: false,
                });
            }
            Action::PullOn => self.pull_on(&mut state),
            Action::LeaseEnds(object) => collector::end_lease(&mut state, object),
            Action::Collect(turn) => collector::take(self, &mut state, turn),
        }
        if self.twins {
            state.order_pushes();
        }
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        invariants::all()
    }
}

impl Scenario {
    fn push_on(&self, state: &mut State, push: usize) {
        self.meet_deletions(state, push);
        match self.instruction(push, state.pushes[push].at) {
            Instruction::Look {
                object,
                asker,
                begins,
                found,
                gone,
                ..
            } => {
                if begins && state.pushes[push].looked == 0 {
                    forget_earlier_look(state, push);
                }
                match self.look(state, push, object, asker) {
                    Some(true) => self.go_to(state, push, found),
                    Some(false) => self.go_to(state, push, gone),
                    None => state.pushes[push].looked += 1,
                }
            }
            Instruction::Write(object) => {
                state.store.write(object);
                self.write_again(state, object);
                self.go_on(state, push);
            }
            Instruction::Tag(_, look) if state.pushes[push].slow => self.go_to(state, push, look),
            Instruction::Tag(image, _) => {
                if let Some(tag) = self.images[image].tag {
                    state.set_tag(self, tag, Some(image));
                    state.crossed_tags[tag] = state.pushes[push].crossed;
                }
                forget_earlier_look(state, push);
                self.go_on(state, push);
            }
            Instruction::TakeBack(link, image) => {
                state.store.delete(link);
                if let Some(tag) = self.images[image].tag
                    && state.store.tags[tag].map(usize::from) == Some(image)
                {
                    state.store.tags[tag] = None;
                }
                self.go_on(state, push);
            }
            Instruction::Acknowledge(image) => {
                if !state.pushes[push].crossed && !state.pushes[push].untagged {
                    state.promise(self, image);
                }
                self.go_on(state, push);
            }
            Instruction::Refuse | Instruction::End => {}
        }
    }

    fn go_on(&self, state: &mut State, push: usize) {
        let next = state.pushes[push].at + 1;
        self.go_to(state, push, next);
    }

    fn go_to(&self, state: &mut State, push: usize, next: u8) {
        let at = &mut state.pushes[push];
        (at.at, at.looked) = (next, 0);
        let excused = at.late || at.crossed;
        match self.instruction(push, next) {
            Instruction::End => state.end(push, End::Done),
            Instruction::Refuse if excused => state.end(push, End::Refused),
            Instruction::Refuse => state.end(push, End::RefusedInTime),
            _ => {}
        }
    }
}

/// A look begins anew, or its tag is written: the time it took so far no longer counts.
fn forget_earlier_look(state: &mut State, push: usize) {
    state.pushes[push].slow = false;
    for entry in state.store.entries_mut() {
        entry.looked &= !(1 << push);
    }
}
