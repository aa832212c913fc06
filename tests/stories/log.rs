//! What the operator reads, and what never stands there.

use crate::house::{House, PASSWORD};

#[test]
fn every_request_and_every_security_event_is_a_line() {
    let house = House::new();
    house.register("ana");
    house.register("ana");
    house.log_in("ana", "wrong one");
    let token = house.log_in("ana", PASSWORD).json()["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    house.get("/secure-data").bearer(&token).send();
    house.get("/secure-data").bearer("bad").send();
    house.post("/auth/logout").bearer(&token).send();
    let requests = house.events("request");
    assert_eq!(requests.len(), 7);
    for line in &requests {
        for member in ["time", "id", "client", "method", "route", "status", "us"] {
            assert!(!line[member].is_null(), "{line}");
        }
        assert!(line["time"].as_str().expect("a time").ends_with('Z'));
    }
    assert_eq!(requests[4]["route"], "/secure-data");
    let registered = &house.events("registered")[0];
    assert_eq!(requests[4]["account"], registered["account"]);
    assert_eq!(
        house.events("registration_refused")[0]["reason"],
        "already_registered"
    );
    assert_eq!(house.events("login_refused")[0]["reason"], "wrong_password");
    assert_eq!(
        house.events("login_refused")[0]["account"],
        registered["account"]
    );
    assert_eq!(house.events("logged_in")[0]["id"], requests[3]["id"]);
    assert_eq!(house.events("logged_in")[0]["method"], "password");
    assert_eq!(house.events("token_refused")[0]["reason"], "malformed");
    assert_eq!(house.events("logged_out").len(), 1);
}

#[test]
fn no_secret_is_ever_in_a_line() {
    let house = House::new();
    let cookie = house.cookie_of("ana");
    let token = house.log_in("ana", PASSWORD).json()["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let typo = "s3cret-typo-of-ana";
    house.log_in("ana", typo);
    house.log_in(typo, PASSWORD);
    house.submit(
        "/login",
        &[("username", typo), ("password", typo), ("surplus", typo)],
    );
    house
        .post(&format!("/auth/token?username=ana&password={typo}"))
        .send();
    house.get(&format!("/{typo}?password={typo}")).send();
    house
        .get("/secure-data")
        .bearer(&format!("{token}{typo}"))
        .send();
    house
        .get("/secure-data")
        .header("Cookie", &format!("{cookie}{typo}"))
        .send();
    house
        .post("/auth/register")
        .header("Content-Type", "application/json")
        .body(format!("{{\"password\":\"{typo}\"").into_bytes());
    house.call("PROPFIND", &format!("/{typo}")).send();
    let lines = house.log.taken();
    assert!(lines.lines().count() > 10);
    for secret in [
        typo,
        PASSWORD,
        &token,
        cookie.split_once('=').expect("a pair").1,
        "example.org",
    ] {
        assert!(!lines.contains(secret), "{lines}");
    }
}

#[test]
fn the_client_is_the_peer_until_a_proxy_is_trusted() {
    let forwarded = "203.0.113.9, 198.51.100.7";
    let house = House::new();
    house
        .get("/")
        .header("X-Forwarded-For", forwarded)
        .header("X-Real-IP", "203.0.113.9")
        .send();
    assert_eq!(house.events("request")[0]["client"], "127.0.0.1");
    let behind = House::with(&[("vestibule.trusted_proxies", "[\"127.0.0.1\"]")]);
    behind.get("/").header("X-Forwarded-For", forwarded).send();
    assert_eq!(behind.events("request")[0]["client"], "198.51.100.7");
}
