//! Somebody who has proven who they are, and is an administrator.

use std::ops::Deref;

use rocket::request::{FromRequest, Outcome};
use rocket::{Ignite, Request, Rocket, Sentinel};

use super::{Caller, refuse};
use crate::error::Error;
use crate::log::Log;
use crate::tokens::Role;
use crate::view::Arrival;

/// A [`Caller`] whose account is an administrator's. A handler that takes an `Admin` runs for nobody else: strangers are
/// answered as by `Caller`, everybody else gets a 403.
///
/// The role stands in the token, so no database is asked. Taking it away (`vestibule user role NAME user`) refuses
/// every token that says otherwise, from the next request on and on other instances within a second.
#[derive(Clone, Debug)]
pub struct Admin(Caller);

impl Deref for Admin {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Admin {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
        match Caller::from_request(request).await {
            Outcome::Success(caller) if caller.role() == Role::Admin => {
                Outcome::Success(Self(caller))
            }
            Outcome::Success(caller) => {
                if let Some(log) = request.rocket().state::<Log>() {
                    let client = &Arrival::of(request).client;
                    log.event("not_allowed", client, Some(caller.id()), &[]);
                }
                refuse(request, Error::NotAllowed)
            }
            Outcome::Error(refused) => Outcome::Error(refused),
            Outcome::Forward(status) => Outcome::Forward(status),
        }
    }
}

impl Sentinel for Admin {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        Caller::abort(rocket)
    }
}
