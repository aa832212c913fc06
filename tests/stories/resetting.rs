//! A new password for whoever forgot theirs.

use std::thread;

use serde_json::json;

use crate::house::mail::waiting;
use crate::house::{Answer, House, PASSWORD};

const ANA: &str = "ana@example.org";
const NEW: &str = "brisk lantern meadow";

fn forgot(house: &House, email: &str) -> Answer {
    house.post("/auth/forgot").json(&json!({ "email": email }))
}

fn reset(house: &House, secret: &str, password: &str) -> Answer {
    house
        .post("/auth/reset")
        .json(&json!({ "secret": secret, "password": password }))
}

/// Somebody registered, with a letter that resets.
fn asked() -> (House, String, String) {
    let house = House::new();
    house.register("ana");
    let request = forgot(&house, ANA).text_of("request");
    let secret = house.letter("reset", ANA, 0).secret("/reset/");
    (house, request, secret)
}

#[test]
fn a_reset_sets_the_password_and_ends_every_session() {
    let house = House::new();
    let token = house.token_of("ana");
    let refresh = house.log_in("ana", PASSWORD).text_of("refresh_token");
    let cookie = house
        .submit("/login", &[("username", "ana"), ("password", PASSWORD)])
        .cookie();
    assert_eq!(forgot(&house, "Ana@Example.org").status, 202);
    let letter = house.letter("reset", ANA, 0);
    assert!(letter.text.contains("within 10 minutes") && letter.text.contains("http://127.0.0.1:"));
    let done = reset(&house, &letter.secret("/reset/"), NEW);
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(house.status_of(&token), 401);
    assert_eq!(house.refresh(&refresh).status, 400);
    assert_eq!(
        house
            .get("/account")
            .header("Cookie", &cookie)
            .page()
            .send()
            .status,
        303
    );
    assert_eq!(house.log_in("ana", PASSWORD).status, 401);
    let token = house.log_in("ana", NEW).text_of("access_token");
    let sessions = house.get("/auth/sessions").bearer(&token).send();
    assert!(
        sessions.text.contains("a new password was set"),
        "{}",
        sessions.text
    );
    // The letter came, so the address is right; and its owner is told what happened.
    let confirmed = house
        .database
        .ask("select count(email_verified_at) from accounts");
    assert_eq!(confirmed, ["1"]);
    let told = house.letter("password-changed", ANA, 0);
    assert!(told.text.contains("from 127.0.0.1") && told.text.contains("/forgot"));
    assert_eq!(house.events("password_reset").len(), 1);
}

#[test]
fn the_page_walks_from_the_login_form_to_a_new_password() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    assert!(
        house
            .get("/login")
            .page()
            .send()
            .text
            .contains(r#"href="/forgot""#)
    );
    let asked = house.submit("/forgot", &[("email", ANA)]);
    assert_eq!((asked.status, asked.header("Location")), (303, "/reset"));
    let waits = asked.cookie();
    let page = house.get("/reset").header("Cookie", &waits).page().send();
    assert!(page.text.contains(r#"name="code""#) && page.text.contains("one-time-code"));
    let code = house.letter("reset", ANA, 0).code();
    let submit = |fields: &[(&str, &str)]| {
        let call = house.post("/reset").header("Origin", &house.origin);
        call.header("Cookie", &format!("{waits}; {cookie}"))
            .page()
            .form(fields)
    };
    // A password that is none spends no try, and the code is kept in the form.
    for password in ["short", "password1", "ana@example.org!"] {
        for _ in 0..3 {
            let refused = submit(&[("code", &code), ("password", password)]);
            assert_eq!(refused.status, 422, "{}", refused.text);
            assert!(
                refused.text.contains(&code) && !refused.text.contains(&format!("\"{password}\""))
            );
        }
    }
    let done = submit(&[("code", &code), ("password", NEW)]);
    assert_eq!((done.status, done.header("Location")), (303, "/reset/done"));
    // Whoever sat there is signed out there, too.
    assert!(done.set_cookie("vestibule").contains("Max-Age=0"));
    assert_eq!(house.log_in("ana", NEW).status, 200);
    // Without a letter asked for there is no code to type.
    assert_eq!(
        house.get("/reset").page().send().header("Location"),
        "/forgot"
    );
}

#[test]
fn a_link_is_looked_at_often_and_used_once() {
    let (house, _, secret) = asked();
    let path = format!("/reset/{secret}");
    for _ in 0..3 {
        let page = house.get(&path).page().send();
        assert!(page.status == 200 && page.text.contains(r#"name="password""#));
    }
    let refused = house.submit(&path, &[("password", "password1")]);
    assert_eq!(refused.status, 422);
    let done = house.submit(&path, &[("password", NEW)]);
    assert_eq!((done.status, done.header("Location")), (303, "/reset/done"));
    let again = house.submit(&path, &[("password", "another lantern meadow")]);
    assert!(again.status == 400 && again.text.contains(r#"action="/forgot""#));
    assert_eq!(house.get(&path).page().send().status, 400);
    assert_eq!(house.log_in("ana", NEW).status, 200);
}

#[test]
fn known_and_unknown_addresses_get_one_answer() {
    let house = House::new();
    house.register("ana");
    house.register("off");
    house
        .database
        .ask("update accounts set disabled_at = 1 where username = 'off'");
    let answers = [ANA, "off@example.org", "nobody@example.org"].map(|email| forgot(&house, email));
    for answer in &answers {
        assert_eq!(answer.status, 202);
        assert_eq!(answer.text_of("message"), answers[0].text_of("message"));
        assert_eq!(answer.text_of("request").len(), 26);
        let names: Vec<_> = answer.headers.keys().collect();
        assert_eq!(names, answers[0].headers.keys().collect::<Vec<_>>());
    }
    // One letter: nobody is written to who is not there, or may not sign in.
    house.letter("reset", ANA, 0);
    assert_eq!(waiting(&house.database).len(), 1);
    // Nor does a code tell: a wrong one is answered alike for a request that stands for nobody.
    let guess = |answer: &Answer| {
        let body =
            json!({ "request": answer.text_of("request"), "code": "BBBB-BBBB", "password": NEW });
        let mut said = house.post("/auth/reset").json(&body).json();
        said["request_id"] = json!(null);
        said
    };
    for _ in 0..7 {
        assert_eq!(guess(&answers[0]), guess(&answers[2]));
    }
}

#[test]
fn two_resets_at_once_are_one() {
    let (house, _, first) = asked();
    house.clock.advance(1);
    forgot(&house, ANA);
    let second = house.letter("reset", ANA, 1).secret("/reset/");
    let tries = [
        (&first, "brisk lantern meadow one"),
        (&first, "brisk lantern meadow two"),
        (&second, "brisk lantern meadow three"),
        (&second, "brisk lantern meadow four"),
    ];
    let answers = thread::scope(|scope| {
        let all = tries.map(|(secret, password)| {
            let house = &house;
            scope.spawn(move || (password, reset(house, secret, password).status))
        });
        all.map(|one| one.join().expect("an answer"))
    });
    let done: Vec<&str> = answers
        .iter()
        .filter(|one| one.1 == 200)
        .map(|one| one.0)
        .collect();
    assert_eq!(done.len(), 1, "{answers:?}");
    assert!(
        answers.iter().all(|one| matches!(one.1, 200 | 400)),
        "{answers:?}"
    );
    assert_eq!(house.log_in("ana", done[0]).status, 200);
    // The other letter is void, too.
    for secret in [&first, &second] {
        assert_eq!(reset(&house, secret, NEW).status, 400);
    }
    let version = house.database.ask("select version from accounts");
    assert_eq!(version, ["2"]);
}

#[test]
fn a_letter_is_of_no_use_after_ten_minutes_or_to_another() {
    let (house, request, secret) = asked();
    house.register("bob");
    let other = forgot(&house, "bob@example.org").text_of("request");
    let code = house.letter("reset", ANA, 0).code();
    let by_code = |request: &str| {
        let body = json!({ "request": request, "code": code, "password": NEW });
        house.post("/auth/reset").json(&body).status
    };
    assert_eq!(by_code(&other), 400);
    house.clock.advance(600);
    assert_eq!(by_code(&request), 400);
    assert_eq!(reset(&house, &secret, NEW).status, 400);
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
    assert_eq!(
        house
            .database
            .ask("select version from accounts where username = 'ana'"),
        ["1"]
    );
}

#[test]
fn an_address_that_changed_meanwhile_resets_nothing() {
    let (house, _, secret) = asked();
    house
        .database
        .ask("update accounts set email = 'new@example.org', email_key = 'new@example.org'");
    assert_eq!(reset(&house, &secret, NEW).status, 400);
    // What failed spent nothing either, and changed nothing.
    assert_eq!(
        house.database.ask("select count(spent_at) from letters"),
        ["0"]
    );
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
}

#[test]
fn a_reset_opens_an_account_that_guessers_closed_and_none_that_the_operator_did() {
    let (house, _, secret) = asked();
    house.database.ask(
        "insert into login_failures (account_id, failures) select id, 100 from accounts where username = 'ana'",
    );
    assert_eq!(reset(&house, &secret, NEW).status, 200);
    assert_eq!(
        house.database.ask("select count(*) from login_failures"),
        ["0"]
    );
    house.clock.advance(1);
    forgot(&house, ANA);
    let secret = house.letter("reset", ANA, 1).secret("/reset/");
    house.database.ask("update accounts set disabled_at = 1");
    let done = reset(&house, &secret, "another lantern meadow");
    assert_eq!(done.status, 200);
    assert_eq!(house.log_in("ana", "another lantern meadow").status, 401);
}

#[test]
fn made_up_answers_have_a_budget_and_right_ones_are_never_held_up() {
    let house = House::with(&[("vestibule.throttle", "\"on\"")]);
    house.register("ana");
    forgot(&house, ANA);
    let secret = house.letter("reset", ANA, 0).secret("/reset/");
    let mut last = 0;
    for number in 0..30 {
        last = reset(&house, &format!("madeup{number}"), NEW).status;
    }
    assert_eq!(last, 429);
    assert_eq!(house.get("/verify/madeup").page().send().status, 429);
    assert_eq!(reset(&house, &secret, NEW).status, 200);
}

#[test]
fn nothing_that_proves_a_letter_stands_in_the_database_or_the_log() {
    let (house, request, secret) = asked();
    let code = house.letter("reset", ANA, 0).code();
    house.get(&format!("/reset/{secret}")).page().send();
    house
        .post("/auth/reset")
        .json(&json!({ "request": request, "code": "BBBB-BBBB", "password": NEW }));
    reset(&house, &secret, NEW);
    let rows = [
        house.database.ask("select * from letters"),
        house.database.ask("select * from outbox"),
    ];
    let rows = rows.concat().join("\n");
    let log = house.log.taken();
    for secret in [secret.as_str(), &code, &code.replace('-', "")] {
        assert!(!rows.contains(secret) && !log.contains(secret), "{secret}");
    }
    assert!(!log.contains(ANA));
    assert!(log.contains("/reset/<secret>"));
}

#[test]
fn a_request_that_we_never_made_is_refused_whatever_it_is() {
    let (house, _, _) = asked();
    for request in ["\0", "a\0b", "", "'", "ä", &"a".repeat(5_000)] {
        let body = json!({ "request": request, "code": "BBBB-BBBB", "password": NEW });
        let answer = house.post("/auth/reset").json(&body);
        let code = (answer.status, answer.text_of("code"));
        assert_eq!(code, (400, "letter_over".into()), "{request:?}");
    }
}

#[test]
fn pictures_on_other_sites_spend_nothing_of_those_who_look_at_them() {
    let house = House::with(&[("vestibule.throttle", "on")]);
    house.register("ana");
    assert_eq!(forgot(&house, ANA).status, 202);
    let link = house.letter("reset", ANA, 0).path("/reset/");
    let paths = [
        "/reset/x",
        "/verify/x",
        "/address/confirm/x",
        "/address/undo/x",
        "/invite/x",
    ];
    for number in 0..400 {
        let path = paths[number % paths.len()];
        let call = house
            .get(path)
            .page()
            .header("Sec-Fetch-Site", "cross-site");
        assert_eq!(call.header("Sec-Fetch-Dest", "image").send().status, 403);
    }
    // Neither made-up links nor the codes of invitations were counted.
    let call = house.get("/reset/x").page();
    assert_eq!(call.header("Sec-Fetch-Dest", "document").send().status, 400);
    assert_eq!(house.get(&link).page().send().status, 200);
}
