//! Another address: asked for by somebody signed in, confirmed from the new one, told to the old one, from where it can be
//! taken back for seven days.

use super::events::Kind;
use super::letters::outstanding::{Lives, Outstanding};
use super::letters::{Letter, Purpose, lasts};
use super::{Accounts, Proof, rules};
use crate::client::Client;
use crate::error::{Error, FieldError};
use crate::sessions::proof::Recent;
use crate::store::accounts::{self as rows, Account, Key};
use crate::store::addresses::{self, NewAddress, Waiting};
use crate::store::changes::Changed;
use crate::store::{Work, letters, sessions};

const DAY: i64 = 86_400;

/// How long a change can be taken back, in seconds.
const UNDO: Lives = Lives {
    link: 7 * DAY,
    code: 0,
};

/// How many letters an account may ask for an hour.
const MOST: usize = 5;

/// What a letter asks its reader.
pub struct Asked {
    /// Whose account it is about.
    pub username: String,
    /// The address that it gets.
    pub address: String,
}

impl Accounts {
    /// The account of somebody signed in, and the address that it asked for and did not confirm yet.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] when it is gone; [`Error::Unavailable`].
    pub async fn address(&self, id: &str) -> Result<(String, Option<String>), Error> {
        let account = rows::find(&self.pool, Key::Id(id)).await?;
        let account = account.ok_or(Error::InvalidToken)?;
        let (waiting, _) = self.waiting(id).await?;
        Ok((account.email, waiting.map(|waiting| waiting.address)))
    }

    async fn waiting(&self, account: &str) -> Result<(Option<Waiting>, usize), Error> {
        let now = self.world.clock.unix();
        let purpose = Purpose::ChangeAddress.name();
        Ok(addresses::waiting(&self.pool, account, purpose, now - 3_600, now).await?)
    }

    /// Writes to an address that somebody wants for their account. The answer does not tell whether it is anybody's.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address that cannot be one, or too many letters; [`Error::TooMany`];
    /// [`Error::InvalidToken`] when the account is gone; [`Error::Unavailable`].
    pub async fn ask_for_address(
        &self,
        recent: &Recent,
        address: &str,
        client: &Client,
    ) -> Result<(), Error> {
        let asked = self.try_ask(recent, address, client).await;
        let id = recent.account();
        match &asked {
            Ok(()) => self
                .world
                .log
                .event("email_change_asked", client, Some(id), &[]),
            Err(error) => self.refused_to("email_change_refused", error, client, id),
        }
        asked
    }

    async fn try_ask(&self, recent: &Recent, address: &str, client: &Client) -> Result<(), Error> {
        let refused = |why| Err(Error::Invalid(vec![FieldError::new("email", why)]));
        if let Some(why) = rules::email_fault(address) {
            return refused(why);
        }
        let account = self.account_of(recent).await?;
        if account.email == address {
            return refused("This is your address already.");
        }
        if self.waiting(&account.id).await?.1 >= MOST {
            return refused(
                "You asked for several letters. Look for them, also among the unwanted, or try again in an hour.",
            );
        }
        let key = rules::email_key(address);
        self.throttle.letter(&key, client)?;
        let owner = rows::find(&self.pool, Key::Email(&key)).await?;
        let mut work = self.pool.begin().await?;
        let (id, purpose) = (account.id.as_str(), Purpose::ChangeAddress);
        // Held until the letter is there: a password that changes meanwhile makes that void, or was faster.
        // A session that ended asks for nothing, also where this instance has not heard of its end yet.
        let is_held = rows::hold(&mut work, id, recent.version()).await?;
        if !is_held || !sessions::goes_on(&mut work, recent.session()).await? {
            return Err(Error::InvalidToken);
        }
        let (now, lives) = (self.world.clock.unix(), self.letters.confirming());
        let reserved = addresses::is_reserved(&mut work, &key, id, now).await?;
        let free = owner.is_none_or(|owner| owner.id == account.id) && !reserved;
        letters::void_purpose(&mut work, id, purpose.name(), now).await?;
        let issued = self
            .letters
            .issue(&mut work, purpose, id, address, lives)
            .await?;
        let letter = Letter::ConfirmAddress {
            link: self
                .letters
                .link(&format!("/address/confirm/{}", *issued.secret)),
            code: issued.code.to_string(),
            code_lasts: lasts(lives.code),
            good_until: now + lives.link,
        };
        // Whoever has it, or had it until lately, is not written to about somebody else's account; whoever asked waits in vain.
        let letters = &self.letters;
        if free {
            letters.put(&mut work, &account, address, letter).await?;
        } else {
            letters
                .withhold(&mut work, &account, address, letter)
                .await?;
        }
        Ok(work.commit().await?)
    }

    /// Gives the account of somebody signed in the address that it asked for, by the code that was sent there.
    ///
    /// # Errors
    /// [`Error::LetterOver`]; [`Error::TooMany`] where too many were made up; [`Error::Taken`]; [`Error::Unavailable`].
    pub async fn confirm_address_by_code(
        &self,
        account: &str,
        code: &str,
        client: &Client,
    ) -> Result<String, Error> {
        let waiting = self.waiting(account).await?.0;
        let request = waiting.map(|waiting| waiting.request).unwrap_or_default();
        let proof = Proof::Code {
            request: &request,
            code,
        };
        let letter = self.proven(Purpose::ChangeAddress, proof, client).await?;
        self.change_address(&letter, client).await
    }

    /// Gives an account the address that it asked for, by the link that was sent there.
    ///
    /// # Errors
    /// [`Error::LetterOver`]; [`Error::TooMany`]; [`Error::Taken`]; [`Error::Unavailable`].
    pub async fn confirm_address(&self, secret: &str, client: &Client) -> Result<String, Error> {
        let proof = Proof::Link(secret);
        let letter = self.proven(Purpose::ChangeAddress, proof, client).await?;
        self.change_address(&letter, client).await
    }

    /// What the link in a letter would do. Changes nothing.
    ///
    /// # Errors
    /// [`Error::LetterOver`]; [`Error::TooMany`] where too many were made up; [`Error::Unavailable`].
    pub async fn asked_by(
        &self,
        purpose: Purpose,
        secret: &str,
        client: &Client,
    ) -> Result<Asked, Error> {
        let letter = self.look(purpose, secret, client).await?;
        let account = self.account_with(&letter).await?;
        Ok(Asked {
            username: account.username,
            address: letter.sent_to,
        })
    }

    async fn account_with(&self, letter: &Outstanding) -> Result<Account, Error> {
        let account = rows::find(&self.pool, Key::Id(&letter.account_id)).await?;
        account.ok_or(Error::LetterOver)
    }

    async fn change_address(&self, letter: &Outstanding, client: &Client) -> Result<String, Error> {
        let changed = self.try_change_address(letter, client).await;
        let id = letter.account_id.as_str();
        match &changed {
            Ok(_) => self.world.log.event("email_changed", client, Some(id), &[]),
            Err(error) => self.refused_to("email_change_refused", error, client, id),
        }
        changed
    }

    async fn try_change_address(
        &self,
        letter: &Outstanding,
        client: &Client,
    ) -> Result<String, Error> {
        let account = self.account_with(letter).await?;
        let (key, old_key) = (
            rules::email_key(&letter.sent_to),
            rules::email_key(&account.email),
        );
        let kept_until = self.world.clock.unix() + UNDO.link;
        let new = NewAddress {
            address: &letter.sent_to,
            key: &key,
            old_key: &old_key,
            kept_until,
        };
        let id = account.id.as_str();
        let event = self.happening(Kind::AddressChanged, id, client, &account.email);
        let mut work = self.pool.begin().await?;
        // The account's row first, as everywhere: of two works neither waits for ever.
        match addresses::change(&mut work, &new, &event).await? {
            Changed::Done => {}
            Changed::Taken => return Err(Error::Taken),
            Changed::Outdated => return Err(Error::LetterOver),
        }
        if !self.letters.spend(&mut work, letter).await? {
            return Err(Error::LetterOver);
        }
        self.letters.void(&mut work, id).await?;
        // Only its spelling: there is no other address to write to.
        if key != old_key {
            let issued = self
                .letters
                .issue(&mut work, Purpose::UndoAddress, id, &account.email, UNDO)
                .await?;
            let notice = Letter::AddressChanged {
                new: letter.sent_to.clone(),
                undo: self
                    .letters
                    .link(&format!("/address/undo/{}", *issued.secret)),
                good_until: kept_until,
            };
            self.notify(&mut work, &account, notice).await?;
        }
        work.commit().await?;
        Ok(letter.sent_to.clone())
    }

    /// Gives an account back the address that this letter was sent to, and ends all its sessions: whoever changed it may
    /// have been somebody else.
    ///
    /// # Errors
    /// [`Error::LetterOver`]; [`Error::TooMany`]; [`Error::Taken`]; [`Error::Unavailable`].
    pub async fn undo_address(&self, secret: &str, client: &Client) -> Result<String, Error> {
        let proof = Proof::Link(secret);
        let letter = self.proven(Purpose::UndoAddress, proof, client).await?;
        let account = self.account_with(&letter).await?;
        let (id, key) = (account.id.as_str(), rules::email_key(&letter.sent_to));
        let event = self.happening(Kind::AddressRestored, id, client, &account.email);
        let mut work = self.pool.begin().await?;
        let to = (key.as_str(), account.version);
        match addresses::restore(&mut work, &self.pool, &letter, to, &event).await? {
            Changed::Done => {}
            Changed::Taken => return Err(Error::Taken),
            Changed::Outdated => return Err(self.outdated(&mut work, &letter).await?),
        }
        if !self.letters.spend(&mut work, &letter).await? {
            return Err(Error::LetterOver);
        }
        self.letters.void(&mut work, id).await?;
        work.commit().await?;
        self.sessions.outdate(id, account.version + 1).await;
        self.world
            .log
            .event("email_restored", client, Some(id), &[]);
        Ok(letter.sent_to)
    }

    /// Why the account was changed at this very moment: by the same link, asked for twice; or by something else, and then
    /// the link is still good. What is spent here is undone with the work.
    async fn outdated(&self, work: &mut Work<'_>, letter: &Outstanding) -> Result<Error, Error> {
        let is_good = self.letters.spend(work, letter).await?;
        Ok(if is_good {
            Error::Unavailable
        } else {
            Error::LetterOver
        })
    }
}
