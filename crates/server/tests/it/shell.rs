//! The command line, as a shell sees it: streams and exit codes.

use crate::test_registry::TestRegistry;

#[test]
fn the_version_is_one_line_with_the_name_it_was_called_by() {
    let registry = TestRegistry::new();
    for flag in ["--version", "-v"] {
        let ended = registry.run(&[flag]);
        assert_eq!((ended.code, ended.log.as_str()), (Some(0), ""));
        let words: Vec<&str> = ended.output.trim_end().split(' ').collect();
        let [program, name, version] = words[..] else {
            panic!("{:?}", ended.output);
        };
        assert_eq!(program, env!("CARGO_BIN_EXE_registry"));
        assert_eq!((name, version), ("wharf", env!("CARGO_PKG_VERSION")));
        assert_eq!(ended.output.matches('\n').count(), 1);
    }
}

#[test]
fn without_a_word_the_usage_goes_to_standard_error() {
    let ended = TestRegistry::new().run(&[]);
    assert_eq!((ended.code, ended.output.as_str()), (Some(0), ""));
    for word in [
        "Usage:",
        "serve",
        "garbage-collect",
        "completion",
        "--version",
    ] {
        assert!(ended.log.contains(word), "{word} in {}", ended.log);
    }
}

#[test]
fn help_goes_to_standard_output() {
    let registry = TestRegistry::new();
    for (arguments, word) in [
        (&["help"][..], "`registry`"),
        (&["--help"], "`registry`"),
        (
            &["help", "serve"],
            "`serve` stores and distributes Docker images",
        ),
        (
            &["serve", "--help"],
            "`serve` stores and distributes Docker images",
        ),
        (&["garbage-collect", "-h"], "--delete-untagged"),
        (
            &["help", "garbage-collect"],
            "do everything except remove the blobs",
        ),
    ] {
        let ended = registry.run(arguments);
        assert_eq!(
            (ended.code, ended.log.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
        assert!(ended.output.contains(word), "{word} in {}", ended.output);
    }
}

#[test]
fn every_shell_has_a_script() {
    let registry = TestRegistry::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let ended = registry.run(&["completion", shell]);
        assert_eq!((ended.code, ended.log.as_str()), (Some(0), ""), "{shell}");
        for word in ["garbage-collect", "serve", "registry"] {
            assert!(ended.output.contains(word), "{word} for {shell}");
        }
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let registry = TestRegistry::new();
    for arguments in [
        &["--version"][..],
        &["help"],
        &["serve", "--help"],
        &["completion", "bash"],
    ] {
        let ended = registry.run_on_full_disk(arguments);
        assert_eq!(ended.code, Some(1), "{arguments:?}");
        let line = "cannot write to standard output: No space left on device (os error 28)\n";
        assert_eq!(ended.log, line, "{arguments:?}");
        // Whoever closed the pipe does not want to hear.
        assert_eq!(
            registry.run_unheard(arguments).code,
            Some(0),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_mistake_is_told_and_the_code_is_1() {
    let registry = TestRegistry::new();
    for (arguments, told) in [
        (
            &["bogus"][..],
            "Error: unknown command \"bogus\" for \"registry\"",
        ),
        (&["--bogus"], "Error: unknown flag: --bogus"),
        (&["-x"], "Error: unknown shorthand flag: 'x' in -x"),
        (&["serve", "--bogus"], "Error: unknown flag: --bogus"),
        (&["garbage-collect", "--dry-run=perhaps"], "Error: "),
        (&["completion", "dos"], "Error: "),
        (&["completion"], "Error: "),
    ] {
        let ended = registry.run(arguments);
        assert_eq!(
            (ended.code, ended.output.as_str()),
            (Some(1), ""),
            "{arguments:?}"
        );
        assert!(ended.log.starts_with(told), "{arguments:?}: {}", ended.log);
        assert!(ended.log.contains(" --help' for usage.\n"), "{}", ended.log);
        assert_eq!(ended.log.lines().count(), 2, "{}", ended.log);
    }
    assert!(registry.run(&["help"]).output.contains("serve"));
}
