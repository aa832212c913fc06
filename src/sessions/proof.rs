//! Having proven the password lately: what sensitive steps ask for.

use std::sync::Arc;

use super::{Granted, Sessions};
use crate::error::Error;
use crate::store::sessions as rows;
use crate::tokens::{Claims, Role};

/// For how many seconds a proven password opens sensitive steps.
pub const RECENT: i64 = 600;

/// That the owner of this account proved the password within [`RECENT`] seconds. Made only here, from what a verified
/// token says, so that what takes one cannot be called without.
pub struct Recent(Arc<Claims>);

impl Recent {
    /// Whose account.
    pub fn account(&self) -> &str {
        &self.0.subject
    }

    /// In which session.
    pub fn session(&self) -> &str {
        &self.0.session
    }

    /// The account's version then: where it was raised since, this is worth nothing any more.
    pub fn version(&self) -> i64 {
        self.0.version
    }
}

impl Sessions {
    /// The proof that these claims are, if it is recent on our clock.
    pub fn recent(&self, claims: &Arc<Claims>) -> Option<Recent> {
        let age = self.tokens.now() - claims.auth_time;
        (age <= RECENT).then(|| Recent(Arc::clone(claims)))
    }

    /// Notes that the password was proven once more in this session, and gives new tokens of it that say so.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] for a session that ended meanwhile; [`Error::Unavailable`].
    pub async fn confirm(&self, account: &str, session: &str) -> Result<Granted, Error> {
        rows::confirm(&self.pool, account, session, self.tokens.now()).await?;
        self.grant_anew(account, session).await
    }

    /// New tokens of a session, with what is true of the account now.
    ///
    /// # Errors
    /// As above.
    pub async fn grant_anew(&self, account: &str, session: &str) -> Result<Granted, Error> {
        let chain = rows::chain(&self.pool, session, 0).await?;
        let chain = chain.filter(|chain| chain.session.account_id == account);
        let chain = chain.ok_or(Error::InvalidToken)?;
        if self.over(&chain, self.tokens.now()).is_some() {
            return Err(Error::InvalidToken);
        }
        // The one that follows the newest that was used: the one that its holder has already.
        let generation = chain.used.map_or(0, |used| used + 1);
        let holder = (&*chain.username, Role::named(&chain.role));
        self.grant(&chain.session, holder, generation)
    }
}
