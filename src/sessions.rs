//! Being signed in: how it starts and how it is recognised.
//!
//! Until refresh tokens exist, a session is its access token and ends with it.

use std::sync::Arc;

use crate::error::Error;
use crate::store::accounts::Account;
use crate::tokens::{Claims, Minted, Refusal, Tokens};
use crate::world::Clock;

/// Starts and recognises sessions.
pub struct Sessions {
    tokens: Tokens,
    clock: Clock,
}

impl Sessions {
    /// Sessions carried by these tokens.
    pub fn new(tokens: Tokens, clock: Clock) -> Self {
        Self { tokens, clock }
    }

    /// Starts a session for an account whose password was proven just now.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system gives no random bytes.
    pub fn start(&self, account: &Account) -> Result<Minted, Error> {
        self.tokens
            .mint(&account.id, &account.username, self.clock.unix())
    }

    /// Whose token this is. Asks no database.
    ///
    /// # Errors
    /// Why it is nobody's.
    pub fn whose(&self, token: &str) -> Result<Arc<Claims>, Refusal> {
        self.tokens.verify(token)
    }

    /// How long a session lasts, in seconds.
    pub fn lifetime(&self) -> i64 {
        self.tokens.lifetime()
    }
}
