//! Roles: what an administrator may, and how it ends.

use serde_json::{Value, json};
use vestibule::Role;
use vestibule::accounts::operator::Act;

use crate::house::{House, PASSWORD, operator};

fn act(house: &House, name: &str, act: Act) -> bool {
    operator::act(&house.database, name, act, house.clock.unix())
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    let payload = data_encoding::BASE64URL_NOPAD.decode(payload.as_bytes());
    serde_json::from_slice(&payload.expect("base64url")).expect("JSON")
}

fn token(house: &House, name: &str) -> String {
    house.log_in(name, PASSWORD).text_of("access_token")
}

/// Until the running server has heard.
fn obeyed(house: &House, token: &str) {
    let told = std::time::Instant::now();
    while house.status_of(token) == 200 {
        assert!(told.elapsed().as_secs() < 3, "it does not obey");
    }
}

#[test]
fn a_token_names_a_role_only_where_there_is_one() {
    let house = House::new();
    let before = house.token_of("ana");
    assert_eq!(claims(&before).get("roles"), None);
    assert!(act(&house, "ana", Act::Role(Role::Admin)));
    let after = token(&house, "ana");
    assert_eq!(claims(&after)["roles"], json!(["admin"]));
    let me = house.get("/auth/me").bearer(&after).send().json();
    assert_eq!(me["role"], "admin");
    let page = house.get("/account").page().bearer(&after).send();
    assert!(page.text.contains("Administrator"), "{}", page.text);
    let ben = house.token_of("ben");
    let me = house.get("/auth/me").bearer(&ben).send().json();
    assert_eq!(me["role"], "user");
    let page = house.get("/account").page().bearer(&ben).send();
    assert!(!page.text.contains("Administrator"));
}

#[test]
fn a_role_that_is_taken_away_is_gone_from_every_token_at_once() {
    let house = House::new();
    house.register("ana");
    act(&house, "ana", Act::Role(Role::Admin));
    let signed_in = house.log_in("ana", PASSWORD);
    let (admin, refresh) = (
        signed_in.text_of("access_token"),
        signed_in.text_of("refresh_token"),
    );
    assert_eq!(house.status_of(&admin), 200);
    assert!(act(&house, "ana", Act::Role(Role::User)));
    obeyed(&house, &admin);
    // Nor does renewing bring it back.
    assert_eq!(house.refresh(&refresh).status, 400);
    let now = token(&house, "ana");
    assert_eq!(claims(&now).get("roles"), None);
    // What is so already disturbs nobody.
    assert!(!act(&house, "ana", Act::Role(Role::User)));
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(house.status_of(&now), 200);
}

#[test]
fn a_session_from_before_does_not_grow_into_an_administrators() {
    let house = House::new();
    house.register("ana");
    let before = house.log_in("ana", PASSWORD);
    act(&house, "ana", Act::Role(Role::Admin));
    obeyed(&house, &before.text_of("access_token"));
    let refused = house.refresh(&before.text_of("refresh_token"));
    assert_eq!(refused.status, 400);
}

#[test]
fn a_renewed_token_keeps_the_role() {
    let house = House::new();
    house.register("ana");
    act(&house, "ana", Act::Role(Role::Admin));
    let refresh = house.log_in("ana", PASSWORD).text_of("refresh_token");
    let renewed = house.refresh(&refresh).text_of("access_token");
    assert_eq!(claims(&renewed)["roles"], json!(["admin"]));
}

#[test]
fn owners_read_what_an_operator_did_to_their_account() {
    let house = House::new();
    house.register("ana");
    for act_of in [
        Act::Role(Role::Admin),
        Act::Role(Role::User),
        Act::Disable,
        Act::Enable,
    ] {
        act(&house, "ana", act_of);
        house.clock.advance(60);
    }
    let token = token(&house, "ana");
    let events = house.get("/auth/events").bearer(&token).send().json();
    let events = events["events"].as_array().expect("a list");
    let told: Vec<_> = events
        .iter()
        .filter(|event| event["client"] == "the service itself")
        .map(|event| event["words"].as_str().expect("words"))
        .collect();
    assert_eq!(
        told,
        [
            "Enabled again.",
            "Disabled. All sessions ended.",
            "No longer an administrator. All sessions ended.",
            "Made an administrator. All sessions ended.",
        ]
    );
}

#[test]
fn a_role_that_nobody_knows_gives_no_right() {
    let house = House::new();
    house.register("ana");
    house.database.ask("update accounts set role = 'root'");
    let token = token(&house, "ana");
    let me = house.get("/auth/me").bearer(&token).send().json();
    assert_eq!(me["role"], "user");
}
