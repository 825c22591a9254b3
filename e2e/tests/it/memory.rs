//! Memory: it grows with the number of clients, not with what they push and pull.

use std::fs;

use wharf_e2e::client::{Client, Noise};
use wharf_e2e::config::Config;
use wharf_e2e::registry::Registry;

#[test]
fn sixteen_clients_at_once_fit_into_64_mib() {
    let mebibytes = if std::env::var("WHARF_E2E_FULL").as_deref() == Ok("1") {
        1024
    } else {
        64
    };
    let registry = Registry::start(Config::new());

    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let port = registry.port();
            scope.spawn(move || push_and_pull(port, client, mebibytes));
        }
    });

    let peak = peak_of(registry.id());
    println!("{CLIENTS} clients with {mebibytes} MiB each: {peak} KiB at the peak");
    assert!(
        peak < LIMIT,
        "{peak} KiB at the peak, not below {LIMIT} KiB"
    );
}

/// Moves one layer that nobody else has, there and back.
fn push_and_pull(port: u16, client: u64, mebibytes: u64) {
    let repository = format!("load/client-{client}");
    let mut connection = Client::connect(port);
    let upload = connection.start_upload(&repository);
    let (upload, digest) = connection.append_noise(&upload, &Noise::new(client, mebibytes));
    let _ = connection.finish_upload(&upload, &digest).expect(201);

    let (length, pulled) = connection.pull_blob(&repository, &digest);

    assert_eq!(length, mebibytes * 1024 * 1024);
    assert_eq!(pulled, digest);
}

/// The most that a process ever had in memory, in KiB: the kernel keeps count.
fn peak_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let amount = line.unwrap().trim().trim_end_matches(" kB");
    amount.parse().unwrap()
}

const CLIENTS: u64 = 16;
/// In KiB.
const LIMIT: u64 = 64 * 1024;
