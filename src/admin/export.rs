//! `vestibule export`: all accounts, in the form that `vestibule import` takes.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use rocket::figment::Figment;
use serde_json::json;

use super::answer;
use crate::config::{Fault, Settings};
use crate::store::Pool;
use crate::store::accounts::Account;
use crate::store::crowd;
use crate::store::pool::Tables;

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
    let unwritable = |error| Fault(format!("{} cannot be written: {error}.", path.display()));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(unwritable)?;
    let written = write(&pool, file).await;
    pool.close().await;
    let count = written.inspect_err(|_| {
        // Half of the accounts would look like all of them.
        let _ = std::fs::remove_file(path);
    })?;
    let path = path.display();
    let words = format!(
        "Accounts written to {path}: {count}. It holds their password hashes and addresses: keep it as you keep the\n\
         database, and remove it when it has done its work."
    );
    answer(as_json, &words, &json!({ "written": count }));
    Ok(ExitCode::SUCCESS)
}

async fn write(pool: &Pool, file: File) -> Result<u64, Fault> {
    let lost = |fault| Fault(format!("The database does not answer. {fault}"));
    let full = |error| Fault(format!("The file cannot be written: {error}."));
    let mut file = BufWriter::new(file);
    let (mut count, mut last) = (0, String::new());
    loop {
        let accounts = crowd::after(pool, &last).await.map_err(lost)?;
        let Some(end) = accounts.last() else { break };
        last.clone_from(&end.id);
        for account in &accounts {
            writeln!(file, "{}", line(account)).map_err(full)?;
            count += 1;
        }
    }
    let file = file
        .into_inner()
        .map_err(|error| full(error.into_error()))?;
    file.sync_all().map_err(full)?;
    Ok(count)
}

fn line(account: &Account) -> String {
    json!({
        "id": account.id, "username": account.username, "email": account.email,
        "password_hash": account.password_hash, "role": account.role, "created_at": account.created_at,
        "email_verified_at": account.email_verified_at, "disabled_at": account.disabled_at,
    })
    .to_string()
}
