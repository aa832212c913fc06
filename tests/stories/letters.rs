//! Letters: how they read, how they wait, and who is told when they cannot be sent.

use std::process::{Command, Output};

use rocket::tokio::runtime::Runtime;
use serde_json::Value;
use vestibule::accounts::letters::Letter;

use crate::house::mail::letters_in;
use crate::house::{Database, House, SECRET, START};

/// `vestibule outbox …` with the settings of the house.
fn outbox(database: &Database, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command
        .current_dir(database.folder())
        .env_clear()
        .env("VESTIBULE_DATA_DIR", database.data_dir())
        .arg("outbox")
        .args(arguments);
    if let Some(url) = database.url() {
        command.env("VESTIBULE_DATABASE_URL", url);
        command.env("VESTIBULE_SERVER_SECRET", SECRET);
    }
    command.output().expect("it runs")
}

/// What it said.
fn said(database: &Database, arguments: &[&str]) -> String {
    let done = outbox(database, arguments);
    let faults = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{arguments:?}: {faults}");
    String::from_utf8(done.stdout).expect("text")
}

/// Why it did not.
fn refused(database: &Database, arguments: &[&str]) -> String {
    let done = outbox(database, arguments);
    assert!(!done.status.success(), "{arguments:?}");
    String::from_utf8(done.stderr).expect("text")
}

/// Puts one of each letter into the queue.
fn fill(database: &Database) -> usize {
    Runtime::new().expect("a runtime").block_on(async {
        let (letters, pool) = letters_in(database).await;
        let samples = Letter::samples(START + 600);
        let count = samples.len();
        let mut work = pool.begin().await.expect("work");
        for letter in samples {
            let put = letters.put_to_stranger(&mut work, "ana@example.org", letter);
            put.await.expect("put");
        }
        work.commit().await.expect("committed");
        pool.close().await;
        count
    })
}

#[test]
fn every_letter_can_be_written_and_both_its_parts_say_the_same() {
    let database = House::new().close();
    Runtime::new().expect("a runtime").block_on(async {
        let (letters, pool) = letters_in(&database).await;
        for letter in Letter::samples(START + 600) {
            let name = letter.name();
            let written = letters.write(&letter, "marguerite").expect(name);
            assert!((10..60).contains(&written.subject.len()), "{name}");
            assert!(written.text.starts_with("Hello marguerite,\n\n"), "{name}");
            assert!(
                written
                    .html
                    .contains(&format!("<h1>{}</h1>", written.subject)),
                "{name}"
            );
            // What one part leads to, the other does, too.
            let links = |text: &str| text.matches("https://login.example.org/x/").count();
            assert_eq!(links(&written.text) > 0, links(&written.html) > 0, "{name}");
            assert_eq!(
                written.text.contains("BCDF-GHJK"),
                written.html.contains("BCDF-GHJK")
            );
            for part in [&written.text, &written.html] {
                assert!(part.contains("https://login.example.org/id/"), "{name}");
                assert!(
                    !part.contains("{{") && !part.contains("&#x"),
                    "{name}: {part}"
                );
            }
            // Lines of a plain letter fit a narrow reader, links apart.
            for line in written
                .text
                .lines()
                .filter(|line| !line.contains("https://"))
            {
                assert!(line.len() < 140, "{name}: {line}");
            }
        }
        pool.close().await;
    });
}

#[test]
fn what_strangers_chose_is_text_in_both_parts() {
    let database = House::new().close();
    Runtime::new().expect("a runtime").block_on(async {
        let (letters, pool) = letters_in(&database).await;
        let new = "\"<b>&'@example.org";
        let letter = Letter::AddressChanged {
            new: new.into(),
            undo: "https://login.example.org/undo/abc".into(),
            good_until: START + 600,
        };
        let written = letters.write(&letter, "ana").expect("a letter");
        assert!(written.text.contains(new), "{}", written.text);
        assert!(!written.html.contains("<b>") && written.html.contains("&lt;b&gt;"));
        pool.close().await;
    });
}

#[test]
fn the_operator_reads_what_waits() {
    let database = House::new().close();
    assert_eq!(said(&database, &["list"]), "No letter waits.\n");
    let count = fill(&database);
    let list = said(&database, &["list"]);
    assert_eq!(list.lines().count(), count + 1, "{list}");
    assert!(
        list.starts_with("ID ") && list.contains("ana@example.org"),
        "{list}"
    );
    let all: Value = serde_json::from_str(&said(&database, &["list", "--json"])).expect("JSON");
    let all = all["letters"].as_array().expect("letters");
    assert_eq!(all.len(), count);
    let verify = all
        .iter()
        .find(|one| one["letter"] == "verify")
        .expect("verify");
    assert_eq!(verify["state"], "waiting");
    let id = verify["id"].as_str().expect("an id");
    let shown = said(&database, &["show", id]);
    assert!(
        shown.starts_with("To: ana@example.org\nSubject: Please confirm your email address\n\n")
    );
    assert!(shown.contains("BCDF-GHJK"), "{shown}");
    let shown: Value =
        serde_json::from_str(&said(&database, &["show", id, "--json"])).expect("JSON");
    assert!(
        shown["html"]
            .as_str()
            .expect("html")
            .starts_with("<!doctype html>")
    );
    assert!(refused(&database, &["show", "nothing"]).contains("no letter"));
}

#[test]
fn letters_that_wait_cannot_be_read_in_the_database() {
    let database = House::new().close();
    fill(&database);
    let rows = database.ask("select letter, sealed from outbox");
    assert!(!rows.is_empty());
    for row in rows {
        let sealed = row.split('|').nth(1).expect("sealed");
        let bytes = data_encoding::BASE64
            .decode(sealed.as_bytes())
            .expect("base64");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("subject") && !text.contains("login.example.org"));
    }
    // Each opens in its own place only.
    let two = database.ask("select id from outbox where letter in ('verify', 'reset') order by id");
    let swap = format!(
        "update outbox set sealed = (select sealed from outbox where id = '{}') where id = '{}'",
        two[0], two[1]
    );
    database.ask(&swap);
    assert!(refused(&database, &["show", &two[1]]).contains("does not open"));
}

#[test]
fn a_service_without_a_mail_server_says_so_at_its_start() {
    let house = House::new();
    let told = house.events("settings");
    let told: Vec<&str> = told
        .iter()
        .filter_map(|line| line["warning"].as_str())
        .collect();
    let told = told
        .iter()
        .find(|text| text.contains("smtp_url"))
        .expect("a line");
    assert!(told.contains("vestibule outbox"), "{told}");
    let with = [
        ("vestibule.smtp_url", "\"smtp://127.0.0.1:1\""),
        ("vestibule.mail_from", "\"login@example.org\""),
    ];
    let house = House::with(&with);
    let told = house.events("settings");
    assert!(
        told.iter()
            .all(|line| !line.to_string().contains("smtp_url"))
    );
}
