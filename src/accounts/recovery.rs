//! Confirming an address, and a new password for whoever forgot theirs.
//!
//! Whoever asks for a letter gets one answer, whether or not anybody has the address: in the same words, and in the same
//! time, since nobody looks for the address before. All that is done beside the answer, and some time after it.

use std::sync::Arc;
use std::time::Duration;

use rocket::tokio::time::sleep;
use zeroize::Zeroizing;

use super::events::Kind;
use super::letters::{Letters, Outstanding, Purpose};
use super::{Accounts, Door, passwords, rules};
use crate::client::Client;
use crate::config::VerifyEmail;
use crate::error::{Error, FieldError};
use crate::sessions::Why;
use crate::store::accounts::{self as rows, Account, Key};
use crate::store::{events, failures};

/// With what somebody answers a letter.
#[derive(Clone, Copy)]
pub enum Proof<'p> {
    /// The secret of its link.
    Link(&'p str),
    /// Its code.
    Code {
        /// Names the request that it was made for.
        request: &'p str,
        /// As typed.
        code: &'p str,
    },
}

impl Accounts {
    /// Whether addresses are confirmed.
    pub fn verifies(&self) -> VerifyEmail {
        self.letters.settings().verify
    }

    /// How long a code is good, in seconds.
    pub fn code_life(&self) -> i64 {
        self.letters.settings().code_life
    }

    /// An account as its owner sees it.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] when it is gone; [`Error::Unavailable`].
    pub async fn own(&self, id: &str) -> Result<Account, Error> {
        let found = rows::find(&self.pool, Key::Id(id)).await?;
        found.ok_or(Error::InvalidToken)
    }

    /// Asks for a letter that confirms an address. The answer names the request.
    ///
    /// # Errors
    /// [`Error::NotFound`] where addresses are not confirmed; [`Error::Invalid`]; [`Error::TooMany`];
    /// [`Error::Unavailable`].
    pub async fn ask_to_verify(&self, email: &str, client: &Client) -> Result<String, Error> {
        if self.verifies() == VerifyEmail::Off {
            return Err(Error::NotFound);
        }
        let (request, key) = self.asked(email, client).await?;
        let (letters, named) = (Arc::clone(&self.letters), request.clone());
        rocket::tokio::spawn(async move { letters.write_verification(&key, named).await });
        self.tell("verification_asked", client, None);
        Ok(request)
    }

    /// Asks for a letter with which a new password can be set. The answer names the request.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::TooMany`]; [`Error::Unavailable`].
    pub async fn ask_to_reset(&self, email: &str, client: &Client) -> Result<String, Error> {
        let (request, key) = self.asked(email, client).await?;
        let (letters, named) = (Arc::clone(&self.letters), request.clone());
        rocket::tokio::spawn(async move { letters.write_reset(&key, named).await });
        self.tell("reset_asked", client, None);
        Ok(request)
    }

    /// What is asked of everybody alike. Whether anybody has the address is asked beside the answer, so that not even
    /// the reading of a row tells.
    async fn asked(&self, email: &str, client: &Client) -> Result<(String, String), Error> {
        if let Some(reason) = rules::email_fault(email) {
            return Err(Error::Invalid(vec![FieldError::new("email", reason)]));
        }
        let key = rules::email_key(email);
        let spent = self.throttle.letter(&key, client).map_err(Error::from);
        spent.inspect_err(|error| self.refused("letter_refused", error, client, None))?;
        // Nothing is promised that the database could not keep.
        self.pool.ping().await?;
        Ok((self.world.chance.id()?, key))
    }

    /// The letter behind a link, for the page that has the button. Changes nothing.
    ///
    /// # Errors
    /// [`Error::LetterOver`]; [`Error::TooMany`] where too many were made up; [`Error::Unavailable`].
    pub async fn look(
        &self,
        purpose: Purpose,
        secret: &str,
        client: &Client,
    ) -> Result<Outstanding, Error> {
        self.proven(purpose, Proof::Link(secret), client).await
    }

    /// The letter that somebody answers. A wrong answer counts against their network, a right one is never held up.
    pub(super) async fn proven(
        &self,
        purpose: Purpose,
        proof: Proof<'_>,
        client: &Client,
    ) -> Result<Outstanding, Error> {
        let letter = match proof {
            Proof::Link(secret) => self.letters.look(purpose, secret).await?,
            Proof::Code { request, code } => {
                self.letters.look_by_code(purpose, request, code).await?
            }
        };
        letter.ok_or_else(|| {
            let error = match self.throttle.forged(client) {
                Ok(()) => Error::LetterOver,
                Err(wait) => wait.into(),
            };
            self.refused("letter_refused", &error, client, None);
            error
        })
    }

    /// Confirms an address.
    ///
    /// # Errors
    /// [`Error::LetterOver`]; [`Error::TooMany`]; [`Error::Unavailable`].
    pub async fn verify(&self, proof: Proof<'_>, client: &Client) -> Result<(), Error> {
        let letter = self.proven(Purpose::Verify, proof, client).await?;
        let mut work = self.pool.begin().await?;
        let (account, address) = (&letter.account_id, &letter.sent_to);
        // The account's row first, always: of two who answer letters at once, one waits for the other.
        let done = rows::confirm_address(&mut work, account, address, self.now()).await?
            && self.letters.spend(&mut work, &letter).await?;
        if !done {
            return Err(Error::LetterOver);
        }
        let event = self.happening(Kind::AddressConfirmed, account, client, "");
        events::add(&mut work, &event).await?;
        work.commit().await?;
        self.tell("address_confirmed", client, Some(account));
        Ok(())
    }

    /// Sets a new password with a letter. Everything that the account has out there ends, and its address counts as
    /// confirmed, since the letter arrived there. Where it was answered is known from now on: the answer is a browser's
    /// mark.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a password that is none, which spends nothing; [`Error::LetterOver`]; [`Error::TooMany`];
    /// [`Error::Busy`]; [`Error::Unavailable`].
    pub async fn reset(
        &self,
        proof: Proof<'_>,
        password: Zeroizing<String>,
        client: &Client,
        door: &Door,
    ) -> Result<Option<String>, Error> {
        let invalid = |why| Err(Error::Invalid(vec![FieldError::new("password", why)]));
        if let Some(why) = passwords::length_fault(&password) {
            return invalid(why);
        }
        let letter = self.proven(Purpose::Reset, proof, client).await?;
        let account = self.own(&letter.account_id).await;
        let mut account = account.map_err(|error| match error {
            Error::InvalidToken => Error::LetterOver,
            error => error,
        })?;
        let context = [account.username.clone(), account.email.clone()];
        let judged = password.clone();
        let judge = move || passwords::weakness(&judged, &context);
        if let Some(why) = self.judging.beside(judge).await? {
            if matches!(proof, Proof::Code { .. }) {
                self.letters.untry(&letter).await?;
            }
            return invalid(why);
        }
        let salt = self.world.chance.bytes()?;
        let hash = self.hashing.hash(password, salt).await?;
        self.set_password(&account, &letter, &hash, client).await?;
        self.tell("password_reset", client, Some(&account.id));
        account.version += 1;
        self.after_reset(&account, client, door).await;
        // The password is set, with a mark or without.
        Ok(self.mark(&account, door).unwrap_or_default())
    }

    async fn set_password(
        &self,
        account: &Account,
        letter: &Outstanding,
        hash: &str,
        client: &Client,
    ) -> Result<(), Error> {
        let (id, address, now) = (&account.id, &letter.sent_to, self.now());
        let event = self.happening(Kind::PasswordReset, id, client, "");
        let mut work = self.pool.begin().await?;
        let done = rows::reset_password(&self.pool, &mut work, id, address, hash, now).await?
            && rows::confirm_address(&mut work, id, address, now).await?
            && self.letters.spend(&mut work, letter).await?;
        if !done {
            return Err(Error::LetterOver);
        }
        events::add(&mut work, &event).await?;
        self.letters.void(&mut work, id).await?;
        let told = self.letters.password_changed(client);
        self.letters.put(&mut work, account, address, told).await?;
        Ok(work.commit().await?)
    }

    /// What follows from a new password. It is set whatever becomes of this: the raised version ends sessions, too, and
    /// every fault is in the log.
    async fn after_reset(&self, account: &Account, client: &Client, door: &Door) {
        let ended = self
            .sessions
            .end_others(&account.id, "", Why::PasswordReset);
        let _ = ended.await;
        let forgotten = failures::forget(&self.pool, &account.id).await;
        let _ = forgotten.map_err(Error::from);
        self.sessions.outdate(&account.id, account.version).await;
        if matches!(door, Door::Api) {
            self.remember_network(&account.id, None, client).await;
        }
    }

    fn now(&self) -> i64 {
        self.world.clock.unix()
    }

    fn tell(&self, event: &str, client: &Client, account: Option<&str>) {
        self.world.log.event(event, client, account, &[]);
    }
}

impl Letters {
    /// Lets the answer go out first, and then some time: writing takes a part of the machine, which whoever asked, and
    /// asks again, would feel.
    async fn later(&self) {
        let more = self.chance().bytes::<1>().map_or(0, |[byte]| byte);
        sleep(Duration::from_millis(100 + u64::from(more))).await;
    }

    /// Writes to whoever has this address and has not confirmed it, if there is anybody. A fault is told to the operator,
    /// and whoever asked asks again.
    async fn write_verification(&self, key: &str, request: String) {
        self.later().await;
        self.told(self.try_verification(key, request).await);
    }

    async fn try_verification(&self, key: &str, request: String) -> Result<(), Error> {
        let waits = |account: &Account| account.email_verified_at.is_none();
        let Some(account) = self.reader(key).await?.filter(waits) else {
            return Ok(());
        };
        let mut work = self.begin().await?;
        self.put_verification(&mut work, &account, request).await?;
        Ok(work.commit().await?)
    }

    async fn write_reset(&self, key: &str, request: String) {
        self.later().await;
        self.told(self.try_reset(key, request).await);
    }

    async fn try_reset(&self, key: &str, request: String) -> Result<(), Error> {
        let Some(account) = self.reader(key).await? else {
            return Ok(());
        };
        let mut work = self.begin().await?;
        self.put_reset(&mut work, &account, request).await?;
        Ok(work.commit().await?)
    }

    /// Who has this address and may sign in.
    async fn reader(&self, key: &str) -> Result<Option<Account>, Error> {
        let found = rows::find(self.pool(), Key::Email(key)).await?;
        Ok(found.filter(|account| account.disabled_at.is_none()))
    }
}
