//! Proving the password once more, by somebody signed in: what opens sensitive steps for the next ten minutes.

use zeroize::Zeroizing;

use super::{Accounts, Door};
use crate::client::Client;
use crate::error::{Error, FieldError};
use crate::sessions::Granted;
use crate::store::accounts::Candidate;

impl Accounts {
    /// Checks the password of somebody signed in, and gives new tokens of the same session that say when.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong password; [`Error::InvalidToken`] for a session that ended meanwhile;
    /// [`Error::TooMany`]; [`Error::Busy`]; [`Error::Unavailable`].
    pub async fn confirm(
        &self,
        account: &str,
        session: &str,
        password: Zeroizing<String>,
        client: &Client,
    ) -> Result<Granted, Error> {
        let proven = self.prove_own(account, session, password, client).await;
        if let Err(error) = proven {
            self.refused_to("confirmation_refused", &error, client, account);
            return Err(not_yours(error, "password"));
        }
        let granted = self.sessions.confirm(account, session).await?;
        self.world
            .log
            .event("confirmed", client, Some(account), &[]);
        Ok(granted)
    }

    /// Checks the password of somebody signed in, within the budgets.
    pub(super) async fn prove_own(
        &self,
        account: &str,
        session: &str,
        password: Zeroizing<String>,
        client: &Client,
    ) -> Result<Candidate, Error> {
        let (name, candidate) = self.own_candidate(account, client).await?;
        let door = Door::Inside(session.to_owned());
        self.prove(&name, Some(&candidate), password, client, &door)
            .await?;
        Ok(candidate)
    }

    /// A line about what was refused to somebody signed in.
    pub(super) fn refused_to(&self, event: &str, error: &Error, client: &Client, account: &str) {
        let mut more = vec![("reason", error.row().code)];
        if let Error::TooMany(wait) = error {
            more.push(("limit", wait.limit.name()));
        }
        self.world.log.event(event, client, Some(account), &more);
    }
}

/// A wrong password of somebody signed in is a field to fill in again: their name and their token are right.
pub(super) fn not_yours(error: Error, field: &'static str) -> Error {
    match error {
        Error::WrongPassword => Error::Invalid(vec![FieldError::new(
            field,
            "This is not your password. Check it and try again.",
        )]),
        other => other,
    }
}
