//! Making an account.

use serde_json::{Value, json};

use crate::house::{Answer, House, PASSWORD};

fn register(house: &House, username: &str, email: &str, password: &str) -> Answer {
    house
        .post("/auth/register")
        .json(&json!({ "username": username, "email": email, "password": password }))
}

fn reasons(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 422, "{}", answer.text);
    let errors = answer.json()["errors"].as_array().expect("reasons").clone();
    errors
        .iter()
        .map(|error| error["field"].as_str().expect("a field").to_owned())
        .collect()
}

#[test]
fn a_program_registers_and_is_told_who_it_made() {
    let house = House::new();
    let answer = house.register("Ana.B");
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["message"], "User registered successfully");
    assert_eq!(answer.json()["user"]["username"], "Ana.B");
    assert_eq!(answer.header("Cache-Control"), "no-store");
    assert!(!answer.text.contains("argon2") && !answer.text.contains(PASSWORD));
    assert_eq!(house.log_in("ana.b", PASSWORD).status, 200);
}

#[test]
fn a_taken_name_and_a_taken_address_are_one_answer() {
    let house = House::new();
    assert_eq!(house.register("ana").status, 201);
    let name = register(&house, "ANA", "other@example.org", PASSWORD);
    let email = register(&house, "other", "Ana@Example.ORG", PASSWORD);
    for answer in [&name, &email] {
        assert_eq!(answer.status, 400);
        assert_eq!(
            answer.json()["detail"],
            "Username or email already registered."
        );
    }
    let without_id = |answer: &Answer| {
        let mut body = answer.json();
        body["request_id"] = Value::Null;
        body
    };
    assert_eq!(without_id(&name), without_id(&email));
    assert_eq!(house.database.ask("select count(*) from accounts"), ["1"]);
}

#[test]
fn each_field_has_its_own_reason() {
    let house = House::new();
    assert_eq!(
        reasons(&register(&house, "a", "b", "c")),
        ["username", "email", "password"]
    );
    assert_eq!(
        reasons(&register(&house, "a b", "a@example.org", PASSWORD)),
        ["username"]
    );
    assert_eq!(
        reasons(&register(
            &house,
            "ana",
            "a@example.org\r\nBcc: b@example.org",
            PASSWORD
        )),
        ["email"]
    );
    assert_eq!(
        reasons(&register(&house, "ana\n", "a@example.org", PASSWORD)),
        ["username"]
    );
    assert_eq!(
        reasons(&register(&house, "ana", "a@example.org", "sh\u{f8}rt")),
        ["password"]
    );
    assert_eq!(
        reasons(&register(
            &house,
            "ana",
            "a@example.org",
            &"x1 Q".repeat(33)
        )),
        ["password"]
    );
    for weak in [
        "password1",
        "ana-ana-ana",
        "qwertyuiop",
        "vestibule2026",
        "a@example.org",
    ] {
        assert_eq!(
            reasons(&register(&house, "ana", "a@example.org", weak)),
            ["password"],
            "{weak}"
        );
    }
    assert_eq!(house.database.ask("select count(*) from accounts"), ["0"]);
}

#[test]
fn a_missing_field_a_surplus_field_and_a_wrong_type_are_named() {
    let house = House::new();
    let answer = house
        .post("/auth/register")
        .json(&json!({ "username": "ana", "email": "a@example.org" }));
    assert_eq!(reasons(&answer), ["password"]);
    let surplus = json!({ "username": "ana", "email": "a@example.org", "password": PASSWORD, "role": "admin" });
    assert_eq!(
        reasons(&house.post("/auth/register").json(&surplus)),
        ["role"]
    );
    let typed = json!({ "username": 7, "email": ["a@example.org"], "password": { "$ne": "" } });
    assert_eq!(
        reasons(&house.post("/auth/register").json(&typed)),
        ["username", "email", "password"]
    );
    assert_eq!(house.database.ask("select count(*) from accounts"), ["0"]);
}

#[test]
fn a_password_is_taken_exactly_as_it_is() {
    let house = House::new();
    let odd = " \u{0}quo\"te\\ \u{1F511} e\u{301} \r\n\t ";
    assert_eq!(register(&house, "ana", "a@example.org", odd).status, 201);
    assert_eq!(house.log_in("ana", odd).status, 200);
    for other in [
        odd.trim(),
        &odd.replace("e\u{301}", "\u{e9}"),
        &odd.to_uppercase(),
        &odd[1..],
    ] {
        assert_eq!(house.log_in("ana", other).status, 401, "{other:?}");
    }
}

#[test]
fn all_of_a_long_password_counts() {
    let house = House::new();
    let long: String = ('a'..='z').cycle().step_by(5).take(128).collect();
    assert_eq!(register(&house, "ana", "a@example.org", &long).status, 201);
    assert_eq!(house.log_in("ana", &long).status, 200);
    let mut other = long.clone();
    other.replace_range(127.., "!");
    assert_eq!(house.log_in("ana", &other).status, 401);
    assert_eq!(house.log_in("ana", &format!("{long}x")).status, 401);
}

#[test]
fn of_many_who_want_one_name_at_once_exactly_one_gets_it() {
    let house = House::new();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..16)
            .map(|number| {
                let (house, email) = (&house, format!("{number}@example.org"));
                scope.spawn(move || {
                    register(
                        house,
                        if number % 2 == 0 { "ana" } else { "ANA" },
                        &email,
                        PASSWORD,
                    )
                    .status
                })
            })
            .collect();
        all.into_iter()
            .map(|one| one.join().expect("an answer"))
            .collect()
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 400).count(),
        15,
        "{statuses:?}"
    );
    assert_eq!(house.database.ask("select count(*) from accounts"), ["1"]);
}

#[test]
fn only_an_argon2id_hash_is_kept() {
    let house = House::with(&[
        ("vestibule.hash_memory_kib", "19456"),
        ("vestibule.hash_passes", "2"),
    ]);
    house.register("ana");
    let kept = house.database.ask("select password_hash from accounts");
    assert!(
        kept[0].starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{kept:?}"
    );
}

#[test]
fn a_browser_that_registers_is_signed_in() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    let page = house
        .get("/account")
        .page()
        .header("Cookie", &cookie)
        .send();
    assert_eq!(page.status, 200);
    assert!(page.text.contains("ana") && page.text.contains("Sign out"));
}

#[test]
fn a_refused_form_keeps_what_was_typed_except_the_password() {
    let house = House::new();
    let answer = house.submit(
        "/register",
        &[
            ("username", "a b"),
            ("email", "a@example.org"),
            ("password", "k!t7x-secret"),
        ],
    );
    assert_eq!(answer.status, 422);
    assert!(
        answer.text.contains("value=\"a b\"") && answer.text.contains("value=\"a@example.org\"")
    );
    assert!(
        answer
            .text
            .contains("Use letters, digits, dot, underscore and hyphen only.")
    );
    assert!(!answer.text.contains("k!t7x-secret"));
    assert_eq!(answer.header("Set-Cookie"), "");
}
