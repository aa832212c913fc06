//! Confirming an address: by link, by code, again, and before anybody may sign in.

use serde_json::{Value, json};

use crate::house::mail::waiting;
use crate::house::{Answer, House, PASSWORD};

const OPTIONAL: (&str, &str) = ("vestibule.verify_email", "\"optional\"");
const REQUIRED: (&str, &str) = ("vestibule.verify_email", "\"required\"");

const ANA: &str = "ana@example.org";

fn confirmed(house: &House, name: &str) -> bool {
    let sql = format!(
        "select count(*) from accounts where username = '{name}' and email_verified_at is not null"
    );
    house.database.ask(&sql) == ["1"]
}

fn verify(house: &House, body: &Value) -> Answer {
    house.post("/auth/verify").json(body)
}

fn register(house: &House, name: &str, email: &str) -> Answer {
    house
        .post("/auth/register")
        .json(&json!({ "username": name, "email": email, "password": PASSWORD }))
}

#[test]
fn a_link_confirms_once_and_looking_at_it_changes_nothing() {
    let house = House::with(&[OPTIONAL]);
    let cookie = house.cookie_of("ana");
    let letter = house.letter("verify", ANA, 0);
    let path = letter.path("/verify/");
    // A mail scanner follows every link, again and again.
    for _ in 0..3 {
        let page = house.get(&path).page().send();
        assert_eq!(page.status, 200);
        assert!(page.text.contains(ANA) && page.text.contains("Confirm this address"));
        assert!(
            page.text
                .contains(r#"name="referrer" content="strict-origin""#)
        );
    }
    assert!(!confirmed(&house, "ana"));
    let account = house
        .get("/account")
        .header("Cookie", &cookie)
        .page()
        .send();
    assert!(account.text.contains("Not confirmed"), "{}", account.text);
    let done = house.submit(&path, &[]);
    assert_eq!(
        (done.status, done.header("Location")),
        (303, "/verify/done")
    );
    assert!(confirmed(&house, "ana"));
    let account = house
        .get("/account")
        .header("Cookie", &cookie)
        .page()
        .send();
    assert!(!account.text.contains("Not confirmed") && account.text.contains("Confirmed"));
    // Spent.
    let again = house.submit(&path, &[]);
    assert_eq!(again.status, 400);
    assert!(again.text.contains("no longer") && again.text.contains("/verify/send"));
    assert_eq!(house.get(&path).page().send().status, 400);
    assert_eq!(house.events("address_confirmed").len(), 1);
}

#[test]
fn a_code_confirms_together_with_its_request_alone() {
    let house = House::with(&[OPTIONAL]);
    let request = house.register("ana").text_of("request");
    let code = house.letter("verify", ANA, 0).code();
    let other = house.register("bob").text_of("request");
    for body in [
        json!({ "request": other, "code": code }),
        json!({ "request": "", "code": code }),
        json!({ "request": request, "code": "BBBB-BBBB" }),
        json!({ "request": request, "code": &code[..8] }),
        json!({ "request": request, "code": format!("{code}B") }),
        json!({ "request": request, "code": "" }),
    ] {
        let answer = verify(&house, &body);
        assert_eq!(
            (answer.status, answer.text_of("code")),
            (400, "letter_over".into()),
            "{body}"
        );
    }
    assert!(!confirmed(&house, "ana"));
    // As people type it.
    let typed = code.replace('-', " ").to_lowercase();
    let answer = verify(&house, &json!({ "request": request, "code": typed }));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(confirmed(&house, "ana") && !confirmed(&house, "bob"));
}

#[test]
fn a_code_has_five_tries() {
    let house = House::with(&[OPTIONAL]);
    let request = house.register("ana").text_of("request");
    let letter = house.letter("verify", ANA, 0);
    for _ in 0..5 {
        let guess = json!({ "request": request, "code": "BBBB-BBBB" });
        assert_eq!(verify(&house, &guess).status, 400);
    }
    let right = json!({ "request": request, "code": letter.code() });
    assert_eq!(verify(&house, &right).status, 400);
    // The link is another proof, and nobody could have guessed that.
    let link = json!({ "secret": letter.secret("/verify/") });
    assert_eq!(verify(&house, &link).status, 200);
}

#[test]
fn letters_that_are_late_cut_or_made_up_change_nothing() {
    let house = House::with(&[OPTIONAL]);
    let request = house.register("ana").text_of("request");
    let letter = house.letter("verify", ANA, 0);
    let (secret, code) = (letter.secret("/verify/"), letter.code());
    let flipped = secret.replacen(
        &secret[..1],
        if secret.starts_with('a') { "b" } else { "a" },
        1,
    );
    for made_up in [
        &secret[1..],
        &secret[..25],
        "",
        "..",
        "%00",
        &flipped,
        &secret.to_uppercase(),
    ] {
        let answer = verify(&house, &json!({ "secret": made_up }));
        assert_eq!(answer.status, 400, "{made_up}");
        assert_eq!(answer.text_of("code"), "letter_over");
    }
    // That of one purpose is none of another.
    let reset = json!({ "secret": secret, "password": "brisk lantern meadow" });
    assert_eq!(house.post("/auth/reset").json(&reset).status, 400);
    // What is neither is said to be.
    let neither = verify(&house, &json!({ "request": request }));
    assert_eq!(neither.text_of("code"), "malformed_request");
    house.clock.advance(601);
    assert_eq!(
        verify(&house, &json!({ "request": request, "code": code })).status,
        400
    );
    house.clock.advance(86_400 - 601);
    assert_eq!(verify(&house, &json!({ "secret": secret })).status, 400);
    assert!(!confirmed(&house, "ana"));
}

#[test]
fn an_address_that_changed_meanwhile_is_not_confirmed() {
    let house = House::with(&[OPTIONAL]);
    house.register("ana");
    let secret = house.letter("verify", ANA, 0).secret("/verify/");
    house
        .database
        .ask("update accounts set email = 'new@example.org', email_key = 'new@example.org'");
    assert_eq!(verify(&house, &json!({ "secret": secret })).status, 400);
    assert!(!confirmed(&house, "ana"));
}

#[test]
fn asking_again_is_answered_alike_for_everybody() {
    let house = House::with(&[OPTIONAL]);
    house.register("ana");
    let first = house.letter("verify", ANA, 0);
    house.clock.advance(1);
    let ask = |email: &str| {
        house
            .post("/auth/verify/send")
            .json(&json!({ "email": email }))
    };
    let (known, unknown) = (ask("ANA@example.org"), ask("nobody@example.org"));
    for answer in [&known, &unknown] {
        assert_eq!(answer.status, 202);
        assert_eq!(answer.text_of("request").len(), 26);
    }
    assert_eq!(known.text_of("message"), unknown.text_of("message"));
    let second = house.letter("verify", ANA, 1);
    assert_ne!(first.code(), second.code());
    let body = json!({ "request": known.text_of("request"), "code": second.code() });
    assert_eq!(verify(&house, &body).status, 200);
    // Who is confirmed gets no other.
    ask(ANA);
    house.register("bob");
    house.letter("verify", "bob@example.org", 0);
    assert_eq!(waiting(&house.database).len(), 3);
    assert_eq!(ask("nonsense").status, 422);
}

#[test]
fn nobodys_mailbox_is_flooded() {
    let house = House::with(&[OPTIONAL, ("vestibule.throttle", "\"on\"")]);
    house.register("ana");
    for email in [ANA, "nobody@example.org"] {
        let ask = || {
            house
                .post("/auth/verify/send")
                .json(&json!({ "email": email }))
        };
        for _ in 0..5 {
            assert_eq!(ask().status, 202);
        }
        let answer = ask();
        assert_eq!(
            (answer.status, answer.text_of("code")),
            (429, "too_many_letters".into())
        );
        assert!(!answer.header("Retry-After").is_empty());
    }
    let forgot = house.post("/auth/forgot").json(&json!({ "email": ANA }));
    assert_eq!(forgot.status, 429);
    house.clock.advance(721);
    assert_eq!(
        house
            .post("/auth/forgot")
            .json(&json!({ "email": ANA }))
            .status,
        202
    );
}

#[test]
fn off_means_that_nobody_asks() {
    let house = House::new();
    house.register("ana");
    assert!(waiting(&house.database).is_empty());
    let ask = house
        .post("/auth/verify/send")
        .json(&json!({ "email": ANA }));
    assert_eq!(ask.status, 404);
    let cookie = house.log_in("ana", PASSWORD);
    assert_eq!(cookie.status, 200);
}

#[test]
fn no_session_starts_before_where_it_is_required() {
    let house = House::with(&[REQUIRED]);
    let fields = [("username", "ana"), ("email", ANA), ("password", PASSWORD)];
    let made = house.submit("/register", &fields);
    assert_eq!((made.status, made.header("Location")), (303, "/verify"));
    let waits = made.set_cookie("vestibule-letter");
    assert!(
        waits.contains("HttpOnly")
            && waits.contains("SameSite=Lax")
            && waits.contains("Max-Age=600")
    );
    assert_eq!(made.set_cookies().len(), 1, "no session");
    let page = house
        .get("/verify")
        .header("Cookie", &made.cookie())
        .page()
        .send();
    assert!(page.text.contains(r#"name="code""#));
    // The right password does not open it, by no way.
    let answer = house.log_in("ana", PASSWORD);
    assert_eq!(
        (answer.status, answer.text_of("code")),
        (403, "address_not_confirmed".into())
    );
    let page = house.submit("/login", &[("username", "ana"), ("password", PASSWORD)]);
    assert!(page.status == 403 && page.set_cookies().is_empty());
    assert!(page.text.contains("Confirm your email address first"));
    // A wrong one says nothing about it.
    assert_eq!(house.log_in("ana", "another password").status, 401);
    let code = house.letter("verify", ANA, 0).code();
    let done = house
        .post("/verify")
        .header("Origin", &house.origin)
        .header("Cookie", &made.cookie())
        .page()
        .form(&[("code", &code)]);
    assert_eq!(
        (done.status, done.header("Location")),
        (303, "/verify/done")
    );
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
    assert_eq!(house.log_in(ANA, PASSWORD).status, 200);
}

/// What a stranger can see of an answer.
fn shape(answer: &Answer) -> (u16, Vec<String>, Vec<String>) {
    let body = answer.json();
    let members = body.as_object().expect("an object").iter();
    let members = members.map(|(name, value)| match value {
        Value::String(text) if name == "message" => text.clone(),
        _ => name.clone(),
    });
    let headers = answer.headers.keys().map(ToString::to_string);
    (answer.status, members.collect(), headers.collect())
}

#[test]
fn a_taken_address_is_answered_like_a_free_one_where_it_is_required() {
    let house = House::with(&[REQUIRED]);
    register(&house, "ana", ANA);
    let secret = house.letter("verify", ANA, 0).secret("/verify/");
    assert_eq!(verify(&house, &json!({ "secret": secret })).status, 200);
    let taken = register(&house, "eve", "Ana@Example.ORG");
    let free = register(&house, "bob", "bob@example.org");
    assert_eq!(shape(&taken), shape(&free));
    assert_eq!(taken.json()["user"]["username"], "eve");
    // Nor does anything tell afterwards: both names are reserved, neither may sign in, by name or address.
    for name in ["eve", "bob"] {
        let again = register(&house, name, "third@example.org");
        assert_eq!(
            (again.status, again.text_of("code")),
            (400, "already_registered".into())
        );
        assert_eq!(house.log_in(name, PASSWORD).status, 403);
    }
    house.log_in(ANA, "the wrong password");
    for email in [ANA, "bob@example.org"] {
        assert_eq!(house.log_in(email, "brisk lantern meadow").status, 401);
    }
    assert_eq!(house.log_in("bob@example.org", PASSWORD).status, 401);
    // The owner is told, and can get in with that letter.
    let letter = house.letter("already-registered", ANA, 0);
    assert!(
        letter.text.contains("Your username is ana"),
        "{}",
        letter.text
    );
    let reset = json!({ "secret": letter.secret("/reset/"), "password": "brisk lantern meadow" });
    assert_eq!(house.post("/auth/reset").json(&reset).status, 200);
    assert_eq!(house.log_in("ana", "brisk lantern meadow").status, 200);
}

#[test]
fn names_that_nobody_confirmed_are_free_again_after_a_week() {
    let house = House::with(&[REQUIRED]);
    register(&house, "ana", ANA);
    let secret = house.letter("verify", ANA, 0).secret("/verify/");
    verify(&house, &json!({ "secret": secret }));
    register(&house, "eve", ANA);
    register(&house, "bob", "bob@example.org");
    house.clock.advance(7 * 86_400);
    // A new start tidies up at once; else it takes a minute.
    let clock = house.clock.clone();
    let house = House::at(house.close(), &[REQUIRED], clock);
    crate::house::mail::until("tidying", || {
        (house.database.ask("select username from accounts") == ["ana"]).then_some(())
    });
    assert_eq!(register(&house, "bob", "bob@example.org").status, 201);
}

#[test]
fn what_was_there_before_letters_were_required_is_told_so() {
    let house = House::new();
    house.register("ana");
    let clock = house.clock.clone();
    let house = House::at(house.close(), &[REQUIRED], clock);
    for name in ["ana", ANA] {
        assert_eq!(house.log_in(name, PASSWORD).status, 403);
    }
    let ask = house
        .post("/auth/verify/send")
        .json(&json!({ "email": ANA }));
    let code = house.letter("verify", ANA, 0).code();
    let body = json!({ "request": ask.text_of("request"), "code": code });
    assert_eq!(verify(&house, &body).status, 200);
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
}

#[test]
fn asking_again_after_registering_tells_nobody_whether_the_address_was_free() {
    let house = House::with(&[REQUIRED, ("vestibule.throttle", "on")]);
    register(&house, "bob", "bob@example.org");
    let asked = |name: &str, email: &str| -> Vec<u16> {
        let made = register(&house, name, email);
        let again = (0..6).map(|_| {
            let body = json!({ "email": email });
            house.post("/auth/verify/send").json(&body).status
        });
        [made.status].into_iter().chain(again).collect()
    };
    // Bob's own registration is long ago.
    house.clock.advance(3_601);
    let taken = asked("carl", "bob@example.org");
    house.clock.advance(3_601);
    assert_eq!(taken, asked("dora", "dora@example.org"));
    assert_eq!(taken[1..6], [202; 5]);
    assert_eq!(taken[6], 429);
}

#[test]
fn an_address_that_somebody_can_still_take_back_is_answered_like_a_free_one() {
    let house = House::with(&[REQUIRED]);
    let sql = "insert into reserved_addresses (email_key, account_id, good_until)
               select 'old@example.org', id, 99999999999 from accounts";
    register(&house, "bob", "bob@example.org");
    house.database.ask(sql);
    let reserved = register(&house, "carl", "old@example.org");
    let free = register(&house, "dora", "dora@example.org");
    assert_eq!((reserved.status, free.status), (201, 201));
    let written = "select ended_how, sealed from outbox where sent_to = 'old@example.org'";
    assert_eq!(house.database.ask(written), ["withheld|"]);
}

#[test]
fn a_letter_to_an_address_that_nobody_confirmed_holds_no_name() {
    let house = House::with(&[OPTIONAL]);
    let name = "evil.example.com";
    register(&house, name, ANA);
    let letter = house.letter("verify", ANA, 0);
    assert!(!letter.text.contains(name) && !letter.html.contains(name));
    // The page behind its link does, as text.
    let page = house.get(&letter.path("/verify/")).page().send();
    assert!(page.text.contains(name) && !page.text.contains(&format!("href=\"{name}")));
}

#[test]
fn a_name_that_is_taken_costs_no_letter() {
    for mode in [OPTIONAL, REQUIRED] {
        let house = House::with(&[mode, ("vestibule.throttle", "on")]);
        register(&house, "bob", "bob@example.org");
        for _ in 0..6 {
            assert_eq!(register(&house, "bob", ANA).status, 400);
        }
        assert_eq!(register(&house, "ana", ANA).status, 201);
        house.letter("verify", ANA, 0);
    }
}

#[test]
fn nobody_who_asks_for_letters_keeps_an_address_from_registering_nor_the_other_way_round() {
    for mode in [OPTIONAL, REQUIRED] {
        let house = House::with(&[mode, ("vestibule.throttle", "on")]);
        let forgot = |email: &str| {
            let body = json!({ "email": email });
            house.post("/auth/forgot").json(&body).status
        };
        while forgot(ANA) == 202 {}
        assert_eq!(register(&house, "ana", ANA).status, 201);
        house.letter("verify", ANA, 0);
        // All that one address may make in an hour leaves it its letters.
        let name = |number| format!("name{number}");
        let made = (0..100).take_while(|&number| {
            let email = format!("{}@example.org", name(number));
            register(&house, &name(number), &email).status == 201
        });
        assert_eq!(made.count(), 19);
        assert_eq!(forgot("name1@example.org"), 202);
    }
}

#[test]
fn one_address_is_registered_with_five_times_an_hour() {
    let house = House::with(&[REQUIRED, ("vestibule.throttle", "on")]);
    let shapes = |who: &str, email: &str| -> Vec<u16> {
        let tries = 0..6;
        let made = tries.map(|number| register(&house, &format!("{who}{number}"), email));
        made.map(|answer| answer.status).collect()
    };
    let free = shapes("one", ANA);
    assert_eq!(free, [201, 201, 201, 201, 201, 429]);
    house.clock.advance(3_601);
    let secret = house.letter("verify", ANA, 0).secret("/verify/");
    assert_eq!(verify(&house, &json!({ "secret": secret })).status, 200);
    assert_eq!(shapes("two", ANA), free);
}
