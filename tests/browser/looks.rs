//! How pages look in the dark and on small screens.

use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::places;

/// Makes the browser prefer a colour scheme; and no motion, since a colour on its way to another is neither.
pub fn prefer(person: &Person, scheme: &str) {
    let colours = json!({ "name": "prefers-color-scheme", "value": scheme });
    let motion = json!({ "name": "prefers-reduced-motion", "value": "reduce" });
    person.tools(
        "Emulation.setEmulatedMedia",
        &json!({ "features": [colours, motion] }),
    );
}

/// Gives the window a width in CSS pixels.
pub fn widen(person: &Person, width: u32) {
    let screen = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
    person.tools("Emulation.setDeviceMetricsOverride", &screen);
}

/// The brightness of the page's ground and of its words, 0 to 255.
fn brightness(person: &Person) -> (f64, f64) {
    let script = "const bright = (colour) => { \
            const [r, g, b] = colour.match(/[\\d.]+/g).map(Number); \
            return 0.2126 * r + 0.7152 * g + 0.0722 * b; }; \
        const style = getComputedStyle(document.body); \
        return [bright(style.backgroundColor), bright(style.color)]";
    let found = person.ask(script);
    let number = |at: usize| found[at].as_f64().expect("a number");
    (number(0), number(1))
}

#[test]
fn every_page_is_light_by_day_and_dark_by_night() {
    let house = places::house();
    let ana = Person::at(&house);
    places::visit_all(&house, &ana, |place| {
        prefer(&ana, "light");
        let (ground, words) = brightness(&ana);
        assert!(ground > 200.0 && words < 80.0, "{} by day", place.name);
        prefer(&ana, "dark");
        let (ground, words) = brightness(&ana);
        assert!(ground < 50.0 && words > 180.0, "{} by night", place.name);
    });
}

#[test]
fn no_page_is_wider_than_a_small_screen() {
    let house = places::house();
    let ana = Person::at(&house);
    widen(&ana, 320);
    let mut wide = Vec::new();
    places::visit_all(&house, &ana, |place| {
        let script = "const root = document.documentElement; return [root.scrollWidth, innerWidth]";
        let found = ana.ask(script);
        let width = |at: usize| found[at].as_u64().expect("a number");
        assert_eq!(width(1), 320);
        if width(0) > 320 {
            wide.push(format!(
                "{} is {} wide: {}",
                place.name,
                width(0),
                culprits(&ana)
            ));
        }
    });
    assert_eq!(wide, Vec::<String>::new());
}

/// What reaches beyond the window.
fn culprits(person: &Person) -> Json {
    person.ask(
        "return [...document.querySelectorAll('body *')] \
            .filter((node) => node.getBoundingClientRect().right > innerWidth + 1) \
            .map((node) => node.localName + '.' + node.className).slice(0, 5)",
    )
}
