//! `vestibule doctor`: what is wrong here, why it matters and what to type.

use std::process::ExitCode;

use rocket::figment::Figment;
use serde_json::{Value, json};

use super::say;
use crate::config::Fault;
use crate::doctor::{self, Check, Verdict};
use crate::world::Clock;

/// How the command ends, for its help.
pub const EXIT: &str = "Exit status: 0 when nothing is wrong (there may be warnings), 1 when something is, 2 when it \
                        could not run.";

/// Looks, and tells.
pub async fn doctor(figment: &Figment, as_json: bool) -> Result<ExitCode, Fault> {
    let checks = doctor::examine(figment, &Clock::Real).await;
    if as_json {
        say(&document(&checks).to_string());
    } else {
        table(&checks);
    }
    Ok(match count(&checks, Verdict::Wrong) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn count(checks: &[Check], verdict: Verdict) -> usize {
    let same = checks.iter().filter(|check| check.verdict == verdict);
    same.count()
}

fn document(checks: &[Check]) -> Value {
    let each = checks.iter().map(|check| {
        json!({
            "name": check.name, "verdict": check.verdict.name(), "what": check.what, "why": check.why,
            "type": check.type_this,
        })
    });
    json!({
        "checks": each.collect::<Vec<_>>(),
        "fine": count(checks, Verdict::Fine), "warnings": count(checks, Verdict::Warning),
        "wrong": count(checks, Verdict::Wrong), "unknown": count(checks, Verdict::Unknown),
    })
}

fn table(checks: &[Check]) {
    let row = |name: &str, verdict: &str, text: &str| say(&format!("{name:16} {verdict:8} {text}"));
    for check in checks {
        let mut lines = check.what.lines();
        row(
            check.name,
            check.verdict.name(),
            lines.next().unwrap_or_default(),
        );
        lines.for_each(|line| row("", "", line));
        if !check.why.is_empty() {
            row("", "", &format!("Why: {}", check.why));
        }
        if let Some(line) = &check.type_this {
            row("", "", &format!("Type: {line}"));
        }
    }
    let warnings = count(checks, Verdict::Warning);
    say(&format!(
        "\n{} wrong, {warnings} warning{}, {} fine, {} unknown.",
        count(checks, Verdict::Wrong),
        if warnings == 1 { "" } else { "s" },
        count(checks, Verdict::Fine),
        count(checks, Verdict::Unknown),
    ));
}
