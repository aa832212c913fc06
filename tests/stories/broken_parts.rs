//! When the database is gone, locked or full: 503 with words, and never an open door.

use crate::house::busy::Busy;
use crate::house::{Database, House, PASSWORD};

fn assert_unavailable(answer: &crate::house::Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.json()["code"], "unavailable");
    assert!(!answer.header("Retry-After").is_empty());
    for detail in ["sqlite", "postgres", "accounts", "select", "disk"] {
        assert!(
            !answer.text.to_lowercase().contains(detail),
            "{}",
            answer.text
        );
    }
}

#[test]
fn without_its_table_nobody_gets_in_and_the_guard_goes_on() {
    let house = House::new();
    let token = house.token_of("ana");
    house.database.ask("alter table accounts rename to gone");
    assert_unavailable(&house.log_in("ana", PASSWORD));
    assert_unavailable(&house.register("bob"));
    let page = house.submit("/login", &[("username", "ana"), ("password", PASSWORD)]);
    assert_eq!(page.status, 503);
    assert!(page.text.contains("Try again in a moment") && page.text.contains("value=\"ana\""));
    assert_eq!(house.get("/secure-data").bearer(&token).send().status, 200);
    house.database.ask("alter table gone rename to accounts");
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
}

/// Its session is written down by then: refused, nobody would have it, and one more with every attempt.
#[test]
fn a_login_is_good_although_the_database_does_not_end_what_is_too_much() {
    let house = House::with(&[("vestibule.sessions_per_account", "2")]);
    let token = house.token_of("ana");
    let (refusing, again) = match house.database.url() {
        Some(_) => (
            "alter table sessions add constraint refusing check (ended_why <> 'surplus')",
            "alter table sessions drop constraint refusing",
        ),
        None => (
            "create trigger refusing before update on sessions when new.ended_why = 'surplus'
             begin select raise(abort, 'no'); end",
            "drop trigger refusing",
        ),
    };
    house.database.ask(refusing);
    for _ in 0..2 {
        house.clock.advance(1);
        assert_eq!(house.log_in("ana", PASSWORD).status, 200);
    }
    assert_eq!(house.status_of(&token), 200);
    house.database.ask(again);
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
    assert_eq!(house.status_of(&token), 401);
    let going = "select count(*) from sessions where ended_at is null";
    assert_eq!(house.database.ask(going), ["2"]);
}

#[test]
fn a_lost_database_is_503_and_the_guard_goes_on() {
    let house = House::new();
    let token = house.token_of("ana");
    house.database.lose();
    assert_unavailable(&house.log_in("ana", PASSWORD));
    assert_unavailable(&house.register("bob"));
    assert_eq!(house.get("/health/live").send().status, 200);
    assert_eq!(house.get("/secure-data").bearer(&token).send().status, 200);
}

#[test]
fn a_database_that_another_process_locks_is_503_and_recovers() {
    let house = House::on(Database::sqlite(), &[]);
    house.register("ana");
    let token = house.log_in("ana", PASSWORD).text_of("access_token");
    let lock = Busy::with(&house.database.pool(), &["begin immediate"]);
    assert_unavailable(&house.register("bob"));
    // A session that is not written down could not be ended.
    assert_unavailable(&house.log_in("ana", PASSWORD));
    // Readers do not wait for a writer.
    assert_eq!(
        house.get("/auth/sessions").bearer(&token).send().status,
        200
    );
    assert_eq!(house.get("/health/ready").send().status, 200);
    lock.roll_back();
    assert_eq!(house.register("bob").status, 201);
}
