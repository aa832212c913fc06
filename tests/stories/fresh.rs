//! Sensitive steps want a password that was proven within ten minutes.

use serde_json::json;

use crate::house::{Answer, Database, House, PASSWORD};

/// Somebody registered, and the tokens of a session of theirs.
fn signed_in(house: &House, name: &str) -> (String, String) {
    house.register(name);
    let answer = house.log_in(name, PASSWORD);
    (
        answer.text_of("access_token"),
        answer.text_of("refresh_token"),
    )
}

fn rename(house: &House, token: &str, name: &str) -> Answer {
    house
        .post("/auth/username")
        .bearer(token)
        .json(&json!({ "username": name }))
}

fn confirm(house: &House, token: &str, password: &str) -> Answer {
    house
        .post("/auth/confirm")
        .bearer(token)
        .json(&json!({ "password": password }))
}

fn claims(token: &str) -> serde_json::Value {
    let payload = token.split('.').nth(1).expect("a payload");
    let bytes = data_encoding::BASE64URL_NOPAD
        .decode(payload.as_bytes())
        .expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[test]
fn after_ten_minutes_a_program_is_told_to_confirm_and_can() {
    let house = House::new();
    let (access, refresh) = signed_in(&house, "ana");
    house.clock.advance(600);
    assert_eq!(rename(&house, &access, "ana2").status, 200);
    house.clock.advance(1);
    let stale = rename(&house, &access, "ana3");
    assert_eq!(stale.status, 401);
    assert_eq!(stale.text_of("code"), "insufficient_user_authentication");
    let challenge = stale.header("WWW-Authenticate");
    assert!(
        challenge.starts_with("Bearer error=\"insufficient_user_authentication\"")
            && challenge.ends_with("max_age=\"600\""),
        "{challenge}"
    );
    // Everything else goes on.
    assert_eq!(house.status_of(&access), 200);
    // Renewing proves nothing.
    let renewed = house.refresh(&refresh);
    let (access, refresh) = (
        renewed.text_of("access_token"),
        renewed.text_of("refresh_token"),
    );
    assert_eq!(rename(&house, &access, "ana3").status, 401);
    let confirmed = confirm(&house, &access, PASSWORD);
    assert_eq!(confirmed.status, 200, "{}", confirmed.text);
    let fresh = confirmed.text_of("access_token");
    // The same session, and the refresh token that it has anyway.
    assert_eq!(claims(&fresh)["sid"], claims(&access)["sid"]);
    assert_eq!(claims(&fresh)["auth_time"], house.clock.unix());
    assert_eq!(confirmed.text_of("refresh_token"), refresh);
    assert_eq!(rename(&house, &fresh, "ana3").status, 200);
    // What is renewed from here on says so, too.
    let renewed = house.refresh(&refresh).text_of("access_token");
    assert_eq!(claims(&renewed)["auth_time"], house.clock.unix());
    assert_eq!(rename(&house, &renewed, "ana4").status, 200);
}

#[test]
fn a_wrong_password_confirms_nothing() {
    let house = House::new();
    let (access, _) = signed_in(&house, "ana");
    house.clock.advance(700);
    for wrong in ["not the password", "", &"x".repeat(200)] {
        let refused = confirm(&house, &access, wrong);
        assert_eq!(refused.status, 422, "{}", refused.text);
        assert_eq!(refused.json()["errors"][0]["field"], "password");
    }
    assert_eq!(rename(&house, &access, "ana2").status, 401);
    assert_eq!(
        house.events("confirmation_refused")[0]["reason"],
        "wrong_password"
    );
    // Nor does a token of a session that ended.
    assert_eq!(
        house.post("/auth/logout").bearer(&access).send().status,
        200
    );
    assert_eq!(confirm(&house, &access, PASSWORD).status, 401);
}

#[test]
fn guessing_from_within_a_session_has_a_budget_and_keeps_nobody_else_out() {
    let house = House::with(&[("vestibule.throttle", "on")]);
    let (access, _) = signed_in(&house, "ana");
    let mut tried = 0;
    let refused = loop {
        let answer = confirm(&house, &access, "not the password");
        if answer.status != 422 {
            break answer;
        }
        tried += 1;
        assert!(tried < 30, "guessing goes on");
    };
    assert_eq!(refused.status, 429);
    assert!(!refused.header("Retry-After").is_empty());
    // The right one has to wait, too; elsewhere nobody does.
    assert_eq!(confirm(&house, &access, PASSWORD).status, 429);
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
}

#[test]
fn a_browser_is_led_to_the_password_and_back() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    let ask = |path: &str, cookie: &str| house.get(path).page().header("Cookie", cookie).send();
    assert_eq!(ask("/account/username", &cookie).status, 200);
    house.clock.advance(601);
    let led = ask("/account/username?a=b", &cookie);
    assert_eq!(
        (led.status, led.header("Location")),
        (303, "/account/confirm?next=%2Faccount%2Fusername%3Fa%3Db")
    );
    let form = ask(led.header("Location"), &cookie);
    assert!(
        form.text
            .contains("name=\"next\" value=\"/account/username?a=b\""),
        "{}",
        form.text
    );
    let send = |cookie: &str, fields: &[(&str, &str)]| {
        house
            .post("/account/confirm")
            .page()
            .header("Origin", &house.origin)
            .header("Cookie", cookie)
            .form(fields)
    };
    let next = ("next", "/account/username?a=b");
    let wrong = send(&cookie, &[("password", "not it, sorry"), next]);
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("This is not your password."));
    assert!(!wrong.text.contains("not it, sorry") && wrong.text.contains("/account/username?a=b"));
    let back = send(&cookie, &[("password", PASSWORD), next]);
    assert_eq!(
        (back.status, back.header("Location")),
        (303, "/account/username?a=b")
    );
    assert_eq!(ask("/account/username", &back.cookie()).status, 200);
    // Nobody is led to another site.
    let foreign = ("next", "//evil.example");
    let back = send(&cookie, &[("password", PASSWORD), foreign]);
    assert_eq!(back.header("Location"), "/account");
}

#[test]
fn what_was_posted_too_late_is_not_sent_again_but_leads_back_to_its_form() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    house.clock.advance(601);
    let late = house
        .post("/account/username")
        .page()
        .header("Origin", &house.origin)
        .header("Cookie", &cookie)
        .form(&[("username", "ana2")]);
    assert_eq!(
        (late.status, late.header("Location")),
        (303, "/account/confirm?next=%2Faccount%2Fusername")
    );
    assert_eq!(house.log_in("ana2", PASSWORD).status, 401);
}

#[test]
fn a_page_of_cookies_is_never_answered_with_tokens() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    let confirmed = house
        .post("/auth/confirm")
        .header("Origin", &house.origin)
        .header("Cookie", &cookie)
        .json(&json!({ "password": PASSWORD }));
    assert_eq!(confirmed.status, 200);
    assert_eq!(
        confirmed.json(),
        json!({ "message": "Confirmed for ten minutes." })
    );
    assert_eq!(confirmed.set_cookies().len(), 2);
    assert!(
        confirmed
            .set_cookies()
            .iter()
            .all(|set| set.contains("HttpOnly"))
    );
    // A program gets tokens, and no cookies.
    let token = house.log_in("ana", PASSWORD).text_of("access_token");
    let confirmed = confirm(&house, &token, PASSWORD);
    assert_eq!(confirmed.set_cookies().len(), 0);
    assert_eq!(confirmed.text_of("token_type"), "bearer");
}

#[test]
fn another_instance_believes_the_confirmation() {
    let house = House::on(Database::fresh(), &[("vestibule.issuer", "x")]);
    let beside = house.beside(&[("vestibule.issuer", "x")]);
    let (access, _) = signed_in(&house, "ana");
    house.clock.advance(700);
    assert_eq!(rename(&beside, &access, "ana2").status, 401);
    let fresh = confirm(&house, &access, PASSWORD).text_of("access_token");
    assert_eq!(rename(&beside, &fresh, "ana2").status, 200);
}

#[test]
fn ending_other_sessions_wants_the_password_and_signing_out_does_not() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    let (access, _) = signed_in(&house, "ana");
    let (other, _) = signed_in(&house, "ana");
    house.clock.advance(601);
    let id = claims(&other)["sid"].as_str().expect("an id").to_owned();
    for path in ["/auth/sessions".to_owned(), format!("/auth/sessions/{id}")] {
        let refused = house.call("DELETE", &path).bearer(&access).send();
        assert_eq!(refused.status, 401);
        assert_eq!(refused.text_of("code"), "insufficient_user_authentication");
    }
    assert_eq!(house.status_of(&other), 200);
    for path in ["end-others".to_owned(), format!("{id}/end")] {
        let led = house
            .post(&format!("/account/sessions/{path}"))
            .page()
            .header("Origin", &house.origin)
            .header("Cookie", &cookie)
            .form(&[]);
        assert_eq!(
            (led.status, led.header("Location")),
            (303, "/account/confirm?next=%2Faccount%2Fsessions")
        );
    }
    assert_eq!(house.post("/auth/logout").bearer(&other).send().status, 200);
}
