//! Sending letters: what a mail server may do to us, and what it may not.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::house::mail::{Manners, Postbox, path_in, until};
use crate::house::{Database, House, PASSWORD};

const ANA: &str = "ana@example.org";

/// A house that sends its letters to this server.
fn house_with(postbox: &Postbox) -> House {
    let [url, from] = postbox.settings();
    House::with(&[(url.0, &url.1), (from.0, &from.1)])
}

/// What became of the letters.
fn ends(house: &House) -> Vec<String> {
    house
        .database
        .ask("select coalesce(ended_how, 'waits') from outbox order by created_at, id")
}

fn settled(house: &House, end: &str) {
    until(end, || {
        ends(house).iter().all(|one| one == end).then_some(())
    });
}

#[test]
fn a_letter_arrives_and_what_it_said_is_forgotten_here() {
    let postbox = Postbox::open(Manners::Takes);
    let house = house_with(&postbox);
    assert_eq!(house.register("ana").status, 201);
    let letter = until("the letter", || postbox.letters().first().cloned());
    assert!(
        letter.contains("From: Vestibule <login@example.org>"),
        "{letter}"
    );
    assert!(letter.contains(&format!("To: {ANA}")) && letter.contains("multipart/alternative"));
    // Long lines are folded with "=" at their ends.
    let letter = letter.replace("=\n", "");
    let path = path_in(&letter, "/verify/");
    assert_eq!(house.get(&path).page().send().status, 200);
    settled(&house, "sent");
    assert_eq!(house.database.ask("select sealed from outbox"), [""]);
    let told = house.events("letter_sent");
    assert_eq!((told.len(), &told[0]["letter"]), (1, &json!("verify")));
    assert!(!house.log.taken().contains(ANA));
}

#[test]
fn a_dead_mail_server_loses_nothing_and_delays_no_answer() {
    let postbox = Postbox::open(Manners::Hangs);
    let house = house_with(&postbox);
    let begun = Instant::now();
    assert_eq!(house.register("ana").status, 201);
    for _ in 0..5 {
        let asked = house.post("/auth/forgot").json(&json!({ "email": ANA }));
        assert_eq!(asked.status, 202);
        assert_eq!(house.log_in("ana", PASSWORD).status, 200);
    }
    // One step of a conversation alone may take twenty.
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    until("a visit", || (postbox.visits() > 0).then_some(()));
    // Whoever comes from now on is listened to; the first conversation is given up, in the real time.
    postbox.behave(Manners::Takes);
    until("six letters, each tried", || {
        let tried =
            "select count(*) from outbox where ended_at is not null or last_fault is not null";
        (house.database.ask(tried) == ["6"]).then_some(())
    });
    assert!(!house.events("letter_delayed").is_empty());
    house.clock.advance(10);
    let sent = until("six letters", || {
        Some(postbox.letters()).filter(|all| all.len() >= 6)
    });
    assert_eq!(sent.len(), 6);
}

#[test]
fn a_letter_that_another_secret_sealed_waits_for_that_secret() {
    let postbox = Postbox::open(Manners::Refuses("451 Come back"));
    let house = house_with(&postbox);
    house.register("ana");
    until("a try", || {
        (house.events("letter_delayed").len() == 1).then_some(())
    });
    let sealed = until("its next", || {
        let row = house
            .database
            .ask("select sealed from outbox where last_fault is not null");
        row.into_iter().next()
    });
    house.database.ask("update outbox set sealed = 'AAAA'");
    postbox.behave(Manners::Takes);
    for _ in 0..3 {
        house.clock.advance(60);
        std::thread::sleep(Duration::from_millis(700));
    }
    assert_eq!(ends(&house), ["waits"]);
    assert_eq!(house.database.ask("select sealed from outbox"), ["AAAA"]);
    let told = house.events("letter_not_opened");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0]["cause"].to_string().contains("server secret"));
    // No server was asked meanwhile.
    assert_eq!(house.database.ask("select tries from outbox"), ["1"]);
    let back = format!("update outbox set sealed = '{sealed}'");
    house.database.ask(&back);
    house.clock.advance(60);
    until("the letter", || postbox.letters().first().cloned());
    settled(&house, "sent");
}

#[test]
fn a_server_that_is_not_there_is_tried_again_later_and_later() {
    let postbox = Postbox::open(Manners::Refuses("451 Come back"));
    let house = house_with(&postbox);
    house.register("ana");
    for (tries, pause) in [(1, 10), (2, 20), (3, 40)] {
        until("a try", || {
            (house.events("letter_delayed").len() == tries).then_some(())
        });
        let due = until("its next", || {
            let due = house
                .database
                .ask("select due_at - created_at from outbox")
                .remove(0);
            let due: i64 = due.parse().expect("seconds");
            (due < 300).then_some(due)
        });
        let passed = house.clock.unix() - crate::house::START;
        assert_eq!(due - passed, pause);
        house.clock.advance(pause - 1);
        std::thread::sleep(Duration::from_millis(700));
        assert_eq!(
            house.events("letter_delayed").len(),
            tries,
            "not before its time"
        );
        house.clock.advance(1);
    }
    let told = &house.events("letter_delayed")[0];
    assert!(
        told["cause"]
            .as_str()
            .expect("a cause")
            .contains("Come back"),
        "{told}"
    );
    until("a try", || {
        (house.events("letter_delayed").len() == 4).then_some(())
    });
    until("a pause", || {
        let due = house.database.ask("select due_at - created_at from outbox");
        (due == ["150"]).then_some(())
    });
    postbox.behave(Manners::Takes);
    house.clock.advance(80);
    until("the letter", || postbox.letters().first().cloned());
    settled(&house, "sent");
    // What nobody takes in time is given up, and what it said with it.
    postbox.behave(Manners::Refuses("451 Come back"));
    house.post("/auth/forgot").json(&json!({ "email": ANA }));
    until("a try", || {
        (house.events("letter_delayed").len() == 5).then_some(())
    });
    house.clock.advance(601);
    until("its end", || {
        let late = "select sealed from outbox where ended_how = 'late'";
        (house.database.ask(late) == [""]).then_some(())
    });
}

#[test]
fn a_reader_whom_nobody_knows_is_not_tried_again_and_a_fault_of_ours_is() {
    let postbox = Postbox::open(Manners::Refuses("550 5.1.1 No such user ana@example.org"));
    let house = house_with(&postbox);
    house.register("ana");
    settled(&house, "refused");
    let told = &house.events("letter_given_up")[0];
    assert!(
        told["cause"]
            .as_str()
            .expect("a cause")
            .contains("No such user")
    );
    assert!(!house.log.taken().contains(ANA), "an address in the log");
    let ours = [
        "535 Wrong password",
        "550 5.7.1 Sender rejected",
        "550 Relaying denied",
        "554 Your host is blocked for now",
    ];
    for (number, refusal) in ours.into_iter().enumerate() {
        postbox.behave(Manners::Refuses(refusal));
        house.register(&format!("bob{number}"));
        until("a delay", || {
            (house.events("letter_delayed").len() > number).then_some(())
        });
    }
    let waits = ends(&house).iter().filter(|end| *end == "waits").count();
    assert_eq!(waits, ours.len());
}

#[test]
fn a_server_that_hangs_up_after_its_word_has_taken_the_letter() {
    let postbox = Postbox::open(Manners::TakesAndDrops);
    let house = house_with(&postbox);
    house.register("ana");
    settled(&house, "sent");
    house.clock.advance(400);
    std::thread::sleep(Duration::from_millis(1_200));
    assert_eq!(postbox.letters().len(), 1);
}

#[test]
fn a_server_that_hangs_up_before_its_word_gets_the_same_letter_again() {
    let postbox = Postbox::open(Manners::DropsInstead);
    let house = house_with(&postbox);
    house.register("ana");
    until("a delay", || {
        house.events("letter_delayed").first().cloned()
    });
    postbox.behave(Manners::Takes);
    house.clock.advance(10);
    let both = until("twice", || {
        Some(postbox.letters()).filter(|all| all.len() == 2)
    });
    let id = |letter: &str| {
        let line = letter.lines().find(|line| line.starts_with("Message-ID: "));
        line.expect("an id").to_owned()
    };
    assert_eq!(id(&both[0]), id(&both[1]));
}

#[test]
fn instances_beside_each_other_send_each_letter_once() {
    let postbox = Postbox::open(Manners::Takes);
    let [url, from] = postbox.settings();
    let settings = [(url.0, url.1.as_str()), (from.0, &from.1)];
    // All wait before anybody sends.
    let quiet = House::with(&[("vestibule.verify_email", "\"optional\"")]);
    let names: Vec<String> = (0..40).map(|number| format!("reader{number}")).collect();
    for name in &names {
        assert_eq!(quiet.register(name).status, 201);
    }
    let first = House::on(quiet.close(), &settings);
    let _others = [first.beside(&settings), first.beside(&settings)];
    until("forty", || (postbox.letters().len() >= 40).then_some(()));
    settled(&first, "sent");
    first.clock.advance(400);
    std::thread::sleep(Duration::from_millis(1_200));
    let letters = postbox.letters();
    assert_eq!(letters.len(), 40);
    for name in &names {
        let to = format!("To: {name}@example.org");
        assert_eq!(
            letters
                .iter()
                .filter(|one| one.lines().any(|line| line == to))
                .count(),
            1
        );
    }
}

#[test]
fn plaintext_to_another_machine_is_refused_at_the_start() {
    let database = Database::fresh();
    let mut command = crate::house::process::command_on(&database);
    command.envs([
        (
            "VESTIBULE_SMTP_URL",
            "smtp://login:hunter2@mail.example.org",
        ),
        ("VESTIBULE_MAIL_FROM", "login@example.org"),
    ]);
    let done = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        !done.status.success() && said.contains("smtps://"),
        "{said}"
    );
    assert!(!said.contains("hunter2"));
}

#[test]
fn a_letter_put_off_by_a_clock_that_was_ahead_goes_out_once_it_is_right() {
    let postbox = Postbox::open(Manners::Refuses("451 Come back"));
    let house = house_with(&postbox);
    house.clock.advance(86_400);
    house.register("ana");
    until("a try", || {
        (house.events("letter_delayed").len() == 1).then_some(())
    });
    house.clock.advance(-86_400);
    postbox.behave(Manners::Takes);
    settled(&house, "sent");
}

#[test]
fn an_address_is_kept_out_of_the_log_however_it_is_spelled() {
    for (typed, refusal) in [
        ("Ana@Example.ORG", "451 <Ana@example.org> come back"),
        ("ana@Example.ORG", "451 <ana@example.org> come back"),
        (
            "Ana@stra\u{df}e.example",
            "451 <ana@xn--strae-oqa.example> come back",
        ),
    ] {
        let postbox = Postbox::open(Manners::Refuses(refusal));
        let house = house_with(&postbox);
        let body = json!({ "username": "ana", "email": typed, "password": PASSWORD });
        assert_eq!(house.post("/auth/register").json(&body).status, 201);
        let told = until("a delay", || {
            house.events("letter_delayed").first().cloned()
        });
        let cause = told["cause"].as_str().expect("a cause");
        assert!(cause.contains("<…> come back"), "{cause}");
    }
}
