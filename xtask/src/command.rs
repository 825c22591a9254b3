//! What was asked for: the command line, parsed.

/// One chore and its options.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Installs what the tests need, then runs every check there is.
    Test,
    /// The checks that need nothing but Rust.
    Check,
    /// The shape of the tree alone.
    Tidy,
    /// The container image.
    Image(ImageOptions),
    /// A base for the image, made from this machine's static busybox.
    BaseImage { tag: String },
    /// The benchmark against Distribution.
    Bench(BenchOptions),
    /// The counts of instructions, compared with the accepted ones or accepted.
    Count { write: bool },
    /// The list of chores.
    Help,
}

/// What `cargo xtask image` may be told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ImageOptions {
    pub(crate) base: Option<String>,
    pub(crate) tag: String,
    pub(crate) profile: Profile,
}

/// What `cargo xtask bench` may be told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BenchOptions {
    /// Everything small and once, to see that it works.
    pub(crate) quick: bool,
    /// Parts of the names of scenarios; none for all.
    pub(crate) filters: Vec<String>,
}

/// Which of cargo's profiles builds the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

impl Command {
    /// Reads the arguments after `cargo xtask`.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let Some(name) = arguments.next() else {
            return Ok(Self::Help);
        };
        if name == "bench" {
            return BenchOptions::parse(arguments).map(Self::Bench);
        }
        if name == "count" {
            return match arguments.collect::<Vec<_>>().as_slice() {
                [] => Ok(Self::Count { write: false }),
                [write] if write == "--write" => Ok(Self::Count { write: true }),
                _ => Err("`count` has only the option --write".to_owned()),
            };
        }
        let mut options = Options::parse(arguments)?;
        let command = match name.as_str() {
            "test" => Self::Test,
            "check" => Self::Check,
            "tidy" => Self::Tidy,
            "image" => Self::Image(ImageOptions {
                base: options.take("base"),
                tag: options.take("tag").unwrap_or_else(|| "wharf".to_owned()),
                profile: options
                    .take("profile")
                    .map_or(Ok(Profile::Release), |name| Profile::parse(&name))?,
            }),
            "base-image" => Self::BaseImage {
                tag: options
                    .take("tag")
                    .unwrap_or_else(|| "wharf-base".to_owned()),
            },
            "help" | "-h" | "--help" => Self::Help,
            _ => {
                return Err(format!(
                    "no chore is called \"{name}\"; `cargo xtask help` lists them"
                ));
            }
        };
        options.refuse_the_rest(&name)?;
        Ok(command)
    }
}

impl BenchOptions {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            quick: false,
            filters: Vec::new(),
        };
        for argument in arguments {
            match argument.strip_prefix("--") {
                Some("quick") => options.quick = true,
                Some(option) => return Err(format!("`bench` has no option --{option}")),
                None => options.filters.push(argument),
            }
        }
        Ok(options)
    }
}

impl Profile {
    fn parse(name: &str) -> Result<Self, String> {
        match name {
            "dev" => Ok(Self::Dev),
            "release" => Ok(Self::Release),
            _ => Err(format!("--profile is dev or release, not \"{name}\"")),
        }
    }
}

/// The names under which [`Command::parse`] knows the chores, for the check that documents name none that is not there.
pub(crate) const NAMES: [&str; 8] = [
    "test",
    "check",
    "tidy",
    "image",
    "base-image",
    "bench",
    "count",
    "help",
];

/// What `cargo xtask help` prints.
pub(crate) const HELP: &str = "\
Usage: cargo xtask <chore>

  test         install the Debian packages that the tests need, then run everything: formatting,
               shape, lints, tests, end-to-end tests, documentation
  check        the same without installing anything and without the end-to-end tests
  tidy         only the shape of the tree: arrows between crates, file sizes, headers, names, words
  image        build the container image [--base IMAGE] [--tag NAME] [--profile dev|release]
  base-image   build a base for the image from this machine's static busybox [--tag NAME]
  bench        compare with Distribution under load, and write docs/performance.md [--quick] [FILTER...]:
               with filters, parts of the names of scenarios, or with --quick nothing is written
  count        count instructions per request and compare them with bench/counts.txt, or [--write] them
  help         this list";

/// `--name value` and `--name=value`, not yet claimed by a chore.
struct Options(Vec<(String, String)>);

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Vec::new();
        while let Some(argument) = arguments.next() {
            let Some(option) = argument.strip_prefix("--") else {
                return Err(format!("\"{argument}\" is not an option"));
            };
            options.push(match option.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.to_owned()),
                None => {
                    let value = arguments
                        .next()
                        .ok_or_else(|| format!("--{option} wants a value"))?;
                    (option.to_owned(), value)
                }
            });
        }
        Ok(Self(options))
    }

    /// The last value given for the option.
    fn take(&mut self, name: &str) -> Option<String> {
        let (taken, left) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(option, _)| option == name);
        self.0 = left;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().next_back().map(|(_, value)| value)
    }

    fn refuse_the_rest(self, chore: &str) -> Result<(), String> {
        match self.0.first() {
            Some((option, _)) => Err(format!("`{chore}` has no option --{option}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn every_name_is_a_chore_and_stands_in_the_help() {
        for name in NAMES {
            assert!(parse(name).is_ok(), "{name}");
            assert!(HELP.contains(&format!("\n  {name} ")), "{name}");
        }
        assert_eq!(parse(""), Ok(Command::Help));
    }

    #[test]
    fn options_are_read_in_both_forms() {
        let expected = Command::Image(ImageOptions {
            base: Some("wharf-base".to_owned()),
            tag: "mine:1".to_owned(),
            profile: Profile::Dev,
        });
        assert_eq!(
            parse("image --base wharf-base --tag=mine:1 --profile dev"),
            Ok(expected)
        );
    }

    #[test]
    fn a_benchmark_is_filtered_by_names() {
        let expected = Command::Bench(BenchOptions {
            quick: true,
            filters: vec!["pull".to_owned(), "collect".to_owned()],
        });
        assert_eq!(parse("bench pull --quick collect"), Ok(expected));
        assert_eq!(parse("count --write"), Ok(Command::Count { write: true }));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in [
            "push",
            "test --fast 1",
            "image wharf",
            "image --tag",
            "bench --fast",
            "count twice",
            "image --profile quick",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
