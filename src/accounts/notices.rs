//! Letters that tell an owner what happened to the account, so that whoever did not do it hears of it.

use super::devices::Whose;
use super::letters::Letter;
use super::{Accounts, Door, rules};
use crate::client::Client;
use crate::error::Error;
use crate::store::accounts::Account;
use crate::store::{Work, held, networks, sessions};

/// Where somebody begins who did not do it.
const BEGIN: &str = "/forgot";

/// In seconds: an account younger than this with no session yet is being signed in to for the first time.
const YOUNG: i64 = 30 * 86_400;

/// How many letters about sign-ins go to one account a day: somebody may use a browser that keeps no cookies.
const MOST: i64 = 10;

const DAY: i64 = 86_400;

impl Accounts {
    /// Puts a letter to the account's address into the queue, as a part of this work; but no more than some an hour to an
    /// address that nobody confirmed: it may be a stranger's.
    pub(super) async fn notify(
        &self,
        work: &mut Work<'_>,
        account: &Account,
        letter: Letter,
    ) -> Result<(), Error> {
        if account.email_verified_at.is_none() {
            let key = rules::email_key(&account.email);
            if self.throttle.notice(&key).is_err() {
                return Ok(());
            }
        }
        self.letters
            .put(work, account, &account.email, letter)
            .await
    }

    pub(super) fn username_changed(&self, old: &str, new: &str) -> Letter {
        Letter::UsernameChanged {
            old: old.to_owned(),
            new: new.to_owned(),
            when: self.letters.now_in_words(),
            link: self.letters.link(BEGIN),
        }
    }

    /// Whether the account was never signed in to from there: for a browser its cookie says so, for a program its
    /// network. Where networks cannot be told apart, nobody is new.
    pub(super) fn is_new_here(
        &self,
        account: &Account,
        known_at: Option<i64>,
        client: &Client,
        door: &Door,
    ) -> bool {
        let now = self.world.clock.unix();
        let since = now - networks::KNOWN;
        match door {
            Door::Page(cookie) => {
                let whose = Whose::of(Some(account));
                let known = cookie.as_deref();
                let known = known.and_then(|cookie| self.devices.knows(cookie, whose, now));
                known.is_none()
            }
            Door::Api => {
                let nameable = self.throttle.network_of(client).is_some();
                nameable && known_at.is_none_or(|at| at <= since)
            }
            Door::Inside(_) => false,
        }
    }

    /// Tells the owner of a sign-in from where there never was one. It is good whatever becomes of this.
    pub(super) async fn tell_of_new(&self, account: &Account, client: &Client) {
        // The fault is in the log already.
        let _ = self.try_tell_of_new(account, client).await;
    }

    async fn try_tell_of_new(&self, account: &Account, client: &Client) -> Result<(), Error> {
        let now = self.world.clock.unix();
        let young = account.created_at > now - YOUNG;
        if young && sessions::count(&self.pool, &account.id).await? <= 1 {
            return Ok(());
        }
        let told = held::letters_since(&self.pool, &account.id, "new-browser", now - DAY).await?;
        if told >= MOST {
            return Ok(());
        }
        let letter = Letter::NewBrowser {
            device: client.device(),
            address: client.address.to_string(),
            when: self.letters.now_in_words(),
            link: self.letters.link(BEGIN),
        };
        self.letters.send(account, &account.email, letter).await
    }
}
