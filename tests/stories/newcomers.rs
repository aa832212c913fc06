//! Sign-ins from where there never was one: the owner is written to.

use serde_json::json;

use crate::house::{Answer, House, PASSWORD};

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

fn letters(house: &House) -> usize {
    let sql = "select count(*) from outbox where letter = 'new-browser'";
    house.database.ask(sql)[0].parse().expect("a number")
}

/// Signs in with a browser that shows these cookies.
fn browser(house: &House, cookie: &str, agent: &str) -> Answer {
    let answer = house
        .post("/login")
        .page()
        .header("Origin", &house.origin)
        .header("Cookie", cookie)
        .header("User-Agent", agent)
        .form(&[("username", "ana"), ("password", PASSWORD)]);
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer
}

#[test]
fn a_browser_never_seen_before_is_told_of_once() {
    let house = House::new();
    let registered = house.cookie_of("ana");
    // The browser of the registration is no news.
    browser(&house, &registered, AGENT);
    assert_eq!(letters(&house), 0);
    let other = browser(&house, "", "Mozilla/5.0 (iPhone) Safari/605");
    assert_eq!(letters(&house), 1);
    browser(&house, &other.cookie(), "Mozilla/5.0 (iPhone) Safari/605");
    assert_eq!(letters(&house), 1);
    // A wrong password is nobody's sign-in.
    let wrong = house.submit(
        "/login",
        &[("username", "ana"), ("password", "not it, sorry")],
    );
    assert_eq!((wrong.status, letters(&house)), (401, 1));
    // One that keeps no cookies is told of ten times a day at most.
    for _ in 0..12 {
        browser(&house, "", AGENT);
    }
    assert_eq!(letters(&house), 10);
    house.clock.advance(86_401);
    browser(&house, "", AGENT);
    assert_eq!(letters(&house), 11);
}

#[test]
fn the_browser_in_which_the_password_is_changed_stays_known() {
    let house = House::new();
    let registered = house.cookie_of("ana");
    let sent = |path: &str, cookie: &str, form: &[(&str, &str)]| {
        let call = house.post(path).page().header("Origin", &house.origin);
        let answer = call.header("Cookie", cookie).form(form);
        assert_eq!(answer.status, 303, "{}", answer.text);
        answer
    };
    let new = "marble otter windmill";
    let form = [("current_password", PASSWORD), ("new_password", new)];
    let changed = sent("/account/password", &registered, &form);
    let form = [("username", "ana"), ("password", new)];
    sent("/login", &changed.cookie(), &form);
    assert_eq!(letters(&house), 0);
    // Another one from before the change is a stranger, as whoever knew the old password would be.
    sent("/login", &registered, &form);
    assert_eq!(letters(&house), 1);
}

#[test]
fn a_programs_first_sign_in_is_no_news_and_a_new_network_is() {
    let house = House::with(&[("vestibule.trusted_proxies", "[\"127.0.0.1\"]")]);
    house.register("ana");
    let from = |address: &str| {
        let answer = house
            .post("/auth/token")
            .header("X-Forwarded-For", address)
            .form(&[("username", "ana"), ("password", PASSWORD)]);
        assert_eq!(answer.status, 200);
    };
    from("203.0.113.5");
    from("203.0.113.5");
    assert_eq!(letters(&house), 0);
    from("198.51.100.7");
    from("198.51.100.7");
    assert_eq!(letters(&house), 1);
    // Long unused, it is new again.
    house.clock.advance(91 * 86_400);
    from("203.0.113.5");
    assert_eq!(letters(&house), 2);
}

#[test]
fn a_cookie_of_another_account_makes_no_browser_known() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    let bobs = house.cookie_of("bob");
    browser(&house, &cookie, AGENT);
    browser(&house, &bobs, AGENT);
    assert_eq!(letters(&house), 1);
}

#[test]
fn the_browser_in_which_the_password_is_reset_is_known() {
    let house = House::new();
    house.cookie_of("ana");
    house.clock.advance(40 * 86_400);
    let asked = house
        .post("/auth/forgot")
        .json(&json!({ "email": "ana@example.org" }));
    assert_eq!(asked.status, 202);
    let link = house.letter("reset", "ana@example.org", 0).path("/reset/");
    let new = "marble otter windmill";
    let done = house.submit(&link, &[("password", new)]);
    assert_eq!(done.status, 303, "{}", done.text);
    let call = house.post("/login").page().header("Origin", &house.origin);
    let form = [("username", "ana"), ("password", new)];
    let answer = call.header("Cookie", &done.cookie()).form(&form);
    assert_eq!((answer.status, letters(&house)), (303, 0));
    house.submit("/login", &form);
    assert_eq!(letters(&house), 1);
}
