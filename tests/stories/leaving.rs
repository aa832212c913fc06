//! Taking everything along, and leaving for good.

use serde_json::json;

use crate::house::{Answer, Database, House, PASSWORD};

fn signed_in(house: &House, name: &str) -> (String, String) {
    house.register(name);
    tokens(&house.log_in(name, PASSWORD))
}

fn tokens(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    (
        answer.text_of("access_token"),
        answer.text_of("refresh_token"),
    )
}

fn leave(house: &House, token: &str) -> Answer {
    house.call("DELETE", "/auth/me").bearer(token).send()
}

#[test]
fn everything_is_in_the_download_but_what_proves_its_owner() {
    let house = House::new();
    let (access, refresh) = signed_in(&house, "ana");
    let (_, refresh) = (access, tokens(&house.refresh(&refresh)));
    let (access, second) = refresh;
    let wrong = house.log_in("ana", "not the password");
    assert_eq!(wrong.status, 401);
    let renamed = house
        .post("/auth/username")
        .bearer(&access)
        .json(&json!({ "username": "maria" }))
        .text_of("access_token");
    house.clock.advance(1);
    let answer = house.post("/auth/data").bearer(&renamed).send();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let all = answer.json();
    assert_eq!(all["account"]["username"], "maria");
    assert_eq!(all["account"]["email"], "ana@example.org");
    assert_eq!(all["sessions"].as_array().expect("a list").len(), 1);
    assert_eq!(all["sessions"][0]["client"], "127.0.0.1");
    assert_eq!(all["renewals"].as_array().expect("a list").len(), 1);
    assert_eq!(all["networks"][0]["network"], "127.0.0.1");
    assert_eq!(all["events"][0]["kind"], "downloaded");
    assert_eq!(all["wrong_passwords"][0]["times"], 1);
    assert_eq!(all["names_given_up"][0]["name"], "ana");
    assert_eq!(all["letters_sent"][0]["letter"], "username-changed");
    for secret in ["argon2", "$", PASSWORD, &second, &renamed, "vestibule_rt_"] {
        assert!(!answer.text.contains(secret), "{secret}: {}", answer.text);
    }
    // Every column of every table that names the account has its place, or is listed here with its reason.
    let hash = house.database.ask("select password_hash from accounts");
    assert!(!answer.text.contains(&hash[0]));
    house.clock.advance(601);
    assert_eq!(house.post("/auth/data").bearer(&renamed).send().status, 401);
}

#[test]
fn the_page_hands_over_a_file() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    let page = house.get("/account/data").page().header("Cookie", &cookie);
    assert!(page.send().text.contains("action=\"/account/data\""));
    let ask = || {
        house
            .post("/account/data")
            .page()
            .header("Origin", &house.origin)
            .header("Cookie", &cookie)
            .form(&[])
    };
    let file = ask();
    assert_eq!(file.status, 200);
    assert_eq!(
        file.header("Content-Disposition"),
        "attachment; filename=\"vestibule-account.json\""
    );
    assert_eq!(file.header("Cache-Control"), "no-store");
    assert_eq!(file.json()["account"]["email"], "ana@example.org");
    house.clock.advance(601);
    // Back to the page with the button.
    let led = ask();
    assert_eq!(
        led.header("Location"),
        "/account/confirm?next=%2Faccount%2Fdata"
    );
}

#[test]
fn who_leaves_is_gone_at_once_and_the_name_stays_nobodys() {
    let house = House::new();
    let (access, refresh) = signed_in(&house, "ana");
    let (elsewhere, _) = tokens(&house.log_in("ana", PASSWORD));
    assert_eq!(house.log_in("ana", "not the password").status, 401);
    let renamed = house
        .post("/auth/username")
        .bearer(&access)
        .json(&json!({ "username": "maria" }))
        .text_of("access_token");
    let id = house.get("/auth/me").bearer(&renamed).send().text_of("id");
    let left = leave(&house, &renamed);
    assert_eq!(left.status, 200, "{}", left.text);
    for token in [&access, &elsewhere, &renamed] {
        assert_eq!(house.status_of(token), 401);
    }
    assert_eq!(house.refresh(&refresh).status, 400);
    assert_eq!(leave(&house, &renamed).status, 401);
    for name in ["maria", "ana", "ana@example.org"] {
        assert_eq!(house.log_in(name, PASSWORD).status, 401, "{name}");
    }
    // Nothing is left but the name, the tombstone and the last letter.
    for (table, column) in [
        ("accounts", "id"),
        ("sessions", "account_id"),
        ("known_networks", "account_id"),
        ("account_events", "account_id"),
        ("wrong_passwords", "account_id"),
        ("login_failures", "account_id"),
        ("letters", "account_id"),
        ("reserved_names", "account_id"),
    ] {
        let sql = format!("select count(*) from {table} where {column} = '{id}'");
        assert_eq!(house.database.ask(&sql), ["0"], "{table}");
    }
    assert_eq!(
        house
            .database
            .ask("select letter, sent_to from outbox where ended_at is null"),
        ["account-deleted|ana@example.org"]
    );
    // Both names are nobody's for ever; the address is free.
    for name in ["ana", "Maria"] {
        let again = json!({ "username": name, "email": "new@example.org", "password": PASSWORD });
        assert_eq!(house.post("/auth/register").json(&again).status, 400);
    }
    let again = json!({ "username": "anabel", "email": "ana@example.org", "password": PASSWORD });
    assert_eq!(house.post("/auth/register").json(&again).status, 201);
    assert_eq!(house.events("account_deleted").len(), 1);
}

#[test]
fn other_instances_and_a_restart_refuse_the_tokens_of_who_left() {
    let issuer = [("vestibule.issuer", "x")];
    let house = House::on(Database::fresh(), &issuer);
    let beside = house.beside(&issuer);
    let (access, _) = signed_in(&house, "ana");
    let (bob, _) = signed_in(&house, "bob");
    assert_eq!(beside.status_of(&access), 200);
    assert_eq!(leave(&house, &access).status, 200);
    beside.hears_of_the_end_of(&access, 1);
    assert_eq!(beside.status_of(&bob), 200);
    // One that starts afterwards knows of the account only what the tombstone says.
    let later = house.beside(&issuer);
    assert_eq!(
        (later.status_of(&access), later.status_of(&bob)),
        (401, 200)
    );
}

#[test]
fn leaving_wants_the_password_of_late_and_the_name_typed() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    let send = |cookie: &str, name: &str| {
        house
            .post("/account/delete")
            .page()
            .header("Origin", &house.origin)
            .header("Cookie", cookie)
            .form(&[("username", name)])
    };
    for wrong in ["", "bob", "yes"] {
        let refused = send(&cookie, wrong);
        assert_eq!(refused.status, 422);
        assert!(refused.text.contains("Nothing is deleted."));
    }
    house.clock.advance(601);
    assert_eq!(
        send(&cookie, "ana").header("Location"),
        "/account/confirm?next=%2Faccount%2Fdelete"
    );
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
    let token = house.log_in("ana", PASSWORD).text_of("access_token");
    house.clock.advance(601);
    assert_eq!(leave(&house, &token).status, 401);
    let again = house.submit("/login", &[("username", "ana"), ("password", PASSWORD)]);
    let left = send(&again.cookie(), "ANA");
    assert_eq!((left.status, left.header("Location")), (303, "/goodbye"));
    assert!(
        left.set_cookies()
            .iter()
            .all(|set| set.contains("Max-Age=0"))
    );
    assert!(
        house
            .get("/goodbye")
            .page()
            .send()
            .text
            .contains("Your account is deleted")
    );
    assert_eq!(house.log_in("ana", PASSWORD).status, 401);
}

#[test]
fn of_two_who_leave_and_change_at_once_both_are_answered_plainly() {
    let house = House::new();
    let (access, _) = signed_in(&house, "ana");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let (house, access) = (&house, &access);
        let leaving = scope.spawn(move || leave(house, access).status);
        let changing = scope.spawn(move || {
            house
                .post("/auth/password")
                .bearer(access)
                .json(&json!({ "current_password": PASSWORD, "new_password": "marble otter gazette" }))
                .status
        });
        let again = scope.spawn(move || leave(house, access).status);
        [leaving, changing, again]
            .map(|one| one.join().expect("an answer"))
            .into()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(
        statuses.iter().filter(|status| **status == 401).count(),
        2,
        "{statuses:?}"
    );
    assert_eq!(house.status_of(&access), 401);
}

#[test]
fn who_left_is_gone_from_the_file_as_well() {
    let house = House::on(Database::sqlite(), &[]);
    let (access, _) = signed_in(&house, "ana");
    let asked = house
        .post("/auth/email")
        .bearer(&access)
        .json(&json!({ "email": "yara9@example.org" }));
    assert_eq!(asked.status, 202);
    assert_eq!(leave(&house, &access).status, 200);
    let database = house.close();
    for file in std::fs::read_dir(database.data_dir()).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("its bytes");
        assert!(!bytes.windows(5).any(|part| part == b"yara9"));
    }
}
