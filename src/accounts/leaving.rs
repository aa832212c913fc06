//! Taking everything along, and leaving.

use serde_json::{Value, json};

use super::events::Kind;
use super::{Accounts, rules};
use crate::client::Client;
use crate::error::Error;
use crate::sessions::proof::Recent;
use crate::store::changes::{self, Changed};
use crate::store::{events, failures, held, networks};

impl Accounts {
    /// Everything held about an account, but for what proves its owner: no hash and no token. Times in seconds since
    /// 1970.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] when the account is gone; [`Error::Unavailable`].
    pub async fn everything(&self, recent: &Recent, client: &Client) -> Result<Value, Error> {
        let account = self.account_of(recent).await?;
        let id = &account.id;
        // First, so that it is in there, too.
        let event = self.happening(Kind::Downloaded, id, client, "");
        events::note(&self.pool, &event).await?;
        let pool = &self.pool;
        let everything = json!({
            "account": {
                "id": account.id,
                "username": account.username,
                "email": account.email,
                "email_verified_at": account.email_verified_at,
                "role": account.role,
                "created_at": account.created_at,
                "version": account.version,
            },
            "sessions": held::sessions(pool, id).await?,
            "renewals": held::renewals(pool, id).await?,
            "networks": networks::of_account(pool, id).await?,
            "events": events::of_account(pool, id).await?,
            "wrong_passwords": events::wrong_of_account(pool, id).await?,
            "failures_in_a_row": failures::of_account(pool, id).await?,
            "names_given_up": changes::names_of(pool, id).await?,
            "letters_to_answer": held::letters(pool, id).await?,
            "letters_sent": held::outbox(pool, id).await?,
        });
        self.world.log.event("downloaded", client, Some(id), &[]);
        Ok(everything)
    }

    /// Deletes the account at once, with all that is known of it. Every token of it is refused from the next request
    /// on, and its name stays reserved for nobody.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] when it was changed meanwhile, or is gone; [`Error::Unavailable`].
    pub async fn leave(&self, recent: &Recent, client: &Client) -> Result<(), Error> {
        let account = self.account_of(recent).await?;
        let key = rules::username_key(&account.username);
        let (version, now) = (recent.version(), self.world.clock.unix());
        let mut work = self.pool.begin().await?;
        let mut readers = self.letters.readers(&mut work, &account).await?;
        // Who registers with somebody else's address and leaves, again and again, writes to it no more often.
        readers.retain(|reader| self.throttle.notice(&rules::email_key(reader)).is_ok());
        let deleted =
            changes::delete(&mut work, &self.pool, &account.id, &key, version, now).await?;
        if deleted != Changed::Done {
            return Err(Error::InvalidToken);
        }
        self.letters
            .put_goodbye(&mut work, &account, &readers)
            .await?;
        work.commit().await?;
        self.sessions.outdate(&account.id, version + 1).await;
        self.world
            .log
            .event("account_deleted", client, Some(&account.id), &[]);
        Ok(())
    }
}
