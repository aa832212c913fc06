//! What an operator does to accounts from the command line.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use crate::house::process::{Process, command, command_on};
use crate::house::{Database, PASSWORD};

/// Runs a command with this on its standard input.
fn run(mut command: Command, arguments: &[&str], input: &str) -> Output {
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    // One that asks for nothing may be gone already.
    let _ = child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn user(folder: &Path, arguments: &[&str], input: &str) -> Output {
    run(command(folder), &[&["user"], arguments].concat(), input)
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", refused_with(output));
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn refused_with(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    refused_with(output)
}

fn lines_of_json(output: &Output) -> Vec<Value> {
    let text = said(output);
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn the_first_administrator_is_made_before_the_first_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let add = ["add", "root", "root@example.org", "--role", "admin"];
    let made = said(&user(folder.path(), &add, &format!("{PASSWORD}\n")));
    assert_eq!(made, "root may sign in from now on, as an administrator.\n");
    let process = Process::start(folder.path());
    let token = process.token_of("root");
    let me = process.call("GET", "/auth/me").bearer(&token).send().json();
    assert_eq!(
        (&me["username"], &me["role"]),
        (&"root".into(), &"admin".into())
    );
}

#[test]
fn the_first_administrators_link_is_made_before_the_first_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let add = [
        "add",
        "root",
        "root@example.org",
        "--role",
        "admin",
        "--link",
    ];
    let told = said(&user(folder.path(), &add, ""));
    let secret = folder.path().join("data/server-secret");
    let mode = secret.metadata().expect("a secret").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let place = told.lines().next().expect("a link");
    let place = place.strip_prefix("http://127.0.0.1:8000").expect("ours");
    let process = Process::start(folder.path());
    let set = process
        .call("POST", place)
        .header("Origin", &process.origin);
    assert_eq!(set.page().form(&[("password", PASSWORD)]).status, 303);
    let token = process.token_of("root");
    let me = process.call("GET", "/auth/me").bearer(&token).send().json();
    assert_eq!(me["role"], "admin");
}

#[test]
fn a_secret_is_gone_only_where_one_has_been() {
    let folder = tempfile::tempdir().expect("a folder");
    let add = ["add", "ana", "ana@example.org"];
    said(&user(folder.path(), &add, &format!("{PASSWORD}\n")));
    let secret = folder.path().join("data/server-secret");
    let link = || refused(&user(folder.path(), &["reset-link", "ana"], ""));
    let words = link();
    assert!(
        words.contains("not there yet. Start the server once.") && !words.contains("gone"),
        "{words}"
    );
    assert!(!secret.exists());
    drop(Process::start(folder.path()));
    std::fs::remove_file(&secret).expect("it was there");
    assert!(link().contains("it is gone") && !secret.exists());
}

#[test]
fn what_is_so_already_is_not_done_again() {
    let database = Database::fresh();
    let process = Process::spawn(command_on(&database));
    assert_eq!(process.register("ana"), 201);
    let user = |act: &str| said(&run(command_on(&database), &["user", act, "ana"], ""));
    let stands = || database.ask("select version, coalesce(disabled_at, 0) from accounts");
    let token = process.token_of("ana");
    let before = stands();
    assert_eq!(user("enable"), "ana is enabled already.\n");
    assert_eq!(stands(), before);
    assert_eq!(process.status_of(&token), 200);
    assert_eq!(user("disable"), "ana is disabled. Sessions ended: 1.\n");
    // As if it had been long ago.
    database.ask("update accounts set disabled_at = 7");
    let before = stands();
    assert_eq!(user("disable"), "ana is disabled already.\n");
    assert_eq!(stands(), before);
    let told = "select count(*) from account_events where kind in ('disabled', 'enabled')";
    assert_eq!(database.ask(told), ["1"]);
    assert_eq!(user("enable"), "ana is enabled. Sessions ended: 0.\n");
    assert_eq!(process.log_in("ana"), 200);
}

#[test]
fn scripts_are_told_by_one_object_what_was_done() {
    let database = Database::fresh();
    let process = Process::spawn(command_on(&database));
    assert_eq!(process.register("ana"), 201);
    process.token_of("ana");
    let told = |arguments: &[&str]| {
        let arguments = [&["user"], arguments, &["ana@example.org", "--json"]].concat();
        let told = lines_of_json(&run(command_on(&database), &arguments, ""));
        assert_eq!((told.len(), &told[0]["username"]), (1, &"ana".into()));
        assert!(told[0]["id"].is_string());
        told[0].clone()
    };
    let changed = |arguments: &[&str]| {
        let told = told(arguments);
        (told["changed"].clone(), told["sessions_ended"].clone())
    };
    assert_eq!(changed(&["end-sessions"]), (true.into(), 1.into()));
    assert_eq!(changed(&["disable"]), (true.into(), 0.into()));
    assert_eq!(changed(&["disable"]), (false.into(), 0.into()));
    assert_eq!(changed(&["enable"]), (true.into(), 0.into()));
    assert_eq!(told(&["verify"])["changed"], true);
    assert_eq!(told(&["verify"])["changed"], false);
    told(&["unlock"]);
    let role = ["user", "role", "ana", "admin", "--json"];
    let role = lines_of_json(&run(command_on(&database), &role, "")).remove(0);
    assert_eq!(role["changed"], true);
    told(&["delete", "--yes"]);
    assert_eq!(database.ask("select count(*) from accounts"), ["0"]);
}

#[test]
fn an_added_account_follows_the_rules_of_registration() {
    let database = Database::fresh();
    let add = |arguments: &[&str], input: &str| {
        let arguments = [&["user", "add"], arguments].concat();
        run(command_on(&database), &arguments, input)
    };
    // Spaces belong to the password, and so does all but the line's end.
    let odd = format!("  {PASSWORD} ");
    let made = add(
        &["Ana.B", "ana@example.org", "--json"],
        &format!("{odd}\r\n"),
    );
    let made: Value = serde_json::from_str(&said(&made)).expect("JSON");
    assert_eq!(made["username"], "Ana.B");
    for (arguments, password, words) in [
        (
            ["ana.b", "other@example.org"],
            PASSWORD,
            "already registered",
        ),
        (["other", "ANA@example.org"], PASSWORD, "already registered"),
        (
            ["a b", "other@example.org"],
            PASSWORD,
            "username: Use letters",
        ),
        (["other", "nobody"], PASSWORD, "email: Enter an address"),
        (
            ["other", "other@example.org"],
            "short",
            "password: Use at least 8",
        ),
        (
            ["other", "other@example.org"],
            "password1",
            "password: Among the most",
        ),
        (
            ["other", "other@example.org"],
            "",
            "Nothing came on standard input",
        ),
    ] {
        let words_said = refused(&add(&arguments, password));
        assert!(words_said.contains(words), "{words_said}");
        assert!(!words_said.contains(PASSWORD));
    }
    // There is no way to say it where others can read it.
    let argument = add(&["other", "other@example.org", PASSWORD], "");
    assert!(refused(&argument).contains("unexpected argument"));
    assert_eq!(database.ask("select count(*) from accounts"), ["1"]);
    let process = Process::spawn(command_on(&database));
    let log_in = |password: &str| {
        let form = [("username", "ana.b"), ("password", password)];
        process.call("POST", "/auth/token").form(&form).status
    };
    assert_eq!((log_in(&odd), log_in(PASSWORD)), (200, 401));
}

/// A command with a terminal before it.
struct Typist {
    child: Child,
    terminal: File,
}

impl Typist {
    fn at(mut command: Command, arguments: &[&str]) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&terminal).expect("granted");
        unlockpt(&terminal).expect("unlocked");
        let name = ptsname(&terminal, Vec::new()).expect("its name");
        let mut options = File::options();
        options.read(true).write(true);
        let stdin = options
            .open(name.to_str().expect("a path"))
            .expect("its other side");
        let child = command
            .args(arguments)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        Self {
            child,
            terminal: File::from(terminal),
        }
    }

    /// Waits for a question and answers it.
    fn answer(&mut self, question: &str, answer: &str) {
        let stderr = self.child.stderr.as_mut().expect("its words");
        let mut asked = Vec::new();
        let mut byte = [0];
        while !asked.ends_with(question.as_bytes()) {
            let words = String::from_utf8_lossy(&asked).into_owned();
            assert_eq!(stderr.read(&mut byte).expect("words"), 1, "{words}");
            asked.push(byte[0]);
        }
        self.terminal
            .write_all(answer.as_bytes())
            .expect("keys are pressed");
    }

    /// How it ended, and what stood on the terminal.
    fn end(mut self) -> (Output, String) {
        let output = self.child.wait_with_output().expect("an end");
        let mut shown = Vec::new();
        // The other side is closed: what is there is read, then nothing can be.
        let _ = self.terminal.read_to_end(&mut shown);
        (output, String::from_utf8_lossy(&shown).into_owned())
    }
}

const ADD: [&str; 4] = ["user", "add", "ana", "ana@example.org"];

#[test]
fn a_password_that_is_typed_is_asked_for_twice_and_never_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = format!("{PASSWORD}\n");
    let mut ana = Typist::at(command(folder.path()), &ADD);
    ana.answer("New password: ", &line);
    ana.answer("The same again: ", "another one\n");
    let (output, shown) = ana.end();
    assert!(refused(&output).contains("The two differ."));
    assert!(!shown.contains("quartz"), "{shown:?}");
    let mut ana = Typist::at(command(folder.path()), &ADD);
    ana.answer("New password: ", &line);
    ana.answer("The same again: ", &line);
    let (output, shown) = ana.end();
    assert!(said(&output).contains("ana may sign in"));
    assert!(!shown.contains("quartz"), "{shown:?}");
}

#[test]
fn control_c_gives_up_and_gives_the_terminal_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut ana = Typist::at(command(folder.path()), &ADD);
    ana.answer("New password: ", "half a pass\u{3}");
    let terminal = ana.terminal.try_clone().expect("the same terminal");
    let (output, _) = ana.end();
    assert!(refused(&output).contains("Given up. Nothing was changed."));
    let modes = rustix::termios::tcgetattr(&terminal).expect("its modes");
    let echo = rustix::termios::LocalModes::ECHO | rustix::termios::LocalModes::ISIG;
    assert!(modes.local_modes.contains(echo));
}

#[test]
fn the_list_is_a_table_for_people_and_lines_for_scripts() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = Process::start(folder.path());
    for name in ["ben", "ana", "Cem"] {
        assert_eq!(process.register(name), 201);
    }
    said(&user(folder.path(), &["role", "ben", "admin"], ""));
    said(&user(folder.path(), &["disable", "cem"], ""));
    let table = said(&user(folder.path(), &["list"], ""));
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[0],
        ["USERNAME", "ROLE", "STATE", "VERIFIED", "MADE", "ADDRESS"]
    );
    let told = |row: &Vec<&str>| (row[0].to_owned(), row[1].to_owned(), row[2].to_owned());
    let expected = [
        ("ana", "user", "open"),
        ("ben", "admin", "open"),
        ("Cem", "user", "disabled"),
    ];
    let owned = expected.map(|(name, role, state)| (name.into(), role.into(), state.into()));
    assert_eq!(rows[1..].iter().map(told).collect::<Vec<_>>(), owned);
    assert!(table.contains("ana@example.org") && !table.contains("argon2"));
    let names = |arguments: &[&str]| {
        let arguments = [&["list", "--json"], arguments].concat();
        let all = lines_of_json(&user(folder.path(), &arguments, ""));
        all.iter()
            .map(|one| one["username"].as_str().expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["ana", "ben", "Cem"]);
    assert_eq!(names(&["--disabled"]), ["Cem"]);
    assert_eq!(names(&["--role", "admin"]), ["ben"]);
    assert_eq!(names(&["--role", "user", "--disabled"]), ["Cem"]);
}

#[test]
fn a_long_list_is_whole_and_in_order() {
    let database = Database::fresh();
    drop(Process::spawn(command_on(&database)));
    // More than fit into two pages, and a last one that is full.
    database.ask(
        "insert into accounts (id, username, username_key, email, email_key, password_hash, created_at)
         with recursive n(i) as (select 1 union all select i + 1 from n where i < 1500)
         select 'id' || i, 'User' || (10000 + i), 'user' || (10000 + i), 'u' || i || '@example.org',
                'u' || i || '@example.org', 'x', 0 from n",
    );
    let all = run(command_on(&database), &["user", "list", "--json"], "");
    let all = lines_of_json(&all);
    let names: Vec<&str> = all
        .iter()
        .map(|one| one["username"].as_str().expect("a name"))
        .collect();
    let expected: Vec<String> = (1..=1500).map(|i| format!("User{}", 10000 + i)).collect();
    assert_eq!(names, expected);
}

#[test]
fn whoever_reads_only_the_beginning_of_the_list_is_not_told_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = Process::start(folder.path());
    assert_eq!(process.register("ana"), 201);
    let mut listing = command(folder.path());
    let mut child = listing
        .args(["user", "list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("an end");
    assert!(ended.status.success() && ended.stderr.is_empty());
}

#[test]
fn one_account_is_shown_with_what_there_is_to_say_and_without_its_hash() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut limited = command(folder.path());
    limited.env("VESTIBULE_THROTTLE", "on");
    let process = Process::spawn(limited);
    assert_eq!(process.register("ana"), 201);
    assert_eq!((process.log_in("ana"), process.log_in("ana")), (200, 200));
    let form = [("username", "ana"), ("password", "not the password")];
    assert_eq!(process.call("POST", "/auth/token").form(&form).status, 401);
    let shown = said(&user(folder.path(), &["show", "ANA@example.org"], ""));
    for words in [
        "Username      ana\n",
        "Address       ana@example.org\n",
        "Verified      no\n",
        "Role          user\n",
        "State         open\n",
        "Failures      1 in a row\n",
        "Sessions      2 going on, last used ",
    ] {
        assert!(shown.contains(words), "{shown}");
    }
    assert!(!shown.contains("argon2"));
    let shown = lines_of_json(&user(folder.path(), &["show", "ana", "--json"], "")).remove(0);
    assert_eq!(
        (&shown["sessions"], &shown["failures"]),
        (&2.into(), &1.into())
    );
    assert_eq!(shown["closed_to_strangers"], false);
    assert_eq!(shown.get("password_hash"), None);
    let nobody = refused(&user(folder.path(), &["show", "nobody"], ""));
    assert_eq!(nobody, "Nobody is called \"nobody\" here.\n");
}

#[test]
fn a_running_server_obeys_a_role_within_a_second() {
    let database = Database::fresh();
    let process = Process::spawn(command_on(&database));
    assert_eq!(process.register("ana"), 201);
    let role = |role: &str| {
        said(&run(
            command_on(&database),
            &["user", "role", "ana", role],
            "",
        ))
    };
    let given = role("admin");
    assert_eq!(given, "ana is now an administrator. Sessions ended: 0.\n");
    let admin = process.token_of("ana");
    let me = process.call("GET", "/auth/me").bearer(&admin).send();
    assert_eq!(me.json()["role"], "admin");
    let taken = role("user");
    assert_eq!(
        taken,
        "ana is now a user like any other. Sessions ended: 1.\n"
    );
    let told = Instant::now();
    while process.status_of(&admin) == 200 {
        assert!(told.elapsed() < Duration::from_secs(3), "it does not obey");
    }
    assert_eq!(role("user"), "ana is a user like any other already.\n");
}

fn by_invitation(database: &Database) -> Command {
    let mut command = command_on(database);
    command.env("VESTIBULE_REGISTRATION", "invite");
    command
}

#[test]
fn an_invitation_is_made_listed_used_and_taken_back() {
    let database = Database::fresh();
    let process = Process::spawn(by_invitation(&database));
    assert_eq!(process.register("ana"), 403);
    let invite = |arguments: &[&str]| {
        let mut command = by_invitation(&database);
        command.env("VESTIBULE_PUBLIC_URL", "http://localhost:8000");
        run(command, &[&["invite"], arguments].concat(), "")
    };
    let told = said(&invite(&["make", "--note", "for the choir", "--uses", "2"]));
    let link = told.lines().next().expect("a link");
    let code = link
        .strip_prefix("http://localhost:8000/invite/")
        .expect("the place of the server");
    assert!(told.contains(&format!(
        "Its code is {code}. It is good for 2 accounts, until "
    )));
    let come = |name: &str, code: &str| {
        let user = serde_json::json!({
            "username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "invite": code,
        });
        process.call("POST", "/auth/register").json(&user).status
    };
    assert_eq!(come("ana", code), 201);
    let all: Value = serde_json::from_str(&said(&invite(&["list", "--json"]))).expect("JSON");
    let one = &all["invites"][0];
    assert_eq!(
        (&one["note"], &one["uses"], &one["uses_left"]),
        (&"for the choir".into(), &2.into(), &1.into())
    );
    let id = one["id"].as_str().expect("a name");
    let table = said(&invite(&["list"]));
    assert!(table.contains("1 of 2") && table.contains("open") && table.contains("for the choir"));
    // Only when it is made.
    assert!(!table.contains(code) && !all.to_string().contains(code));
    let asks = refused(&invite(&["withdraw", id]));
    assert!(
        asks.contains("(1 of 2 left; for the choir)") && asks.contains("add --yes"),
        "{asks}"
    );
    assert!(said(&invite(&["list"])).contains("open"));
    assert!(said(&invite(&["withdraw", id, "--yes"])).contains("is taken back"));
    assert_eq!(come("ben", code), 403);
    assert!(said(&invite(&["list"])).contains("withdrawn"));
    let again = said(&invite(&["withdraw", id]));
    assert_eq!(again, format!("{id} is withdrawn already.\n"));
    assert!(said(&invite(&["withdraw", id, "--json"])).contains(r#""changed":false"#));
    for arguments in [
        &["withdraw", "nothing", "--yes"][..],
        &["make", "--uses", "0"],
        &["make", "--days", "366"],
        &["make", "--role", "admin", "--uses", "2"],
        &["make", "--email", "nobody"],
        &["make", "--note", "two\nlines"],
    ] {
        refused(&invite(arguments));
    }
    let made = invite(&[
        "make",
        "--json",
        "--role",
        "admin",
        "--email",
        "cem@example.org",
    ]);
    let made: Value = serde_json::from_str(&said(&made)).expect("JSON");
    assert_eq!((&made["role"], &made["uses"]), (&"admin".into(), &1.into()));
    assert_eq!(come("cem", made["code"].as_str().expect("a code")), 201);
    let token = process.token_of("cem");
    let me = process.call("GET", "/auth/me").bearer(&token).send();
    assert_eq!(me.json()["role"], "admin");
}

#[test]
fn another_secret_than_the_servers_makes_and_opens_nothing() {
    let database = Database::fresh();
    let process = Process::spawn(command_on(&database));
    let add = ["user", "add", "ana", "ana@example.org"];
    said(&run(command_on(&database), &add, &format!("{PASSWORD}\n")));
    let send = ["invite", "make", "--email", "b@example.org", "--send"];
    said(&run(command_on(&database), &send, ""));
    let made = || {
        ["invites", "letters", "outbox", "accounts"]
            .map(|table| database.ask(&format!("select count(*) from {table}")))
    };
    let before = made();
    let letter = database.ask("select id from outbox").remove(0);
    for arguments in [
        &["invite", "make"][..],
        &send,
        &["user", "reset-link", "ana"],
        &["user", "add", "ben", "ben@example.org", "--link"],
        &["user", "delete", "ana", "--yes"],
        &["outbox", "show", &letter],
        &["keys", "rotate"],
    ] {
        let mut other = command_on(&database);
        other.env(
            "VESTIBULE_SERVER_SECRET",
            "another secret, 32 letters and more",
        );
        let words = refused(&run(other, arguments, ""));
        assert!(
            words.contains("does not open the signing keys"),
            "{arguments:?}: {words}"
        );
    }
    assert_eq!(made(), before);
    assert_eq!(process.log_in("ana"), 200);
}

#[test]
fn whoever_invites_where_nobody_needs_it_is_told() {
    let database = Database::fresh();
    drop(Process::spawn(command_on(&database)));
    let made = run(command_on(&database), &["invite", "make"], "");
    assert!(said(&made).contains("/invite/"));
    assert!(refused_with(&made).contains("Registration is open"));
}

/// The secret in a link, and whether the database knows it by its digest alone.
fn secret_of(database: &Database, link: &str) -> String {
    let secret = link
        .strip_prefix("http://127.0.0.1:8000/reset/")
        .expect("the place of the server");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret.as_bytes());
    let digest = data_encoding::HEXLOWER.encode(digest.as_ref());
    let kept = database.ask("select purpose, digest from letters order by created_at, id");
    assert!(kept.contains(&format!("reset|{digest}")), "{kept:?}");
    assert!(!kept.iter().any(|row| row.contains(secret)));
    secret.to_owned()
}

#[test]
fn a_link_for_a_new_password_is_printed_with_its_end_and_nothing_is_sent() {
    let database = Database::fresh();
    let process = Process::spawn(command_on(&database));
    assert_eq!(process.register("ana"), 201);
    let user = |arguments: &[&str]| {
        let arguments = [&["user"], arguments].concat();
        run(command_on(&database), &arguments, "")
    };
    let told = said(&user(&["reset-link", "ANA@example.org"]));
    let (link, rest) = told.split_once('\n').expect("two lines");
    assert!(rest.starts_with("It lets whoever has it set the password of ana, once, until 20"));
    secret_of(&database, link);
    let lives = "select expires_at - created_at, code_expires_at - created_at from letters";
    assert_eq!(database.ask(lives), ["3600|0"]);
    assert_eq!(database.ask("select count(*) from outbox"), ["0"]);
    let json = user(&["reset-link", "ana", "--minutes", "5", "--json"]);
    let json = lines_of_json(&json).remove(0);
    secret_of(&database, json["link"].as_str().expect("a link"));
    assert!(json["good_until"].as_i64() > Some(1_700_000_000));
    said(&user(&["disable", "ana"]));
    let told = user(&["reset-link", "ana"]);
    assert!(said(&told).contains("/reset/") && refused_with(&told).contains("is disabled"));
    for arguments in [
        &["reset-link", "nobody"][..],
        &["reset-link", "ana", "--minutes", "1441"],
    ] {
        refused(&user(arguments));
    }
}

#[test]
fn the_link_sets_the_password_once_and_ends_what_was_going_on() {
    let database = Database::fresh();
    let process = Process::spawn(command_on(&database));
    assert_eq!(process.register("ana"), 201);
    let before = process.token_of("ana");
    let link = run(command_on(&database), &["user", "reset-link", "ana"], "");
    let secret = secret_of(&database, said(&link).lines().next().expect("a link"));
    let place = format!("/reset/{secret}");
    let set = |password: &str| {
        let call = process
            .call("POST", &place)
            .header("Origin", &process.origin);
        call.page().form(&[("password", password)]).status
    };
    // Looking uses nothing up.
    assert_eq!(process.call("GET", &place).page().send().status, 200);
    assert_eq!(set("password1"), 422);
    assert_eq!(set("tundra balloon quartz"), 303);
    assert_ne!(set("balloon tundra quartz"), 303);
    assert_eq!(process.status_of(&before), 401);
    let form = [("username", "ana"), ("password", "tundra balloon quartz")];
    assert_eq!(process.call("POST", "/auth/token").form(&form).status, 200);
    assert_eq!(process.log_in("ana"), 401);
}

#[test]
fn an_account_may_be_made_whose_owner_sets_the_password() {
    let database = Database::fresh();
    let process = Process::spawn(command_on(&database));
    let add = ["user", "add", "ana", "ana@example.org", "--link"];
    let told = said(&run(command_on(&database), &add, ""));
    secret_of(&database, told.lines().next().expect("a link"));
    assert_eq!(process.log_in("ana"), 401);
    let again = refused(&run(command_on(&database), &add, ""));
    assert!(again.contains("already registered"));
    assert_eq!(database.ask("select count(*) from letters"), ["1"]);
}

#[test]
fn an_operator_takes_an_address_for_confirmed() {
    let database = Database::fresh();
    let process = Process::spawn(command_on(&database));
    assert_eq!(process.register("ana"), 201);
    let user = |act: &str| run(command_on(&database), &["user", act, "ana"], "");
    assert!(said(&user("show")).contains("Verified      no\n"));
    assert_eq!(
        said(&user("verify")),
        "ana@example.org is taken for confirmed as the address of ana.\n"
    );
    assert!(said(&user("show")).contains("Verified      20"));
    assert!(said(&user("verify")).contains("was confirmed already"));
    let nobody = run(command_on(&database), &["user", "verify", "nobody"], "");
    assert!(refused(&nobody).contains("Nobody is called"));
}

#[test]
fn an_account_that_waits_for_its_address_is_let_in_by_the_operator() {
    let database = Database::fresh();
    let required = || {
        let mut command = command_on(&database);
        command.env("VESTIBULE_VERIFY_EMAIL", "required");
        command
    };
    let process = Process::spawn(required());
    assert_eq!(process.register("ana"), 201);
    let user = |arguments: &[&str]| run(required(), &[&["user"], arguments].concat(), "");
    assert_ne!(process.log_in("ana"), 200);
    assert!(said(&user(&["list"])).contains("pending"));
    assert!(said(&user(&["show", "ana"])).contains("State         waits until 20"));
    assert!(said(&user(&["verify", "ana"])).contains("is taken for confirmed"));
    assert_eq!(process.log_in("ana"), 200);
    assert!(said(&user(&["list"])).contains("open"));
    // Somebody who came with an address that is taken has none that could be confirmed.
    let other =
        serde_json::json!({ "username": "ben", "email": "ana@example.org", "password": PASSWORD });
    assert_eq!(
        process.call("POST", "/auth/register").json(&other).status,
        201
    );
    assert!(refused(&user(&["verify", "ben"])).contains("address of another account"));
    assert!(!user(&["reset-link", "ben"]).status.success());
    assert_ne!(process.log_in("ben"), 200);
    // An operator says whether they know the address of whom they add.
    let add = |name: &str, more: &[&str]| {
        let email = format!("{name}@example.org");
        let arguments = [&["user", "add", name, &email], more].concat();
        said(&run(required(), &arguments, &format!("{PASSWORD}\n")))
    };
    assert_eq!(
        add("cem", &[]),
        "cem may sign in, as a user like any other, once the address is confirmed. No letter was sent: type\n\
         `vestibule user verify cem`, or have its owner ask for one at /verify.\n"
    );
    assert_ne!(process.log_in("cem"), 200);
    let asked = serde_json::json!({ "email": "cem@example.org" });
    assert_eq!(
        process
            .call("POST", "/auth/verify/send")
            .json(&asked)
            .status,
        202
    );
    let letters = "select letter from outbox where sent_to = 'cem@example.org'";
    let waits = Instant::now();
    while database.ask(letters) != ["verify"] {
        assert!(waits.elapsed() < Duration::from_secs(10), "no letter");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(add("eve", &["--json"]).contains(r#""must_confirm":true"#));
    assert!(add("dora", &["--verified", "--json"]).contains(r#""must_confirm":false"#));
    assert_eq!(process.log_in("dora"), 200);
}

#[test]
fn an_invitation_is_sent_where_asked() {
    let database = Database::fresh();
    drop(Process::spawn(by_invitation(&database)));
    let ask = |arguments: &[&str]| run(by_invitation(&database), arguments, "");
    refused(&ask(&["invite", "make", "--send"]));
    let make = [
        "invite",
        "make",
        "--email",
        "ana@example.org",
        "--send",
        "--json",
    ];
    let made: Value = serde_json::from_str(&said(&ask(&make))).expect("JSON");
    let waiting = said(&ask(&["outbox", "list", "--json"]));
    let waiting: Value = serde_json::from_str(&waiting).expect("JSON");
    let letter = &waiting["letters"][0];
    assert_eq!(
        (&letter["letter"], &letter["to"]),
        (&"invitation".into(), &"ana@example.org".into())
    );
    let id = letter["id"].as_str().expect("a name");
    let text = said(&ask(&["outbox", "show", id]));
    for part in ["link", "code"] {
        assert!(text.contains(made[part].as_str().expect("text")), "{text}");
    }
}

#[test]
fn a_list_of_letters_that_is_cut_off_says_so() {
    let database = Database::fresh();
    drop(Process::spawn(command_on(&database)));
    let letters = |from: u32, to: u32| {
        database.ask(&format!(
            "insert into outbox (id, letter, sent_to, sealed, created_at, good_until, due_at)
             with recursive n(i) as (select {from} union all select i + 1 from n where i < {to})
             select 'id' || i, 'reset', 'ana@example.org', 'x', i, 9000000000, 9000000000 from n"
        ))
    };
    let listed = |arguments: &[&str]| {
        let arguments = [&["outbox", "list"], arguments].concat();
        let listed = run(command_on(&database), &arguments, "");
        (said(&listed), refused_with(&listed))
    };
    letters(1, 1_000);
    let (table, words) = listed(&[]);
    assert_eq!((table.lines().count(), words.as_str()), (1_001, ""));
    letters(1_001, 1_001);
    let (table, words) = listed(&[]);
    assert_eq!(table.lines().count(), 1_001);
    assert_eq!(words, "These are the newest 1000. There are more.\n");
    assert!(table.contains("id1001 ") && !table.contains("id1 "));
    assert!(listed(&["--json"]).0.contains(r#""more":true"#));
}

#[test]
fn a_deleted_account_is_gone_from_a_running_server_within_a_second() {
    let database = Database::fresh();
    let process = Process::spawn(command_on(&database));
    assert_eq!(
        (process.register("ana"), process.register("ben")),
        (201, 201)
    );
    let (access, refresh) = process.tokens_of("ana");
    let ben = process.token_of("ben");
    let delete = |arguments: &[&str]| {
        let arguments = [&["user", "delete"], arguments].concat();
        run(command_on(&database), &arguments, "ana\n")
    };
    // Nobody is asked where nobody is at a terminal.
    let words = refused(&delete(&["ana"]));
    assert!(words.contains("This deletes ana (ana@example.org; sessions going on: 1)"));
    assert!(words.contains("add --yes if you are sure"));
    assert_eq!(process.status_of(&access), 200);
    let told = said(&delete(&["ANA@example.org", "--yes"]));
    assert_eq!(
        told,
        "ana is deleted, with everything held about it. The name stays reserved.\n"
    );
    let deleted = Instant::now();
    while process.status_of(&access) == 200 {
        assert!(
            deleted.elapsed() < Duration::from_secs(3),
            "it does not obey"
        );
    }
    assert_eq!(process.refresh(&refresh).status, 400);
    assert_eq!(process.log_in("ana"), 401);
    assert_eq!(process.status_of(&ben), 200);
    // The name is nobody's any more, and nobody's again.
    assert_eq!(process.register("ana"), 400);
    let add = ["user", "add", "ana", "other@example.org"];
    let again = run(command_on(&database), &add, &format!("{PASSWORD}\n"));
    assert!(refused(&again).contains("already registered"));
    for table in ["accounts", "sessions", "known_networks"] {
        let column = if table == "accounts" {
            "id"
        } else {
            "account_id"
        };
        let held =
            format!("select count(*) from {table} where {column} not in (select id from accounts)");
        assert_eq!(database.ask(&held), ["0"], "{table}");
    }
    assert_eq!(
        database.ask("select letter, sent_to from outbox where letter = 'account-deleted'"),
        ["account-deleted|ana@example.org"]
    );
    assert!(refused(&delete(&["ana", "--yes"])).contains("Nobody is called"));
}

#[test]
fn the_name_of_one_that_waited_to_be_confirmed_is_free_again() {
    let database = Database::fresh();
    let mut server = command_on(&database);
    server.env("VESTIBULE_VERIFY_EMAIL", "required");
    let process = Process::spawn(server);
    assert_eq!(process.register("ana"), 201);
    let delete = ["user", "delete", "ana", "--yes"];
    let told = said(&run(command_on(&database), &delete, ""));
    assert_eq!(
        told,
        "ana is deleted, with everything held about it. The name is free again.\n"
    );
    assert_eq!(process.register("ana"), 201);
}

#[test]
fn whoever_deletes_at_a_terminal_types_the_name() {
    let database = Database::fresh();
    let process = Process::spawn(command_on(&database));
    assert_eq!(process.register("ana"), 201);
    let answer = |word: &str| {
        let mut operator = Typist::at(command_on(&database), &["user", "delete", "ana"]);
        operator.answer("Type ana to go on: ", word);
        operator.end().0
    };
    for word in ["yes\n", "\n", "Ana\n"] {
        assert!(refused(&answer(word)).contains("That is not ana. Nothing was changed."));
    }
    assert_eq!(process.log_in("ana"), 200);
    assert!(said(&answer("ana\n")).contains("ana is deleted"));
    assert_eq!(process.log_in("ana"), 401);
}

#[test]
fn commands_for_accounts_make_nothing_where_no_server_has_started() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [
        &["user", "list"][..],
        &["user", "show", "ana"],
        &["user", "disable", "ana"],
        &["user", "reset-link", "ana"],
        &["user", "delete", "ana", "--yes"],
        &["invite", "make"],
        &["outbox", "list"],
        &["keys", "list"],
    ] {
        let words = refused(&run(command(folder.path()), arguments, ""));
        assert!(
            words.contains("There is no database in") && words.contains("Start the server once"),
            "{words}"
        );
    }
    assert!(!folder.path().join("data").exists());
}

#[test]
fn an_address_that_nobody_confirmed_names_no_administrator() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = Process::start(folder.path());
    assert_eq!(process.register("mallory"), 201);
    let (address, role) = ("mallory@example.org", ["role"]);
    let by_address = [&role[..], &[address, "admin"]].concat();
    let told = refused(&user(folder.path(), &by_address, ""));
    assert!(
        told.contains("Nobody confirmed") && told.contains("mallory"),
        "{told}"
    );
    // What gives no more than there was needs no such care; and once the address is known to be theirs, it is a name.
    said(&user(folder.path(), &["disable", address], ""));
    said(&user(folder.path(), &["enable", address], ""));
    said(&user(folder.path(), &["verify", "mallory"], ""));
    said(&user(folder.path(), &by_address, ""));
}
