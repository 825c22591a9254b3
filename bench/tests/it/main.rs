//! The benchmark runs: two of its scenarios, small, against the real programmes. No figure is looked at.

use std::path::Path;
use std::process::Command;

use wharf_e2e::need;
use wharf_e2e::program::Program;

#[test]
fn a_quick_run_prints_a_line_for_each_contender() {
    let distribution = need!(Program::distribution());
    let text = quick(
        distribution.path(),
        &["GET /v2/, 32", "collect 1,000 blobs"],
    );
    let contenders = |scenario: &str| -> Vec<String> {
        let mut lines = text
            .lines()
            .skip_while(|line| !line.starts_with(&format!("| {scenario} |")));
        let first = lines.next().into_iter();
        first
            .chain(lines.take_while(|line| line.starts_with("|  |")))
            .filter_map(|line| line.split(" | ").nth(1).map(str::to_owned))
            .collect()
    };
    assert_eq!(
        contenders("GET /v2/, 32 connections"),
        ["Wharf", "2.8.2", "hyper hello"],
        "{text}"
    );
    assert_eq!(
        contenders("collect 1,000 blobs, dry run"),
        ["Wharf", "2.8.2"],
        "{text}"
    );
    assert_eq!(
        contenders("collect 1,000 blobs"),
        ["Wharf", "2.8.2", "unlink(2)"],
        "{text}"
    );
    assert_eq!(text.matches("| Wharf |").count(), 3, "{text}");
}

#[test]
fn a_name_that_no_scenario_has_is_refused() {
    let output = bench(Path::new("/bin/true"), &["no such thing"]);
    assert!(!output.status.success());
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("no scenario"), "{complaint}");
}

fn quick(distribution: &Path, filters: &[&str]) -> String {
    let output = bench(distribution, filters);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn bench(distribution: &Path, filters: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_wharf-bench"))
        .arg("--ours")
        .arg(Program::wharf().path())
        .arg("--peer")
        .arg(distribution)
        .arg("--quick")
        .args(filters)
        .output()
        .expect("the benchmark starts")
}
