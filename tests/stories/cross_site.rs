//! Other sites make browsers send requests here; they change nothing.

use crate::house::{Call, House, PASSWORD};

fn login<'a>() -> [(&'a str, &'a str); 2] {
    [("username", "ana"), ("password", PASSWORD)]
}

#[test]
fn a_form_of_another_site_signs_nobody_in_or_out() {
    let house = House::new();
    house.register("ana");
    let own = house.origin.clone();
    type Dress = Box<dyn Fn(Call) -> Call>;
    let foreign: Vec<(&str, Dress)> = vec![
        ("neither header", Box::new(|call| call)),
        (
            "cross-site",
            Box::new(|call| call.header("Sec-Fetch-Site", "cross-site")),
        ),
        (
            "same-site",
            Box::new(|call| call.header("Sec-Fetch-Site", "same-site")),
        ),
        ("odd", Box::new(|call| call.header("Sec-Fetch-Site", ""))),
        (
            "foreign origin",
            Box::new(|call| call.header("Origin", "https://evil.example")),
        ),
        (
            "null origin",
            Box::new(|call| call.header("Origin", "null")),
        ),
        (
            "another port",
            Box::new(|call| call.header("Origin", "http://127.0.0.1:1")),
        ),
        ("https for http", {
            let origin = own.replace("http://", "https://");
            Box::new(move |call| call.header("Origin", &origin))
        }),
        ("origin fits, site does not", {
            let origin = own.clone();
            Box::new(move |call| {
                call.header("Origin", &origin)
                    .header("Sec-Fetch-Site", "cross-site")
            })
        }),
        (
            "site fits, origin does not",
            Box::new(|call| {
                call.header("Origin", "https://evil.example")
                    .header("Sec-Fetch-Site", "same-origin")
            }),
        ),
    ];
    for (name, dress) in &foreign {
        for path in ["/login", "/register", "/logout"] {
            let answer = dress(house.post(path)).page().form(&login());
            assert_eq!(answer.status, 403, "{name} at {path}");
            assert_eq!(answer.header("Set-Cookie"), "", "{name} at {path}");
        }
    }
    assert_eq!(house.events("logged_in").len(), 0);
    assert_eq!(house.events("cross_site_refused").len(), foreign.len() * 3);
}

#[test]
fn our_own_forms_and_a_persons_reload_are_taken() {
    let house = House::new();
    house.register("ana");
    let by_origin = house
        .post("/login")
        .header("Origin", &house.origin)
        .page()
        .form(&login());
    let by_site = house
        .post("/login")
        .header("Sec-Fetch-Site", "same-origin")
        .page()
        .form(&login());
    let reload = house
        .post("/login")
        .header("Sec-Fetch-Site", "none")
        .page()
        .form(&login());
    assert_eq!(
        (by_origin.status, by_site.status, reload.status),
        (303, 303, 303)
    );
    let tunnel = house
        .post("/login")
        .header("Host", "localhost:9999")
        .header("Origin", "http://localhost:9999");
    assert_eq!(tunnel.page().form(&login()).status, 303);
}

#[test]
fn programs_send_neither_header_and_other_sites_scripts_do() {
    let house = House::new();
    house.register("ana");
    assert_eq!(house.log_in("ana", PASSWORD).status, 200);
    let script = house
        .post("/auth/token")
        .header("Origin", "https://evil.example")
        .form(&login());
    assert_eq!(script.status, 403);
    assert_eq!(script.header("Access-Control-Allow-Origin"), "");
    let form = house
        .post("/auth/token")
        .header("Sec-Fetch-Site", "cross-site")
        .page()
        .form(&login());
    assert_eq!(form.status, 403);
}

#[test]
fn a_hidden_method_field_opens_no_door() {
    let house = House::new();
    house.register("ana");
    for method in ["get", "put", "delete", "patch"] {
        let fields = [
            ("_method", method),
            ("username", "ana"),
            ("password", PASSWORD),
        ];
        let answer = house
            .post("/login")
            .header("Sec-Fetch-Site", "cross-site")
            .page()
            .form(&fields);
        assert!(
            matches!(answer.status, 200 | 403 | 405),
            "{method}: {}",
            answer.status
        );
        assert_eq!(answer.header("Set-Cookie"), "", "{method}");
    }
}
