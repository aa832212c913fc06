//! Leaving: what is written out comes in again as it was, and another database holds what the first did.

use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use crate::house::process::command_on;
use crate::house::{Database, House, PASSWORD, SECRET};

fn run(database: &Database, arguments: &[&str]) -> Output {
    let mut command = command_on(database);
    command.args(arguments).output().expect("it runs")
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn complained(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

const EVERYTHING: &str =
    "select id, username, username_key, email, email_key, password_hash, created_at,
                                 coalesce(disabled_at, -1),
                                 coalesce(email_verified_at, -1), role from accounts order by username_key";

#[test]
fn what_is_exported_comes_in_again_as_it_was() {
    let house = House::new();
    for name in ["ana", "Bob", "carl"] {
        assert_eq!(house.register(name).status, 201);
    }
    let database = &house.database;
    database.ask(
        "update accounts set role = 'admin', email_verified_at = 1700000000 where username = 'ana'",
    );
    database.ask("update accounts set disabled_at = 1700000001 where username = 'carl'");
    let wrapped = "$vestibule-wrapped$md5$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    database.ask(&format!(
        "update accounts set password_hash = '{wrapped}' where username = 'carl'"
    ));
    let path = database.folder().join("all.jsonl");
    let file = path.to_str().expect("text");
    let done = run(database, &["export", file]);
    assert!(done.status.success(), "{}", complained(&done));
    assert!(
        said(&done).contains(": 3. It holds their password hashes"),
        "{}",
        said(&done)
    );
    assert_eq!(
        path.metadata().expect("a file").permissions().mode() & 0o777,
        0o600
    );
    // It writes over nothing.
    let before = std::fs::read(&path).expect("a file");
    let again = run(database, &["export", file]);
    assert!(!again.status.success() && complained(&again).contains("exists"));
    assert_eq!(std::fs::read(&path).expect("a file"), before);

    let other = House::new();
    let done = run(&other.database, &["import", file]);
    assert_eq!(
        done.status.code(),
        Some(0),
        "{}{}",
        said(&done),
        complained(&done)
    );
    assert!(!complained(&done).contains("Others can read"));
    assert_eq!(other.database.ask(EVERYTHING), database.ask(EVERYTHING));
    assert_eq!(other.log_in("bob", PASSWORD).status, 200);
    // The same again is all there.
    let done = run(&other.database, &["import", file]);
    assert!(
        said(&done).contains("Here already: 3. Left out: 0."),
        "{}",
        said(&done)
    );
    // One of the same name and address that was made there is somebody else.
    let third = House::new();
    assert_eq!(third.register("ana").status, 201);
    let done = run(&third.database, &["import", file]);
    assert_eq!(done.status.code(), Some(3));
    assert!(said(&done).contains(
        "ana: left out. An account with this name and address is here under another id."
    ));
}

#[test]
fn who_waits_to_be_confirmed_is_left_out_and_counted() {
    let house = House::new();
    for name in ["ana", "bob"] {
        assert_eq!(house.register(name).status, 201);
    }
    let database = &house.database;
    database.ask("update accounts set pending_until = 9000000000 where username = 'bob'");
    let file = database.folder().join("all.jsonl");
    let done = run(database, &["export", file.to_str().expect("text")]);
    let words = said(&done);
    assert!(
        words.contains(": 1. It holds")
            && words.contains("Left out, since their address is not confirmed yet: 1."),
        "{words}"
    );
    // The same for a pipe: the accounts and nothing else on standard output.
    let piped = run(database, &["export", "-"]);
    assert_eq!(piped.stdout, std::fs::read(&file).expect("a file"));
    assert!(complained(&piped).starts_with("Accounts written: 1.\nLeft out"));
    assert!(!database.folder().join("-").exists());
    let piped = run(database, &["export", "-", "--json"]);
    assert_eq!(complained(&piped), "{\"left_out\":1,\"written\":1}\n");
    assert!(said(&piped).contains("ana@example.org"));
}

#[test]
fn every_table_is_copied_when_everything_moves() {
    let house = House::on(Database::sqlite(), &[]);
    let mut tables = house.database.ask(
        "select name from sqlite_master where type = 'table' and substr(name, 1, 7) <> 'sqlite_'",
    );
    tables.retain(|name| name != "_sqlx_migrations");
    tables.sort();
    let mut copied = vestibule::store::copy::TABLES.to_vec();
    copied.sort_unstable();
    assert_eq!(
        tables, copied,
        "store::copy::TABLES must name every table, those referred to first"
    );
}

/// Where a database is, for `--to`.
fn url_of(database: &Database) -> String {
    database.url().unwrap_or_else(|| {
        std::fs::create_dir(database.data_dir()).expect("a folder");
        format!(
            "sqlite:{}",
            database.data_dir().join("vestibule.db").display()
        )
    })
}

/// A house that has the secret of all others.
fn house_on(database: Database) -> House {
    let secret = format!("\"{SECRET}\"");
    let settings = [
        ("vestibule.server_secret", secret.as_str()),
        ("vestibule.issuer", "\"https://login.example.org\""),
    ];
    House::on(database, &settings)
}

/// Moves, and gives the house on the new database.
fn moved(from: Database, to: Database) -> House {
    let done = run(&from, &["move", "--to", &url_of(&to)]);
    assert!(done.status.success(), "{}", complained(&done));
    let words = said(&done);
    let line = words.lines().find(|line| line.starts_with("accounts"));
    let rows = line.and_then(|line| line.split_whitespace().nth(1));
    assert_eq!(rows, Some("2"), "{words}");
    let column = words.find("ROWS").map(|at| at + 4);
    for table in vestibule::store::copy::TABLES {
        let line = words.lines().find(|line| line.starts_with(table));
        let line = line.unwrap_or_else(|| panic!("{table}"));
        let rows = column.and_then(|end| line.get(..end));
        assert!(
            rows.is_some_and(|rows| rows.ends_with(|c: char| c.is_ascii_digit())),
            "{line}"
        );
    }
    assert_eq!(from.ask(EVERYTHING), to.ask(EVERYTHING));
    house_on(to)
}

#[test]
fn who_is_signed_in_stays_so_when_everything_moves_there_and_back() {
    let house = house_on(Database::sqlite());
    let access = house.token_of("ana");
    assert_eq!(house.register("Bob").status, 201);
    let refresh = house.log_in("ana", PASSWORD).text_of("refresh_token");
    // In another database, of the other kind where there is one.
    let there = moved(house.close(), Database::fresh());
    assert_eq!(there.status_of(&access), 200);
    assert_eq!(there.log_in("bob", PASSWORD).status, 200);
    let renewed = there.refresh(&refresh);
    assert_eq!(renewed.status, 200, "{}", renewed.text);
    let refresh = renewed.text_of("refresh_token");
    let back = moved(there.close(), Database::sqlite());
    assert_eq!(back.status_of(&access), 200);
    assert_eq!(back.refresh(&refresh).status, 200);
}

#[test]
fn nothing_moves_into_what_is_not_empty_nor_from_under_a_server() {
    let house = house_on(Database::sqlite());
    assert_eq!(house.register("ana").status, 201);
    let target = house_on(Database::fresh());
    assert_eq!(target.register("eve").status, 201);
    let to = target.database.url().unwrap_or_else(|| {
        format!(
            "sqlite:{}",
            target.database.data_dir().join("vestibule.db").display()
        )
    });
    let before = target.database.ask(EVERYTHING);
    // The server has it open.
    let used = run(&house.database, &["move", "--to", &to]);
    assert!(
        !used.status.success() && complained(&used).contains("The database is in use"),
        "{}",
        complained(&used)
    );
    let from = house.close();
    let used = run(&from, &["move", "--to", &to]);
    assert!(
        complained(&used).contains("The target is in use"),
        "{}",
        complained(&used)
    );
    let target = target.close();
    let full = run(&from, &["move", "--to", &to]);
    assert!(
        !full.status.success() && complained(&full).contains("The target holds accounts"),
        "{}",
        complained(&full)
    );
    assert_eq!(target.ask(EVERYTHING), before);
    // A server's keys are there, too.
    target.ask("delete from accounts");
    let keys = run(&from, &["move", "--to", &to]);
    assert!(
        complained(&keys).contains("its table signing_keys holds rows"),
        "{}",
        complained(&keys)
    );
    let distant = run(&from, &["move", "--to", "postgres://u:geheim@db.example/v"]);
    let words = complained(&distant);
    assert!(
        words.contains("verify-full") && !words.contains("geheim"),
        "{words}"
    );
    // A URL with a password may stand in a file.
    let file = from.folder().join("url");
    std::fs::write(&file, "mysql://u:geheim@db.example/v\n").expect("written");
    let other = run(&from, &["move", "--to-file", file.to_str().expect("text")]);
    let words = complained(&other);
    assert!(
        words.contains("must begin with postgres:// or sqlite:") && !words.contains("geheim"),
        "{words}"
    );
    assert_eq!(house_on(from).log_in("ana", PASSWORD).status, 200);
}

#[test]
fn nothing_moves_into_a_file_that_others_may_read() {
    let database = house_on(Database::sqlite()).close();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new.db");
    let to = format!("sqlite:{}", path.display());
    std::fs::write(&path, "").expect("a file");
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&path, open).expect("a mode");
    let refused = run(&database, &["move", "--to", &to]);
    assert!(!refused.status.success());
    assert!(complained(&refused).contains("others may read it"));
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(folder.path().join("elsewhere.db"), &link).expect("a link");
    let to_link = format!("sqlite://{}", link.display());
    assert!(!run(&database, &["move", "--to", &to_link]).status.success());
    std::fs::remove_file(&path).expect("gone");
    let done = run(&database, &["move", "--to", &to]);
    assert!(done.status.success(), "{}", complained(&done));
}
