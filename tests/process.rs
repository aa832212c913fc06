//! The program itself: first start, later starts, commands, refusals, and sudden ends.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod house;

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use house::{Call, PASSWORD};
use serde_json::json;

/// A running `vestibule`, killed when dropped.
struct Process {
    child: Child,
    origin: String,
    said: String,
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    tame(&mut command, folder);
    command
}

/// No settings of whoever runs the tests; cheap hashing.
fn tame(command: &mut Command, folder: &Path) {
    command.current_dir(folder).env_clear();
    command.envs([
        ("VESTIBULE_HASH_MEMORY_KIB", "64"),
        ("VESTIBULE_HASH_PASSES", "1"),
        ("VESTIBULE_LOG", "json"),
        // Each start has a port of its own.
        ("VESTIBULE_ISSUER", "http://127.0.0.1"),
    ]);
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("its number")
        .port()
}

impl Process {
    fn start(folder: &Path) -> Self {
        Self::spawn(command(folder))
    }

    fn spawn(mut command: Command) -> Self {
        let port = free_port();
        command
            .env("ROCKET_PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut said = String::new();
        let mut stderr = BufReader::new(child.stderr.take().expect("its words"));
        stderr.read_line(&mut said).expect("a line");
        Self {
            child,
            origin: format!("http://127.0.0.1:{port}"),
            said,
        }
    }

    fn call(&self, method: &str, path: &str) -> Call {
        Call::new(method, &format!("{}{path}", self.origin))
    }

    fn register(&self, name: &str) -> u16 {
        let user = json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
        self.call("POST", "/auth/register").json(&user).status
    }

    fn log_in(&self, name: &str) -> u16 {
        self.call("POST", "/auth/token")
            .form(&[("username", name), ("password", PASSWORD)])
            .status
    }

    fn token_of(&self, name: &str) -> String {
        let form = [("username", name), ("password", PASSWORD)];
        self.call("POST", "/auth/token")
            .form(&form)
            .text_of("access_token")
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &id])
                .status()
                .expect("kill runs")
                .success()
        );
    }

    /// Waits for the end and gives the exit code and what was logged.
    fn ended(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        self.child
            .stdout
            .take()
            .expect("its log")
            .read_to_string(&mut log)
            .expect("text");
        (self.child.wait().expect("an end").code(), log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn refused(folder: &Path, settings: &[(&str, &str)]) -> String {
    let mut command = command(folder);
    let done = command
        .envs(settings.iter().copied())
        .env("ROCKET_PORT", free_port().to_string())
        .output()
        .expect("it runs");
    assert!(!done.status.success());
    String::from_utf8(done.stderr).expect("text")
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("a file").permissions().mode() & 0o777
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn the_first_start_makes_everything_and_says_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = Process::start(folder.path());
    assert_eq!(
        process.said,
        format!("Vestibule is ready at {}\n", process.origin)
    );
    let data = folder.path().join("data");
    assert_eq!(mode(&data), 0o700);
    for name in ["server-secret", "vestibule.db", "vestibule.db-wal"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
    assert_eq!(process.register("ana"), 201);
    // A second process on the same file is welcome: it has the same secret and key.
    let second = Process::start(folder.path());
    assert_eq!(second.log_in("ana"), 200);
}

#[test]
fn several_first_starts_at_once_make_one_secret_and_one_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let all: Vec<Process> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| Process::start(folder.path())))
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().expect("a start"))
            .collect()
    });
    for process in &all {
        assert!(process.said.contains("ready"), "{}", process.said);
    }
    assert_eq!(all[0].register("ana"), 201);
    assert!(all.iter().all(|process| process.log_in("ana") == 200));
}

#[test]
fn a_data_directory_may_have_any_name() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["my data", "a:b", "50%?#", "ü"] {
        let mut command = command(folder.path());
        command.env("VESTIBULE_DATA_DIR", name);
        let process = Process::spawn(command);
        assert!(process.said.contains("ready"), "{name}: {}", process.said);
        assert!(
            folder
                .path()
                .join(name)
                .join("vestibule.db")
                .metadata()
                .expect("a file")
                .len()
                > 0,
            "{name}"
        );
    }
}

#[test]
fn sigterm_ends_it_in_order_with_its_log_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = Process::start(folder.path());
    assert_eq!(process.register("ana"), 201);
    process.signal("-TERM");
    let (code, log) = process.ended();
    assert_eq!(code, Some(0));
    let events: Vec<String> = log
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("JSON")["event"]
                .as_str()
                .expect("an event")
                .to_owned()
        })
        .collect();
    assert!(
        events.contains(&"registered".to_owned()) && events.contains(&"request".to_owned()),
        "{log}"
    );
}

#[test]
fn no_acknowledged_registration_is_lost_to_a_sudden_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..5 {
        let process = Process::start(folder.path());
        for name in &acknowledged {
            assert_eq!(process.log_in(name), 200, "{name} in round {round}");
        }
        let deadline = Instant::now() + Duration::from_millis(150 + 40 * round);
        let names = (0..)
            .map(|number| format!("user-{round}-{number}"))
            .take_while(|_| Instant::now() < deadline);
        let new: Vec<String> = names.filter(|name| process.register(name) == 201).collect();
        assert!(!new.is_empty());
        process.signal("-KILL");
        acknowledged = new;
    }
    let process = Process::start(folder.path());
    assert!(acknowledged.iter().all(|name| process.log_in(name) == 200));
}

#[test]
fn a_disk_that_takes_no_more_is_503_and_the_guard_goes_on() {
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
        "trap '' XFSZ; ulimit -f 128; exec \"$0\"",
        env!("CARGO_BIN_EXE_vestibule"),
    ]);
    tame(&mut limited, folder.path());
    let process = Process::spawn(limited);
    assert!(process.said.contains("ready"), "{}", process.said);
    assert_eq!((process.register("bob"), process.log_in("ana")), (503, 503));
    assert_eq!(
        process
            .call("GET", "/secure-data")
            .bearer(&access)
            .send()
            .status,
        200
    );
    drop(process);
    let process = Process::start(folder.path());
    assert_eq!((process.log_in("bob"), process.register("bob")), (401, 201));
}

#[test]
fn another_secret_does_not_open_the_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(Process::start(folder.path()));
    let words = refused(
        folder.path(),
        &[(
            "VESTIBULE_SERVER_SECRET",
            "another secret, as long as it must be",
        )],
    );
    assert!(
        words.contains("does not open the signing keys") && !words.contains("another secret"),
        "{words}"
    );
    let words = refused(folder.path(), &[("VESTIBULE_SERVER_SECRET", "too short")]);
    assert!(
        words.contains("server_secret must be") && !words.contains("too short"),
        "{words}"
    );
}

#[test]
fn settings_that_would_expose_passwords_are_refused_with_the_line_to_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let wide = refused(folder.path(), &[("ROCKET_ADDRESS", "0.0.0.0")]);
    assert!(
        wide.contains("public_url = \"https://login.example.org\""),
        "{wide}"
    );
    let misspelt = refused(
        folder.path(),
        &[("VESTIBULE_PUBLIC_ULR", "https://login.example.org")],
    );
    assert!(
        misspelt.contains("VESTIBULE_PUBLIC_ULR") && misspelt.contains("Did you mean public_url?"),
        "{misspelt}"
    );
    let postgres = refused(
        folder.path(),
        &[("VESTIBULE_DATABASE_URL", "postgres://u:geheim@db.example/v")],
    );
    assert!(
        postgres.contains("verify-full") && !postgres.contains("geheim"),
        "{postgres}"
    );
    let secretless = refused(
        folder.path(),
        &[("VESTIBULE_DATABASE_URL", "postgres://u:geheim@127.0.0.1/v")],
    );
    assert!(
        secretless.contains("server_secret must be given") && !secretless.contains("geheim"),
        "{secretless}"
    );
    assert!(
        !folder.path().join("data").exists(),
        "a refused start leaves nothing behind"
    );
}

#[test]
fn an_address_in_use_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its number").port().to_string();
    let done = command(folder.path())
        .env("ROCKET_PORT", port)
        .output()
        .expect("it runs");
    let words = String::from_utf8(done.stderr).expect("text");
    assert!(
        !done.status.success() && words.contains("ROCKET_PORT=8001"),
        "{words}"
    );
}

#[test]
fn settings_are_printed_with_their_sources_and_without_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let toml = "[default.vestibule]\naccess_minutes = 5\ndatabase_url_file = \"url\"\n";
    std::fs::write(folder.path().join("Rocket.toml"), toml).expect("written");
    std::fs::write(folder.path().join("url"), "sqlite:geheim.db\n").expect("written");
    let secret = "a secret that is long enough to be one";
    let mut command = command(folder.path());
    let done = command
        .arg("settings")
        .env("VESTIBULE_SERVER_SECRET", secret)
        .output()
        .expect("it runs");
    let printed = text(&done);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let line = |name: &str| {
        let line = printed
            .lines()
            .find(|line| line.starts_with(name))
            .expect("a line");
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(line("access_minutes"), "access_minutes 5 Rocket.toml");
    assert_eq!(
        line("server_secret"),
        "server_secret ******** VESTIBULE_SERVER_SECRET in the environment"
    );
    assert_eq!(line("database_url"), "database_url ******** Rocket.toml");
    assert_eq!(line("algorithm"), "algorithm ES256 default");
    assert!(!printed.contains(secret) && !printed.contains("geheim"));
    assert_eq!(line("audience"), "audience http://127.0.0.1 default");
    assert_eq!(line("port"), "port 8000 default");
    assert_eq!(printed.lines().count(), vestibule::config::FIELDS.len() + 3);
}

#[test]
fn a_running_server_obeys_the_operator_within_a_second() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = Process::start(folder.path());
    assert_eq!(process.register("ana"), 201);
    let access = process.token_of("ana");
    let user = |act: &str, name: &str| {
        command(folder.path())
            .args(["user", act, name])
            .output()
            .expect("it runs")
    };
    let secured = || {
        process
            .call("GET", "/secure-data")
            .bearer(&access)
            .send()
            .status
    };
    assert_eq!(secured(), 200);
    let done = user("disable", "ana");
    assert_eq!(text(&done), "ana is disabled. Sessions ended: 1.\n");
    let told = Instant::now();
    while secured() == 200 {
        assert!(told.elapsed() < Duration::from_secs(3), "it does not obey");
    }
    assert_eq!(process.log_in("ana"), 401);
    assert!(user("enable", "ana@example.org").status.success());
    assert_eq!((process.log_in("ana"), secured()), (200, 401));
    assert!(text(&user("end-sessions", "ANA")).contains("ended: 1"));
    assert!(!user("disable", "nobody").status.success());
}

#[test]
fn help_lists_the_commands() {
    let folder = tempfile::tempdir().expect("a folder");
    let done = command(folder.path())
        .arg("--help")
        .output()
        .expect("it runs");
    let help = text(&done);
    assert!(
        done.status.success() && help.contains("settings") && help.contains("serve"),
        "{help}"
    );
    assert!(
        !command(folder.path())
            .arg("nonsense")
            .output()
            .expect("it runs")
            .status
            .success()
    );
}
