//! Changing an account: its password, its username.

use zeroize::Zeroizing;

use super::confirming::not_yours;
use super::events::Kind;
use super::{Accounts, Door, SignedIn, passwords, rules};
use crate::client::Client;
use crate::error::{Error, FieldError};
use crate::sessions::Granted;
use crate::sessions::proof::Recent;
use crate::store::accounts::{self as rows, Account, Key};
use crate::store::changes::{self, Changed, NewName};
use crate::store::held;

const DAY: i64 = 86_400;

/// How often a username changes a day: each change writes a letter, also that of one letter to its capital.
const MOST_CHANGES: i64 = 10;

/// The letter that tells of it, as the queue knows it.
const CHANGED: &str = "username-changed";

/// A password to be changed, as received. The current one is asked for whenever it was proven last.
pub struct NewPassword {
    /// The one that it has.
    pub current: Zeroizing<String>,
    /// 8–128 characters.
    pub new: Zeroizing<String>,
}

impl Accounts {
    /// Changes the password of somebody signed in. Every session ends; this one goes on as a new one, whose tokens are
    /// the answer.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a reason a field, also for a wrong current password; [`Error::InvalidToken`] for a
    /// session that ended meanwhile; [`Error::TooMany`]; [`Error::Busy`]; [`Error::Unavailable`].
    pub async fn change_password(
        &self,
        account: &str,
        session: &str,
        wanted: NewPassword,
        client: &Client,
        door: &Door,
    ) -> Result<SignedIn, Error> {
        let changed = self.try_password(account, session, wanted, client, door);
        match changed.await {
            Ok(signed_in) => {
                self.world
                    .log
                    .event("password_changed", client, Some(account), &[]);
                Ok(signed_in)
            }
            Err(error) => {
                self.refused_to("password_change_refused", &error, client, account);
                Err(not_yours(error, "current_password"))
            }
        }
    }

    async fn try_password(
        &self,
        account: &str,
        session: &str,
        wanted: NewPassword,
        client: &Client,
        door: &Door,
    ) -> Result<SignedIn, Error> {
        let refused = |why| Err(Error::Invalid(vec![FieldError::new("new_password", why)]));
        if let Some(why) = passwords::length_fault(&wanted.new) {
            return refused(why);
        }
        let candidate = self
            .prove_own(account, session, wanted.current.clone(), client)
            .await?;
        if *wanted.new == *wanted.current {
            return refused("This is your password already. Choose another.");
        }
        let mut account = candidate.account;
        if let Some(why) = self.weakness(&account, wanted.new.clone()).await? {
            return refused(why);
        }
        let hash = self
            .hashing
            .hash(wanted.new, self.world.chance.bytes()?)
            .await?;
        let next = self
            .sessions
            .successor(&account.id, account.version, client)?;
        let event = self.happening(Kind::PasswordChanged, &account.id, client, "");
        let mut work = self.pool.begin().await?;
        let changed = changes::password(&mut work, &self.pool, &hash, &next, &event).await?;
        if changed != Changed::Done {
            return Err(Error::InvalidToken);
        }
        self.letters.void(&mut work, &account.id).await?;
        let letter = self.letters.password_changed(client);
        self.notify(&mut work, &account, letter).await?;
        work.commit().await?;
        let granted = self.sessions.succeed(&next, &account).await?;
        // The browser or network at hand stays known; all others are strangers to the new version.
        account.version = next.version;
        let device = self.mark(&account, door)?;
        if matches!(door, Door::Api) {
            self.remember_network(&account.id, None, client).await;
        }
        Ok(SignedIn {
            account,
            granted,
            device,
        })
    }

    /// Why a password is too easy to guess for this account, if so.
    async fn weakness(
        &self,
        account: &Account,
        password: Zeroizing<String>,
    ) -> Result<Option<&'static str>, Error> {
        let context = [account.username.clone(), account.email.clone()];
        let judge = move || passwords::weakness(&password, &context);
        self.judging.beside(judge).await
    }

    /// Changes the username. The tokens of this session that say so are the answer; other sessions' say it once they
    /// are renewed.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that cannot be one, or too many changes; [`Error::Taken`];
    /// [`Error::InvalidToken`] for a session that ended meanwhile; [`Error::TooMany`]; [`Error::Unavailable`].
    pub async fn change_username(
        &self,
        recent: &Recent,
        username: &str,
        client: &Client,
    ) -> Result<Granted, Error> {
        let id = recent.account();
        if let Err(error) = self.try_username(recent, username, client).await {
            self.refused_to("username_change_refused", &error, client, id);
            return Err(error);
        }
        self.world
            .log
            .event("username_changed", client, Some(id), &[]);
        self.sessions.grant_anew(id, recent.session()).await
    }

    async fn try_username(
        &self,
        recent: &Recent,
        username: &str,
        client: &Client,
    ) -> Result<(), Error> {
        let refused = |why| Err(Error::Invalid(vec![FieldError::new("username", why)]));
        if let Some(why) = rules::username_fault(username) {
            return refused(why);
        }
        let account = self.account_of(recent).await?;
        if account.username == username {
            return refused("This is your username already.");
        }
        let since = self.world.clock.unix() - DAY;
        let changed = held::letters_since(&self.pool, &account.id, CHANGED, since).await?;
        if changed >= MOST_CHANGES {
            return refused(
                "You changed your username ten times within a day. Try again tomorrow.",
            );
        }
        let (key, old_key) = (
            rules::username_key(username),
            rules::username_key(&account.username),
        );
        let reserved = changes::names_of(&self.pool, &account.id).await?;
        let back = key == old_key || reserved.iter().any(|reserved| reserved.name == key);
        if !back && reserved.len() >= changes::MOST_NAMES as usize {
            return refused(
                "You changed your username three times within 90 days. Go back to one of those names, or try again later.",
            );
        }
        // Whether a name is taken is asked for here, as at registration: from the same budget.
        if !back {
            self.throttle.registration(client)?;
        }
        let name = NewName {
            username,
            key: &key,
            old_key: &old_key,
            version: recent.version(),
        };
        let event = self.happening(
            Kind::UsernameChanged,
            &account.id,
            client,
            &account.username,
        );
        let mut work = self.pool.begin().await?;
        match changes::username(&mut work, &name, &event).await? {
            Changed::Done => {}
            Changed::Taken => return Err(Error::Taken),
            Changed::Outdated => return Err(Error::InvalidToken),
        }
        let letter = self.username_changed(&account.username, username);
        self.notify(&mut work, &account, letter).await?;
        Ok(work.commit().await?)
    }

    /// The account that a recent proof is about, as long as it is the one that was proven: a proof from before its
    /// password changed, or it was disabled, opens nothing.
    pub(super) async fn account_of(&self, recent: &Recent) -> Result<Account, Error> {
        let account = rows::find(&self.pool, Key::Id(recent.account())).await?;
        let proven = |account: &Account| {
            account.version == recent.version() && account.disabled_at.is_none()
        };
        account.filter(proven).ok_or(Error::InvalidToken)
    }
}
