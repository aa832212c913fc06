//! `vestibule outbox`: letters that wait to be sent, and what became of those that did.

use std::process::ExitCode;

use clap::Subcommand;
use rocket::Config;
use rocket::figment::Figment;
use serde_json::{Value, json};

use super::{moment, open_with_secret, say};
use crate::accounts::letters::{LetterKeys, Letters, Links};
use crate::config::{Fault, LogFormat, Settings};
use crate::log::Log;
use crate::store::Pool;
use crate::store::outbox::{LISTED, Queued};
use crate::templates::Templates;
use crate::tokens::ServerSecret;
use crate::world::{Clock, World};

#[derive(Subcommand)]
pub enum Act {
    /// Print the letters that wait.
    List {
        /// Those that were sent or given up in the last seven days, too.
        #[arg(long)]
        all: bool,
        /// For scripts; times in seconds since 1970.
        #[arg(long)]
        json: bool,
    },
    /// Print one letter that waits. Whoever reads it can do what it is good for.
    Show {
        /// Its name in the list.
        id: String,
        /// For scripts, with the HTML.
        #[arg(long)]
        json: bool,
    },
}

/// Does it, with the settings and the secret that the server has.
pub async fn outbox(figment: &Figment, act: &Act) -> Result<ExitCode, Fault> {
    let (letters, pool) = open(figment).await?;
    let unreadable = |fault| Fault(format!("The letters cannot be read. {fault}"));
    match act {
        Act::List { all, json } => {
            let found = letters.list(*all).await.map_err(unreadable)?;
            list(&found, *json);
        }
        Act::Show { id, json } => {
            let letter = letters.by_id(id).await.map_err(unreadable)?;
            let letter = letter.ok_or_else(|| {
                Fault(format!(
                    "There is no letter {id:?}. `vestibule outbox list --all` names them."
                ))
            })?;
            show(&letters, &letter, *json)?;
        }
    }
    pool.close().await;
    Ok(ExitCode::SUCCESS)
}

/// The letters of this installation, for commands that write some, too.
pub(super) async fn open(figment: &Figment) -> Result<(Letters, Pool), Fault> {
    let (settings, pool, secret) = open_with_secret(figment).await?;
    let letters = letters(figment, &settings, &pool, &secret)?;
    Ok((letters, pool))
}

/// The same, where the database is open already.
pub(super) fn letters(
    figment: &Figment,
    settings: &Settings,
    pool: &Pool,
    secret: &ServerSecret,
) -> Result<Letters, Fault> {
    let rocket: Config = figment
        .extract()
        .map_err(|error| Fault(error.to_string()))?;
    // What a command says, it prints.
    let world = World::real(Log::kept(Clock::Real, LogFormat::Json));
    let templates = Templates::new(world.log.clone());
    let links = Links::of(settings, Settings::bound_origin(&rocket));
    Ok(Letters::new(
        pool.clone(),
        LetterKeys::of(secret),
        links,
        templates,
        settings.letters,
        world,
    ))
}

/// What became of a letter, in a word.
fn state(letter: &Queued) -> &str {
    match &letter.ended_how {
        Some(how) => how,
        None if letter.tries > 0 => "delayed",
        None => "waiting",
    }
}

fn in_json(letter: &Queued) -> Value {
    json!({
        "id": letter.id, "letter": letter.letter, "to": letter.sent_to, "account": letter.account_id,
        "state": state(letter), "created_at": letter.created_at, "good_until": letter.good_until,
        "due_at": letter.due_at, "tries": letter.tries, "fault": letter.last_fault, "ended_at": letter.ended_at,
    })
}

fn list(letters: &[Queued], as_json: bool) {
    let more = letters.len() > LISTED;
    let letters = &letters[..letters.len().min(LISTED)];
    if as_json {
        let letters: Vec<Value> = letters.iter().map(in_json).collect();
        return say(&json!({ "letters": letters, "more": more }).to_string());
    }
    if letters.is_empty() {
        return say("No letter waits.");
    }
    let widest = letters.iter().map(|letter| letter.sent_to.chars().count());
    let width = widest.max().unwrap_or(0).max(2);
    let row = |cells: [&str; 6]| {
        let [id, letter, to, state, written, fault] = cells;
        let line = format!("{id:26}  {letter:18}  {to:width$}  {state:7}  {written:20}  {fault}");
        say(line.trim_end());
    };
    row(["ID", "LETTER", "TO", "STATE", "WRITTEN", "FAULT"]);
    for letter in letters {
        row([
            &letter.id,
            &letter.letter,
            &letter.sent_to,
            state(letter),
            &moment(letter.created_at),
            letter.last_fault.as_deref().unwrap_or_default(),
        ]);
    }
    if more {
        eprintln!("These are the newest {LISTED}. There are more.");
    }
}

fn show(letters: &Letters, letter: &Queued, as_json: bool) -> Result<(), Fault> {
    if letter.ended_at.is_some() {
        return Err(Fault(format!(
            "This letter is {}, and what it said is no longer kept.",
            state(letter)
        )));
    }
    let written = letters.unseal(letter).ok_or_else(|| {
        Fault("The server secret does not open this letter. Give the one of the server that wrote it.".into())
    })?;
    if as_json {
        let mut all = in_json(letter);
        if let Some(members) = all.as_object_mut() {
            members.insert("subject".into(), written.subject.into());
            members.insert("text".into(), written.text.into());
            members.insert("html".into(), written.html.into());
        }
        say(&all.to_string());
        return Ok(());
    }
    say(&format!("To: {}", letter.sent_to));
    say(&format!("Subject: {}\n", written.subject));
    say(written.text.trim_end());
    Ok(())
}
