//! With the keyboard alone.

use fantoccini::key::Key;
use serde_json::Value as Json;

use crate::house::{House, PASSWORD};
use crate::person::Person;
use crate::places;

/// Follows the links to an element from the top, for words that find it again.
const PATH: &str = "const path = (node) => !node || node === document.body ? '' : \
    path(node.parentElement) + '/' + node.localName + [...node.parentElement.children].indexOf(node);";

/// What can be reached with the Tab key, by the document's own order.
const REACHABLE: &str = "return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), \
    select, textarea, summary, [tabindex]')] \
    .filter((node) => node.tabIndex >= 0 && !node.disabled && node.checkVisibility()) \
    .map(path)";

/// Where the focus is, and what shows it: a line or a shadow around it, within the window.
const FOCUS: &str = "const node = document.activeElement; const style = getComputedStyle(node); \
    const box = node.getBoundingClientRect(); \
    const line = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2; \
    return { path: path(node), \
        marked: line || style.boxShadow !== 'none', \
        inside: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth }";

fn tab() -> String {
    char::from(Key::Tab).to_string()
}

fn enter() -> String {
    char::from(Key::Enter).to_string()
}

fn focused(person: &Person) -> Json {
    person.ask("return document.activeElement.id")
}

#[test]
fn the_first_key_offers_to_skip_to_the_content() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/login");
    ana.press(&tab());
    assert_eq!(ana.words(":focus"), "Skip to content");
    let top = "return document.querySelector('.skip').getBoundingClientRect().top";
    assert!(ana.ask(top).as_f64().expect("a number") >= 0.0);
    ana.press(&enter());
    assert_eq!(focused(&ana), "main");
    ana.press(&tab());
    assert_eq!(focused(&ana), "username");
}

/// Presses Tab until what has the focus says `words`; a page has fewer stops than this asks for.
fn step_to(person: &Person, words: &str) {
    let found = (0..30).any(|_| {
        person.press(&tab());
        person.words(":focus") == words
    });
    assert!(found, "no stop of the keyboard says {words:?}");
}

#[test]
fn somebody_registers_signs_out_and_comes_back_by_keyboard() {
    let house = House::new();
    let ana = Person::at(&house);
    ana.open("/register");
    ana.press(&[tab(), enter(), tab(), "ana".into()].concat());
    ana.press(&[tab(), "ana@example.org".into(), tab(), PASSWORD.into()].concat());
    ana.leave(|| ana.press(&enter()));
    assert_eq!(ana.place(), "/account");

    // Past the head's own into the page, then on to its button.
    ana.press(&[tab(), enter()].concat());
    step_to(&ana, "Sign out");
    ana.leave(|| ana.press(&enter()));
    assert_eq!(ana.place(), "/");

    ana.open("/login");
    ana.press(&[tab(), enter(), tab(), "ana".into(), tab(), PASSWORD.into()].concat());
    // Past the button that shows the password.
    ana.press(&[tab(), tab()].concat());
    assert_eq!(ana.words(":focus"), "Sign in");
    ana.leave(|| ana.press(&enter()));
    assert_eq!(ana.place(), "/account");
}

#[test]
fn every_stop_of_the_keyboard_is_reached_and_shows_where_it_is() {
    let house = places::house();
    let ana = Person::at(&house);
    let mut faults = Vec::new();
    places::visit_all(&house, &ana, |place| {
        // The dialog holds the focus by itself.
        if place.name == "docs, signing in" {
            return;
        }
        for fault in walk(&ana) {
            faults.push(format!("{}: {fault}", place.name));
        }
    });
    assert_eq!(faults, Vec::<String>::new());
}

/// Presses Tab until the page has been walked through; what was wrong on the way.
fn walk(person: &Person) -> Vec<String> {
    // A page with a problem begins there; this walk begins at the top.
    person.ask("const root = document.documentElement; root.tabIndex = -1; root.focus(); root.removeAttribute('tabindex')");
    let reachable = person.ask(&format!("{PATH} {REACHABLE}"));
    let expected = reachable.as_array().expect("a list");
    assert!(expected.len() > 4, "a page has more to reach: {expected:?}");
    let mut faults = Vec::new();
    for stop in expected {
        person.press(&tab());
        let focus = person.ask(&format!("{PATH} {FOCUS}"));
        let right = focus["path"] == *stop && focus["marked"] == true && focus["inside"] == true;
        if !right {
            faults.push(format!("expected {stop}, found {focus}"));
        }
    }
    faults
}
