//! Requests that belong together, sent in their order to a pair of servers of their own.

use std::collections::BTreeSet;

use wharf_e2e::config::Config;
use wharf_e2e::program::Program;
use wharf_e2e::raw::{self, Answer};
use wharf_e2e::registry::{Place, Registry};

use super::request::{Kept, Request, path_of};

/// A theme: its requests build on one another and on nothing else.
#[derive(Debug)]
pub(super) struct Scenario {
    theme: &'static str,
    phases: Vec<Phase>,
}

/// Requests under one configuration; the store stays from phase to phase.
#[derive(Debug)]
struct Phase {
    settings: Settings,
    requests: Vec<Request>,
}

/// What the configuration files of both servers say beyond address, store and secret.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// Lines below `storage`.
    pub(super) storage: &'static str,
    /// Lines below `http`.
    pub(super) http: &'static str,
    /// Other sections; `{passwords}` is the password file.
    pub(super) sections: &'static str,
}

/// A request and what each of the two said.
#[derive(Debug)]
pub(super) struct Pair {
    /// Theme and name of the request.
    pub(super) request: String,
    /// Distribution's answer, unless it closed the connection.
    pub(super) theirs: Option<Answer>,
    /// Ours.
    pub(super) ours: Option<Answer>,
}

impl Settings {
    /// A registry that allows everything.
    pub(super) const OPEN: Self = Self {
        storage: "  delete: { enabled: true }\n",
        http: "",
        sections: "",
    };
}

impl Scenario {
    pub(super) fn new(theme: &'static str, settings: Settings, requests: Vec<Request>) -> Self {
        Self {
            theme,
            phases: Vec::new(),
        }
        .then(settings, requests)
    }

    /// Goes on with a restart under another configuration.
    #[must_use]
    pub(super) fn then(mut self, settings: Settings, requests: Vec<Request>) -> Self {
        self.phases.push(Phase { settings, requests });
        self
    }

    /// Sends everything to both.
    ///
    /// # Panics
    ///
    /// If two requests have the same name.
    pub(super) fn run(self, distribution: &Program) -> Vec<Pair> {
        let Self { theme, phases } = self;
        let theirs = play(&phases, distribution);
        let ours = play(&phases, &Program::wharf());
        let requests = phases.iter().flat_map(|phase| &phase.requests);
        let mut names = BTreeSet::new();
        requests
            .zip(theirs.into_iter().zip(ours))
            .map(|(request, (theirs, ours))| {
                let request = format!("{theme}/{}", request.name);
                assert!(
                    names.insert(request.clone()),
                    "two requests are \"{request}\""
                );
                Pair {
                    request,
                    theirs,
                    ours,
                }
            })
            .collect()
    }
}

fn play(phases: &[Phase], program: &Program) -> Vec<Option<Answer>> {
    let mut answers = Vec::new();
    let mut kept = Kept::new();
    let mut place = Place::new(Config::new());
    for phase in phases {
        let passwords = place.configuration().with_file_name("passwords");
        std::fs::write(&passwords, PASSWORDS).unwrap();
        let yaml = phase.settings.yaml();
        let yaml = yaml.replace("{passwords}", &passwords.display().to_string());
        let registry = place.configured(Config::written(yaml)).start(program);
        for request in &phase.requests {
            answers.push(ask(&registry, request, &mut kept));
        }
        place = registry.stop();
    }
    answers
}

fn ask(registry: &Registry, request: &Request, kept: &mut Kept) -> Option<Answer> {
    let answer = raw::exchange(registry.port(), &request.bytes(kept));
    if let Some(name) = request.keeps {
        // Where a server gives none, what it said before still holds.
        if let Some(location) = answer.as_ref().and_then(|answer| answer.header("Location")) {
            kept.insert(name, path_of(&location));
        }
    }
    answer
}

impl Settings {
    fn yaml(&self) -> String {
        let Self {
            storage,
            http,
            sections,
        } = self;
        // A header of the operator's own shows which answers are those of a route.
        format!(
            "\
version: 0.1
log: {{ level: error }}
storage:
  cache: {{ blobdescriptor: inmemory }}
  filesystem: {{ rootdirectory: {{store}} }}
{storage}http:
  addr: {{address}}
  secret: the same for both
  headers: {{ X-Configured: [one, two] }}
{http}{sections}"
        )
    }
}

/// Alice's password is `open-sesame-7`; mallory's hash is of a kind that is not taken.
const PASSWORDS: &str = "\
# users

alice:$2y$04$v0SM50O2WPRWDxl6fWPpruUlrCJFSZYSB7z7n3jRM82n8K9bpoZCG
mallory:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=
";
