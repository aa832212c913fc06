//! Letters to people: what is written to whom, the queue they wait in, and what answers to them are good for.
//!
//! A letter is put into the queue in the same transaction as what it tells of, so neither is there without the other.
//! It is sealed there and sent by [`delivery`], beside all requests: no answer waits for a mail server. What proves that
//! somebody got one stands in [`outstanding`].

pub mod delivery;
mod letter;
pub mod outstanding;
mod writing;

use std::sync::{Arc, OnceLock};

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use tera::Context;
use zeroize::Zeroizing;

use crate::config::{LetterSettings, Origin, Settings};
use crate::error::Error;
use crate::store::accounts::Account;
use crate::store::outbox::{self as rows, Queued};
use crate::store::{Fault, Pool, Work};
use crate::templates::Templates;
use crate::tokens::{Sealing, ServerSecret};
use crate::world::{Chance, Clock, World};

pub use letter::Letter;
pub use outstanding::{Issued, Lives, Outstanding, Purpose};

/// How long letters that hold nothing which expires are tried, in seconds.
const TRIED_FOR: i64 = 3 * 86_400;

/// What people's letters lead to: our own pages.
#[derive(Clone)]
pub struct Links {
    /// What the operator says people see.
    pub public: Option<Origin>,
    /// Where the process is bound, known for certain once it is.
    pub bound: Arc<OnceLock<Origin>>,
    /// Where it is bound by the settings.
    pub configured: Origin,
    /// Where the service is mounted: empty when it stands alone, else a path such as `/id`.
    pub base: String,
}

impl Links {
    /// Those of a service that stands alone, for a command beside it.
    pub fn of(settings: &Settings, configured: Origin) -> Self {
        Self {
            public: settings.public_url.clone(),
            bound: Arc::default(),
            configured,
            base: String::new(),
        }
    }

    /// The address of a path of ours.
    pub fn to(&self, path: &str) -> String {
        let bound = self.bound.get().unwrap_or(&self.configured);
        let origin = self.public.as_ref().unwrap_or(bound);
        format!("{origin}{}{path}", self.base)
    }
}

/// What letters are sealed and answered with: derived from the server secret, one key a purpose.
#[derive(Clone)]
pub struct LetterKeys {
    sealing: Arc<Sealing>,
    codes: hmac::Key,
}

impl LetterKeys {
    /// The keys that come from this secret.
    pub fn of(secret: &ServerSecret) -> Self {
        Self {
            sealing: secret.outbox(),
            codes: hmac::Key::new(HMAC_SHA256, secret.codes()),
        }
    }
}

/// Writes letters and judges answers to them.
pub struct Letters {
    pool: Pool,
    keys: LetterKeys,
    links: Links,
    templates: Templates,
    settings: LetterSettings,
    world: World,
}

/// A letter as it is read.
#[derive(Serialize, Deserialize)]
pub struct Written {
    /// What stands in the list of letters.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
}

impl Letters {
    /// Letters kept in this database.
    pub fn new(
        pool: Pool,
        keys: LetterKeys,
        links: Links,
        templates: Templates,
        settings: LetterSettings,
        world: World,
    ) -> Self {
        Self {
            pool,
            keys,
            links,
            templates,
            settings,
            world,
        }
    }

    /// What letters are for, and how long they are good.
    pub fn settings(&self) -> LetterSettings {
        self.settings
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(super) fn chance(&self) -> &Chance {
        &self.world.chance
    }

    /// Work of which nothing but letters is a part.
    pub(super) async fn begin(&self) -> Result<Work<'_>, Error> {
        Ok(self.pool.begin().await?)
    }

    /// Tells the operator that a letter could not be written, where nobody waits for it any more. What the database said
    /// is in the log already.
    pub(super) fn told(&self, written: Result<(), Error>) {
        if let Err(error) = written {
            let cause = error.row().code;
            self.world
                .log
                .notice("error", "letter_not_written", &[("cause", cause)]);
        }
    }

    /// Puts a letter to an account's owner into the queue, as a part of this work: it goes out once that is done, and
    /// not at all otherwise. `to` is said, since it is not always the account's present address.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`] when the letter cannot be written.
    pub async fn put(
        &self,
        work: &mut Work<'_>,
        account: &Account,
        to: &str,
        letter: Letter,
    ) -> Result<(), Error> {
        let queued = self.queued((Some(&account.id), name_for(account, to)), to, &letter)?;
        Ok(rows::insert(work, &queued).await?)
    }

    /// The same work, and no letter: where whoever asked must not feel whether there is anybody to write to.
    ///
    /// # Errors
    /// As [`Letters::put`].
    pub async fn withhold(
        &self,
        work: &mut Work<'_>,
        account: &Account,
        to: &str,
        letter: Letter,
    ) -> Result<(), Error> {
        let queued = self.queued((Some(&account.id), name_for(account, to)), to, &letter)?;
        let withheld = Queued {
            sealed: String::new(),
            ended_at: Some(queued.created_at),
            ended_how: Some("withheld".into()),
            ..queued
        };
        Ok(rows::insert(work, &withheld).await?)
    }

    /// Puts a letter into the queue to somebody who has no account yet.
    ///
    /// # Errors
    /// As [`Letters::put`].
    pub async fn put_to_stranger(
        &self,
        work: &mut Work<'_>,
        to: &str,
        letter: Letter,
    ) -> Result<(), Error> {
        let queued = self.queued((None, ""), to, &letter)?;
        Ok(rows::insert(work, &queued).await?)
    }

    /// Puts a letter to an account's owner into the queue, where nothing else has to be true with it.
    ///
    /// # Errors
    /// As [`Letters::put`].
    pub async fn send(&self, account: &Account, to: &str, letter: Letter) -> Result<(), Error> {
        let mut work = self.pool.begin().await?;
        self.put(&mut work, account, to, letter).await?;
        Ok(work.commit().await?)
    }

    /// The address of a path of ours, as it stands in letters.
    pub fn link(&self, path: &str) -> String {
        self.links.to(path)
    }

    fn queued(
        &self,
        (account, name): (Option<&str>, &str),
        to: &str,
        letter: &Letter,
    ) -> Result<Queued, Error> {
        let (id, now) = (self.world.chance.id()?, self.now());
        let written = self.write(letter, name)?;
        let plain = serde_json::to_vec(&written).map_err(|_| Error::Internal)?;
        let sealed = self.keys.sealing.seal(&place(&id), &Zeroizing::new(plain));
        Ok(Queued {
            sealed: BASE64.encode(&sealed.map_err(|_| Error::Internal)?),
            id,
            letter: letter.name().to_owned(),
            account_id: account.map(str::to_owned),
            sent_to: to.to_owned(),
            created_at: now,
            good_until: letter.good_until().unwrap_or(now + TRIED_FOR),
            due_at: now,
            tries: 0,
            last_fault: None,
            ended_at: None,
            ended_how: None,
        })
    }

    /// The letter as its reader sees it.
    ///
    /// # Errors
    /// [`Error::Internal`] for a template that wants what it was not given; a test renders every one.
    pub fn write(&self, letter: &Letter, name: &str) -> Result<Written, Error> {
        let mut context = Context::from_serialize(letter).map_err(|_| Error::Internal)?;
        context.insert("name", name);
        context.insert("home", &self.link("/"));
        // Kept by the letter as a moment; people read it as a time that is left.
        let rest = letter.good_until().map(|until| lasts(until - self.now()));
        context.insert("lasts", &rest);
        let render = |kind| {
            let template = format!("mail/{}.{kind}", letter.name());
            self.templates.render(&template, &context)
        };
        let (text, html) = (render("txt")?, render("html")?);
        let (subject, text) = text.split_once('\n').ok_or(Error::Internal)?;
        Ok(Written {
            subject: subject.trim().to_owned(),
            text: text.trim_start().to_owned(),
            html,
        })
    }

    /// What a letter in the queue says. `None`: it was sent or given up, or another secret sealed it.
    pub fn unseal(&self, letter: &Queued) -> Option<Written> {
        opened(&self.keys.sealing, letter)
    }

    fn now(&self) -> i64 {
        self.clock().unix()
    }

    fn clock(&self) -> &Clock {
        &self.world.clock
    }

    /// The letters in the queue, the newest first, with those that ended where asked.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn list(&self, with_ended: bool) -> Result<Vec<Queued>, Fault> {
        rows::list(&self.pool, with_ended).await
    }

    /// One letter of the queue.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn by_id(&self, id: &str) -> Result<Option<Queued>, Fault> {
        rows::by_id(&self.pool, id).await
    }
}

/// How a letter calls its reader. A name can look like a link, and an address that nobody confirmed may be a stranger's:
/// that one reads no name.
fn name_for<'a>(account: &'a Account, to: &str) -> &'a str {
    let proven = account.email_verified_at.is_some() && account.email == to;
    if proven { &account.username } else { "" }
}

fn place(id: &str) -> String {
    format!("outbox/{id}")
}

fn opened(sealing: &Sealing, letter: &Queued) -> Option<Written> {
    let sealed = BASE64.decode(letter.sealed.as_bytes()).ok()?;
    let plain = sealing.unseal(&place(&letter.id), &sealed)?;
    serde_json::from_slice(&plain).ok()
}

/// A time in words, rounded down so that it is kept: `10 minutes`, `24 hours`, `7 days`.
pub(super) fn lasts(seconds: i64) -> String {
    let many = |count: i64, unit: &str| {
        let s = if count == 1 { "" } else { "s" };
        format!("{count} {unit}{s}")
    };
    match seconds {
        ..7_200 => many(seconds.max(60) / 60, "minute"),
        7_200..172_800 => many(seconds / 3_600, "hour"),
        _ => many(seconds / 86_400, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::lasts;

    #[test]
    fn times_are_said_as_people_say_them() {
        for (seconds, words) in [
            (600, "10 minutes"),
            (3_600, "60 minutes"),
            (86_400, "24 hours"),
            (7 * 86_400, "7 days"),
            (61, "1 minute"),
        ] {
            assert_eq!(lasts(seconds), words);
        }
    }
}
