//! A log that cannot be written for a while: the service goes on, and says afterwards what is missing.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, prlimit};

use crate::house::process::{Process, tame};

#[test]
fn lines_that_a_full_disk_did_not_take_are_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let mut logging = Command::new("sh");
    logging.args([
        "-c",
        "trap '' XFSZ; exec \"$0\" >>log",
        env!("CARGO_BIN_EXE_vestibule"),
    ]);
    tame(&mut logging, folder.path());
    let process = Process::spawn(logging);
    let look = || {
        let page = process.call("GET", "/login").send();
        assert_eq!(page.status, 200);
    };
    let read = || std::fs::read_to_string(&log).expect("the log");
    let until = |what: &str| {
        let started = Instant::now();
        while !read().contains(what) {
            assert!(started.elapsed() < Duration::from_secs(10), "{}", read());
            look();
        }
    };
    until("\"route\":\"/login");
    // No file of this process may grow beyond what it has already: writing fails as on a full disk.
    let limit = |current| {
        let limit = Rlimit {
            current,
            maximum: None,
        };
        prlimit(Some(process.id()), Resource::Fsize, limit).expect("a limit");
    };
    limit(Some(1));
    let before = read();
    for _ in 0..20 {
        look();
    }
    limit(None);
    until("log_lines_dropped");
    let log = read();
    // What is there is whole, and the lines that are missing are the ones that were counted.
    assert!(log.starts_with(&before), "{log}");
    let told = log.lines().find(|line| line.contains("log_lines_dropped"));
    let told: serde_json::Value = serde_json::from_str(told.expect("a line")).expect("JSON");
    assert!(told["count"].as_u64().expect("a number") >= 1, "{told}");
    process.signal(Signal::TERM);
    assert_eq!(process.ended().0, Some(0));
}
