//! What an import tells: lines on standard output, progress on a terminal.

use std::io::{IsTerminal, Write};

use serde_json::json;

use crate::accounts::coming::{End, Told};
use crate::admin::say;

/// What was told so far.
pub struct Report {
    dry: bool,
    json: bool,
    unit: &'static str,
    on_terminal: bool,
    added: u64,
    here: u64,
    left_out: u64,
    admins: u64,
}

impl Report {
    /// Nothing yet.
    pub fn new(dry: bool, json: bool, unit: &'static str) -> Self {
        Self {
            dry,
            json,
            unit,
            on_terminal: std::io::stderr().is_terminal(),
            added: 0,
            here: 0,
            left_out: 0,
            admins: 0,
        }
    }

    /// How many lines were left out.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Tells of lines: of each where nothing is changed, else of those that were left out.
    pub fn tell(&mut self, lines: &[Told]) {
        for told in lines {
            let left_out = match told.end {
                End::Added => {
                    self.added += 1;
                    self.admins += u64::from(told.is_admin);
                    false
                }
                End::Here => {
                    self.here += 1;
                    false
                }
                End::LeftOut(_) | End::Twice(_) => {
                    self.left_out += told.last - told.line + 1;
                    true
                }
            };
            if self.dry || left_out {
                self.pause();
                say(&if self.json {
                    self.document(told)
                } else {
                    self.sentence(told)
                });
            }
        }
    }

    fn sentence(&self, told: &Told) -> String {
        let name = told.username.as_deref().map_or("(nobody)".into(), shown);
        let end = match told.end {
            End::Added if told.is_admin => "would be added (administrator)".to_owned(),
            End::Added => "would be added".to_owned(),
            End::Here => "is here already".to_owned(),
            _ => format!("left out. {}", self.reason(told)),
        };
        format!("{} {}: {name}: {end}", self.unit, told.line)
    }

    fn reason(&self, told: &Told) -> String {
        let Told { line, last, .. } = told;
        match told.end {
            End::LeftOut(reason) if last > line => format!(
                "{reason} Lines {line} to {last} were not read: look in line {line} for a quote that is not closed."
            ),
            End::LeftOut(reason) => reason.to_owned(),
            End::Twice(line) => format!("A name of it stands in {} {line}, too.", self.unit),
            _ => String::new(),
        }
    }

    fn document(&self, told: &Told) -> String {
        let end = match told.end {
            End::Added => "would_be_added",
            End::Here => "already_here",
            End::LeftOut(_) | End::Twice(_) => "left_out",
        };
        let reason = Some(self.reason(told)).filter(|reason| !reason.is_empty());
        json!({
            "line": told.line, "last_line": told.last, "username": told.username, "end": end, "reason": reason,
            "admin": told.is_admin,
        })
        .to_string()
    }

    /// Shows how far it is.
    pub fn show(&self, read: u64, length: u64) {
        if !self.on_terminal {
            return;
        }
        const WIDTH: u64 = 40;
        let share = read.min(length) * WIDTH / length.max(1);
        let bar: String = (0..WIDTH)
            .map(|place| if place < share { '#' } else { '.' })
            .collect();
        let count = self.added + self.here + self.left_out;
        let _ = write!(std::io::stderr(), "\r[{bar}] {count} {}s ", self.unit);
    }

    /// Makes room for words.
    pub fn pause(&self) {
        if self.on_terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    /// The numbers, and what was not taken.
    pub fn end(&self, left: &[String]) {
        self.pause();
        if self.json {
            return say(&json!({
                "dry_run": self.dry, "added": self.added, "already_here": self.here, "left_out": self.left_out,
                "admins": self.admins, "not_taken": left,
            })
            .to_string());
        }
        if !left.is_empty() {
            let names: Vec<_> = left.iter().map(|name| quoted(name)).collect();
            say(&format!(
                "Not taken from any {}: {}.",
                self.unit,
                names.join(", ")
            ));
        }
        let would = if self.dry { "Would be added" } else { "Added" };
        let Self {
            added,
            here,
            left_out,
            admins,
            ..
        } = self;
        say(&format!(
            "{would}: {added} ({admins} administrators). Here already: {here}. Left out: {left_out}."
        ));
        if self.dry {
            say("Nothing was changed.");
        }
    }
}

/// A stranger's words, for a terminal.
fn quoted(words: &str) -> String {
    format!("{words:?}")
}

/// A name, bare where it cannot be mistaken for something else.
fn shown(name: &str) -> String {
    if name.bytes().all(|byte| byte.is_ascii_graphic()) {
        name.to_owned()
    } else {
        quoted(name)
    }
}
