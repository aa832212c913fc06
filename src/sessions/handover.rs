//! What becomes of sessions when the account itself changes.

use super::{Granted, Sessions, holder};
use crate::client::Client;
use crate::error::Error;
use crate::store::accounts::Account;
use crate::store::sessions::Session;

impl Sessions {
    /// The session that takes the place of all others once the password is changed: of the account's next version.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system gives no random bytes.
    pub fn successor(
        &self,
        account: &str,
        version: i64,
        client: &Client,
    ) -> Result<Session, Error> {
        self.new_session(account, version + 1, "password_change", client)
    }

    /// Makes that change true here at once, and elsewhere soon, and gives the successor's tokens. The database knows
    /// of it already.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no key signs; [`Error::Internal`] when the system gives no random bytes.
    pub async fn succeed(&self, session: &Session, account: &Account) -> Result<Granted, Error> {
        self.outdate(&session.account_id, session.version).await;
        self.grant(session, holder(account), 0)
    }

    /// Refuses every token of an account below this version, here at once, and elsewhere soon. The database knows of
    /// it already.
    pub async fn outdate(&self, account: &str, least: i64) {
        self.ended.note_version(account, least, self.tokens.now());
        self.pool.tell().await;
    }
}
