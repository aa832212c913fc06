//! What a refusal costs, whoever it is about: the same statements and the same number of hashes for names that nobody has,
//! accounts that are there, disabled ones, and those that are closed to strangers; and the same words.
//!
//! In a process of its own: everything that is told of work is told to one listener.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod house;

use std::sync::{Mutex, MutexGuard, PoisonError};

use house::{Answer, House, PASSWORD};
use log::{LevelFilter, Log, Metadata, Record};
use vestibule::hashing::HASHES;

const WRONG: &str = "not the password";

/// What the service does by itself, now and then: hearing of endings, keys, counting.
const BESIDE: &[&str] = &[
    " as now",
    "told_at >=",
    "signing_keys",
    "observations",
    "outbox",
    "substr(password_hash",
    "listen",
    "pragma",
    // Of the transactions that this is in; their statements count.
    "summary=\"begin",
    "summary=\"commit",
    "lock_timeout",
];

static WORK: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps what is told of statements and hashes.
struct Listener;

impl Log for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        matches!(metadata.target(), "sqlx::query" | HASHES)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = record.args().to_string();
        let work = match record.target() {
            HASHES => format!("hash {text}"),
            // Without how many rows there were, and how long it took, or that it took long on a busy machine.
            _ => text
                .trim_start_matches("slow statement: execution time exceeded alert threshold ")
                .split(" rows_affected")
                .next()
                .expect("text")
                .to_owned(),
        };
        if !BESIDE.iter().any(|word| work.contains(word)) {
            WORK.lock().expect("whole").push(work);
        }
    }

    fn flush(&self) {}
}

/// What an answer cost.
fn cost(ask: impl FnOnce() -> Answer) -> (Answer, Vec<String>) {
    WORK.lock().expect("whole").clear();
    let answer = ask();
    (answer, WORK.lock().expect("whole").clone())
}

fn hashes(work: &[String]) -> usize {
    work.iter().filter(|one| one.starts_with("hash ")).count()
}

/// Makes this test the one that is listened to.
fn listen() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // Only the first can; a test that failed has no turn any more.
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = log::set_logger(&Listener);
    turn
}

/// Now that a house is there, whose framework has its own ideas.
fn all_is_told() {
    log::set_max_level(LevelFilter::Trace);
}

#[test]
fn a_refusal_takes_the_same_statements_and_hashes_whoever_it_is_about() {
    let _turn = listen();
    let house = House::with(&[
        ("vestibule.throttle", "on"),
        ("vestibule.failures_per_name", "100"),
        ("vestibule.failures_per_address", "1000"),
        ("vestibule.failures_per_network", "1000"),
    ]);
    all_is_told();
    for name in ["known", "shut", "closed", "other"] {
        assert_eq!(house.register(name).status, 201);
    }
    // Where they registered they are known, and that is not what is looked at here.
    house.database.ask("delete from known_networks");
    house
        .database
        .ask("update accounts set disabled_at = 1 where username = 'shut'");
    assert_eq!(house.log_in("closed", WRONG).status, 401);
    house
        .database
        .ask("update login_failures set failures = 100");
    let (answer, work) = cost(|| house.log_in("known", WRONG));
    assert_eq!((answer.status, hashes(&work)), (401, 1), "{work:#?}");
    // One to find out who it is, one to count the failure, two that keep what its owner is told of it.
    assert_eq!(work.len(), 5, "{work:#?}");
    for name in ["nobody", "known", "shut", "closed"] {
        let (answer, by_program) = cost(|| house.log_in(name, WRONG));
        assert_eq!((answer.status, &by_program), (401, &work), "{name}");
        let (answer, by_person) =
            cost(|| house.submit("/login", &[("username", name), ("password", WRONG)]));
        assert_eq!((answer.status, &by_person), (401, &work), "{name}");
        // With a cookie that makes nobody known.
        let (answer, with_cookie) = cost(|| {
            let form = house.post("/login").header("Origin", &house.origin);
            let cookie = format!(
                "vestibule-device={}.20000.{}",
                "a".repeat(26),
                "A".repeat(43)
            );
            form.header("Cookie", &cookie)
                .form(&[("username", name), ("password", WRONG)])
        });
        assert_eq!((answer.status, &with_cookie), (401, &work), "{name}");
        // An address is a name of its own.
        let address = format!("{name}@example.org");
        let (_, by_address) = cost(|| house.log_in(&address, WRONG));
        let by_address: Vec<String> = by_address
            .iter()
            .map(|one| one.replace("email_key", "username_key"))
            .collect();
        assert_eq!(by_address, work, "{address}");
        // Nor does it matter whether the password could be one.
        let (_, too_long) = cost(|| house.log_in(name, &"x".repeat(200)));
        assert_eq!(too_long, work, "{name}");
    }
    // The right password of a disabled or closed account is a wrong one.
    for name in ["shut", "closed"] {
        let (answer, right) = cost(|| house.log_in(name, PASSWORD));
        assert_eq!((answer.status, &right), (401, &work), "{name}");
    }
    // Once a budget is spent, whoever it is about costs a look and no hash.
    for name in ["nobody", "known"] {
        let spent = (0..200).map(|_| cost(|| house.log_in(name, WRONG)));
        let mut spent = spent.skip_while(|(answer, _)| answer.status != 429);
        let (_, work) = spent.next().expect("a wait");
        assert_eq!((work.len(), hashes(&work)), (1, 0), "{name}: {work:#?}");
    }
    // Forged tokens ask the database nothing.
    let genuine = house.log_in("other", PASSWORD);
    let session = genuine.text_of("refresh_token");
    let (id, _) = session.split_once('.').expect("an id");
    for forged in [
        format!("{id}.0.AAAA"),
        "vestibule_rt_nobody.0.AAAA".to_owned(),
    ] {
        let (answer, work) = cost(|| house.refresh(&forged));
        assert_eq!((answer.status, work.len()), (400, 0), "{work:#?}");
    }
}

/// What of an answer tells whom it is about: all but when it came, and the name of its request, of which the length stays.
fn told(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let headers = answer.headers.iter();
    let headers = headers
        .filter(|(name, _)| name.as_str() != "date")
        .map(|(name, value)| (name.to_string(), format!("{value:?}")));
    let request = answer.text_of("request_id");
    let text = answer.text.replace(&request, &"-".repeat(request.len()));
    (answer.status, headers.collect(), text)
}

#[test]
fn a_wrong_password_of_somebody_signed_in_is_refused_alike_whoever_they_are() {
    let _turn = listen();
    let house = House::with(&[
        ("vestibule.throttle", "on"),
        ("vestibule.failures_per_name", "100"),
        ("vestibule.failures_per_address", "1000"),
        ("vestibule.failures_per_network", "1000"),
    ]);
    all_is_told();
    let tokens = ["known", "closed"].map(|name| (name, house.token_of(name)));
    // Closed to strangers; whoever is inside is none.
    house.database.ask(
        "insert into login_failures (account_id, failures)
         select id, 100 from accounts where username = 'closed'",
    );
    let confirm = |token: &str, password: &str| {
        let call = house.post("/auth/confirm").bearer(token);
        cost(|| call.json(&serde_json::json!({ "password": password })))
    };
    let (first, work) = confirm(&tokens[0].1, WRONG);
    assert_eq!((first.status, hashes(&work)), (422, 1), "{work:#?}");
    for (name, token) in &tokens {
        for password in [WRONG, &"x".repeat(120)] {
            let (answer, same) = confirm(token, password);
            assert_eq!(told(&answer), told(&first), "{name}");
            assert_eq!(same, work, "{name}");
        }
    }
    for (name, token) in &tokens {
        assert_eq!(confirm(token, PASSWORD).0.status, 200, "{name}");
    }
}

#[test]
fn a_refresh_token_that_is_no_good_any_more_does_not_tell_why() {
    let _turn = listen();
    let house = House::new();
    all_is_told();
    let token_of = |name: &str| {
        assert_eq!(house.register(name).status, 201);
        house.log_in(name, PASSWORD).text_of("refresh_token")
    };
    let [shut, gone, ended, raised] = ["shut", "gone", "ended", "raised"].map(token_of);
    for sql in [
        "update accounts set disabled_at = 1 where username = 'shut'",
        "update sessions set ended_at = 1, ended_why = 'logged_out'
         where account_id = (select id from accounts where username = 'ended')",
        "update accounts set version = version + 1 where username = 'raised'",
    ] {
        house.database.ask(sql);
    }
    let access = house.log_in("gone", PASSWORD).text_of("access_token");
    let left = house.call("DELETE", "/auth/me").bearer(&access).send();
    assert!(left.status < 300, "{}", left.text);
    let (first, work) = cost(|| house.refresh(&shut));
    assert_eq!((first.status, work.len()), (400, 1), "{work:#?}");
    let forged = "vestibule_rt_nobody.0.AAAA".to_owned();
    assert_eq!(told(&house.refresh(&forged)), told(&first));
    for (name, token) in [
        ("shut", shut),
        ("gone", gone),
        ("ended", ended),
        ("raised", raised),
    ] {
        let (answer, same) = cost(|| house.refresh(&token));
        assert_eq!(told(&answer), told(&first), "{name}");
        assert_eq!(same, work, "{name}");
    }
}

#[test]
fn after_the_parameters_changed_unknown_names_are_hashed_as_accounts_are() {
    let _turn = listen();
    let old = House::with(&[("vestibule.hash_memory_kib", "64")]);
    for number in 0..8 {
        assert_eq!(old.register(&format!("old{number}")).status, 201);
    }
    let changed = [
        ("vestibule.hash_memory_kib", "128"),
        ("vestibule.hash_passes", "2"),
    ];
    let new = House::on(old.close(), &changed);
    for number in 0..8 {
        assert_eq!(new.register(&format!("new{number}")).status, 201);
    }
    // Counted at the start, and now and then.
    let house = House::on(new.close(), &changed);
    all_is_told();
    let hashed = |name: &str| -> Vec<String> {
        let (answer, work) = cost(|| house.log_in(name, WRONG));
        assert_eq!(answer.status, 401);
        work.into_iter()
            .filter(|one| one.starts_with("hash "))
            .collect()
    };
    assert_eq!(
        (hashed("old1"), hashed("new1")),
        (vec!["hash 64 1".to_owned()], vec!["hash 128 2".to_owned()])
    );
    let names: Vec<String> = (0..64).map(|number| format!("nobody{number}")).collect();
    let all: Vec<Vec<String>> = names.iter().map(|name| hashed(name)).collect();
    let old = all.iter().filter(|one| **one == hashed("old1")).count();
    let new = all.iter().filter(|one| **one == hashed("new1")).count();
    assert!(
        old + new == 64 && old > 8 && new > 8,
        "{old} old ones and {new} new ones"
    );
    // The same for one name whenever it is asked for.
    for (name, before) in names.iter().zip(&all) {
        assert_eq!(&hashed(name), before, "{name}");
    }
}
