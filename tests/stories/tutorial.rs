//! The calls of the tutorial that this service grew from, one after the other, as its clients make them.

use crate::house::{House, PASSWORD};
use serde_json::json;

#[test]
fn the_tutorials_clients_keep_working() {
    let house = House::with(&[("vestibule.query_credentials", "true")]);
    let user =
        json!({ "username": "johndoe", "password": PASSWORD, "email": "johndoe@example.com" });

    let registered = house.post("/auth/register").json(&user);
    assert_eq!(registered.status, 201);
    assert_eq!(registered.json()["message"], "User registered successfully");

    let again = house.post("/auth/register").json(&user);
    assert_eq!(again.status, 400);
    assert_eq!(
        again.json()["detail"],
        "Username or email already registered."
    );

    let path = "/auth/token?username=johndoe&password=quartz+balloon+tundra";
    let token = house.post(path).header("Accept", "application/json").send();
    assert_eq!(token.status, 200, "{}", token.text);
    assert_eq!(token.json()["token_type"], "bearer");

    let wrong = house
        .post("/auth/token?username=johndoe&password=wrong")
        .send();
    assert_eq!(
        (wrong.status, wrong.header("WWW-Authenticate")),
        (401, "Bearer")
    );
    assert_eq!(wrong.json()["detail"], "Incorrect username or password");

    let access = token.json()["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let secure = house.get("/secure-data").bearer(&access).send();
    assert_eq!(secure.status, 200);
    assert_eq!(
        secure.json(),
        json!({ "message": "Hello johndoe, this is sensitive data!", "status": "Authorized" })
    );

    let without = house.get("/secure-data").send();
    assert_eq!(
        (without.status, without.header("WWW-Authenticate")),
        (401, "Bearer")
    );
    assert!(without.json()["detail"].is_string());

    assert_eq!(house.get("/openapi.json").send().status, 200);
    assert_eq!(house.get("/docs").page().send().status, 200);
}
