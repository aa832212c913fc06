//! The program itself: first start, later starts, commands, refusals, and sudden ends.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod house;

#[path = "process/broken_parts.rs"]
mod broken_parts;
#[path = "process/lost_lines.rs"]
mod lost_lines;
#[path = "process/operators.rs"]
mod operators;
#[path = "process/sudden_ends.rs"]
mod sudden_ends;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use house::PASSWORD;
use house::process::{Process, command, free_port};
use rustix::process::Signal;

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
    process.signal(Signal::TERM);
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
fn commands_for_keys_make_nothing_where_no_server_has_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let done = command(folder.path())
        .args(["keys", "rotate"])
        .output()
        .expect("it runs");
    let words = String::from_utf8(done.stderr).expect("text");
    assert!(
        !done.status.success() && words.contains("Start the server once"),
        "{words}"
    );
    assert!(!folder.path().join("data").exists());
}

#[test]
fn the_operator_opens_an_account_that_guessing_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let limited = || {
        let mut command = command(folder.path());
        command.envs([
            ("VESTIBULE_THROTTLE", "on"),
            ("VESTIBULE_FAILURES_PER_NAME", "100"),
            ("VESTIBULE_FAILURES_PER_ADDRESS", "100"),
            ("VESTIBULE_FAILURES_PER_ACCOUNT", "10"),
        ]);
        command
    };
    let process = Process::spawn(limited());
    // In a browser: a program that registers is known by its network and not closed out.
    let page = process
        .call("POST", "/register")
        .page()
        .header("Sec-Fetch-Site", "same-origin");
    let (name, email) = ("ana", "ana@example.org");
    let form = [("username", name), ("email", email), ("password", PASSWORD)];
    assert_eq!(page.form(&form).status, 303);
    for _ in 0..10 {
        let form = [("username", "ana"), ("password", "not the password")];
        assert_eq!(process.call("POST", "/auth/token").form(&form).status, 401);
    }
    assert_eq!(process.log_in("ana"), 401);
    drop(process);
    // A restart forgets the waits and not this.
    let process = Process::spawn(limited());
    assert_eq!(process.log_in("ana"), 401);
    let unlock = |name: &str| {
        let mut command = command(folder.path());
        command
            .args(["user", "unlock", name])
            .output()
            .expect("it runs")
    };
    assert!(text(&unlock("Ana@example.org")).contains("is unlocked"));
    assert!(!unlock("nobody").status.success());
    assert_eq!(process.log_in("ana"), 200);
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

#[test]
fn calibrating_prints_settings_that_are_accepted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut calibrate = command(folder.path());
    calibrate.env("VESTIBULE_HASH_THREADS", "1");
    let done = calibrate
        .args(["hash", "calibrate", "--target-ms", "1"])
        .output()
        .expect("it runs");
    let printed = text(&done);
    // Less than that would be unsafe, and a millisecond is less.
    let lines = "hash_memory_kib = 19456\nhash_passes = 2\nhash_threads = 1\n";
    assert!(printed.contains(lines), "{printed}");
    for words in ["OWASP's least", "logins a second", "19 MiB for the pool"] {
        assert!(printed.contains(words), "{printed}");
    }
    let toml = format!("[default.vestibule]\n{printed}");
    std::fs::write(folder.path().join("Rocket.toml"), toml).expect("written");
    let mut settings = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    let done = settings
        .current_dir(folder.path())
        .env_clear()
        .arg("settings")
        .output()
        .expect("it runs");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let shown = text(&done);
    let line = shown
        .lines()
        .find(|line| line.starts_with("hash_memory_kib"))
        .expect("a line");
    assert!(
        line.contains("19456") && line.contains("Rocket.toml"),
        "{line}"
    );
}

#[test]
fn calibrating_speaks_to_scripts_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut calibrate = command(folder.path());
    calibrate.env("VESTIBULE_HASH_THREADS", "1");
    let done = calibrate
        .args(["hash", "calibrate", "--target-ms", "60", "--json"])
        .output()
        .expect("it runs");
    let found: serde_json::Value = serde_json::from_str(&text(&done)).expect("JSON");
    let number = |name: &str| {
        found[name]
            .as_f64()
            .unwrap_or_else(|| panic!("no {name} in {found}"))
    };
    assert!(
        number("hash_memory_kib") >= 19_456.0 && number("hash_passes") >= 2.0,
        "{found}"
    );
    assert!(
        number("milliseconds") > 0.0 && number("logins_per_second") > 0.0,
        "{found}"
    );
    assert_eq!(
        number("pool_mib"),
        (number("hash_memory_kib") / 1024.0).floor()
    );
}
