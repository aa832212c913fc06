//! Somebody who has proven who they are within the last ten minutes.

use std::sync::Arc;

use rocket::request::{FromRequest, Outcome};
use rocket::{Ignite, Request, Rocket, Sentinel};

use super::{Caller, refuse};
use crate::error::Error;
use crate::sessions::Sessions;
use crate::sessions::proof::Recent;

/// A [`Caller`] whose password was proven within the last ten minutes: for sensitive steps. The rules that change an
/// account want the [`Recent`] in it, so a handler that forgets this guard does not compile.
///
/// ```compile_fail
/// fn leave(accounts: &vestibule::accounts::Accounts, client: &vestibule::client::Client, caller: vestibule::Caller) {
///     let _ = accounts.leave(&caller, client);
/// }
/// ```
///
/// Anybody else gets a 401 that says so (RFC 9470). A browser is led to a page that asks for the password, and back.
pub struct Fresh {
    /// Who.
    pub caller: Caller,
    /// That it was proven lately.
    pub recent: Recent,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Fresh {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
        let caller = match request.guard::<Caller>().await {
            Outcome::Success(caller) => caller,
            Outcome::Error(refused) => return Outcome::Error(refused),
            Outcome::Forward(status) => return Outcome::Forward(status),
        };
        let Some(sessions) = request.rocket().state::<Arc<Sessions>>() else {
            return refuse(request, Error::Internal);
        };
        match sessions.recent(caller.claims()) {
            Some(recent) => Outcome::Success(Self { caller, recent }),
            None => refuse(request, Error::NeedsProof),
        }
    }
}

impl Sentinel for Fresh {
    /// As for [`Caller`].
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        Caller::abort(rocket)
    }
}
