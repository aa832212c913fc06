//! Links that let whoever has one set an account's password, once: for an operator to hand over.

use std::process::ExitCode;

use rocket::figment::Figment;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Add, Lasting, Name, make_account, with_role};
use crate::accounts::letters::Letters;
use crate::accounts::operator::{self, ResetLink};
use crate::admin::{make_with_secret, moment, outbox, say};
use crate::config::Fault;
use crate::store::Pool;
use crate::world::{Chance, Clock};

/// The account has a password that nobody knows, until its owner sets one.
pub(super) async fn add_with_link(figment: &Figment, wanted: &Add) -> Result<ExitCode, Fault> {
    let (settings, pool, secret) = make_with_secret(figment).await?;
    let letters = outbox::letters(figment, &settings, &pool, &secret)?;
    let random = Chance::real().id().map(Zeroizing::new);
    let random = random.map_err(|_| Fault("The system gives no random bytes.".into()))?;
    let made = make_account(&settings, &pool, wanted, random).await?;
    let link = new_link(&pool, &letters, &made.username, &wanted.lasting).await?;
    pool.close().await;
    if wanted.json {
        let mut document = with_role(&made);
        document["link"] = json!(*link.link);
        document["good_until"] = json!(link.good_until);
        say(&document.to_string());
    } else {
        hand_over(&link);
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn reset_link(
    figment: &Figment,
    name: &Name,
    lasting: &Lasting,
    as_json: bool,
) -> Result<ExitCode, Fault> {
    let (letters, pool) = outbox::open(figment).await?;
    let link = new_link(&pool, &letters, &name.name, lasting).await?;
    pool.close().await;
    if as_json {
        say(&json!({ "link": *link.link, "good_until": link.good_until }).to_string());
    } else {
        hand_over(&link);
    }
    if link.account.disabled_at.is_some() {
        eprintln!(
            "{} is disabled: a new password opens nothing before you enable it.",
            name.name
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn new_link(
    pool: &Pool,
    letters: &Letters,
    name: &str,
    lasting: &Lasting,
) -> Result<ResetLink, Fault> {
    let (lasts, now) = (lasting.minutes * 60, Clock::Real.unix());
    let link = operator::reset_link(pool, letters, name, lasts, now).await;
    let link = link.map_err(|error| Fault(error.row().detail.into_owned()))?;
    link.ok_or_else(|| Fault(format!("Nobody is called {name:?} here.")))
}

fn hand_over(link: &ResetLink) {
    say(&link.link);
    say(&format!(
        "It lets whoever has it set the password of {}, once, until {}.",
        link.account.username,
        moment(link.good_until)
    ));
}
