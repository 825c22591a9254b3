//! What the client and the server do for one push, as a list of steps on the store.

use std::ops::Range;

use crate::protocol::Step;
use crate::scenario::{Image, ImageId, Scenario, Thing, Verb};
use crate::state::Push;
use crate::store::{Object, ObjectSet};

/// One step. Where nothing else is said the next instruction follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instruction {
    /// Looks for a thing in its place, in the trash (moving it back), in its place again.
    Look {
        /// The thing.
        object: Object,
        /// On whose behalf.
        asker: Asker,
        /// It is the first of all parts: from here on the server counts the time of its PUT.
        begins: bool,
        /// Where to go on if it is there.
        found: u8,
        /// Where to go on if it is not.
        gone: u8,
        /// Where to go on if the client does not care to ask.
        unasked: Option<u8>,
    },
    /// Writes a thing to its place.
    Write(Object),
    /// Writes the image's tag; goes back to the look if that began too long ago.
    Tag(ImageId, u8),
    /// Deletes the image's link and its tag, as a refused push must not.
    TakeBack(Object, ImageId),
    /// 201.
    Acknowledge(ImageId),
    /// 404, `MANIFEST_BLOB_UNKNOWN`.
    Refuse,
    /// The push is over.
    End,
}

/// On whose behalf somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// HEAD of a blob or a manifest.
    Head,
    /// A mount.
    Mount,
    /// PUT of a manifest.
    Put,
}

/// All steps of one push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// In their order.
    pub instructions: Vec<Instruction>,
    taking_back: Vec<(ImageId, Range<usize>)>,
}

/// Where a push goes whose part is gone, until the place is known.
const REFUSED: u8 = u8::MAX;

impl Program {
    /// Spells out what a client does.
    #[must_use]
    pub fn of(scenario: &mut Scenario, verbs: &[Verb]) -> Self {
        let mut program = Self {
            instructions: Vec::new(),
            taking_back: Vec::new(),
        };
        // The answer "yes" to a HEAD of a manifest skips to behind its PUT, which is not known yet.
        let mut skips: Vec<(ImageId, Range<usize>)> = Vec::new();
        for &verb in verbs {
            match verb {
                Verb::HeadOrUpload(repository, blob) => {
                    let link = scenario.object(Thing::LayerLink(repository, blob));
                    let data = scenario.object(Thing::Data(blob));
                    program.ask(&[link, data], Asker::Head, None, [data, link]);
                }
                Verb::Mount { from, to, blob } => {
                    let source = scenario.object(Thing::LayerLink(from, blob));
                    let data = scenario.object(Thing::Data(blob));
                    let link = scenario.object(Thing::LayerLink(to, blob));
                    program.ask(&[source, data], Asker::Mount, Some(link), [data, link]);
                }
                Verb::HeadManifest(image) => {
                    let first = program.instructions.len();
                    program.head_manifest(scenario, &scenario.images[image]);
                    skips.push((image, first..program.instructions.len()));
                }
                Verb::Put(image) => {
                    program.put(scenario, image);
                    let behind = program.here();
                    for (_, skip) in skips.iter().filter(|(skipped, _)| *skipped == image) {
                        program.redirect(skip.end - 1, behind);
                    }
                }
            }
        }
        program.instructions.push(Instruction::End);
        program.take_back(scenario);
        program.instructions.push(Instruction::Refuse);
        let refused = program.here() - 1;
        for instruction in &mut program.instructions {
            if let Instruction::Look { gone, .. } = instruction
                && *gone == REFUSED
            {
                *gone = refused;
            }
        }
        program
    }

    /// Whether a push that is here has begun the look after which it writes its tag, and has not written it yet.
    #[must_use]
    pub fn is_about_to_tag(&self, push: &Push) -> bool {
        let tags = self.instructions.iter().enumerate();
        let mut looks = tags.filter_map(|(tag, instruction)| match instruction {
            Instruction::Tag(_, look) => Some((*look, tag)),
            _ => None,
        });
        looks.any(|(look, tag)| {
            let begun = push.at > look || (push.at == look && push.looked > 0);
            begun && usize::from(push.at) <= tag
        })
    }

    /// Whether a push that is here has written this tag and not been acknowledged yet.
    #[must_use]
    pub fn has_written_tag(&self, push: &Push, of: impl Fn(ImageId) -> bool) -> bool {
        let before = &self.instructions[..usize::from(push.at)];
        before
            .iter()
            .any(|instruction| matches!(instruction, Instruction::Tag(image, _) if of(*image)))
    }

    /// Whether this is pushed, among others.
    #[must_use]
    pub fn pushes(&self, wanted: impl Fn(ImageId) -> bool) -> bool {
        self.instructions.iter().any(
            |instruction| matches!(instruction, Instruction::Acknowledge(image) if wanted(*image)),
        )
    }

    fn here(&self) -> u8 {
        u8::try_from(self.instructions.len()).expect("programs are short")
    }

    fn write(&mut self, objects: &[Object]) {
        self.instructions
            .extend(objects.iter().map(|&object| Instruction::Write(object)));
    }

    /// Looks for all of `wanted`; then writes `link`, if any. If one is gone, or the client does not ask, uploads.
    fn ask(&mut self, wanted: &[Object], asker: Asker, link: Option<Object>, upload: [Object; 2]) {
        let first = self.instructions.len();
        let looks = wanted.len();
        let upload_at = u8::try_from(first + looks).expect("programs are short");
        let behind = upload_at + 2;
        for (index, &object) in wanted.iter().enumerate() {
            let last = index + 1 == looks;
            self.instructions.push(Instruction::Look {
                object,
                asker,
                begins: false,
                found: match (last, link) {
                    // The upload ends with writing the same link.
                    (true, Some(_)) => upload_at + 1,
                    (true, None) => behind,
                    (false, _) => self.here() + 1,
                },
                gone: upload_at,
                unasked: (index == 0 && asker == Asker::Head).then_some(upload_at),
            });
        }
        self.write(&upload);
    }

    /// The manifest's own link and bytes; its parts too, before the answer may be yes.
    fn head_manifest(&mut self, scenario: &Scenario, image: &Image) {
        let mut wanted = vec![image.link, image.bytes];
        if scenario.protocol.has(Step::DeepHead) {
            wanted.extend(image.parts.iter());
        }
        let no = self.here() + u8::try_from(wanted.len()).expect("programs are short");
        for object in wanted {
            self.instructions.push(Instruction::Look {
                object,
                asker: Asker::Head,
                begins: false,
                found: self.here() + 1,
                gone: no,
                unasked: None,
            });
        }
    }

    fn redirect(&mut self, at: usize, to: u8) {
        if let Instruction::Look { found, .. } = &mut self.instructions[at] {
            *found = to;
        }
    }

    fn put(&mut self, scenario: &Scenario, id: ImageId) {
        let image = &scenario.images[id];
        let protocol = scenario.protocol;
        let parts = if protocol.has(Step::DeepLook) {
            image.parts
        } else {
            image.named
        };
        let all = if protocol.has(Step::LookAtOwn) {
            parts.with(image.bytes).with(image.link)
        } else {
            parts
        };
        let mut look = self.look(scenario, parts);
        self.write(&[image.bytes, image.link]);
        let written = self.instructions.len();
        if protocol.has(Step::SecondLook) {
            look = self.look(scenario, all);
        }
        if image.tag.is_some() {
            self.instructions.push(Instruction::Tag(id, look));
            if protocol.has(Step::LookAfterTag) {
                self.look(scenario, all);
            }
        }
        if !protocol.has(Step::LeaveLink) {
            self.taking_back
                .push((id, written..self.instructions.len()));
        }
        self.instructions.push(Instruction::Acknowledge(id));
    }

    /// One look for each thing, from the top down: a tag protects its parts only while the manifest between them is there.
    fn look(&mut self, scenario: &Scenario, objects: ObjectSet) -> u8 {
        let first = self.here();
        let mut objects: Vec<Object> = objects.iter().collect();
        if scenario.protocol.has(Step::TopDown) {
            objects.reverse();
        }
        for (index, object) in objects.into_iter().enumerate() {
            self.instructions.push(Instruction::Look {
                object,
                asker: Asker::Put,
                begins: index == 0,
                found: self.here() + 1,
                gone: REFUSED,
                unasked: None,
            });
        }
        first
    }

    /// A refused push that takes back what it wrote does so behind the end.
    fn take_back(&mut self, scenario: &Scenario) {
        for (image, looks) in std::mem::take(&mut self.taking_back) {
            let taking_back = self.here();
            for instruction in &mut self.instructions[looks] {
                if let Instruction::Look { gone, .. } = instruction {
                    *gone = taking_back;
                }
            }
            let link = scenario.images[image].link;
            self.instructions.push(Instruction::TakeBack(link, image));
            self.instructions.push(Instruction::Refuse);
        }
    }
}
