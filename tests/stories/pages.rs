//! The pages as a browser without scripts sees them.

use crate::house::{House, PASSWORD};

#[test]
fn a_stranger_is_sent_to_the_login_and_back() {
    let house = House::new();
    house.register("ana");
    let sent = house.get("/secure-data?a=b").page().send();
    assert_eq!(
        (sent.status, sent.header("Location")),
        (303, "/login?next=%2Fsecure-data%3Fa%3Db")
    );
    let form = house.get(sent.header("Location")).page().send();
    assert!(
        form.text
            .contains("name=\"next\" value=\"/secure-data?a=b\""),
        "{}",
        form.text
    );
    assert!(form.text.contains("Sign in to go on"));
    let back = house.submit(
        "/login",
        &[
            ("username", "ana"),
            ("password", PASSWORD),
            ("next", "/secure-data?a=b"),
        ],
    );
    assert_eq!(back.header("Location"), "/secure-data?a=b");
    let page = house
        .get("/secure-data?a=b")
        .page()
        .header("Cookie", &back.cookie())
        .send();
    assert!(page.text.contains("Hello ana, this is sensitive data!"));
}

#[test]
fn an_expired_cookie_is_a_stranger_and_a_bad_bearer_is_told_so() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    house.clock.advance(31 * 86_400);
    let sent = house
        .get("/account")
        .page()
        .header("Cookie", &cookie)
        .send();
    assert_eq!(
        (sent.status, sent.header("Location")),
        (303, "/login?next=%2Faccount")
    );
    let told = house.get("/account").page().bearer("bad").send();
    assert_eq!(told.status, 401);
    assert!(told.header("WWW-Authenticate").contains("invalid_token"));
}

#[test]
fn who_is_signed_in_is_not_shown_the_forms() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    for (path, place) in [
        ("/login", "/account"),
        ("/register", "/account"),
        ("/login?next=/secure-data", "/secure-data"),
        ("/login?next=//evil.example", "/account"),
    ] {
        let answer = house.get(path).page().header("Cookie", &cookie).send();
        assert_eq!(
            (answer.status, answer.header("Location")),
            (303, place),
            "{path}"
        );
    }
}

#[test]
fn every_page_says_who_is_signed_in_and_offers_the_way_out() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    for (path, status) in [
        ("/", 200),
        ("/account", 200),
        ("/account/sessions", 200),
        ("/secure-data", 200),
        ("/docs", 200),
        ("/nothing", 404),
    ] {
        let page = house.get(path).page().header("Cookie", &cookie).send();
        assert_eq!(page.status, status, "{path}");
        assert!(page.text.contains("action=\"/logout\""), "{path}");
        let strangers = house.get(path).page().send();
        assert!(!strangers.text.contains("action=\"/logout\""), "{path}");
    }
}

#[test]
fn the_account_page_says_since_when_and_until_when() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    let page = house
        .get("/account")
        .page()
        .header("Cookie", &cookie)
        .send();
    // 1 790 000 000 seconds after 1970.
    assert!(
        page.text.contains("21 September 2026, 14:13 UTC"),
        "{}",
        page.text
    );
    assert!(page.text.contains("2026-09-21T14:13:20Z"));
    let form = house.get("/login").page().send();
    assert!(
        form.text
            .contains("for 30 days, or until you do not use it for 14 days")
    );
}

#[test]
fn what_people_type_is_shown_as_text() {
    let house = House::new();
    let evil = "\"><script>alert(1)</script>{{7*7}}";
    let login = house.submit("/login", &[("username", evil), ("password", "x")]);
    let register = house.submit(
        "/register",
        &[("username", evil), ("email", evil), ("password", "x")],
    );
    for page in [login, register] {
        assert!(
            !page.text.contains("<script>alert") && page.text.contains("&lt;script&gt;"),
            "{}",
            page.text
        );
        assert!(page.text.contains("{{7*7}}"));
    }
    let next = house.get("/login?next=/%22%3E%3Cscript%3E").page().send();
    assert!(!next.text.contains("\"><script>"));
}

#[test]
fn nothing_is_loaded_from_elsewhere_and_nothing_stands_inline() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    for path in [
        "/",
        "/account",
        "/account/sessions",
        "/secure-data",
        "/docs",
        "/nothing",
    ] {
        let page = house.get(path).page().header("Cookie", &cookie).send().text;
        for link in page.split(['"', '\'']).filter(|part| part.contains("://")) {
            assert!(link.starts_with("http://www.w3.org/"), "{path}: {link}");
        }
        assert!(
            !page.contains("style=") && !page.contains("onclick") && !page.contains("<style"),
            "{path}"
        );
        assert!(
            page.matches("<script").count()
                == page.matches("<script src=\"/").count()
                    + page.matches("<script defer src=\"/").count(),
            "{path}"
        );
    }
}

#[test]
fn static_files_are_named_by_their_content() {
    let house = House::new();
    let page = house.get("/").page().send().text;
    let links: Vec<&str> = page
        .split('"')
        .filter(|part| part.starts_with("/static/"))
        .collect();
    assert!(links.len() >= 3, "{links:?}");
    for link in links {
        assert!(link.contains("?v="), "{link}");
        assert_eq!(house.get(link).send().status, 200, "{link}");
    }
    for name in ["nothing.css", "..%2fRocket.toml", ".git"] {
        assert_eq!(
            house.get(&format!("/static/{name}")).send().status,
            404,
            "{name}"
        );
    }
}

#[test]
fn password_fields_are_hidden_and_leave_password_managers_alone() {
    let house = House::new();
    for (path, purpose) in [
        ("/login", "current-password"),
        ("/register", "new-password"),
    ] {
        let page = house.get(path).page().send().text;
        let fields: Vec<&str> = page
            .split("<input ")
            .skip(1)
            .filter_map(|rest| rest.split_once('>'))
            .map(|(field, _)| field)
            .filter(|field| field.contains("name=\"password\""))
            .collect();
        assert_eq!(fields.len(), 1, "{path}");
        assert!(
            fields[0].contains("type=\"password\"")
                && fields[0].contains(&format!("autocomplete=\"{purpose}\"")),
            "{path}: {}",
            fields[0]
        );
        // The longest is said in words: a field that cuts would cut what a manager fills in.
        assert!(!fields[0].contains("maxlength"), "{path}: {}", fields[0]);
        assert!(page.contains("autocomplete=\"username\""), "{path}");
    }
    let script = house.get("/static/vestibule.js").send().text;
    assert!(!script.contains("paste") && !script.contains("innerHTML"));
}

#[test]
fn the_first_page_promises_an_account_to_those_alone_who_can_make_one() {
    for (mode, promised, asked_of_all) in [
        ("open", true, "Create an account with a username"),
        ("invite", true, "Create an account with an invitation"),
        ("closed", false, "Sign in with your username"),
    ] {
        let house = House::with(&[("vestibule.registration", mode)]);
        let page = house.get("/").page().send().text;
        let promises = page.to_lowercase().contains("create an account");
        assert_eq!(promises, promised, "{mode}: {page}");
        assert!(page.contains(asked_of_all), "{mode}: {page}");
        let told = page.matches("invitation").count();
        // In the title, in the description and on the page.
        assert_eq!(told, if mode == "invite" { 3 } else { 0 }, "{page}");
    }
}

#[test]
fn who_never_got_a_letter_is_not_told_to_look_for_it() {
    let house = House::with(&[("vestibule.verify_email", "optional")]);
    let cookie = house.cookie_of("ana");
    let page = house
        .get("/account")
        .page()
        .header("Cookie", &cookie)
        .send();
    assert!(
        page.text.contains("If you have our letter"),
        "{}",
        page.text
    );
    assert!(page.text.contains("Send a letter"));
    // An operator who adds somebody sends none, and asking for one is all that is left.
    let required = House::with(&[("vestibule.verify_email", "required")]);
    required.register("bob");
    let refused = required.log_in("bob", PASSWORD);
    assert_eq!(refused.status, 403);
    let words = refused.text_of("detail");
    assert!(
        words.ends_with("If you have none, ask for one, or for a new password."),
        "{words}"
    );
}
