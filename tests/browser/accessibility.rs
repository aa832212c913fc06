//! Every page in the eyes of axe, by day and by night, on a large screen and a small one.

use crate::looks::{prefer, widen};
use crate::person::Person;
use crate::places;

/// All rules, also those that axe leaves off by default.
const RUN: &str = "const done = arguments[arguments.length - 1]; \
    const shown = (node) => node.target.join(' ') + ' ' + node.any.concat(node.all, node.none).map((one) => one.message).join('; '); \
    axe.run(document, { resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } }).then( \
        (found) => done({ \
            passed: found.passes.length, \
            faults: found.violations.flatMap((rule) => rule.nodes.map((node) => rule.id + ': ' + shown(node))) }), \
        (error) => done({ passed: 0, faults: [String(error)] }))";

#[test]
fn by_day_on_a_large_screen() {
    has_no_violations("light", 1280);
}

#[test]
fn by_day_on_a_small_screen() {
    has_no_violations("light", 320);
}

#[test]
fn by_night_on_a_large_screen() {
    has_no_violations("dark", 1280);
}

#[test]
fn by_night_on_a_small_screen() {
    has_no_violations("dark", 320);
}

fn has_no_violations(scheme: &str, width: u32) {
    let (house, axe) = (places::house(), axe());
    let ana = Person::at(&house);
    prefer(&ana, scheme);
    widen(&ana, width);
    let mut faults = Vec::new();
    places::visit_all(&house, &ana, |place| {
        faults.extend(faults_here(&ana, &axe, place.name));
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What axe finds on the page that somebody looks at.
pub fn faults_here(person: &Person, axe: &str, name: &str) -> Vec<String> {
    person.ask(axe);
    let found = person.ask_later(RUN);
    assert!(
        found["passed"].as_u64() > Some(5),
        "axe saw no page: {found}"
    );
    let faults = found["faults"].as_array().expect("a list");
    faults
        .iter()
        .map(|fault| format!("{name}: {fault}"))
        .collect()
}

/// The program that looks.
pub fn axe() -> String {
    let path = std::env::var_os("AXE_JS")
        .expect("AXE_JS names axe-core's axe.min.js; .ci/run installs it and sets this");
    std::fs::read_to_string(path).expect("axe-core is where AXE_JS says")
}
