//! Disks that are full and files that are locked, as the system has them: 503 with words, the cause once in the log,
//! and back again without anybody's help.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, prlimit};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::house::process::{Process, tame};
use crate::house::{Answer, PASSWORD};

/// The longest that a request may wait, with room for a busy machine.
const PATIENCE: Duration = Duration::from_secs(9);

fn logging_in(process: &Process) -> Answer {
    let form = [("username", "ana"), ("password", PASSWORD)];
    process.call("POST", "/auth/token").form(&form)
}

/// 503, soon, in words that say what to do and nothing of what is inside.
fn assert_unavailable(ask: impl Fn() -> Answer) {
    let asked = Instant::now();
    let answer = ask();
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.text_of("code"), "unavailable");
    assert!(answer.text_of("detail").contains("Try again"));
    assert_eq!(answer.header("Retry-After"), "5");
    assert!(asked.elapsed() < PATIENCE, "{:?}", asked.elapsed());
}

/// The cause stands once in the log, however many asked.
fn assert_told_once(process: Process, cause: &str) {
    process.signal(Signal::TERM);
    let (code, log) = process.ended();
    assert_eq!(code, Some(0), "{log}");
    let told = log.lines().filter(|line| line.contains(cause)).count();
    assert_eq!(told, 1, "{log}");
}

#[test]
fn a_disk_that_takes_no_more_is_503_until_it_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = Process::start(folder.path());
    assert_eq!(process.register("ana"), 201);
    let access = process.token_of("ana");
    drop(process);
    // No file of this process may grow beyond 64 KiB (128 blocks of 512 bytes), and the database's log is longer
    // already. The signal that would come with it is ignored, so that writing fails as on a full disk.
    let mut limited = Command::new("sh");
    limited.args([
        "-c",
        "trap '' XFSZ; ulimit -S -f 128; exec \"$0\"",
        env!("CARGO_BIN_EXE_vestibule"),
    ]);
    tame(&mut limited, folder.path());
    let process = Process::spawn(limited);
    assert!(process.said.contains("ready"), "{}", process.said);
    for _ in 0..5 {
        assert_unavailable(|| logging_in(&process));
        assert_eq!(process.register("bob"), 503);
    }
    // Who only reads does not notice.
    assert_eq!(process.status_of(&access), 200);
    let ready = process.call("GET", "/health/ready").send();
    assert_eq!(ready.status, 200);
    // Somebody makes room.
    let room = Rlimit {
        current: None,
        maximum: None,
    };
    prlimit(Some(process.id()), Resource::Fsize, room).expect("room");
    assert_eq!(process.log_in("bob"), 401);
    assert_eq!((process.register("bob"), process.log_in("ana")), (201, 200));
    assert_told_once(process, "database: ");
}

#[test]
fn a_file_that_another_process_locks_is_503_until_it_lets_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = Process::start(folder.path());
    assert_eq!(process.register("ana"), 201);
    let access = process.token_of("ana");
    let file = folder.path().join("data/vestibule.db");
    let runtime = rocket::tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let options = SqliteConnectOptions::new().filename(file);
    let mut holder = runtime
        .block_on(SqliteConnection::connect_with(&options))
        .expect("the file opens");
    let mut say = |sql: &'static str| {
        runtime
            .block_on(sqlx::query(sql).execute(&mut holder))
            .expect("done");
    };
    say("begin immediate");
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| assert_unavailable(|| logging_in(&process)));
        }
        // Who only reads does not notice.
        assert_eq!(process.status_of(&access), 200);
        let sessions = process.call("GET", "/auth/sessions").bearer(&access).send();
        assert_eq!(sessions.status, 200);
    });
    say("rollback");
    assert_eq!((process.register("bob"), process.log_in("ana")), (201, 200));
    assert_told_once(process, "locked");
}
