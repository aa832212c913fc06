//! Signing in, and staying out.

use serde_json::json;

use crate::house::{Answer, House, PASSWORD};

#[test]
fn a_name_an_address_and_any_case_of_them_are_good() {
    let house = House::new();
    house.register("Ana");
    for name in ["Ana", "ana", "ANA", "Ana@example.org", "ANA@EXAMPLE.ORG"] {
        assert_eq!(house.log_in(name, PASSWORD).status, 200, "{name}");
    }
}

#[test]
fn a_token_is_answered_as_oauth_has_it() {
    let house = House::new();
    house.register("ana");
    let form = house.log_in("ana", PASSWORD);
    let json = house
        .post("/auth/token")
        .json(&json!({ "username": "ana", "password": PASSWORD }));
    let strange = house.post("/auth/token").form(&[
        ("grant_type", "password"),
        ("username", "ana"),
        ("password", PASSWORD),
        ("scope", ""),
        ("client_id", "docs"),
    ]);
    for answer in [form, json, strange] {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["token_type"], "bearer");
        assert_eq!(answer.json()["expires_in"], 900);
        assert_eq!(answer.header("Cache-Control"), "no-store");
        assert_eq!(answer.header("Content-Type"), "application/json");
        assert_eq!(answer.header("Set-Cookie"), "");
    }
}

/// An answer without what differs between any two: the id and the date.
fn bare(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let mut body = answer.json();
    assert!(body["request_id"].is_string());
    body["request_id"] = json!("");
    let headers = answer.headers.iter().filter(|(name, _)| *name != "date");
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()));
    (answer.status, body.to_string(), headers.collect())
}

#[test]
fn a_wrong_password_and_an_unknown_name_are_one_answer() {
    let house = House::new();
    house.register("ana");
    let wrong = house.log_in("ana", "not the password");
    assert_eq!(wrong.status, 401);
    assert_eq!(wrong.header("WWW-Authenticate"), "Bearer");
    assert_eq!(wrong.json()["detail"], "Incorrect username or password");
    assert_eq!(wrong.json()["error"], "invalid_grant");
    let too_long = "x".repeat(200);
    for (name, password) in [
        ("bob", PASSWORD),
        ("bob@example.org", PASSWORD),
        ("ana@example.org", "x"),
        ("ana", &too_long),
    ] {
        assert_eq!(bare(&house.log_in(name, password)), bare(&wrong), "{name}");
    }
}

#[test]
fn a_hash_with_older_parameters_is_renewed_at_the_next_login() {
    let older = House::new();
    older.register("ana");
    let newer = House::on(older.close(), &[("vestibule.hash_memory_kib", "128")]);
    let hash = || {
        newer
            .database
            .ask("select password_hash from accounts")
            .remove(0)
    };
    assert!(hash().starts_with("$argon2id$v=19$m=64,"));
    assert_eq!(newer.log_in("ana", "not the password").status, 401);
    assert!(hash().starts_with("$argon2id$v=19$m=64,"));
    assert_eq!(newer.log_in("ana", PASSWORD).status, 200);
    assert!(hash().starts_with("$argon2id$v=19$m=128,"));
    assert_eq!(newer.log_in("ana", PASSWORD).status, 200);
}

#[test]
fn what_is_missing_or_not_offered_is_said_in_oauths_words() {
    let house = House::new();
    house.register("ana");
    let said = |fields: &[(&str, &str)]| {
        let answer = house.post("/auth/token").form(fields);
        (
            answer.status,
            answer.json()["error"].as_str().expect("a code").to_owned(),
        )
    };
    let invalid = (400, "invalid_request".to_owned());
    assert_eq!(said(&[("username", "ana")]), invalid);
    assert_eq!(said(&[("password", PASSWORD)]), invalid);
    assert_eq!(said(&[("username", ""), ("password", PASSWORD)]), invalid);
    assert_eq!(
        said(&[
            ("username", "ana"),
            ("username", "ana"),
            ("password", PASSWORD)
        ]),
        invalid
    );
    for grant in ["client_credentials", "authorization_code", "Password", ""] {
        let unsupported = (400, "unsupported_grant_type".to_owned());
        assert_eq!(
            said(&[
                ("grant_type", grant),
                ("username", "ana"),
                ("password", PASSWORD)
            ]),
            unsupported,
            "{grant}"
        );
    }
    assert_eq!(
        said(&[("username", "a\u{7}na"), ("password", PASSWORD)]).0,
        422
    );
}

#[test]
fn credentials_in_the_query_are_refused_until_the_operator_lets_them_in() {
    let path = format!(
        "/auth/token?username=ana&password={}",
        PASSWORD.replace(' ', "%20")
    );
    let strict = House::new();
    strict.register("ana");
    let refused = strict.post(&path).send();
    assert_eq!(refused.status, 400);
    assert!(
        refused.json()["detail"]
            .as_str()
            .expect("words")
            .contains("query_credentials = true")
    );
    assert_eq!(
        strict
            .post(&path)
            .form(&[("username", "ana"), ("password", PASSWORD)])
            .status,
        400
    );
    let lenient = House::on(strict.close(), &[("vestibule.query_credentials", "true")]);
    assert_eq!(lenient.post(&path).send().status, 200);
    assert_eq!(lenient.log_in("ana", PASSWORD).status, 200);
    // GET must not sign anyone in.
    assert_eq!(lenient.get(&path).send().status, 405);
}

#[test]
fn the_page_signs_in_and_goes_where_one_wanted_to_go() {
    let house = House::new();
    house.register("ana");
    let fields = |next| [("username", "ana"), ("password", PASSWORD), ("next", next)];
    let answer = house.submit("/login", &fields("/secure-data?a=b"));
    assert_eq!(
        (answer.status, answer.header("Location")),
        (303, "/secure-data?a=b")
    );
    for foreign in [
        "",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "evil",
        "/\t/evil.example",
    ] {
        let answer = house.submit("/login", &fields(foreign));
        assert_eq!(
            (answer.status, answer.header("Location")),
            (303, "/account"),
            "{foreign}"
        );
    }
}

#[test]
fn a_wrong_password_shows_the_form_again_with_the_name() {
    let house = House::new();
    house.register("ana");
    let answer = house.submit(
        "/login",
        &[
            ("username", "ana"),
            ("password", "s3cret-typo"),
            ("next", "/secure-data"),
        ],
    );
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("WWW-Authenticate"), "Bearer");
    assert!(
        answer
            .text
            .contains("Incorrect username or password. Check both and try again.")
    );
    assert!(
        answer.text.contains("value=\"ana\"") && answer.text.contains("value=\"/secure-data\"")
    );
    assert!(!answer.text.contains("s3cret-typo"));
    assert_eq!(answer.header("Set-Cookie"), "");
}

#[test]
fn the_cookie_is_out_of_reach_and_gone_after_logout() {
    let house = House::new();
    house.register("ana");
    let answer = house.submit("/login", &[("username", "ana"), ("password", PASSWORD)]);
    let set = answer.set_cookie("vestibule");
    assert!(set.starts_with("vestibule=ey"), "{set}");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=900"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure") && !set.contains("Domain"));
    let out = house
        .post("/logout")
        .header("Origin", &house.origin)
        .header("Cookie", &answer.cookie())
        .page()
        .send();
    assert_eq!((out.status, out.header("Location")), (303, "/"));
    let removed = out.set_cookie("vestibule");
    assert!(
        removed.starts_with("vestibule=;")
            && removed.contains("Max-Age=0")
            && removed.contains("Path=/"),
        "{removed}"
    );
}

#[test]
fn under_https_the_cookie_is_bound_to_the_host() {
    let house = House::with(&[("vestibule.public_url", "https://login.example.org")]);
    let submit = |path: &str, fields: &[(&str, &str)]| {
        let call = house
            .post(path)
            .header("Host", "login.example.org")
            .header("Origin", "https://login.example.org");
        call.page().form(fields)
    };
    let answer = submit(
        "/register",
        &[
            ("username", "ana"),
            ("email", "a@example.org"),
            ("password", PASSWORD),
        ],
    );
    let set = answer.set_cookie("__Host-vestibule");
    assert!(set.starts_with("__Host-vestibule=ey"), "{set}");
    for part in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    let me = house
        .get("/auth/me")
        .header("Host", "login.example.org")
        .header("Cookie", &answer.cookie())
        .send();
    assert_eq!(me.status, 200);
    let out = house
        .post("/logout")
        .header("Host", "login.example.org")
        .header("Sec-Fetch-Site", "same-origin")
        .header("Cookie", &answer.cookie())
        .send();
    let removed = out.set_cookie("__Host-vestibule");
    assert!(
        removed.starts_with("__Host-vestibule=;")
            && removed.contains("Secure")
            && removed.contains("Max-Age=0"),
        "{removed}"
    );
    assert_eq!(
        out.header("Strict-Transport-Security"),
        "max-age=63072000; includeSubDomains"
    );
}

#[test]
fn a_full_queue_is_said_at_once() {
    let house = House::with(&[
        ("vestibule.hash_threads", "1"),
        ("vestibule.hash_queue", "1"),
        ("vestibule.hash_memory_kib", "65536"),
        ("vestibule.hash_passes", "3"),
    ]);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..12)
            .map(|_| scope.spawn(|| house.log_in("nobody", PASSWORD)))
            .collect();
        all.into_iter()
            .map(|one| one.join().expect("an answer"))
            .collect()
    });
    let busy: Vec<&Answer> = answers
        .iter()
        .filter(|answer| answer.status == 503)
        .collect();
    assert!(!busy.is_empty() && answers.iter().any(|answer| answer.status == 401));
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer.status, 401 | 503))
    );
    assert_eq!(busy[0].header("Retry-After"), "3");
    assert_eq!(busy[0].json()["error"], "temporarily_unavailable");
}

#[test]
fn nobody_can_sign_in_before_somebody_registered() {
    let house = House::new();
    assert_eq!(house.database.ask("select count(*) from accounts"), ["0"]);
    for name in ["admin", "root", "vestibule", "test"] {
        for password in ["admin", "password", "vestibule", PASSWORD, ""] {
            let answer = house.log_in(name, password);
            assert!(matches!(answer.status, 400 | 401), "{name} {password}");
        }
    }
}
