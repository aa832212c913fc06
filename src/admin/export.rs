//! `vestibule export`: all accounts, in the form that `vestibule import` takes.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use rocket::figment::Figment;
use serde_json::json;

use super::answer;
use crate::config::{Fault, Settings};
use crate::store::accounts::Account;
use crate::store::crowd;
use crate::store::pool::Tables;
use crate::store::{self, Pool};

/// Does it.
pub async fn export(figment: &Figment, path: &Path, as_json: bool) -> Result<ExitCode, Fault> {
    let settings = Settings::read(figment)?;
    super::started_once(&settings)?;
    let pool = Pool::look(settings.database_url.reveal())
        .await
        .map_err(super::unusable)?;
    if pool.tables().await.map_err(super::unusable)? != Tables::Ours {
        return Err(Fault(
            "The tables are not those of this version. Start the server once, then try again."
                .into(),
        ));
    }
    let written = match is_stdout(path) {
        true => write(&pool, io::stdout(), path).await,
        false => into_file(&pool, path).await,
    };
    let left_out = crowd::waiting(&pool).await;
    pool.close().await;
    tell(path, written?, left_out.map_err(lost)?, as_json);
    Ok(ExitCode::SUCCESS)
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

fn tell(path: &Path, written: u64, left_out: i64, as_json: bool) {
    let mut words = match is_stdout(path) {
        true => format!("Accounts written: {written}."),
        false => format!(
            "Accounts written to {}: {written}. It holds their password hashes and addresses: keep it as you keep the\n\
             database, and remove it when it has done its work.",
            path.display()
        ),
    };
    if left_out > 0 {
        words += &format!(
            "\nLeft out, since their address is not confirmed yet: {left_out}. `vestibule user verify NAME` confirms one."
        );
    }
    let object = json!({ "written": written, "left_out": left_out });
    match (is_stdout(path), as_json) {
        (false, _) => answer(as_json, &words, &object),
        // Standard output has the accounts.
        (true, false) => eprintln!("{words}"),
        (true, true) => eprintln!("{object}"),
    }
}

async fn into_file(pool: &Pool, path: &Path) -> Result<u64, Fault> {
    let full = |error| unwritable(path, error);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(full)?;
    let written = write(pool, &file, path).await;
    let kept = written.and_then(|count| file.sync_all().map(|()| count).map_err(full));
    kept.inspect_err(|_| {
        // Half of the accounts would look like all of them.
        let _ = std::fs::remove_file(path);
    })
}

async fn write(pool: &Pool, to: impl Write, path: &Path) -> Result<u64, Fault> {
    let full = |error| unwritable(path, error);
    let mut to = BufWriter::new(to);
    let (mut count, mut last) = (0, String::new());
    loop {
        let accounts = crowd::after(pool, &last).await.map_err(lost)?;
        let Some(end) = accounts.last() else { break };
        last.clone_from(&end.id);
        for account in &accounts {
            writeln!(to, "{}", line(account)).map_err(full)?;
            count += 1;
        }
    }
    to.flush().map_err(full)?;
    Ok(count)
}

fn unwritable(path: &Path, error: io::Error) -> Fault {
    match is_stdout(path) {
        true => Fault(format!("Standard output cannot be written: {error}.")),
        false => Fault(format!("{} cannot be written: {error}.", path.display())),
    }
}

fn lost(fault: store::Fault) -> Fault {
    Fault(format!("The database does not answer. {fault}"))
}

fn line(account: &Account) -> String {
    json!({
        "id": account.id, "username": account.username, "email": account.email,
        "password_hash": account.password_hash, "role": account.role, "created_at": account.created_at,
        "email_verified_at": account.email_verified_at, "disabled_at": account.disabled_at,
    })
    .to_string()
}
