//! What the browser is made to fetch, and what scripts may see.

use serde_json::Value as Json;

use crate::house::House;
use crate::person::Person;
use crate::places;

#[test]
fn no_page_fetches_from_anywhere_else() {
    let house = places::house();
    let ana = Person::at(&house);
    places::visit_all(&house, &ana, |place| {
        let fetched = fetched(&ana);
        assert!(fetched.iter().any(|url| url.contains("vestibule.css")));
        let ours = |url: &&String| url.starts_with(&ana.origin) || url.starts_with("data:");
        let foreign: Vec<_> = fetched.iter().filter(|url| !ours(url)).collect();
        assert!(foreign.is_empty(), "{}: {foreign:?}", place.name);
    });
}

/// Every address that went over the wire since the last time.
fn fetched(person: &Person) -> Vec<String> {
    let lines = person.log("performance");
    let messages = lines.iter().map(|line| {
        let text = line["message"].as_str().expect("a message");
        serde_json::from_str::<Json>(text).expect("JSON")["message"].take()
    });
    messages
        .filter(|message| message["method"] == "Network.requestWillBeSent")
        .map(|message| {
            message["params"]["request"]["url"]
                .as_str()
                .expect("a url")
                .to_owned()
        })
        .filter(|url| !url.starts_with("chrome:") && url != "about:blank")
        .collect()
}

#[test]
fn no_page_makes_the_console_complain() {
    let house = places::house();
    let ana = Person::at(&house);
    places::visit_all(&house, &ana, |place| {
        let complaints: Vec<_> = ana
            .log("browser")
            .into_iter()
            .filter(|line| line["level"] != "DEBUG" && !is_asked_for(&ana, line))
            .collect();
        assert!(complaints.is_empty(), "{}: {complaints:?}", place.name);
    });
}

/// The console repeats the status of a page that says that something is wrong, and of the call that is tried on the
/// API page.
fn is_asked_for(person: &Person, line: &Json) -> bool {
    let message = line["message"].as_str().unwrap_or_default();
    let said = |path: &str, status: &str| {
        message.starts_with(&format!("{}{path} ", person.origin))
            && message.contains(&format!("responded with a status of {status}"))
    };
    line["source"] == "network" && (said(&person.place(), "4") || said("/secure-data", "401"))
}

#[test]
fn a_script_that_was_slipped_in_is_not_run_and_the_console_says_so() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/");
    ana.ask(
        "const script = document.createElement('script'); script.textContent = 'document.title = 1'; \
         document.body.append(script)",
    );
    assert_ne!(ana.title(), "1");
    let complaints = ana.log("browser");
    assert!(
        complaints.iter().any(|line| line["message"]
            .as_str()
            .is_some_and(|said| said.contains("Content Security Policy"))),
        "{complaints:?}"
    );
}

#[test]
fn scripts_cannot_see_the_session() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/register");
    ana.register("ana");
    assert_eq!(ana.ask("return document.cookie"), "");
    assert_eq!(
        ana.ask("return localStorage.length + sessionStorage.length"),
        0
    );
    // It is there: the next page knows who asks.
    ana.open("/account");
    assert_eq!(ana.place(), "/account");
}
