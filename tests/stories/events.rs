//! What happened to an account, for its owner to read.

use serde_json::{Value, json};

use crate::house::{House, PASSWORD};

fn token(house: &House, name: &str) -> String {
    house.log_in(name, PASSWORD).text_of("access_token")
}

fn events(house: &House, token: &str) -> Vec<Value> {
    let answer = house.get("/auth/events").bearer(token).send();
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["events"].as_array().expect("a list").clone()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["kind"].as_str().expect("a kind"))
        .collect()
}

/// A wrong password, typed on a phone.
fn wrong(house: &House, name: &str) {
    let answer = house
        .post("/auth/token")
        .header("User-Agent", "Mozilla/5.0 (Android 15) Firefox/140.0")
        .form(&[("username", name), ("password", "not the password")]);
    assert_eq!(answer.status, 401);
}

#[test]
fn the_owner_reads_what_happened_in_words() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    house.clock.advance(60);
    wrong(&house, "ana");
    wrong(&house, "ana@example.org");
    house.clock.advance(60);
    let first = token(&house, "ana");
    house.clock.advance(60);
    assert_eq!(house.post("/auth/logout").bearer(&first).send().status, 200);
    house.clock.advance(60);
    let second = token(&house, "ana");
    house.clock.advance(60);
    let renamed = house
        .post("/auth/username")
        .bearer(&second)
        .json(&json!({ "username": "maria" }))
        .text_of("access_token");
    house.clock.advance(60);
    let last = house
        .post("/auth/password")
        .bearer(&renamed)
        .json(&json!({ "current_password": PASSWORD, "new_password": "marble otter gazette" }))
        .text_of("access_token");
    let events = events(&house, &last);
    assert_eq!(
        kinds(&events),
        [
            "password_changed",
            "username_changed",
            "signed_in",
            "session_ended",
            "signed_in",
            "wrong_password",
            "registered"
        ]
    );
    let words = |at: usize| events[at]["words"].as_str().expect("words");
    assert_eq!(words(1), "Username changed. It was ana before.");
    assert_eq!(words(3), "Session ended. Signed out.");
    assert_eq!(words(5), "2 wrong passwords in a day.");
    assert_eq!(events[5]["device"], "Firefox on Android");
    assert_eq!(events[5]["client"], "127.0.0.1");
    assert_eq!(events[5]["at"], crate::house::START + 60);
    // The page says the same; that browser was signed out by the change.
    let page = |cookie: &str| {
        house
            .get("/account/events")
            .page()
            .header("Cookie", cookie)
            .send()
    };
    assert_eq!(page(&cookie).status, 303);
    let signed_in = house.submit(
        "/login",
        &[("username", "maria"), ("password", "marble otter gazette")],
    );
    let page = page(&signed_in.cookie());
    for words in [
        "Password changed. All other sessions ended.",
        "2 wrong passwords in a day.",
        "Firefox on Android",
        "Account created.",
    ] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
}

#[test]
fn nobody_reads_of_others() {
    let house = House::new();
    for name in ["ana", "bob"] {
        house.register(name);
    }
    wrong(&house, "ana");
    let events = events(&house, &token(&house, "bob"));
    assert_eq!(kinds(&events), ["signed_in"]);
}

#[test]
fn guessing_fills_no_table_and_pushes_nothing_out() {
    let house = House::with(&[("vestibule.trusted_proxies", "[\"127.0.0.1\"]")]);
    house.register("ana");
    let renamed = house
        .post("/auth/username")
        .bearer(&token(&house, "ana"))
        .json(&json!({ "username": "maria" }));
    assert_eq!(renamed.status, 200);
    let guess = |name: &str, address: &str| {
        let answer = house
            .post("/auth/token")
            .header("X-Forwarded-For", address)
            .form(&[("username", name), ("password", "not the password")]);
        assert_eq!(answer.status, 401);
    };
    for number in 0..40 {
        house.clock.advance(1);
        guess("maria", &format!("203.0.113.{number}"));
        guess("maria", &format!("203.0.113.{number}"));
        guess("nobody", &format!("203.0.113.{number}"));
    }
    let events = events(&house, &token(&house, "maria"));
    let wrong: Vec<&Value> = events
        .iter()
        .filter(|event| event["kind"] == "wrong_password")
        .collect();
    assert_eq!(wrong.len(), 20);
    assert_eq!(wrong[0]["client"], "203.0.113.39");
    assert_eq!(wrong[0]["words"], "2 wrong passwords in a day.");
    assert!(kinds(&events).contains(&"username_changed"));
    // Of names that nobody has, no address is kept.
    let rows = house.database.ask(
        "select client, device, times from wrong_passwords
         where account_id not in (select id from accounts)",
    );
    assert_eq!(rows, ["||40"]);
}

#[test]
fn changes_are_counted_out_as_well() {
    let house = House::new();
    house.register("ana");
    let mut token = token(&house, "ana");
    for number in 0..110 {
        house.clock.advance(1);
        // A name changes ten times a day.
        if number % 10 == 9 {
            house.clock.advance(86_400);
            token = self::token(&house, "ana");
        }
        let name = if number % 2 == 0 { "Ana" } else { "ana" };
        let renamed = house
            .post("/auth/username")
            .bearer(&token)
            .json(&json!({ "username": name }));
        assert_eq!(renamed.status, 200, "{}", renamed.text);
        token = renamed.text_of("access_token");
    }
    let rows = house.database.ask("select count(*) from account_events");
    assert_eq!(rows, ["100"]);
    assert_eq!(events(&house, &token).len(), 100);
}

#[test]
fn a_wrong_password_costs_a_name_that_nobody_has_the_same_writes() {
    let house = House::new();
    house.register("ana");
    wrong(&house, "ana");
    wrong(&house, "nobody");
    let times = house
        .database
        .ask("select times from wrong_passwords order by account_id");
    assert_eq!(times, ["1", "1"]);
}
