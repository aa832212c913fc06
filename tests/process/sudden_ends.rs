//! The program killed or asked to stop, in the middle of everything: what was acknowledged is there afterwards.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::house::process::{Process, command_on};
use crate::house::{Answer, Call, Database, PASSWORD};

/// Somebody whose client knows only what it was answered.
struct Person {
    name: String,
    holds: Holds,
}

enum Holds {
    /// An account that was acknowledged, and no token.
    Account,
    /// An access token, the refresh token that was sent last, and its successor where that was answered.
    Tokens(String, String, Option<String>),
    /// Tokens of a session that was left, and the answer said so.
    Nothing(String, String),
    /// Tokens of a session that may or may not be left.
    Unsure,
}

fn renew(process: &Process, refresh: &str) -> Option<Answer> {
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    process.call("POST", "/auth/token").try_form(&form)
}

/// What an answer holds; a refusal here would be a fault.
fn pair(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    (
        answer.text_of("access_token"),
        answer.text_of("refresh_token"),
    )
}

impl Person {
    fn register(process: &Process, name: String) -> Option<Self> {
        let user = serde_json::json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
        let call = process.call("POST", "/auth/register");
        let call = call.header("Content-Type", "application/json");
        let registered = call.try_body(user.to_string().into_bytes())?;
        assert_eq!(registered.status, 201, "{}", registered.text);
        let holds = Holds::Account;
        Some(Self { name, holds })
    }

    /// Signs in, renews once and stays, or renews three times and signs out, as far as it comes before the end.
    fn sign_in(process: &Process, name: &str, stays: bool) -> Option<Self> {
        let form = [("username", name), ("password", PASSWORD)];
        let answer = process.call("POST", "/auth/token").try_form(&form)?;
        let name = name.to_owned();
        let (mut access, mut refresh) = pair(&answer);
        for _ in 0..3 {
            let Some(answer) = renew(process, &refresh) else {
                let holds = Holds::Tokens(access, refresh, None);
                return Some(Self { name, holds });
            };
            let (next, successor) = pair(&answer);
            if stays {
                let holds = Holds::Tokens(next, refresh, Some(successor));
                return Some(Self { name, holds });
            }
            (access, refresh) = (next, successor);
        }
        let call = process.call("POST", "/auth/logout").bearer(&access);
        let holds = match call.try_body(Vec::new()) {
            Some(answer) if answer.status == 200 => Holds::Nothing(access, refresh),
            Some(answer) => panic!("{}", answer.text),
            None => Holds::Unsure,
        };
        Some(Self { name, holds })
    }

    /// Everything that was acknowledged is true in the process that follows.
    fn check(&self, process: &Process) {
        match &self.holds {
            Holds::Account => assert_eq!(process.log_in(&self.name), 200, "{}", self.name),
            Holds::Tokens(access, sent, answered) => {
                assert_eq!(process.status_of(access), 200, "{}", self.name);
                let (_, successor) = pair(&process.refresh(sent));
                assert!(answered.as_ref().is_none_or(|one| *one == successor));
                assert_eq!(pair(&process.refresh(sent)).1, successor);
                pair(&process.refresh(&successor));
            }
            Holds::Nothing(access, refresh) => {
                assert_eq!(process.status_of(access), 401, "{}", self.name);
                assert_eq!(process.refresh(refresh).status, 400, "{}", self.name);
            }
            Holds::Unsure => {}
        }
    }
}

/// Four clients at once, of whom two register and two sign in and out, until the server is killed: everybody who was
/// acknowledged.
fn storm(process: &Process, round: u64, lasts: Duration) -> Vec<Person> {
    let over = AtomicBool::new(false);
    let live = |client: usize, number: usize| match client {
        0 | 1 => Person::register(process, format!("user-{round}-{client}-{number}")),
        _ => Person::sign_in(process, OLD[client - 2], number.is_multiple_of(2)),
    };
    let lives = |client| {
        (0..)
            .take_while(|_| !over.load(Ordering::Relaxed))
            .map_while(|number| live(client, number))
            .collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let lives = &lives;
        let clients: Vec<_> = (0..4).map(|one| scope.spawn(move || lives(one))).collect();
        std::thread::sleep(lasts);
        process.signal(Signal::KILL);
        over.store(true, Ordering::Relaxed);
        let people = clients
            .into_iter()
            .flat_map(|one| one.join().expect("a client"));
        people.collect()
    })
}

/// Who had an account before.
const OLD: [&str; 2] = ["ana", "bob"];

#[test]
fn a_hundred_sudden_ends_lose_nothing_that_was_acknowledged() {
    let database = Database::fresh();
    let start = || {
        let mut command = command_on(&database);
        // None of them may end because there are too many.
        command.env("VESTIBULE_SESSIONS_PER_ACCOUNT", "1000");
        Process::spawn(command)
    };
    let process = start();
    assert!(OLD.iter().all(|name| process.register(name) == 201));
    drop(process);
    let mut people: Vec<Person> = Vec::new();
    let (mut accounts, mut renewed, mut left) = (0, 0, 0);
    let mut least = 60;
    for round in 0..=100 {
        let process = start();
        for person in &people {
            person.check(&process);
            match person.holds {
                Holds::Account => accounts += 1,
                Holds::Tokens(..) => renewed += 1,
                Holds::Nothing(..) => left += 1,
                Holds::Unsure => {}
            }
        }
        // Not the same moment twice in a row.
        let lasts = Duration::from_millis(least + round * 37 % 101);
        people = storm(&process, round, lasts);
        // A busy machine gets longer, or nobody would get as far as an account.
        let made = people.iter().any(|one| matches!(one.holds, Holds::Account));
        least += if made { 0 } else { 10 };
    }
    // A storm in which nobody gets as far as that would prove nothing.
    assert!(
        accounts > 10 && renewed > 10 && left > 10,
        "{accounts} accounts, {renewed} renewals, {left} logouts"
    );
}

#[test]
fn a_sudden_end_between_renewal_and_answer_signs_nobody_out() {
    let database = Database::fresh();
    let process = Process::spawn(command_on(&database));
    assert_eq!(process.register("ana"), 201);
    let (_, mut token) = process.tokens_of("ana");
    drop(process);
    let (mut answered, mut before, mut between) = (0, 0, 0);
    let mut after = Duration::from_millis(1);
    for generation in 0..100 {
        let process = Process::spawn(command_on(&database));
        // Opens the database's pages, so that the moments below lie around the renewal.
        assert_eq!(process.log_in("nobody"), 401);
        let answer = std::thread::scope(|scope| {
            let renewing = scope.spawn(|| renew(&process, &token));
            std::thread::sleep(after);
            process.signal(Signal::KILL);
            renewing.join().expect("a client")
        });
        drop(process);
        let newest = database.ask("select max(generation) from refresh_uses");
        let renewed = newest == [generation.to_string()];
        let process = Process::spawn(command_on(&database));
        // The client tries again with what it has.
        let (access, successor) = pair(&process.refresh(&token));
        // Closer and closer to the moment, however busy the machine is.
        if let Some(answer) = &answer {
            assert!(renewed, "answered before it was written down");
            assert_eq!(pair(answer).1, successor);
            answered += 1;
            after /= 2;
        } else {
            *if renewed { &mut between } else { &mut before } += 1;
            after += after / 4;
        }
        assert_eq!(pair(&process.refresh(&token)).1, successor);
        assert_eq!(process.status_of(&access), 200);
        token = successor;
        if answered > 2 && before > 2 && between > 2 {
            return;
        }
    }
    panic!("{before} ended before the renewal, {between} after it, {answered} after the answer");
}

/// A call that was under way: when it began, when it was over, and its answer.
struct UnderWay {
    began: Instant,
    over: Instant,
    answer: Option<Answer>,
}

#[test]
fn sigterm_cuts_no_request_that_is_being_answered() {
    let database = Database::fresh();
    let mut command = command_on(&database);
    // One thread with dear hashes: whoever logs in now is answered half a second later. The thread gives way to
    // everything else that runs beside this test, so there is room for ten times that.
    command.envs([
        ("VESTIBULE_HASH_MEMORY_KIB", "32768"),
        ("VESTIBULE_HASH_THREADS", "1"),
        // Rocket waits for all of it when anybody is connected.
        ("ROCKET_SHUTDOWN", "{grace=25,mercy=1}"),
    ]);
    let process = Process::spawn(command);
    assert_eq!(process.register("ana"), 201);
    let over = AtomicBool::new(false);
    let (calls, signalled) = std::thread::scope(|scope| {
        let (over, origin) = (&over, process.origin.as_str());
        let log_in = move || {
            let began = Instant::now();
            let answer = Call::new("POST", &format!("{origin}/auth/token"))
                .try_form(&[("username", "ana"), ("password", PASSWORD)]);
            let over = Instant::now();
            UnderWay {
                began,
                over,
                answer,
            }
        };
        let client = move || {
            let mut calls = Vec::new();
            while !over.load(Ordering::Relaxed) {
                calls.push(log_in());
            }
            calls
        };
        let clients: Vec<_> = (0..16).map(|_| scope.spawn(client)).collect();
        std::thread::sleep(Duration::from_millis(1500));
        let signalled = Instant::now();
        process.signal(Signal::TERM);
        over.store(true, Ordering::Relaxed);
        let calls = clients
            .into_iter()
            .flat_map(|one| one.join().expect("a client"));
        (calls.collect::<Vec<_>>(), signalled)
    });
    let (code, log) = process.ended();
    assert_eq!(code, Some(0), "{log}");
    // The 26 of the setting, and what a busy machine adds.
    assert!(
        signalled.elapsed() < Duration::from_secs(40),
        "{:?}",
        signalled.elapsed()
    );
    // Long enough on its way to have been read.
    let read = signalled - Duration::from_millis(100);
    let cut_off = calls
        .iter()
        .filter(|call| call.began < read && call.over > signalled);
    let mut pending = 0;
    for call in cut_off {
        let answer = call.answer.as_ref().expect("a whole answer");
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(!answer.text_of("access_token").is_empty());
        pending += 1;
    }
    assert!(pending > 4, "{pending} requests were under way");
}
