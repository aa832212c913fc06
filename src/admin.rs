//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use rocket::figment::Figment;

use crate::accounts::operator::{self, Act};
use crate::config::{self, Fault, Settings};
use crate::store::Pool;
use crate::world::Clock;

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
    /// Disable an account, enable it, or end its sessions. A running server obeys within a second.
    User {
        /// What to do.
        #[arg(value_enum)]
        act: UserAct,
        /// The username or the address.
        name: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum UserAct {
    /// Nobody may sign in with it, and its sessions end.
    Disable,
    /// Whoever knows its password may sign in again.
    Enable,
    /// Its sessions end.
    EndSessions,
}

impl Line {
    /// Whether the service shall run; else the command has been carried out.
    ///
    /// # Errors
    /// Settings that are refused.
    pub fn carry_out(&self, figment: &Figment) -> Result<Option<ExitCode>, Fault> {
        match &self.command {
            None | Some(Command::Serve) => Ok(None),
            Some(Command::Settings { all }) => settings(figment, *all).map(Some),
            Some(Command::User { act, name }) => {
                rocket::execute(user(figment, *act, name)).map(Some)
            }
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

async fn user(figment: &Figment, act: UserAct, name: &str) -> Result<ExitCode, Fault> {
    let settings = Settings::read(figment)?;
    let impossible =
        |fault: crate::store::Fault| Fault(format!("The database cannot be used. {fault}"));
    let pool = Pool::open(settings.database_url.reveal(), 1)
        .await
        .map_err(impossible)?;
    let act = match act {
        UserAct::Disable => Act::Disable,
        UserAct::Enable => Act::Enable,
        UserAct::EndSessions => Act::EndSessions,
    };
    let done = operator::act(&pool, name, act, Clock::Real.unix())
        .await
        .map_err(impossible)?;
    pool.close().await;
    let ended = done.ok_or_else(|| Fault(format!("Nobody is called {name:?} here.")))?;
    say(&match act {
        Act::Disable => format!("{name} is disabled. Sessions ended: {ended}."),
        Act::Enable => format!("{name} is enabled. Sessions ended: {ended}."),
        Act::EndSessions => format!("Sessions of {name} ended: {ended}."),
    });
    Ok(ExitCode::SUCCESS)
}

/// A line on standard output. Who closed it does not want the rest.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}
