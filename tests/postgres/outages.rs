//! PostgreSQL gone and back, under load.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::house::process::{Process, command};
use crate::house::{Answer, PASSWORD};
use crate::server::Server;

/// The longest that one request may wait, with room for a busy machine: for a connection, then for its statement.
const PATIENCE: Duration = Duration::from_secs(14);

/// How long the guard goes on without the database, in seconds.
const GRACE: u64 = 2;

/// How many put it under load.
const CLIENTS: usize = 6;

fn service(folder: &tempfile::TempDir, server: &Server) -> Process {
    let mut command = command(folder.path());
    command.envs([
        ("VESTIBULE_DATABASE_URL", server.url()),
        ("VESTIBULE_DATABASE_CONNECTIONS", "4".to_owned()),
        (
            "VESTIBULE_SERVER_SECRET",
            "a secret that is long enough".repeat(2),
        ),
        ("VESTIBULE_REVOCATION_GRACE", GRACE.to_string()),
        ("ROCKET_SHUTDOWN", "{grace=4,mercy=1}".to_owned()),
    ]);
    let process = Process::spawn(command);
    assert!(process.said.contains("ready"), "{}", process.said);
    process
}

/// Somebody whose client knows only what it was answered.
enum Kept {
    Account(String),
    /// The newest refresh token.
    Renewed(String),
    /// The access and the refresh token of a session that was left.
    Left(String, String),
}

/// Either what was asked for, or 503 in words, and soon.
fn granted(ask: impl FnOnce() -> Answer) -> Option<Answer> {
    let asked = Instant::now();
    let answer = ask();
    assert!(asked.elapsed() < PATIENCE, "{:?}", asked.elapsed());
    if answer.status == 503 {
        assert_eq!(answer.text_of("code"), "unavailable");
        assert!(answer.text_of("detail").contains("Try again"));
        assert_eq!(answer.header("Retry-After"), "5");
        return None;
    }
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
    Some(answer)
}

/// Registers, signs in, renews and leaves, and keeps what was acknowledged.
fn live(process: &Process, name: &str, kept: &Mutex<Vec<Kept>>) -> Option<()> {
    let keep = |one| kept.lock().expect("a list").push(one);
    let user = serde_json::json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
    granted(|| process.call("POST", "/auth/register").json(&user))?;
    keep(Kept::Account(name.to_owned()));
    let log_in = || {
        let form = [("username", name), ("password", PASSWORD)];
        process.call("POST", "/auth/token").form(&form)
    };
    let mut newest = granted(log_in)?.text_of("refresh_token");
    // Most of the time is spent waiting for the database, so that it goes in the middle of something.
    for _ in 0..20 {
        let Some(renewed) = granted(|| process.refresh(&newest)) else {
            keep(Kept::Renewed(newest));
            return None;
        };
        newest = renewed.text_of("refresh_token");
    }
    keep(Kept::Renewed(newest));
    let other = granted(log_in)?;
    let access = other.text_of("access_token");
    let leave = || process.call("POST", "/auth/logout").bearer(&access).send();
    granted(leave)?;
    keep(Kept::Left(access.clone(), other.text_of("refresh_token")));
    Some(())
}

fn assert_kept(process: &Process, kept: &[Kept]) {
    for one in kept {
        match one {
            Kept::Account(name) => assert_eq!(process.log_in(name), 200, "{name}"),
            Kept::Renewed(newest) => {
                let successor = process.refresh(newest).text_of("refresh_token");
                assert_eq!(process.refresh(newest).text_of("refresh_token"), successor);
            }
            Kept::Left(access, refresh) => {
                assert_eq!(process.status_of(access), 401);
                assert_eq!(process.refresh(refresh).status, 400);
            }
        }
    }
}

/// Asks the guard until it answers so, and says how long that took.
fn until(process: &Process, access: &str, status: u16) -> Duration {
    let started = Instant::now();
    loop {
        let asked = Instant::now();
        let seen = process.status_of(access);
        // The guard asks no database and waits for none.
        assert!(asked.elapsed() < Duration::from_secs(2));
        if seen == status {
            return started.elapsed();
        }
        assert!(matches!(seen, 200 | 503), "{seen}");
        assert!(started.elapsed() < Duration::from_secs(30), "still {seen}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Tells the others to stop, also when a test fails.
struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Takes the database away under load and gives it back: what the guard says meanwhile, and what is left afterwards.
fn outage(lasts: Duration, take: impl Fn(&Server), give_back: impl Fn(&Server)) {
    let (folder, server) = (tempfile::tempdir().expect("a folder"), Server::start());
    let process = service(&folder, &server);
    assert_eq!(process.register("ana"), 201);
    let access = process.token_of("ana");
    let (over, kept) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let refused = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (process, over, kept, refused) = (&process, &over, &kept, &refused);
        for client in 0..CLIENTS {
            scope.spawn(move || {
                let names = (0..).map(|number| format!("user-{client}-{number}"));
                for name in names.take_while(|_| !over.load(Ordering::Relaxed)) {
                    if live(process, &name, kept).is_none() {
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_secs(1));
        let over = Over(over);
        let taken = Instant::now();
        take(&server);
        // It goes on within the grace, then closes.
        until(process, &access, 503);
        let closed = taken.elapsed();
        assert!(
            closed > Duration::from_millis(1000 * GRACE - 900),
            "{closed:?}"
        );
        let secured = process.call("GET", "/secure-data").bearer(&access).send();
        assert_eq!(secured.text_of("code"), "unavailable");
        let ready = process.call("GET", "/health/ready").send();
        let live = process.call("GET", "/health/live").send();
        assert_eq!((ready.status, live.status), (503, 200));
        std::thread::sleep(lasts);
        assert!(
            refused.load(Ordering::Relaxed) >= CLIENTS,
            "some still wait"
        );
        give_back(&server);
        until(process, &access, 200);
        // Everything works again, not only the guard.
        let started = Instant::now();
        while process.log_in("ana") != 200 {
            assert!(started.elapsed() < PATIENCE, "nobody can sign in");
        }
        std::thread::sleep(Duration::from_millis(500));
        drop(over);
    });
    let kept = kept.into_inner().expect("a list");
    assert!(kept.len() > 10, "{} were acknowledged", kept.len());
    assert_kept(&process, &kept);
    process.signal(Signal::TERM);
    let (code, log) = process.ended();
    assert_eq!(code, Some(0));
    assert_told_once(&log);
}

/// The log says once that the database was lost and why, once that it is back, and no cause twice.
fn assert_told_once(log: &str) {
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line is JSON"));
    let told: Vec<_> = lines.filter(|line| line["event"] != "request").collect();
    let of = |event: &'static str| told.iter().filter(move |line| line["event"] == event);
    assert_eq!(
        (of("database_lost").count(), of("database_back").count()),
        (1, 1)
    );
    assert!(of("database_lost").all(|line| line["cause"].is_string()));
    let mut causes: Vec<_> = of("library")
        .map(|line| line["message"].to_string())
        .collect();
    causes.sort();
    let all = causes.len();
    causes.dedup();
    assert_eq!(causes.len(), all, "{causes:?}");
}

#[test]
fn a_postgres_that_stops_and_starts_again_loses_nothing() {
    outage(Duration::from_secs(7), Server::stop, Server::resume);
}

#[test]
fn a_postgres_that_hangs_keeps_nobody_waiting() {
    // Longer than anybody may wait.
    let lasts = PATIENCE + Duration::from_secs(1);
    let (take, give_back) = (Signal::STOP, Signal::CONT);
    outage(
        lasts,
        |server| server.signal(take),
        |server| server.signal(give_back),
    );
}

#[test]
fn a_postgres_that_hangs_does_not_keep_the_process_from_ending() {
    let (folder, server) = (tempfile::tempdir().expect("a folder"), Server::start());
    let process = service(&folder, &server);
    assert_eq!(process.register("ana"), 201);
    server.signal(Signal::STOP);
    let asked = Instant::now();
    assert_eq!(process.log_in("ana"), 503);
    assert!(asked.elapsed() < PATIENCE);
    let signalled = Instant::now();
    process.signal(Signal::TERM);
    assert_eq!(process.ended().0, Some(0));
    // The grace, and as long again for the connections.
    assert!(
        signalled.elapsed() < Duration::from_secs(12),
        "{:?}",
        signalled.elapsed()
    );
}
