//! Disks that are full and files that are locked, as the system has them: 503 with words, the cause once in the log,
//! and back again without anybody's help.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, prlimit};

use crate::house::busy::Busy;
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

/// How a disk is made to take no more.
enum Disk {
    /// It is a small one of the program's own, and filled up.
    Small,
    /// Where nobody may mount one: no file of the program's may grow. The system says something else then ("File too
    /// large"), but refuses the same writes.
    Limited,
}

impl Disk {
    #[expect(clippy::print_stdout, reason = "which one it is, is said")]
    fn of_this_machine(folder: &Path) -> Self {
        let mut mount = own_mounts();
        mount.args(["mount", "-t", "tmpfs", "tmpfs"]).arg(folder);
        let why = match mount.output() {
            Ok(done) if done.status.success() => {
                println!("A tmpfs of 3 MiB is filled up.");
                return Self::Small;
            }
            Ok(done) => String::from_utf8_lossy(&done.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        println!("No disk is filled up, the size of files is limited instead: {why}");
        Self::Limited
    }

    /// The program on it.
    fn command(&self, folder: &Path) -> Command {
        let (mut command, script) = match self {
            Self::Small => (
                own_mounts(),
                "mkdir data && mount -t tmpfs -o size=3m,mode=700 tmpfs data && exec \"$0\"",
            ),
            // The signal that would come with it is ignored, so that writing fails.
            Self::Limited => (Command::new("env"), "trap '' XFSZ; exec \"$0\""),
        };
        command.args(["sh", "-c", script, env!("CARGO_BIN_EXE_vestibule")]);
        tame(&mut command, folder);
        command
    }

    fn fill(&self, process: &Process) {
        match self {
            Self::Small => {
                let mut ballast = File::create(ballast(process)).expect("a file");
                let full = loop {
                    if let Err(error) = ballast.write_all(&[0; 4096]) {
                        break error;
                    }
                };
                assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
            }
            // The database's log is longer than 64 KiB already.
            Self::Limited => limit_files(process, Some(64 * 1024)),
        }
    }

    /// As somebody does who looks after it.
    fn make_room(&self, process: &Process) {
        match self {
            Self::Small => fs::remove_file(ballast(process)).expect("removed"),
            Self::Limited => limit_files(process, None),
        }
    }
}

/// A command with mounts that nobody else sees. Who is not root may make some in a world of their own, on most machines.
fn own_mounts() -> Command {
    let mut unshare = Command::new("unshare");
    let root = rustix::process::geteuid().is_root();
    unshare.arg(if root { "-m" } else { "-rm" });
    unshare
}

/// A file on the program's own disk, as others find it.
fn ballast(process: &Process) -> PathBuf {
    let id = process.id().as_raw_nonzero();
    PathBuf::from(format!("/proc/{id}/cwd/data/ballast"))
}

fn limit_files(process: &Process, most: Option<u64>) {
    let limit = Rlimit {
        current: most,
        maximum: None,
    };
    prlimit(Some(process.id()), Resource::Fsize, limit).expect("a limit");
}

#[test]
fn a_disk_that_takes_no_more_is_503_until_it_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::of_this_machine(folder.path());
    let process = Process::spawn(disk.command(folder.path()));
    assert!(process.said.contains("ready"), "{}", process.said);
    assert_eq!(process.register("ana"), 201);
    let access = process.token_of("ana");
    disk.fill(&process);
    for _ in 0..5 {
        assert_unavailable(|| logging_in(&process));
        assert_eq!(process.register("bob"), 503);
    }
    // Who only reads does not notice.
    assert_eq!(process.status_of(&access), 200);
    let ready = process.call("GET", "/health/ready").send();
    assert_eq!(ready.status, 200);
    disk.make_room(&process);
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
    let url = format!("sqlite://{}", file.display());
    let holder = Busy::with(&url, &["begin immediate"]);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| assert_unavailable(|| logging_in(&process)));
        }
        // Who only reads does not notice.
        assert_eq!(process.status_of(&access), 200);
        let sessions = process.call("GET", "/auth/sessions").bearer(&access).send();
        assert_eq!(sessions.status, 200);
    });
    holder.roll_back();
    assert_eq!((process.register("bob"), process.log_in("ana")), (201, 200));
    assert_told_once(process, "locked");
}
