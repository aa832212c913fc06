//! Clocks that jump: nobody is locked out, and what is over stays over.

use std::time::{Duration, Instant};

use crate::house::{Answer, House, PASSWORD};

const YEAR: i64 = 365 * 86_400;

fn pair(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let text = |name| answer.text_of(name);
    (text("access_token"), text("refresh_token"))
}

/// What the guard says once it knows what ended. Until then it says 503.
fn settled(house: &House, token: &str) -> u16 {
    let started = Instant::now();
    loop {
        let status = house.status_of(token);
        if status != 503 {
            return status;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "still closed");
    }
}

#[test]
fn a_year_ahead_every_session_is_over_and_everybody_can_sign_in() {
    let house = House::new();
    house.register("ana");
    let (access, refresh) = pair(&house.log_in("ana", PASSWORD));
    let cookie = house.cookie_of("bob");
    house.clock.advance(YEAR);
    assert_eq!(house.status_of(&access), 401);
    assert_eq!(house.refresh(&refresh).text_of("error"), "invalid_grant");
    let me = house.get("/auth/me").header("Cookie", &cookie).send();
    assert_eq!(me.status, 401);
    let (access, refresh) = pair(&house.log_in("ana", PASSWORD));
    assert_eq!(house.status_of(&access), 200);
    assert_eq!(house.refresh(&refresh).status, 200);
    assert_eq!(house.register("eve").status, 201);
}

#[test]
fn a_year_ahead_and_back_again_locks_nobody_out_and_revives_no_logout() {
    let house = House::new();
    house.register("ana");
    let (left, left_refresh) = pair(&house.log_in("ana", PASSWORD));
    let logout = house.post("/auth/logout").bearer(&left).send();
    assert_eq!(logout.status, 200);
    let (access, refresh) = pair(&house.log_in("ana", PASSWORD));
    house.clock.advance(YEAR);
    let (ahead, ahead_refresh) = pair(&house.log_in("ana", PASSWORD));
    assert_eq!(
        (house.status_of(&access), house.status_of(&ahead)),
        (401, 200)
    );
    // Long enough for the instance to have listened, which it does on real time.
    std::thread::sleep(Duration::from_millis(900));
    house.clock.advance(-YEAR);
    // What its owner ended stays ended, from the first request on.
    assert_eq!(settled(&house, &left), 401);
    assert_eq!(house.refresh(&left_refresh).status, 400);
    // A token of next year is not good yet, but whoever holds its session goes on with it.
    assert_eq!(house.status_of(&ahead), 401);
    let (now, _) = pair(&house.refresh(&ahead_refresh));
    assert_eq!(house.status_of(&now), 200);
    let (now, _) = pair(&house.refresh(&refresh));
    assert_eq!(house.status_of(&now), 200);
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
    assert_eq!(house.register("eve").status, 201);
}

#[test]
fn five_minutes_back_nothing_that_was_seen_as_over_returns() {
    let house = House::with(&[
        ("vestibule.idle_days", "1"),
        ("vestibule.session_days", "1"),
    ]);
    house.register("ana");
    let (access, refresh) = pair(&house.log_in("ana", PASSWORD));
    house.clock.advance(86_400);
    assert_eq!(house.status_of(&access), 401);
    assert_eq!(house.refresh(&refresh).status, 400);
    house.clock.advance(-300);
    assert_eq!(house.status_of(&access), 401);
    assert_eq!(house.refresh(&refresh).status, 400);
    let (access, refresh) = pair(&house.log_in("ana", PASSWORD));
    assert_eq!(house.status_of(&access), 200);
    assert_eq!(house.refresh(&refresh).status, 200);
}

#[test]
fn a_year_ahead_and_back_again_leaves_no_budget_spent() {
    let house = House::with(&[
        ("vestibule.throttle", "on"),
        ("vestibule.sign_ins_per_account", "1"),
        ("vestibule.registrations_per_address", "2"),
    ]);
    house.clock.advance(YEAR);
    house.register("ana");
    house.register("ben");
    assert_eq!(house.register("cat").status, 429);
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
    let guess = || house.log_in("nobody", "not the password").status;
    while guess() != 429 {}
    house.clock.advance(-YEAR);
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
    assert_eq!(house.register("cat").status, 201);
    // Guesses are counted on, from now.
    assert_eq!(guess(), 401);
    assert_eq!(guess(), 429);
    house.clock.advance(900);
    assert_eq!(guess(), 401);
}
