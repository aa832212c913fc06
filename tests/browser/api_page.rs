//! The API page: reading about a request, and trying it.

use crate::house::{House, PASSWORD};
use crate::person::Person;
use crate::places;

const SECURED: &str = "#operations-secured-secure_data";

#[test]
fn somebody_signs_in_on_the_api_page_and_reaches_what_is_secured() {
    let house = House::new();
    house.register("ana");
    let ana = Person::at(&house);
    places::open_docs(&ana);
    authorize(&ana);
    execute(&ana);
    assert_eq!(answer(&ana, "response-col_status"), "200");
    let body = ana.words(&format!("{SECURED} .live-responses-table .highlight-code"));
    assert!(
        body.contains("Hello ana, this is sensitive data!"),
        "{body}"
    );
}

#[test]
fn without_signing_in_the_api_page_shows_the_refusal() {
    let house = House::new();
    let ana = Person::at(&house);
    places::open_docs(&ana);
    execute(&ana);
    assert!(answer(&ana, "response-col_status").starts_with("401"));
}

#[test]
fn every_operation_is_on_the_page_under_its_address() {
    let house = House::new();
    let ana = Person::at(&house);
    places::open_docs(&ana);
    let shown = ana.ask("return document.querySelectorAll('.opblock-summary-path').length");
    let paths = house.get("/openapi.json").send().json()["paths"].clone();
    let written = paths.as_object().expect("paths").values();
    let count: usize = written
        .map(|path| path.as_object().map_or(0, serde_json::Map::len))
        .sum();
    assert_eq!(shown, count);
}

fn authorize(person: &Person) {
    person.click(".btn.authorize");
    person.write("#oauth_username", "ana");
    person.write("#oauth_password", PASSWORD);
    person.click(".auth-container:has(#oauth_username) .btn.authorize");
    let done = || person.words(".modal-ux-content").contains("Authorized");
    person.wait_until("the token arrives", done);
    person.click(".close-modal");
    person.wait_until("the dialog closes", || !person.sees(".modal-ux"));
}

fn execute(person: &Person) {
    places::try_out(person, SECURED);
    person.enter(&format!("{SECURED} .btn.execute"));
}

fn answer(person: &Person, column: &str) -> String {
    person.words(&format!("{SECURED} .live-responses-table tbody .{column}"))
}
