//! What a command line means, and what is said of one that means nothing.

use super::*;

fn parse(line: &str) -> Result<Command, CliExit> {
    Command::parse_from(line.split_whitespace().map(OsString::from))
}

fn exit(line: &str) -> CliExit {
    parse(line).unwrap_err()
}

#[test]
fn the_grammar_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn serve_takes_a_configuration_and_reads_over_the_rest() {
    for (line, config) in [
        ("registry serve", None),
        ("registry serve /etc/config.yml", Some("/etc/config.yml")),
        ("registry serve a.yml b c", Some("a.yml")),
        ("registry serve -- a.yml", Some("a.yml")),
    ] {
        let Ok(Command::Serve(ServeArgs { config: actual, .. })) = parse(line) else {
            panic!("{line}");
        };
        assert_eq!(actual, config.map(PathBuf::from), "{line}");
    }
}

#[test]
fn an_empty_path_is_a_path() {
    let line = ["registry", "serve", ""].map(OsString::from);
    let parsed = Command::parse_from(line).unwrap();
    let Command::Serve(ServeArgs { config, .. }) = parsed else {
        panic!("{parsed:?}");
    };
    assert_eq!(config, Some(PathBuf::new()));
}

#[test]
fn garbage_collect_takes_flags_anywhere() {
    for (line, flags) in [
        ("registry garbage-collect a.yml", [false, false, false]),
        ("registry garbage-collect -d a.yml", [true, false, false]),
        ("registry garbage-collect a.yml -m", [false, true, false]),
        (
            "registry garbage-collect --delete-untagged a.yml --quiet more",
            [false, true, true],
        ),
        ("registry garbage-collect -dm a.yml", [true, true, false]),
        (
            "registry garbage-collect -d -m -q a.yml",
            [true, true, true],
        ),
        (
            "registry garbage-collect --dry-run=false -m=true a.yml",
            [false, true, false],
        ),
    ] {
        let Ok(Command::GarbageCollect(arguments)) = parse(line) else {
            panic!("{line}");
        };
        let actual = [
            arguments.dry_run,
            arguments.delete_untagged,
            arguments.quiet,
        ];
        assert_eq!(
            (actual, arguments.config),
            (flags, Some("a.yml".into())),
            "{line}"
        );
    }
}

#[test]
fn the_version_is_one_line_with_the_program_s_own_name() {
    let text = format!("/bin/registry wharf {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        exit("/bin/registry --version"),
        CliExit::answer(text.clone())
    );
    assert_eq!(exit("/bin/registry -v"), CliExit::answer(text));
}

#[test]
fn without_a_command_the_usage_goes_to_standard_error_and_the_code_is_0() {
    let exit = exit("registry");
    assert_eq!((exit.stream, exit.code), (Stream::Error, 0));
    assert!(exit.text.contains("Usage: registry"), "{}", exit.text);
}

#[test]
fn help_goes_to_standard_output() {
    for line in [
        "registry help",
        "registry -h",
        "registry --help",
        "registry help garbage-collect",
        "registry garbage-collect -h",
    ] {
        let exit = exit(line);
        assert_eq!((exit.stream, exit.code), (Stream::Output, 0), "{line}");
        assert!(exit.text.contains("Usage: registry"), "{}", exit.text);
    }
    let text = exit("registry help garbage-collect").text;
    for words in [
        "`garbage-collect` deletes layers not referenced by any manifests",
        "-d, --dry-run",
        "do everything except remove the blobs",
        "delete manifests that are not currently referenced via tag",
        "silence output",
    ] {
        assert!(text.contains(words), "{text}");
    }
    assert!(!text.contains("IGNORED"), "{text}");
}

#[test]
fn verify_reads_everything_unless_it_is_told_otherwise() {
    let parsed = |line: &str| match parse(line) {
        Ok(Command::Verify(arguments)) => arguments,
        other => panic!("{line}: {other:?}"),
    };
    let plain = VerifyArgs {
        config: Some(PathBuf::from("a.yml")),
        repair: false,
        sizes_only: false,
        jobs: None,
        rate_limit: None,
        quiet: false,
    };
    assert_eq!(parsed("registry verify a.yml"), plain);
    let line = "registry verify --repair --sizes-only=true -j 4 --rate-limit 50MiB -q a.yml";
    let all = VerifyArgs {
        repair: true,
        sizes_only: true,
        jobs: NonZeroUsize::new(4),
        rate_limit: NonZeroU64::new(50 << 20),
        quiet: true,
        ..plain
    };
    assert_eq!(parsed(line), all);
    // Code 1 says that something is wrong with the store.
    for line in [
        "registry verify --x",
        "registry verify a.yml b.yml",
        "registry verify -j 0 a.yml",
    ] {
        assert_eq!(exit(line).code, 2, "{line}");
    }
}

#[test]
fn a_mistake_is_one_line_and_a_hint() {
    let table = [
        (
            "registry bogus",
            "unknown command \"bogus\" for \"registry\"",
            "registry",
        ),
        (
            "registry serv x.yml",
            "unknown command \"serv\" for \"registry\"",
            "registry",
        ),
        (
            "registry help bogus",
            "unknown command \"bogus\" for \"registry\"",
            "registry",
        ),
        ("registry --x", "unknown flag: --x", "registry"),
        (
            "registry serve --x a.yml",
            "unknown flag: --x",
            "registry serve",
        ),
        (
            "registry serve a.yml --x=y",
            "unknown flag: --x",
            "registry serve",
        ),
        (
            "registry serve -q",
            "unknown shorthand flag: 'q' in -q",
            "registry serve",
        ),
        (
            "registry garbage-collect -x a.yml",
            "unknown shorthand flag: 'x' in -x",
            "registry garbage-collect",
        ),
        (
            "registry garbage-collect -d=maybe a.yml",
            "invalid value 'maybe' for '--dry-run[=<BOOL>]'; use one of true, false",
            "registry garbage-collect",
        ),
        (
            "registry completion cmd",
            "invalid value 'cmd' for '<SHELL>'; use one of bash, elvish, fish, powershell, zsh",
            "registry completion",
        ),
        (
            "registry completion",
            "the following required arguments were not provided: <SHELL>",
            "registry completion",
        ),
    ];
    for (line, error, command) in table {
        let wanted = CliExit {
            text: format!("Error: {error}\nRun '{command} --help' for usage.\n"),
            stream: Stream::Error,
            code: 1,
        };
        assert_eq!(exit(line), wanted, "{line}");
    }
}

#[test]
fn every_shell_has_a_completion_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let Ok(Command::Completion(arguments)) = parse(&format!("registry completion {shell}"))
        else {
            panic!("{shell}");
        };
        assert!(arguments.script().contains("garbage-collect"), "{shell}");
    }
}
