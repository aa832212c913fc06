//! `vestibule move`: everything that the service remembers, into another database.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use rocket::figment::Figment;
use rustix::fs::Mode;
use rustix::process::{geteuid, umask};
use serde_json::{Value, json};

use super::say;
use crate::config::{self, Fault, Secret, Settings};
use crate::store::Pool;
use crate::store::copy::{self, Copied, Stop};

/// What the help says at its end.
pub const HELP: &str = "\
Stop the servers first: what they wrote meanwhile would be lost. The target must be empty. Everything is copied in one
transaction and compared before it counts; the old database is left as it is.";

#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Target {
    /// postgres://… or sqlite:FILE. A password in it can be seen by others on this machine: better --to-file.
    #[arg(long)]
    to: Option<String>,
    /// A file that holds the URL.
    #[arg(long)]
    to_file: Option<PathBuf>,
}

#[derive(Args)]
pub struct Move {
    #[command(flatten)]
    target: Target,
    /// For scripts: the tables with their rows and checksums, as one object.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub async fn relocate(figment: &Figment, wanted: &Move) -> Result<ExitCode, Fault> {
    let settings = Settings::read(figment)?;
    super::started_once(&settings)?;
    let url = url_of(&wanted.target, figment)?;
    // A file that SQLite makes is nobody else's.
    umask(Mode::RWXG | Mode::RWXO);
    check_file(url.reveal())?;
    let from = alone(settings.database_url.reveal(), "The database").await?;
    let to = alone(url.reveal(), "The target").await?;
    let copied = copy::everything(&from, &to).await.map_err(in_words);
    from.close().await;
    to.close().await;
    let copied = copied?;
    if wanted.json {
        say(&document(&copied).to_string());
    } else {
        tell(&copied);
        what_next(&settings, &url);
    }
    Ok(ExitCode::SUCCESS)
}

fn url_of(target: &Target, figment: &Figment) -> Result<Secret, Fault> {
    let read = |path: &Path| {
        let unreadable = |error| Fault(format!("{} cannot be read: {error}.", path.display()));
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    };
    let mut url = match (&target.to, &target.to_file) {
        (Some(url), _) => url.clone(),
        (None, Some(path)) => read(path)?,
        (None, None) => String::new(),
    };
    if url.starts_with("sqlite:") && !url.contains('?') {
        url.push_str("?mode=rwc");
    }
    let key = format!("{}.database_insecure", config::TABLE);
    let insecure = figment.extract_inner(&key).unwrap_or(false);
    let checked = config::checked_database(Secret::new(url), insecure);
    checked.map_err(|Fault(words)| Fault(words.replace("database_url", "the target's URL")))
}

/// A file that is there already must be ours alone, and no link to another: it gets all hashes and keys.
fn check_file(url: &str) -> Result<(), Fault> {
    let Some(path) = url.strip_prefix("sqlite:") else {
        return Ok(());
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = Path::new(path.split('?').next().unwrap_or(path));
    let Ok(file) = path.symlink_metadata() else {
        return Ok(());
    };
    let is_ours = file.is_file()
        && file.uid() == geteuid().as_raw()
        && file.permissions().mode() & 0o077 == 0;
    if is_ours {
        return Ok(());
    }
    Err(Fault(format!(
        "{} is there already, and others may read it. Name a file that is not there: it is made for you alone.",
        path.display()
    )))
}

async fn alone(url: &str, which: &str) -> Result<Pool, Fault> {
    let pool = Pool::alone(url).await;
    let pool = pool.map_err(|fault| Fault(format!("{which} cannot be used. {fault}")))?;
    pool.ok_or_else(|| {
        Fault(format!(
            "{which} is in use by another process. Stop the servers, and whatever else has it open; then try again."
        ))
    })
}

fn in_words(stop: Stop) -> Fault {
    let words = match stop {
        Stop::Source(fault) => format!("The database cannot be read. {fault}"),
        Stop::Target(fault) => format!("The target did not take it. {fault}"),
        Stop::NotEmpty("accounts") => {
            "The target holds accounts. Choose an empty database: two sets of accounts are never mixed.".into()
        }
        Stop::NotEmpty(table) => format!(
            "The target is not empty: its table {table} holds rows. Choose a database that no server has used."
        ),
        Stop::Unknown(table) => {
            format!("The table {table} is not as this version knows it, so it would be lost or broken.")
        }
        Stop::Differs(table) => format!("What arrived in the table {table} is not what was sent."),
    };
    Fault(format!("{words}\nNothing was copied."))
}

fn document(copied: &[Copied]) -> Value {
    let tables = copied
        .iter()
        .map(|one| json!({ "table": one.table, "rows": one.rows, "checksum": one.checksum }));
    json!({ "tables": tables.collect::<Vec<_>>() })
}

fn tell(copied: &[Copied]) {
    let width = copied.iter().map(|one| one.table.len()).max().unwrap_or(0);
    say(&format!(
        "{:width$}  {:>9}  CHECKSUM, THE SAME IN BOTH",
        "TABLE", "ROWS"
    ));
    for Copied {
        table,
        rows,
        checksum,
    } in copied
    {
        say(&format!("{table:width$}  {rows:>9}  {checksum}"));
    }
}

fn what_next(settings: &Settings, url: &Secret) {
    say(
        "\nEverything is there. Before you start the server, set database_url (or database_url_file) to the target.",
    );
    let secret = settings.data_dir.join("server-secret");
    if settings.server_secret.is_none() && !url.reveal().starts_with("sqlite:") {
        say(&format!(
            "PostgreSQL needs the server secret given, and it is the same as before: server_secret_file = {:?}",
            secret.display().to_string()
        ));
    } else {
        say("Keep the server secret: it opens the signing keys that were copied.");
    }
    say(
        "The old database is as it was. Remove it once all is well: it holds the same password hashes.",
    );
}
