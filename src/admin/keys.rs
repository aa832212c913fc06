//! `vestibule keys`: the keys that sign tokens.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use rocket::figment::Figment;
use serde_json::json;
use zeroize::Zeroizing;

use super::{moment, open_with_secret, say};
use crate::config::Fault;
use crate::tokens::Vault;
use crate::tokens::operator::{Listed, Upcoming};
use crate::world::{Chance, Clock};

#[derive(Subcommand)]
pub enum Act {
    /// Print every key: which signs, which is next, which still verifies, which are no longer trusted.
    List {
        /// For scripts; times in seconds since 1970.
        #[arg(long)]
        json: bool,
    },
    /// Publish the next key now; it signs a day later.
    Rotate {
        /// Somebody else may have the keys: end trust in all of them at once, with a new one that signs at once.
        #[arg(long)]
        compromised: bool,
    },
    /// Take a private key of your own (PKCS#8, PEM) as the next one; it signs a day later.
    Import {
        /// Where it stands.
        file: PathBuf,
    },
    /// End trust in a key that does not sign now, at once.
    Retire {
        /// Its name in the list.
        kid: String,
    },
}

/// Does it, with the settings and the secret that the server has.
pub async fn keys(figment: &Figment, act: &Act) -> Result<ExitCode, Fault> {
    let (vault, now) = (open(figment).await?, Clock::Real.unix());
    match act {
        Act::List { json } => list(&vault.list(now).await?, *json),
        Act::Rotate { compromised: false } => announce(&vault.rotate(now).await?),
        Act::Rotate { compromised: true } => {
            let (kid, ended) = vault.rotate_compromised(now).await?;
            say(&format!(
                "{kid} signs from now on. Keys no longer trusted: {ended}."
            ));
        }
        Act::Import { file } => {
            let unreadable = |error| Fault(format!("{} cannot be read: {error}.", file.display()));
            let text = Zeroizing::new(std::fs::read(file).map_err(unreadable)?);
            announce(&vault.import(&text, now).await?);
            say("Remove the file now: whoever reads it can make tokens.");
        }
        Act::Retire { kid } => {
            vault.retire(kid, now).await?;
            say(&format!(
                "{kid} is retired. Tokens that it signed are refused."
            ));
        }
    }
    vault.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn open(figment: &Figment) -> Result<Vault, Fault> {
    let (settings, pool, secret) = open_with_secret(figment).await?;
    let (lifetime, chance) = (settings.access_minutes * 60, Chance::real());
    Vault::open(pool, secret, settings.algorithm, lifetime, chance).await
}

fn announce(next: &Upcoming) {
    let already = if next.waited { "already" } else { "now" };
    let (kid, when) = (&next.kid, moment(next.signs_from));
    say(&format!(
        "{kid} is published {already} and signs from {when}."
    ));
}

fn list(keys: &[Listed], as_json: bool) {
    if as_json {
        let keys = keys.iter().map(|key| {
            json!({
                "kid": key.kid, "algorithm": key.algorithm, "state": key.state.name(),
                "since": key.since, "until": key.until,
            })
        });
        return say(&json!({ "keys": keys.collect::<Vec<_>>() }).to_string());
    }
    let row = |cells: [&str; 5]| {
        let [kid, algorithm, state, since, until] = cells;
        let line = format!("{kid:26}  {algorithm:9}  {state:11}  {since:20}  {until}");
        say(line.trim_end());
    };
    row(["KID", "ALGORITHM", "STATE", "SINCE", "UNTIL"]);
    for key in keys {
        let until = key.until.map(moment).unwrap_or_default();
        let since = moment(key.since);
        row([&key.kid, &key.algorithm, key.state.name(), &since, &until]);
    }
}
