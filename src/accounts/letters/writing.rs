//! The letters that recovery and registration write: what is in them, and how long it is good.

use super::outstanding::Lives;
use super::{Letter, Letters, Purpose, lasts};
use crate::client::Client;
use crate::error::Error;
use crate::store::accounts::Account;
use crate::store::{Work, addresses};
use crate::world::in_words;

impl Letters {
    /// Asks the owner whether the address is theirs, for a request that has its name already.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`].
    pub async fn put_verification(
        &self,
        work: &mut Work<'_>,
        account: &Account,
        request: String,
    ) -> Result<(), Error> {
        let letter = self.verification(work, account, request).await?;
        self.put(work, account, &account.email, letter).await
    }

    /// The same work where the address is kept for somebody else, who is not written to.
    ///
    /// # Errors
    /// As there.
    pub async fn withhold_verification(
        &self,
        work: &mut Work<'_>,
        account: &Account,
        request: String,
    ) -> Result<(), Error> {
        let letter = self.verification(work, account, request).await?;
        self.withhold(work, account, &account.email, letter).await
    }

    /// How long a letter that confirms an address is good.
    pub fn confirming(&self) -> Lives {
        let settings = self.settings();
        Lives {
            link: settings.verify_life,
            code: settings.code_life,
        }
    }

    async fn verification(
        &self,
        work: &mut Work<'_>,
        account: &Account,
        request: String,
    ) -> Result<Letter, Error> {
        let lives = self.confirming();
        let (id, to) = (&account.id, &account.email);
        let issued = self.issue_for(work, request, Purpose::Verify, id, to, lives);
        let issued = issued.await?;
        Ok(Letter::Verify {
            link: self.link(&format!("/verify/{}", *issued.secret)),
            code: issued.code.to_string(),
            code_lasts: lasts(lives.code),
            good_until: self.now() + lives.link,
        })
    }

    /// Lets the owner set a new password, for a request that has its name already.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`].
    pub async fn put_reset(
        &self,
        work: &mut Work<'_>,
        account: &Account,
        request: String,
    ) -> Result<(), Error> {
        let life = self.settings().code_life;
        let lives = Lives {
            link: life,
            code: life,
        };
        let (id, to) = (&account.id, &account.email);
        let issued = self.issue_for(work, request, Purpose::Reset, id, to, lives);
        let issued = issued.await?;
        let letter = Letter::Reset {
            link: self.reset_link(&issued.secret),
            code: issued.code.to_string(),
            good_until: self.now() + life,
        };
        self.put(work, account, to, letter).await
    }

    /// Tells the owner of an address that somebody registered with it, and lets them set a new password. There is no
    /// code: nobody who may use one is waiting.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`].
    pub async fn put_already_registered(
        &self,
        work: &mut Work<'_>,
        account: &Account,
    ) -> Result<(), Error> {
        let life = self.settings().code_life;
        let lives = Lives {
            link: life,
            code: 0,
        };
        let (id, to) = (&account.id, &account.email);
        let issued = self.issue(work, Purpose::Reset, id, to, lives).await?;
        let letter = Letter::AlreadyRegistered {
            link: self.reset_link(&issued.secret),
            good_until: self.now() + life,
        };
        self.put(work, account, to, letter).await
    }

    /// Who is told when an account is deleted: its address, and those that can still take it back, since whoever gave it
    /// the address that it has may be somebody else. Asked before it is gone.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn readers(
        &self,
        work: &mut Work<'_>,
        account: &Account,
    ) -> Result<Vec<String>, Error> {
        let undo = Purpose::UndoAddress.name();
        let mut readers = addresses::had(work, &account.id, undo, self.now()).await?;
        readers.retain(|address| *address != account.email);
        // One that waits for an address has none.
        readers.extend(Some(account.email.clone()).filter(|address| !address.is_empty()));
        Ok(readers)
    }

    /// Tells them that it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`].
    pub async fn put_goodbye(
        &self,
        work: &mut Work<'_>,
        account: &Account,
        readers: &[String],
    ) -> Result<(), Error> {
        for reader in readers {
            let letter = Letter::AccountDeleted {
                when: self.now_in_words(),
            };
            self.put(work, account, reader, letter).await?;
        }
        Ok(())
    }

    /// The notice of a new password, by whoever is calling.
    pub fn password_changed(&self, client: &Client) -> Letter {
        Letter::PasswordChanged {
            when: self.now_in_words(),
            device: client.device(),
            address: client.address.to_string(),
            link: self.link("/forgot"),
        }
    }

    /// This moment, as letters say it.
    pub fn now_in_words(&self) -> String {
        in_words(self.clock().unix())
    }

    /// The page where a new password is set with this secret.
    pub fn reset_link(&self, secret: &str) -> String {
        self.link(&format!("/reset/{secret}"))
    }
}
