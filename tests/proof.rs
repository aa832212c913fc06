//! SECURITY.md, held to what it says: every requirement has an answer, and what an answer rests on is there.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod repository;

use std::collections::{BTreeMap, BTreeSet};

use repository::{code_of, files_below, read, root};

/// The requirements of ASVS 5.0.0 that must have an answer: number and level, one a line.
const REQUIREMENTS: &str = include_str!("asvs_ids.txt");

const POLICY: &str = include_str!("../SECURITY.md");

/// A row of the table.
struct Row {
    number: &'static str,
    level: &'static str,
    answer: &'static str,
    reason: &'static str,
}

fn rows() -> Vec<Row> {
    let rows = POLICY
        .lines()
        .filter_map(|line| line.strip_prefix("| v5.0.0-"));
    rows.map(|row| {
        let cells: Vec<&str> = row
            .trim_end_matches('|')
            .split('|')
            .map(str::trim)
            .collect();
        let [number, level, said, answer, reason] = cells[..] else {
            panic!("five cells: {row}");
        };
        assert!(!said.is_empty(), "{number} says what it asks for");
        Row {
            number,
            level,
            answer,
            reason,
        }
    })
    .collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// `tests/rules.rs::a_name` → its two parts.
fn tests_in(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    quoted(text)
        .filter_map(|name| name.split_once("::"))
        .filter(|(file, _)| file.ends_with(".rs"))
}

/// Where links lead.
fn links_in(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
}

/// Whether a function of this name stands there and is run as a test.
fn is_test(code: &str, name: &str) -> bool {
    let Some((before, _)) = code.split_once(&format!("fn {name}()")) else {
        return false;
    };
    let attributes = before
        .lines()
        .rev()
        .skip_while(|line| matches!(line.trim(), "" | "async"))
        .take_while(|line| {
            let line = line.trim();
            line.starts_with("#[") || line.starts_with("//")
        });
    let attributes: Vec<&str> = attributes.map(str::trim).collect();
    attributes
        .iter()
        .any(|line| matches!(*line, "#[test]" | "#[rocket::async_test]"))
        && !attributes.iter().any(|line| line.starts_with("#[ignore"))
}

/// The headings of a document, as they are linked to.
fn anchors(document: &str) -> BTreeSet<String> {
    let headings = document
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        })
        .collect()
}

/// The text below a heading of the second order.
fn section(heading: &str) -> &'static str {
    let rest = POLICY.split_once(&format!("\n## {heading}\n"));
    let (_, rest) = rest.unwrap_or_else(|| panic!("no section {heading}"));
    rest.split("\n## ").next().expect("its text")
}

#[test]
fn every_requirement_has_one_row() {
    let asked: BTreeMap<&str, &str> = REQUIREMENTS
        .lines()
        .map(|line| line.split_once(' ').expect("number and level"))
        .collect();
    let rows = rows();
    let answered: BTreeMap<&str, &str> = rows.iter().map(|row| (row.number, row.level)).collect();
    assert_eq!(answered, asked);
    assert_eq!(rows.len(), asked.len(), "a requirement has two rows");
}

#[test]
fn every_row_has_an_answer_and_what_it_rests_on() {
    for row in rows() {
        let number = row.number;
        assert!(row.reason.len() > 5, "{number} says why");
        let files = quoted(row.reason).filter(|name| root().join(name).is_file());
        let rests = match row.answer {
            "test" => tests_in(row.reason).next().is_some(),
            "check" => files.count() > 0,
            "document" => links_in(row.reason).next().is_some(),
            "open" | "n.a." => true,
            other => panic!("{number}: {other:?} is no answer"),
        };
        assert!(rests, "{number} rests on nothing: {}", row.reason);
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let mut seen = 0;
    for (file, name) in tests_in(POLICY) {
        assert!(is_test(&read(file), name), "{file} has no test {name}");
        seen += 1;
    }
    assert!(seen > 100, "the test sees no tests");
}

#[test]
fn every_file_that_is_named_exists() {
    let mut seen = 0;
    for row in rows().iter().filter(|row| row.answer == "check") {
        for name in quoted(row.reason).filter(|name| name.contains(['/', '.'])) {
            if !name.contains("::") {
                assert!(root().join(name).exists(), "{}: {name}", row.number);
                seen += 1;
            }
        }
    }
    assert!(seen > 5, "the test sees no files");
}

#[test]
fn every_link_leads_somewhere() {
    let mut seen = 0;
    for link in links_in(POLICY).filter(|link| !link.starts_with("https://")) {
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let document = match file {
            "" => POLICY.to_owned(),
            other => read(other),
        };
        assert!(
            anchor.is_empty() || anchors(&document).contains(anchor),
            "{link} leads nowhere"
        );
        seen += 1;
    }
    assert!(seen > 30, "the test sees no links");
}

#[test]
fn the_totals_are_those_of_the_table() {
    let table = section("ASVS");
    let line = |start: &str| {
        let line = table.lines().find_map(|line| line.strip_prefix(start));
        let cells = line.expect("a line of totals").trim_end_matches('|');
        cells.split('|').map(str::trim).collect::<Vec<_>>()
    };
    let (answers, totals) = (line("| answer |"), line("| requirements |"));
    let rows = rows();
    for (answer, total) in answers.into_iter().zip(totals) {
        let counted = rows
            .iter()
            .filter(|row| answer == "all" || row.answer == answer)
            .count();
        assert_eq!(total, counted.to_string(), "{answer}");
    }
}

#[test]
fn every_event_is_in_the_inventory() {
    let inventory: BTreeSet<&str> = quoted(section("What is logged")).collect();
    let mut seen = 0;
    for file in files_below("src") {
        let code = code_of(&file);
        for event in events_in(&code) {
            assert!(
                inventory.contains(event),
                "{}: {event} is not in SECURITY.md",
                file.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 15, "the test sees no events");
}

/// What a line is called: the first text in the call that writes it, but for the level.
fn events_in(code: &str) -> impl Iterator<Item = &str> {
    [".event(", ".notice(", ".refused("]
        .into_iter()
        .flat_map(move |call| code.split(call).skip(1))
        .filter_map(|rest| {
            let mut names = quoted_plainly(rest.split(')').next()?);
            names.find(|name| !matches!(*name, "info" | "warn" | "error"))
        })
}

/// What stands between quotation marks.
fn quoted_plainly(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}
