//! The program itself before thousands of connections: they cost their owners, not those who are served.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod house;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use house::process::{Process, tame};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

/// The program, started with this limit of open files, as `ulimit` understands it.
fn with_files(folder: &std::path::Path, limit: &str) -> Process {
    let mut shell = Command::new("sh");
    let script = format!("ulimit {limit}; exec \"$0\"");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_vestibule")]);
    tame(&mut shell, folder);
    Process::spawn(shell)
}

/// Connections that each begin with these bytes and then rest.
fn resting(process: &Process, number: usize, beginning: &str) -> Vec<TcpStream> {
    let address = process.origin.trim_start_matches("http://");
    let connect = |_| {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.write_all(beginning.as_bytes()).expect("sent");
        stream
    };
    (0..number).map(connect).collect()
}

/// How long somebody waits for what is guarded, on a connection of its own.
fn wait(process: &Process, token: &str) -> Duration {
    let asked = Instant::now();
    assert_eq!(process.status_of(token), 200);
    asked.elapsed()
}

/// This process needs as many files as the crowd has connections.
fn raise_our_limit() {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current, ..limit }).expect("raised");
    assert!(
        current.is_none_or(|most| most >= 4096),
        "these tests open 3,000 files: raise the hard limit (ulimit -Hn)"
    );
}

#[test]
fn thousands_of_idle_connections_keep_nobody_from_being_served() {
    raise_our_limit();
    let folder = tempfile::tempdir().expect("a folder");
    // The usual soft limit, and less than the crowd: the program has to raise its own.
    let process = with_files(folder.path(), "-S -n 256");
    assert_eq!(process.register("ana"), 201);
    let token = process.token_of("ana");
    let silent = resting(&process, 700, "");
    let half = "GET /login HTTP/1.1\r\nHost: localhost\r\nX-";
    let half = resting(&process, 700, half);
    let kept = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut kept = resting(&process, 700, kept);
    for stream in &mut kept {
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 200");
    }
    let longest = (0..50)
        .map(|_| wait(&process, &token))
        .max()
        .expect("waits");
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    assert_eq!((process.register("bob"), process.log_in("bob")), (201, 200));
    drop((silent, half, kept));
}

/// They come faster than they are taken: here, while the program does not run at all.
#[test]
fn a_burst_of_connections_waits_to_be_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = Process::start(folder.path());
    let address = process.origin.trim_start_matches("http://");
    let address = address.parse().expect("an address");
    process.signal(Signal::STOP);
    // Shorter than the second after which a system tries again for whom the queue had no room.
    let soon = Duration::from_millis(900);
    let burst = (0..500).map(|_| TcpStream::connect_timeout(&address, soon));
    let burst: Result<Vec<TcpStream>, _> = burst.collect();
    process.signal(Signal::CONT);
    assert_eq!(burst.expect("room for everyone").len(), 500);
    assert_eq!(process.register("ana"), 201);
}

#[test]
fn connections_that_come_and_go_keep_nobody_from_being_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = Process::start(folder.path());
    assert_eq!(process.register("ana"), 201);
    let token = process.token_of("ana");
    let opened = AtomicUsize::new(0);
    let until = Instant::now() + Duration::from_secs(2);
    let waits = std::thread::scope(|all| {
        for _ in 0..2 {
            all.spawn(|| {
                while Instant::now() < until {
                    opened.fetch_add(resting(&process, 50, "G").len(), Ordering::Relaxed);
                }
            });
        }
        let mut waits = Vec::new();
        while Instant::now() < until {
            waits.push(wait(&process, &token));
        }
        waits
    });
    assert!(opened.into_inner() > 200, "that was no crowd");
    let longest = waits.iter().max().expect("waits");
    assert!(longest < &Duration::from_secs(2), "{longest:?}");
}

#[test]
fn when_files_run_out_it_is_said_and_passes_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = with_files(folder.path(), "-n 64");
    assert_eq!(process.register("ana"), 201);
    let token = process.token_of("ana");
    let crowd = resting(&process, 100, "");
    let waiting = std::thread::scope(|all| {
        let waiting = all.spawn(|| process.status_of(&token));
        // It waits behind them, and is served when they go.
        drop(crowd);
        waiting.join().expect("an answer")
    });
    assert_eq!((waiting, process.log_in("ana")), (200, 200));
    process.signal(Signal::KILL);
    let (_, log) = process.ended();
    assert!(log.contains("Too many open files"), "{log}");
}
