//! The command line.

mod doctor;
mod export;
mod hash;
mod import;
mod invite;
mod keys;
mod listing;
mod moving;
mod outbox;
mod terminal;
mod user;

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rocket::figment::Figment;
use serde_json::Value;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::config::{self, Fault, Settings};
use crate::store::{self, Pool};
use crate::tokens::{IfMissing, ServerSecret, secret_of};
use crate::world::Chance;

/// A login service: pages for people, tokens for programs. Without a command it serves.
#[derive(Default, Parser)]
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
    /// Make, list, change and delete accounts, and help their owners. A running server obeys within a second.
    User {
        #[command(subcommand)]
        act: user::User,
    },
    /// Let people make accounts where registration is by invitation.
    Invite {
        #[command(subcommand)]
        act: invite::Invite,
    },
    /// List, rotate, import or retire the keys that sign tokens. A running server obeys within a second.
    Keys {
        #[command(subcommand)]
        act: keys::Act,
    },
    /// List the letters that wait to be sent, or show one. Without a mail server this is how they are read.
    Outbox {
        #[command(subcommand)]
        act: outbox::Act,
    },
    /// Say what is not safe here, why it matters and what to type.
    #[command(after_help = doctor::EXIT)]
    Doctor {
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// Take in accounts from elsewhere, with the passwords that people have.
    #[command(after_help = import::HELP)]
    Import(import::Import),
    /// Write all accounts to a file that import takes. It holds password hashes.
    Export {
        /// A file that is not there yet; made with mode 0600. With - they go to standard output, and the numbers to
        /// standard error.
        file: PathBuf,
        /// For scripts: the numbers as one object.
        #[arg(long)]
        json: bool,
    },
    /// Copy everything into another database: SQLite to PostgreSQL, or back.
    #[command(after_help = moving::HELP)]
    Move(moving::Move),
    /// Find the settings with which password hashing takes as long as it should.
    Hash {
        #[command(subcommand)]
        act: hash::Act,
    },
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
            Some(Command::User { act }) => rocket::execute(user::user(figment, act)).map(Some),
            Some(Command::Invite { act }) => {
                rocket::execute(invite::invite(figment, act)).map(Some)
            }
            Some(Command::Keys { act }) => rocket::execute(keys::keys(figment, act)).map(Some),
            Some(Command::Outbox { act }) => {
                rocket::execute(outbox::outbox(figment, act)).map(Some)
            }
            Some(Command::Doctor { json }) => {
                rocket::execute(doctor::doctor(figment, *json)).map(Some)
            }
            Some(Command::Import(wanted)) => {
                rocket::execute(import::import(figment, wanted)).map(Some)
            }
            Some(Command::Export { file, json }) => {
                rocket::execute(export::export(figment, file, *json)).map(Some)
            }
            Some(Command::Move(wanted)) => {
                rocket::execute(moving::relocate(figment, wanted)).map(Some)
            }
            Some(Command::Hash { act }) => hash::hash(figment, act).map(Some),
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

/// The settings, and the database of the server that has them.
async fn open(figment: &Figment) -> Result<(Settings, Pool), Fault> {
    let settings = Settings::read(figment)?;
    started_once(&settings)?;
    let pool = connect(&settings).await?;
    Ok((settings, pool))
}

/// The same, with the secret that the server has, for what is made or opened with it.
async fn open_with_secret(figment: &Figment) -> Result<(Settings, Pool, ServerSecret), Fault> {
    let (settings, pool) = open(figment).await?;
    let secret = secret_of(&pool, &settings, &Chance::real(), IfMissing::Await).await?;
    Ok((settings, pool, secret))
}

/// The same, for what may come before the first start: the database is made where it is not there yet.
async fn make(figment: &Figment) -> Result<(Settings, Pool), Fault> {
    let settings = Settings::read(figment)?;
    let _first = hold(&settings)?;
    let pool = connect(&settings).await?;
    Ok((settings, pool))
}

/// The same, with the secret, which is made where it is not there yet, as the first start would.
async fn make_with_secret(figment: &Figment) -> Result<(Settings, Pool, ServerSecret), Fault> {
    let settings = Settings::read(figment)?;
    let _first = hold(&settings)?;
    let pool = connect(&settings).await?;
    let secret = secret_of(&pool, &settings, &Chance::real(), IfMissing::Make).await?;
    Ok((settings, pool, secret))
}

/// Makes the data directory and lets nobody else make anything in it meanwhile, where anything is kept there.
fn hold(settings: &Settings) -> Result<Option<File>, Fault> {
    if settings.is_shared() {
        return Ok(None);
    }
    let folder = settings.data_dir.display();
    let locked = store::pool::lock_data_dir(&settings.data_dir, settings.embedded);
    locked.map(Some).map_err(|error| {
        Fault(format!(
            "The data directory {folder} cannot be used: {error}."
        ))
    })
}

async fn connect(settings: &Settings) -> Result<Pool, Fault> {
    let pool = Pool::open(settings.database_url.reveal(), 1).await;
    pool.map_err(unusable)
}

/// A link to a place of the service, as people see it.
fn link(figment: &Figment, settings: &Settings, path: &str) -> Result<String, Fault> {
    let rocket: rocket::Config = figment
        .extract()
        .map_err(|error| Fault(error.to_string()))?;
    let bound = || Settings::bound_origin(&rocket);
    let origin = settings.public_url.clone().unwrap_or_else(bound);
    Ok(format!("{origin}{path}"))
}

fn unusable(fault: store::Fault) -> Fault {
    Fault(format!("The database cannot be used. {fault}"))
}

/// A moment as tables show it.
fn moment(at: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    OffsetDateTime::from_unix_timestamp(at)
        .ok()
        .and_then(|at| at.format(&format).ok())
        .unwrap_or_else(|| at.to_string())
}

/// Refuses to make a database where none is: a misspelt data_dir would be an empty service.
fn started_once(settings: &Settings) -> Result<(), Fault> {
    if settings.embedded && !settings.data_dir.join("vestibule.db").exists() {
        let folder = settings.data_dir.display();
        return Err(Fault(format!(
            "There is no database in {folder} yet. Start the server once."
        )));
    }
    Ok(())
}

/// What a command answers: words for people, or one object for scripts.
fn answer(as_json: bool, words: &str, object: &Value) {
    match as_json {
        true => say(&object.to_string()),
        false => say(words),
    }
}

/// A line on standard output. Who closed it does not want the rest.
fn say(line: &str) {
    print(line);
}

/// A line on standard output. `false`: nobody reads on.
fn print(line: &str) -> bool {
    use std::io::Write;
    writeln!(std::io::stdout(), "{line}").is_ok()
}
