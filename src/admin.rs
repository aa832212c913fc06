//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rocket::figment::Figment;

use crate::config::{self, Fault, Settings};

/// A login service: pages for people, tokens for programs. Without a command it serves.
#[derive(Parser)]
#[command(name = "vestibule", version)]
pub struct Line {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve pages and API. The same as no command.
    Serve,
    /// Print the settings in force and where each comes from.
    Settings {
        /// Say of each what it does, too.
        #[arg(long)]
        all: bool,
    },
}

impl Line {
    /// Whether the service shall run; else the command has been carried out.
    ///
    /// # Errors
    /// Settings that are refused.
    pub fn carry_out(&self, figment: &Figment) -> Result<Option<ExitCode>, Fault> {
        match self.command {
            None | Some(Command::Serve) => Ok(None),
            Some(Command::Settings { all }) => settings(figment, all).map(Some),
        }
    }
}

fn settings(figment: &Figment, all: bool) -> Result<ExitCode, Fault> {
    let lines = config::in_force(figment);
    let width = |of: fn(&config::InForce) -> &str| {
        lines.iter().map(|line| of(line).len()).max().unwrap_or(0)
    };
    let (names, values) = (width(|line| line.name), width(|line| &line.value));
    for line in &lines {
        let field = config::FIELDS.iter().find(|field| field.name == line.name);
        if let (true, Some(field)) = (all, field) {
            say(&format!("# {} Default: {}.", field.meaning, field.default));
        }
        say(&format!(
            "{:names$}  {:values$}  {}",
            line.name, line.value, line.source
        ));
    }
    // Printed first, so that a refused value can be seen beside its source.
    Settings::read(figment)?;
    Ok(ExitCode::SUCCESS)
}

/// A line on standard output. Who closed it does not want the rest.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}
