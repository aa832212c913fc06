//! Coming from elsewhere: people keep their passwords, and files that are wrong change nothing they should not.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::house::process::command_on;
use crate::house::{Database, House, PASSWORD};

/// passlib 1.7.4, of [`PASSWORD`], as the tutorial that this service grew from keeps it.
const BCRYPT: &str = "$2b$04$MB0bcbmFoXyMR/VvKwhTRO5AOLrv2IilSQCE0ysl4CR.3O9jpDP8.";

/// `hashlib`, of [`PASSWORD`].
const SHA256: &str = "fd0c7eaecbebd88caa4cc9000e1d569f919815087127880266cb78646acb53ab";

/// Runs a command with the settings of a house.
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

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn write(database: &Database, name: &str, text: &str) -> PathBuf {
    let path = database.folder().join(name);
    std::fs::write(&path, text).expect("written");
    path
}

fn import(house: &House, text: &str, more: &[&str]) -> Output {
    let path = write(&house.database, "people", text);
    let mut arguments = vec!["import", path.to_str().expect("text")];
    arguments.extend(more);
    run(&house.database, &arguments)
}

fn hash_of(house: &House, name: &str) -> String {
    let sql = format!("select password_hash from accounts where username_key = '{name}'");
    house.database.ask(&sql).remove(0)
}

fn count(house: &House) -> String {
    let rows = house.database.ask("select count(*) from accounts");
    rows[0].clone()
}

/// A file as the tutorial makes it.
fn tutorials_file(rows: &[(&str, &str, &str)]) -> (Database, PathBuf) {
    let other = Database::sqlite();
    std::fs::create_dir(other.data_dir()).expect("a folder");
    let path = other.data_dir().join("vestibule.db");
    File::create(&path).expect("a file");
    other.ask(
        "create table users (id integer primary key, user_name varchar, email varchar, hashed_password varchar)",
    );
    for (name, email, hash) in rows {
        other.ask(&format!(
            "insert into users (user_name, email, hashed_password) values ('{name}', '{email}', '{hash}')"
        ));
    }
    (other, path)
}

#[test]
fn people_of_the_tutorial_log_in_with_their_old_password_and_get_a_new_hash() {
    let house = House::new();
    let (_kept, path) = tutorials_file(&[
        ("ana", "ana@example.org", BCRYPT),
        ("Bob", "Bob@Example.org", BCRYPT),
    ]);
    let done = run(&house.database, &["import", path.to_str().expect("text")]);
    assert_eq!(code(&done), Some(0), "{}", complained(&done));
    assert!(said(&done).contains("Added: 2"), "{}", said(&done));
    assert_eq!(hash_of(&house, "ana"), BCRYPT);
    assert_eq!(house.log_in("ana", "not the password").status, 401);
    assert_eq!(hash_of(&house, "ana"), BCRYPT);
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
    assert!(hash_of(&house, "ana").starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
    assert_eq!(house.log_in("ANA", PASSWORD).status, 200);
    assert_eq!(house.log_in("bob@example.org", PASSWORD).status, 200);
    assert_eq!(house.log_in("Bob", "not the password").status, 401);
}

#[test]
fn fast_hashes_are_never_kept_and_their_people_log_in() {
    let house = House::new();
    let csv = format!("login;x,mail,password\nana,ana@example.org,{SHA256}\n").replace(";x", "");
    let unsaid = import(&house, &csv, &[]);
    assert_eq!(code(&unsaid), Some(3));
    assert!(said(&unsaid).contains("--bare-hash sha256"));
    let done = import(&house, &csv, &["--bare-hash", "sha256"]);
    assert_eq!(code(&done), Some(0), "{}", complained(&done));
    let kept = hash_of(&house, "ana");
    assert!(kept.starts_with("$vestibule-wrapped$sha256$argon2id$") && !kept.contains(SHA256));
    // Whoever reads the old hash has no password.
    assert_eq!(house.log_in("ana", SHA256).status, 401);
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
    assert!(hash_of(&house, "ana").starts_with("$argon2id$"));
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
}

#[test]
fn a_short_password_that_came_along_is_good_before_and_after_it_is_hashed_anew() {
    let house = House::new();
    // hashlib.md5(b"abc12").hexdigest()
    let line = json!({ "username": "ana", "email": "ana@example.org", "hash": "md5$$b2157e7b2ae716a747597717f1efb7a0" });
    let done = import(&house, &line.to_string(), &[]);
    assert_eq!(code(&done), Some(0), "{}", said(&done));
    for _ in 0..2 {
        assert_eq!(house.log_in("ana", "abc1").status, 401);
        assert_eq!(house.log_in("ana", "abc12").status, 200);
    }
}

#[test]
fn salted_hashes_of_django_and_of_werkzeug_look_alike_and_both_are_good() {
    use aws_lc_rs::{digest, hmac};
    let of_django = digest::digest(
        &digest::SHA1_FOR_LEGACY_USE_ONLY,
        format!("OXCAgYwa{PASSWORD}").as_bytes(),
    );
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"OXCAgYwa");
    let of_werkzeug = hmac::sign(&key, PASSWORD.as_bytes());
    let line = |name: &str, hash: &[u8]| {
        let hash = format!("sha1$OXCAgYwa${}", data_encoding::HEXLOWER.encode(hash));
        json!({ "username": name, "email": format!("{name}@example.org"), "hash": hash })
    };
    let (ana, bob) = (
        line("ana", of_django.as_ref()),
        line("bob", of_werkzeug.as_ref()),
    );
    let house = House::new();
    let done = import(&house, &format!("{ana}\n{bob}"), &[]);
    assert_eq!(code(&done), Some(0), "{}", said(&done));
    for name in ["ana", "bob"] {
        assert_eq!(house.log_in(name, "not the password").status, 401);
        assert_eq!(house.log_in(name, PASSWORD).status, 200);
        assert!(hash_of(&house, name).starts_with("$argon2id$"));
    }
}

#[test]
fn every_line_is_judged_by_itself_and_a_dry_run_changes_nothing() {
    let house = House::new();
    assert_eq!(house.register("taken").status, 201);
    let lines = [
        json!({ "username": "ana", "email": "ana@example.org", "hash": BCRYPT }).to_string(),
        json!({ "username": "ANA", "email": "ana2@example.org", "hash": BCRYPT }).to_string(),
        json!({ "username": "eve", "email": "Ana@Example.org", "hash": BCRYPT }).to_string(),
        json!({ "username": "taken", "email": "another@example.org", "hash": BCRYPT }).to_string(),
        json!({ "username": "another", "email": "TAKEN@example.org", "hash": BCRYPT }).to_string(),
        json!({ "username": "taken", "email": "taken@example.org", "hash": BCRYPT }).to_string(),
        "{ broken".to_owned(),
        r#"{"username":"twice","username":"twice","email":"t@example.org","hash":"x"}"#.to_owned(),
        json!({ "username": "a b", "email": "ab@example.org", "hash": BCRYPT }).to_string(),
        json!({ "username": "no_address", "email": "nowhere", "hash": BCRYPT }).to_string(),
        json!({ "username": "clear", "email": "clear@example.org", "password": PASSWORD }).to_string(),
        json!({ "username": "dear", "email": "dear@example.org",
                "hash": "$argon2id$v=19$m=4194304,t=9,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA" })
        .to_string(),
        json!({ "username": "king", "email": "king@example.org", "hash": BCRYPT, "role": "king" }).to_string(),
        json!({ "username": "future", "email": "f@example.org", "hash": BCRYPT, "created_at": "2999-01-01" }).to_string(),
        String::new(),
        "x".repeat(100_000),
        json!({ "username": "last", "email": "last@example.org", "hash": BCRYPT, "shoe": 44,
                "email_verified": true, "role": "admin", "created_at": "2020-02-02 02:02:02", "is_active": 0 })
        .to_string(),
    ];
    let text = lines.join("\n");
    let dry = import(&house, &text, &["--dry-run", "--json"]);
    assert_eq!(code(&dry), Some(3), "{}", complained(&dry));
    assert_eq!(count(&house), "1");
    let told: Vec<Value> = said(&dry)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let (summary, told) = told.split_last().expect("numbers");
    assert_eq!(told.len(), 16, "each line that holds something");
    assert_eq!(summary["added"], 2);
    assert_eq!(summary["already_here"], 0);
    assert_eq!(summary["left_out"], 14);
    assert_eq!(summary["admins"], 1);
    assert_eq!(summary["not_taken"], json!(["shoe"]));
    let expected = [
        (1, "would_be_added", ""),
        (2, "left_out", "line 1, too"),
        (3, "left_out", "line 1, too"),
        (4, "left_out", "belongs to another account"),
        (5, "left_out", "belongs to another account"),
        (6, "left_out", "nobody confirmed"),
        (7, "left_out", "no JSON object"),
        (8, "left_out", "twice"),
        (9, "left_out", "letters, digits"),
        (10, "left_out", "address like"),
        (11, "left_out", "in the clear is never taken"),
        (12, "left_out", "more memory or time"),
        (13, "left_out", "role must be"),
        (14, "left_out", "A time"),
        (16, "left_out", "longer than any line"),
        (17, "would_be_added", ""),
    ];
    for (line, (number, end, reason)) in told.iter().zip(expected) {
        assert_eq!(line["line"], number, "{line}");
        assert_eq!(line["end"], end, "{line}");
        let words = line["reason"].as_str().unwrap_or_default();
        assert!(words.contains(reason), "{line}");
    }
    assert!(!said(&dry).contains(PASSWORD), "no password is quoted");
    // In earnest the same two come in, and nobody else.
    let done = import(&house, &text, &[]);
    assert_eq!(code(&done), Some(3));
    assert_eq!(count(&house), "3");
    let last = "select role, created_at, email_verified_at is null, disabled_at is null from accounts where username = 'last'";
    let last = house.database.ask(last).remove(0);
    assert!(last.starts_with("admin|1580608922|"), "{last}");
    assert!(last.ends_with("0|0") || last.ends_with("f|f"), "{last}");
    // It is closed, as it was where it came from.
    assert_eq!(house.log_in("last", PASSWORD).status, 401);
    // Once more changes nothing.
    let again = import(&house, &text, &[]);
    assert!(said(&again).contains("Added: 0") && said(&again).contains("already: 2"));
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
}

#[test]
fn a_stranger_who_registers_before_the_import_with_somebodys_name_and_address_is_not_them() {
    let line = json!({ "username": "ana", "email": "ana@example.org", "hash": BCRYPT }).to_string();
    // Where addresses need not be confirmed the account can be used, and its name stays taken.
    let house = House::new();
    assert_eq!(house.register("ana").status, 201);
    let met = import(&house, &line, &[]);
    assert_eq!(code(&met), Some(3), "{}", said(&met));
    assert!(said(&met).contains("reset-link"), "{}", said(&met));
    // Once letters to the address arrived, it is its owner's.
    assert!(
        run(&house.database, &["user", "verify", "ana"])
            .status
            .success()
    );
    assert_eq!(code(&import(&house, &line, &[])), Some(0));
    // Where they must, it would be forgotten after a week, and the person with it.
    let house = House::with(&[("vestibule.verify_email", "\"required\"")]);
    assert_eq!(house.register("ana").status, 201);
    let met = import(&house, &line, &[]);
    assert_eq!(code(&met), Some(3), "{}", said(&met));
    assert!(said(&met).contains("user delete"), "{}", said(&met));
    assert!(
        run(&house.database, &["user", "delete", "ana", "--yes"])
            .status
            .success()
    );
    let done = import(&house, &line, &[]);
    assert_eq!(code(&done), Some(0), "{}", said(&done));
    assert_eq!(hash_of(&house, "ana"), BCRYPT);
}

#[test]
fn who_came_by_an_import_is_found_again_before_and_after_they_log_in() {
    let house = House::new();
    let argon2 = "$argon2id$v=19$m=64,t=2,p=4$AwBAyDmH0Prf23vP+T/HOA$JAOi71pVa6CmZcqnAUn61LlbYpc2DfBrRwLmd0toPTU";
    let with = |name: &str, hash: &str, since: &str| json!({ "username": name, "email": format!("{name}@example.org"), "hash": hash, "created_at": since });
    let lines = [
        with("ana", BCRYPT, "2020-02-02T02:02:02Z"),
        with("bob", &format!("sha256$${SHA256}"), ""),
        with("carl", argon2, ""),
    ];
    let text = lines.map(|line| line.to_string()).join("\n");
    assert_eq!(code(&import(&house, &text, &[])), Some(0));
    let again = import(&house, &text, &[]);
    assert!(said(&again).contains("already: 3"), "{}", said(&again));
    for name in ["ana", "carl"] {
        assert_eq!(house.log_in(name, PASSWORD).status, 200);
        assert_ne!(hash_of(&house, name), argon2);
    }
    // Of whom the file does not say since when they are, nothing tells them from a stranger by now.
    let again = import(&house, &text, &[]);
    assert!(said(&again).contains("already: 2"), "{}", said(&again));
    assert!(said(&again).contains("carl: left out"), "{}", said(&again));
}

#[test]
fn the_id_of_a_deleted_account_does_not_come_back() {
    let house = House::new();
    let id = "a".repeat(26);
    let line = json!({ "id": id, "username": "ana", "email": "ana@example.org", "hash": BCRYPT })
        .to_string();
    let depart = |version: i64| {
        house.database.ask(&format!(
            "insert into departed_accounts (account_id, version, left_at, told_at) values ('{id}', {version}, 1, 1)"
        ));
    };
    depart(7);
    let met = import(&house, &line, &[]);
    assert_eq!(code(&met), Some(3), "{}", complained(&met));
    assert!(said(&met).contains("was deleted here"), "{}", said(&met));
    // One that came back before this was asked can be deleted once more, and no old token becomes good.
    house.database.ask("delete from departed_accounts");
    assert_eq!(code(&import(&house, &line, &[])), Some(0));
    depart(7);
    let gone = run(&house.database, &["user", "delete", "ana", "--yes"]);
    assert_eq!(code(&gone), Some(0), "{}", complained(&gone));
    let departed = "select version from departed_accounts where left_at > 1";
    assert_eq!(house.database.ask(departed), ["7"]);
}

#[test]
fn a_hash_that_cannot_be_read_is_a_wrong_password_and_the_operator_is_told() {
    let house = House::with(&[("vestibule.throttle", "on")]);
    assert_eq!(house.register("ana").status, 201);
    house
        .database
        .ask("update accounts set password_hash = '$vestibule-wrapped$pbkdf2-md5,i=1,l=16,s=c2Fs$argon2id$'");
    for _ in 0..5 {
        assert_eq!(house.log_in("ana", PASSWORD).status, 401);
    }
    let told = house.events("hash_unreadable");
    assert_eq!(told.len(), 5);
    let id = house.database.ask("select id from accounts").remove(0);
    assert!(told.iter().all(|line| line["account"] == *id));
    // It spends what any wrong password does.
    assert_eq!(
        house.database.ask("select failures from login_failures"),
        ["5"]
    );
}

#[test]
fn a_reserved_name_or_address_is_nobodys_who_comes_and_the_reason_is_said() {
    let house = House::new();
    house.database.ask(
        "insert into reserved_names (username_key, account_id, reserved_at) values ('gone', null, 1)",
    );
    house.register("eve");
    house.database.ask(
        "insert into reserved_addresses (email_key, account_id, good_until)
         select 'old@example.org', id, 9999999999 from accounts",
    );
    let line = |name: &str| json!({ "username": name, "email": format!("{name}@example.org"), "hash": BCRYPT });
    let text = format!("{}\n{}\n{}", line("Gone"), line("old"), line("ana"));
    let done = import(&house, &text, &[]);
    assert_eq!(code(&done), Some(3), "{}", complained(&done));
    let words = said(&done);
    assert!(
        words.contains("Gone: left out. The username is reserved, since its account was deleted"),
        "{words}"
    );
    assert!(
        words.contains("old: left out. The address was lately that of an account here"),
        "{words}"
    );
    assert_eq!(
        house
            .database
            .ask("select username from accounts order by username"),
        ["ana", "eve"]
    );
}

#[test]
fn a_name_that_cannot_be_one_is_shown_so_that_a_terminal_takes_no_harm() {
    let house = House::new();
    let line = |name: &str| json!({ "username": name, "email": "a@example.org", "hash": BCRYPT });
    let names = ["a b", "\u{1b}[2J\u{202e}", &"ü".repeat(5_000), "x!"];
    let text = names.map(|name| line(name).to_string()).join("\n");
    let words = said(&import(&house, &text, &[]));
    for shown in [
        "line 1: \"a b\": left out.".to_owned(),
        "line 2: \"\\u{1b}[2J\\u{202e}\": left out.".to_owned(),
        format!("line 3: \"{}…\": left out.", "ü".repeat(64)),
        "line 4: x!: left out.".to_owned(),
    ] {
        assert!(words.contains(&shown), "{shown}: {words}");
    }
    let told = said(&import(&house, &text, &["--json"]));
    let first = told.lines().next().expect("a line");
    let first: Value = serde_json::from_str(first).expect("JSON");
    assert_eq!(first["username"], "a b");
}

#[test]
fn a_dry_run_says_who_would_become_an_administrator() {
    let house = House::new();
    let line = |name: &str, role: &str| json!({ "username": name, "email": format!("{name}@example.org"), "hash": BCRYPT, "role": role });
    let text = format!("{}\n{}", line("ana", "user"), line("bob", "admin"));
    let words = said(&import(&house, &text, &["--dry-run"]));
    assert!(words.contains("ana: would be added\n"), "{words}");
    assert!(
        words.contains("bob: would be added (administrator)\n"),
        "{words}"
    );
    let told = said(&import(&house, &text, &["--dry-run", "--json"]));
    assert!(
        told.lines()
            .nth(1)
            .is_some_and(|line| line.contains("\"admin\":true")),
        "{told}"
    );
}

#[test]
fn csv_is_read_as_spreadsheets_write_it() {
    let house = House::new();
    let text = format!(
        "\u{feff}Id,\"User Name\",E-Mail,\"Hashed Password\",note\r\n\
         7,ana,ana@example.org,{BCRYPT},\"two\r\nlines, and a \"\"quote\"\"\"\r\n\
         8,bob,bob@example.org,{BCRYPT}\r\n\
         \r\n\
         9,\"carl\",carl@example.org,{BCRYPT},\r\n"
    );
    let text = text.replace("E-Mail", "e-mail").replace("e-mail", "email");
    let done = import(&house, &text, &[]);
    assert_eq!(code(&done), Some(3), "{}", complained(&done));
    let words = said(&done);
    assert!(
        words.contains("line 4: (nobody): left out. It has another number of fields"),
        "{words}"
    );
    assert!(
        words.contains("Not taken from any line: \"note\"."),
        "{words}"
    );
    assert_eq!(count(&house), "2");
    // An id of theirs is none of ours.
    assert_eq!(
        house
            .database
            .ask("select count(*) from accounts where id = '7'"),
        ["0"]
    );
    assert_eq!(house.log_in("carl", PASSWORD).status, 200);
}

#[test]
fn a_quote_that_is_not_closed_is_told_of_with_every_line_that_it_swallowed() {
    let house = House::new();
    let people = |numbers: std::ops::RangeInclusive<u32>| {
        let line = |n| format!("person{n},person{n}@example.org,{BCRYPT}\n");
        numbers.map(line).collect::<String>()
    };
    // (The lines, what is said, how many come in, how many lines are left out.) Line 2 is the first person's.
    let two = people(2..=2);
    let open = |n: u32| format!("\"{}", people(n..=n));
    let quoted = format!("\"six\",six@example.org,\"{BCRYPT}\"\n");
    for (text, said_of_it, added, left_out) in [
        // To the end of a long file, and of a short one.
        (
            format!("{two}{}{}", open(3), people(4..=5_000)),
            "line 3: (nobody): left out. A quote in it is never closed. Lines 3 to 5000 were not read: look in line 3",
            1,
            4_998,
        ),
        (
            format!("{two}{}{}", open(3), people(4..=6)),
            "A quote in it is never closed. Lines 3 to 6 were not read",
            1,
            4,
        ),
        (
            format!("{two}{}", open(3).trim_end()),
            "line 3: (nobody): left out. A quote in it is never closed.\n",
            1,
            1,
        ),
        // To the next quote: with as many fields as there should be, with others, and far away.
        (
            format!("{two}{}{}{quoted}{}", open(3), people(4..=5), people(7..=8)),
            "goes over more than one line. Lines 3 to 6 were not read",
            3,
            4,
        ),
        (
            format!("{two}{}\"four\",\"x\",\"y\",z\n{}", open(3), people(5..=6)),
            "another number of fields than the header. Lines 3 to 4 were not read",
            3,
            2,
        ),
        (
            format!(
                "{two}{}{}{quoted}{}",
                open(3),
                people(4..=4_000),
                people(4_002..=4_003)
            ),
            "longer than any line that is looked at: 65,536 bytes. Lines 3 to 4001 were not read",
            3,
            3_999,
        ),
    ] {
        let done = import(
            &house,
            &format!("username,email,hash\n{text}"),
            &["--dry-run"],
        );
        assert_eq!(code(&done), Some(3), "{}", complained(&done));
        let words = said(&done);
        assert!(words.contains(said_of_it), "{said_of_it}: {words}");
        let numbers = format!(
            "Would be added: {added} (0 administrators). Here already: 0. Left out: {left_out}."
        );
        assert!(words.contains(&numbers), "{numbers}: {words}");
    }
}

#[test]
fn what_a_long_quoted_text_holds_comes_in_as_nobody() {
    let house = House::new();
    let text = format!(
        "username,email,hash,role,about\n\
         ana,ana@example.org,{BCRYPT},user,\"{}\nmallory,mallory@example.org,{BCRYPT},admin,x\n\"\n\
         bob,bob@example.org,{BCRYPT},user,\"two\nlines\"\n",
        "x".repeat(70_000)
    );
    // Whole, and cut off amid the text.
    let cut = text.find("bob,").expect("a line");
    for text in [&text[..cut - 2], &text] {
        let done = import(&house, text, &[]);
        assert_eq!(code(&done), Some(3), "{}", complained(&done));
        assert!(said(&done).contains("Lines 2 to"), "{}", said(&done));
    }
    assert_eq!(house.database.ask("select username from accounts"), ["bob"]);
}

#[test]
fn a_file_that_cannot_be_it_is_refused_before_anything_happens() {
    let house = House::new();
    for (text, words) in [
        ("", "no header"),
        ("name,email\n", "No column is called username"),
        (
            "username,email,hash,password\n",
            "The columns \"hash\" and \"password\" both hold what we call password_hash",
        ),
    ] {
        let done = import(&house, text, &[]);
        assert_eq!(code(&done), Some(1));
        assert!(
            complained(&done).contains(words),
            "{text}: {}",
            complained(&done)
        );
    }
    let absent = run(&house.database, &["import", "absent.csv"]);
    assert!(complained(&absent).contains("absent.csv cannot be read"));
    let (_kept, path) = tutorials_file(&[]);
    let path = path.to_str().expect("text");
    let wrong = run(&house.database, &["import", path, "--table", "people"]);
    assert!(complained(&wrong).contains("has no table people"));
    let fake = write(&house.database, "fake.db", "SQLite format 3\0and no more");
    let done = run(&house.database, &["import", fake.to_str().expect("text")]);
    assert_eq!(code(&done), Some(1), "{}", complained(&done));
    assert_eq!(count(&house), "0");
    // Where no server has started, nothing is made.
    let nowhere = Database::sqlite();
    let people = write(&nowhere, "people.csv", "username,email,hash\n");
    let done = run(&nowhere, &["import", people.to_str().expect("text")]);
    assert!(complained(&done).contains("Start the server once"));
    assert!(!nowhere.data_dir().exists());
}

#[test]
fn what_a_broken_file_is_named_like_does_not_steer_a_terminal() {
    let house = House::new();
    let (other, path) = tutorials_file(&[]);
    other.ask("create table evilevil (a)");
    let mut bytes = std::fs::read(&path).expect("a file");
    let places = 0..bytes.len() - 8;
    let named: Vec<_> = places
        .filter(|at| bytes[*at..].starts_with(b"evilevil"))
        .collect();
    for at in named {
        bytes[at..at + 8].copy_from_slice(b"\x1b[2Jevil");
    }
    std::fs::write(&path, bytes).expect("written");
    let done = run(&house.database, &["import", path.to_str().expect("text")]);
    assert_eq!(code(&done), Some(1), "{}", said(&done));
    let words = complained(&done);
    assert!(words.contains("schema (\u{fffd}[2J"), "{words:?}");
    assert!(!words.contains('\u{1b}'), "{words:?}");
}

/// The most memory that a process had, in KiB.
fn peak_of(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Imports and watches the memory.
fn watched(house: &House, path: &Path) -> (Output, u64) {
    let mut command = command_on(&house.database);
    let command = command.arg("import").arg(path);
    let pipes = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = pipes.spawn().expect("it runs");
    let (id, mut peak) = (child.id(), 0);
    let waiting = std::thread::spawn(move || child.wait_with_output().expect("an end"));
    while !waiting.is_finished() {
        peak = peak.max(peak_of(id).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    (waiting.join().expect("an end"), peak)
}

#[test]
fn a_line_of_a_gigabyte_is_passed_over_without_being_kept() {
    let house = House::new();
    let people = |name: &str| json!({ "username": name, "email": format!("{name}@example.org"), "hash": BCRYPT });
    let path = house.database.folder().join("long.jsonl");
    let mut file = File::create(&path).expect("a file");
    writeln!(file, "{}", people("ana")).expect("written");
    // A hole: a gigabyte of zeros without an end of line.
    let length = file.metadata().expect("a file").len() + (1 << 30);
    file.set_len(length).expect("a long file");
    std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).expect("its end");
    writeln!(file, "\n{}", people("bob")).expect("written");
    let (done, peak) = watched(&house, &path);
    assert_eq!(code(&done), Some(3), "{}", complained(&done));
    assert!(
        said(&done).contains("line 2: (nobody): left out. It is longer"),
        "{}",
        said(&done)
    );
    assert_eq!(count(&house), "2");
    assert!(peak > 0 && peak < 200_000, "{peak} KiB");

    // A quote that is never closed makes one field of all that follows.
    let mut text = format!("username,email,hash\ncarl,carl@example.org,{BCRYPT}\n\"").into_bytes();
    text.resize(8 << 20, b'x');
    let path = house.database.folder().join("long.csv");
    std::fs::write(&path, text).expect("written");
    let (done, peak) = watched(&house, &path);
    assert_eq!(code(&done), Some(3), "{}", complained(&done));
    assert!(
        said(&done).contains("line 3: (nobody): left out. A quote in it is never closed"),
        "{}",
        said(&done)
    );
    assert_eq!(count(&house), "3");
    assert!(peak > 0 && peak < 200_000, "{peak} KiB");
}

#[test]
fn a_file_with_many_wide_columns_takes_no_more_memory_than_those_that_are_taken() {
    let house = House::new();
    let (other, path) = tutorials_file(&[]);
    other.ask("drop table users");
    let more = |n| format!(", c{n} text default '{}'", "x".repeat(4_000));
    let more: String = (0..300).map(more).collect();
    other.ask(&format!(
        "create table users (note, user_name, email{more}, hashed_password)"
    ));
    other.ask(&format!(
        "with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 500)
         insert into users (note, user_name, email, hashed_password)
         select 'x', 'person' || n, 'person' || n || '@example.org', '{BCRYPT}' from numbers"
    ));
    let (done, peak) = watched(&house, &path);
    assert_eq!(code(&done), Some(0), "{}", complained(&done));
    assert!(said(&done).contains("Added: 500"), "{}", said(&done));
    assert!(said(&done).contains("\"note\", \"c0\""), "{}", said(&done));
    assert!(peak > 0 && peak < 200_000, "{peak} KiB");
    assert_eq!(house.log_in("person500", PASSWORD).status, 200);
}

#[test]
fn an_import_that_is_killed_goes_on_where_it_was() {
    let house = House::new();
    let mut text = String::from("username,email,password_hash\n");
    for number in 0..6_000 {
        text += &format!("person{number},person{number}@example.org,{BCRYPT}\n");
    }
    let path = write(&house.database, "many.csv", &text);
    let mut command = command_on(&house.database);
    let command = command
        .arg("import")
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("it runs");
    let begun = Instant::now();
    let there = || count(&house).parse::<u32>().expect("a number");
    while there() == 0 && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("it runs");
    child.wait().expect("an end");
    let before = there();
    assert!(
        before > 0 && before < 6_000,
        "{before} were in when it was killed"
    );
    assert_eq!(before % 500, 0, "a batch is in or not");
    let done = run(&house.database, &["import", path.to_str().expect("text")]);
    assert_eq!(code(&done), Some(0), "{}", complained(&done));
    let words = format!(
        "Added: {} (0 administrators). Here already: {before}.",
        6_000 - before
    );
    assert!(said(&done).contains(&words), "{}", said(&done));
    assert_eq!(there(), 6_000);
    assert_eq!(house.log_in("person5999", PASSWORD).status, 200);
}

#[test]
fn a_projects_signer_key_is_used_and_not_kept() {
    // github.com/firebase/scrypt, its example.
    let signer =
        "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==";
    let hash = "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";
    let house = House::new();
    let line =
        json!({ "username": "ana", "email": "ana@example.org", "password_hash": hash }).to_string();
    let without = import(&house, &line, &[]);
    assert!(said(&without).contains("--firebase-key"));
    let key = write(&house.database, "signer", &format!("{signer}\n"));
    let done = import(
        &house,
        &line,
        &["--firebase-key", key.to_str().expect("text")],
    );
    assert_eq!(code(&done), Some(0), "{}", complained(&done));
    let kept = hash_of(&house, "ana");
    assert!(kept.starts_with("$vestibule-firebase$") && !kept.contains(&signer[..30]));
    assert_eq!(house.log_in("ana", "user1password").status, 200);
    assert!(hash_of(&house, "ana").starts_with("$argon2id$"));
}
