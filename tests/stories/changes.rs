//! Changing the password and the username.

use serde_json::json;

use crate::house::{Answer, Call, Database, House, PASSWORD};

const NEW: &str = "marble otter gazette lantern";
const DAY: i64 = 86_400;

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

fn change(house: &House, token: &str, current: &str, new: &str) -> Answer {
    house
        .post("/auth/password")
        .bearer(token)
        .json(&json!({ "current_password": current, "new_password": new }))
}

fn rename(house: &House, token: &str, name: &str) -> Answer {
    house
        .post("/auth/username")
        .bearer(token)
        .json(&json!({ "username": name }))
}

#[test]
fn a_new_password_ends_every_other_session_and_goes_on_in_this_one() {
    let house = House::new();
    let (access, refresh) = signed_in(&house, "ana");
    let (elsewhere, other) = tokens(&house.log_in("ana", PASSWORD));
    // Long after signing in: the current password is asked for anyway.
    house.clock.advance(800);
    let changed = change(&house, &access, PASSWORD, NEW);
    let (new_access, new_refresh) = tokens(&changed);
    // The very next requests.
    assert_eq!(house.status_of(&new_access), 200);
    assert_eq!(
        (house.status_of(&access), house.status_of(&elsewhere)),
        (401, 401)
    );
    assert_eq!(
        (house.refresh(&refresh).status, house.refresh(&other).status),
        (400, 400)
    );
    assert_eq!(house.refresh(&new_refresh).status, 200);
    assert_eq!(house.log_in("ana", PASSWORD).status, 401);
    assert_eq!(house.log_in("ana", NEW).status, 200);
    let sessions = house
        .get("/auth/sessions")
        .bearer(&new_access)
        .send()
        .json();
    let ended = sessions["sessions"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|session| session["ended_why"] == "Ended when the password was changed.");
    assert_eq!(ended.count(), 2);
}

#[test]
fn a_new_password_is_held_against_the_old_one_and_the_rules() {
    let house = House::new();
    let (access, _) = signed_in(&house, "marguerite");
    for (current, new, field) in [
        ("not the password", NEW, "current_password"),
        ("", NEW, "current_password"),
        (PASSWORD, "short", "new_password"),
        (PASSWORD, "", "new_password"),
        (PASSWORD, "password1234", "new_password"),
        (PASSWORD, "marguerite2026", "new_password"),
        (PASSWORD, PASSWORD, "new_password"),
        (PASSWORD, &"long words ".repeat(12), "new_password"),
    ] {
        let refused = change(&house, &access, current, new);
        assert_eq!(refused.status, 422, "{current} {new}: {}", refused.text);
        assert_eq!(refused.json()["errors"][0]["field"], field, "{new}");
    }
    let odd = house
        .post("/auth/password")
        .bearer(&access)
        .json(&json!({ "current_password": PASSWORD, "new_password": NEW, "username": "x" }));
    assert_eq!(odd.status, 422);
    assert_eq!(house.status_of(&access), 200);
    assert_eq!(house.log_in("marguerite", PASSWORD).status, 200);
    assert_eq!(house.events("password_changed").len(), 0);
    let reasons = house.events("password_change_refused");
    assert_eq!(reasons.len(), 8);
    assert!(
        reasons
            .iter()
            .any(|event| event["reason"] == "wrong_password")
    );
}

#[test]
fn of_two_changes_at_once_one_is_done_and_the_other_has_no_session_left() {
    let house = House::new();
    let (one, _) = signed_in(&house, "ana");
    let (other, _) = tokens(&house.log_in("ana", PASSWORD));
    let words = [NEW, "copper violin harbor pepper"];
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let all = [(&one, words[0]), (&other, words[1])]
            .map(|(token, new)| scope.spawn(|| change(&house, token, PASSWORD, new)));
        all.map(|one| one.join().expect("an answer")).into()
    });
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    // Late enough, the old password is wrong already.
    assert!(
        matches!(statuses[..], [200, 401 | 422]),
        "{statuses:?} {answers:?}"
    );
    let won = answers.iter().position(|answer| answer.status == 200);
    let won = won.expect("one that is done");
    assert_eq!(house.log_in("ana", words[won]).status, 200);
    assert_eq!(house.log_in("ana", words[1 - won]).status, 401);
    assert_eq!(house.status_of(&tokens(&answers[won]).0), 200);
}

#[test]
fn another_instance_hears_of_a_new_password_within_a_second() {
    let house = House::on(Database::fresh(), &[("vestibule.issuer", "x")]);
    let beside = house.beside(&[("vestibule.issuer", "x")]);
    let (access, _) = signed_in(&house, "ana");
    assert_eq!(beside.status_of(&access), 200);
    let (new, _) = tokens(&change(&house, &access, PASSWORD, NEW));
    beside.hears_of_the_end_of(&access, 1);
    assert_eq!(beside.status_of(&new), 200);
}

#[test]
fn the_page_changes_the_password_and_keeps_this_browser() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    let (elsewhere, _) = tokens(&house.log_in("ana", PASSWORD));
    let send = |current: &str, new: &str| {
        house
            .post("/account/password")
            .page()
            .header("Origin", &house.origin)
            .header("Cookie", &cookie)
            .form(&[("current_password", current), ("new_password", new)])
    };
    let refused = send("not the password", NEW);
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("id=\"current_password-error\""));
    assert!(!refused.text.contains(NEW));
    let weak = send(PASSWORD, "password1234");
    assert!(weak.text.contains("id=\"new_password-error\""));
    let changed = send(PASSWORD, NEW);
    assert_eq!(
        (changed.status, changed.header("Location")),
        (303, "/account?done=password")
    );
    let page = house
        .get("/account?done=password")
        .page()
        .header("Cookie", &changed.cookie())
        .send();
    assert!(page.text.contains("Your password is changed."));
    assert_eq!(house.status_of(&elsewhere), 401);
    let old = house.get("/auth/me").header("Cookie", &cookie).send();
    assert_eq!(old.status, 401);
}

#[test]
fn a_new_name_signs_in_and_stands_in_the_token() {
    let house = House::new();
    let (access, refresh) = signed_in(&house, "ana");
    let (elsewhere, other) = tokens(&house.log_in("ana", PASSWORD));
    let (renamed, _) = tokens(&rename(&house, &access, "Maria"));
    let name_in = |token: &str| {
        house
            .get("/auth/me")
            .bearer(token)
            .send()
            .text_of("username")
    };
    assert_eq!(name_in(&renamed), "Maria");
    // The account is the same, and nobody was signed out.
    let id_in = |token: &str| house.get("/auth/me").bearer(token).send().text_of("id");
    assert_eq!(id_in(&renamed), id_in(&access));
    assert_eq!(name_in(&elsewhere), "ana");
    assert_eq!(name_in(&tokens(&house.refresh(&other)).0), "Maria");
    assert_eq!(name_in(&tokens(&house.refresh(&refresh)).0), "Maria");
    assert_eq!(house.log_in("maria", PASSWORD).status, 200);
    assert_eq!(house.log_in("ana", PASSWORD).status, 401);
}

#[test]
fn names_that_are_taken_or_cannot_be_are_refused() {
    let house = House::new();
    house.register("bob");
    let (access, _) = signed_in(&house, "ana");
    let taken = rename(&house, &access, "BOB");
    assert_eq!(
        (taken.status, &*taken.text_of("code")),
        (400, "already_registered")
    );
    for bad in [
        "",
        "a",
        ".ana",
        "a b",
        "ana@example.org",
        &"a".repeat(33),
        "ana",
    ] {
        assert_eq!(rename(&house, &access, bad).status, 422, "{bad}");
    }
    // Only its case.
    assert_eq!(rename(&house, &access, "Ana").status, 200);
    let wanted: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = ["bea", "cat", "dan"]
            .map(|name| signed_in(&house, name).0)
            .into_iter()
            .map(|token| {
                scope.spawn(|| {
                    let token = token;
                    rename(&house, &token, "wanted").status
                })
            })
            .collect();
        all.into_iter()
            .map(|one| one.join().expect("an answer"))
            .collect()
    });
    assert_eq!(wanted.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(wanted.iter().filter(|status| **status == 400).count(), 2);
}

#[test]
fn an_old_name_stays_its_owners_for_ninety_days() {
    let house = House::new();
    let (access, _) = signed_in(&house, "ana");
    let (access, _) = tokens(&rename(&house, &access, "anb"));
    // Nobody registers it, and nobody is renamed to it.
    let other = json!({ "username": "ANA", "email": "x@example.org", "password": PASSWORD });
    let register = || house.post("/auth/register").json(&other);
    assert_eq!(
        (register().status, &*register().text_of("code")),
        (400, "already_registered")
    );
    let (bob, _) = signed_in(&house, "bob");
    assert_eq!(rename(&house, &bob, "ana").status, 400);
    // Its owner goes on, and back, but collects no more than three.
    let (access, _) = tokens(&rename(&house, &access, "anc"));
    let (access, _) = tokens(&rename(&house, &access, "and"));
    let refused = rename(&house, &access, "ane");
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("three times"));
    let (access, _) = tokens(&rename(&house, &access, "ana"));
    assert_eq!(rename(&house, &access, "ane").status, 422);
    assert_eq!(rename(&house, &bob, "and").status, 400);
    // Tidying frees what nobody went back to in time.
    house.clock.advance(89 * DAY);
    tidy(&house);
    let (bob, _) = tokens(&house.log_in("bob", PASSWORD));
    assert_eq!(rename(&house, &bob, "and").status, 400);
    house.clock.advance(DAY + 1);
    tidy(&house);
    let (bob, _) = tokens(&house.log_in("bob", PASSWORD));
    assert_eq!(rename(&house, &bob, "and").status, 200);
}

/// What the service does once a minute.
fn tidy(house: &House) {
    use vestibule::store::{Pool, changes};
    let url = house.database.url().unwrap_or_else(|| {
        format!(
            "sqlite:{}",
            house.database.data_dir().join("vestibule.db").display()
        )
    });
    let runtime = rocket::tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let pool = Pool::open(&url, 2).await.expect("the database");
        let given_up = house.clock.unix() - changes::NAME_KEPT;
        changes::forget(&pool, given_up, 0)
            .await
            .expect("it tidies");
        pool.close().await;
    });
}

#[test]
fn the_owner_is_written_to_about_each_change() {
    let house = House::new();
    let (access, _) = signed_in(&house, "ana");
    let (renamed, _) = tokens(&rename(&house, &access, "maria"));
    assert_eq!(rename(&house, &renamed, "b o b").status, 422);
    assert_eq!(change(&house, &renamed, "not it, sorry", NEW).status, 422);
    assert_eq!(change(&house, &renamed, PASSWORD, NEW).status, 200);
    let letters = house
        .database
        .ask("select letter, sent_to from outbox order by letter");
    assert_eq!(
        letters,
        [
            "password-changed|ana@example.org",
            "username-changed|ana@example.org"
        ]
    );
}

#[test]
fn a_name_changes_ten_times_a_day() {
    let house = House::new();
    let (mut access, _) = signed_in(&house, "ana");
    for number in 0..10 {
        let name = if number % 2 == 0 { "Ana" } else { "ana" };
        access = tokens(&rename(&house, &access, name)).0;
    }
    let more = rename(&house, &access, "Ana");
    assert_eq!(more.status, 422);
    assert!(more.text.contains("Try again tomorrow"), "{}", more.text);
    house.clock.advance(DAY + 1);
    let (access, _) = tokens(&house.log_in("ana", PASSWORD));
    assert_eq!(rename(&house, &access, "Ana").status, 200);
}

#[test]
fn an_address_that_nobody_confirmed_reads_five_notices_an_hour_whoever_registers_it_anew() {
    let house = House::with(&[("vestibule.throttle", "on")]);
    for name in ["ana", "bea"] {
        let body = json!({ "username": name, "email": "victim@example.org", "password": PASSWORD });
        assert_eq!(house.post("/auth/register").json(&body).status, 201);
        let (mut access, _) = tokens(&house.log_in(name, PASSWORD));
        let (mut old, mut new) = (PASSWORD, NEW);
        for _ in 0..4 {
            access = tokens(&change(&house, &access, old, new)).0;
            (old, new) = (new, old);
        }
        let gone = house.call("DELETE", "/auth/me").bearer(&access).send();
        assert_eq!(gone.status, 200, "{}", gone.text);
    }
    let mut told = house.events("password_changed").len();
    assert_eq!(told, 8);
    told = house.database.ask("select id from outbox").len();
    // Those of an account that is gone went with it; its last word is the fifth.
    assert_eq!(told, 1);
}

#[test]
fn a_new_password_makes_strangers_of_all_networks_but_the_one_at_hand() {
    let house = House::with(&[("vestibule.trusted_proxies", "[\"127.0.0.1\"]")]);
    house.register("ana");
    let from = |call: Call, address: &str| call.header("X-Forwarded-For", address);
    let log_in = |address: &str| {
        let call = from(house.post("/auth/token"), address);
        tokens(&call.form(&[("username", "ana"), ("password", PASSWORD)])).0
    };
    log_in("203.0.113.5");
    let access = log_in("198.51.100.7");
    let call = from(house.post("/auth/password"), "198.51.100.7").bearer(&access);
    let body = json!({ "current_password": PASSWORD, "new_password": NEW });
    assert_eq!(call.json(&body).status, 200);
    let known = house.database.ask("select network from known_networks");
    assert_eq!(known, ["198.51.100.7"]);
}
