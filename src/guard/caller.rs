//! Somebody who has proven who they are.

use std::convert::Infallible;
use std::sync::Arc;

use rocket::request::{FromRequest, Outcome};
use rocket::{Ignite, Request, Rocket, Sentinel};

use super::{cookie, refuse};
use crate::error::Error;
use crate::log::Log;
use crate::sessions::Sessions;
use crate::tokens::Claims;
use crate::view::Arrival;

/// Somebody who has proven who they are: a good access token as Bearer, else in the cookie. Asks no database.
///
/// A handler that takes a `Caller` runs for nobody else. Strangers get a 401 that says how to sign in; those with a
/// browser are sent to the login page and back.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Claims>);

impl Caller {
    /// The account's id. Never changes, never given to another: key your own records by it.
    pub fn id(&self) -> &str {
        &self.0.subject
    }

    /// The name to show. It may change, and may then belong to somebody else.
    pub fn username(&self) -> &str {
        &self.0.username
    }

    /// When the password was last proven, in seconds since 1970.
    pub fn signed_in_at(&self) -> i64 {
        self.0.auth_time
    }

    /// When the token dies, in seconds since 1970.
    pub fn expires_at(&self) -> i64 {
        self.0.expires_at
    }
}

/// A caller, or a stranger: for pages that greet both.
pub struct Visitor(pub Option<Caller>);

/// Answers once a request, however many guards ask.
struct Known(Result<Caller, Error>);

fn known<'r>(request: &'r Request<'_>) -> &'r Result<Caller, Error> {
    &request.local_cache(|| Known(recognise(request))).0
}

fn recognise(request: &Request<'_>) -> Result<Caller, Error> {
    let sessions = request
        .rocket()
        .state::<Arc<Sessions>>()
        .ok_or(Error::Internal)?;
    let Some(token) = token(request)? else {
        return Err(Error::NeedsLogin);
    };
    let arrival = Arrival::of(request);
    match sessions.whose(token) {
        Ok(claims) => {
            arrival.show(&claims.subject, &claims.username);
            Ok(Caller(claims))
        }
        Err(refusal) => {
            if let Some(log) = request.rocket().state::<Log>() {
                log.event(
                    "token_refused",
                    &arrival.client,
                    None,
                    &[("reason", refusal.word())],
                );
            }
            Err(Error::InvalidToken)
        }
    }
}

/// The token that came with the request: Bearer first (RFC 6750 section 2.1), then the cookie.
fn token<'r>(request: &'r Request<'_>) -> Result<Option<&'r str>, Error> {
    let mut headers = request.headers().get("Authorization");
    let first = headers.next();
    if headers.next().is_some() {
        return Err(Error::Malformed("Send one Authorization header."));
    }
    let bearer = first.and_then(|value| {
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        scheme
            .eq_ignore_ascii_case("Bearer")
            .then(|| token.trim_start_matches(' '))
    });
    Ok(bearer.or_else(|| cookie::token(request)))
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Caller {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
        match known(request) {
            Ok(caller) => Outcome::Success(caller.clone()),
            Err(error) => refuse(request, error.clone()),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Visitor {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        Outcome::Success(Self(known(request).as_ref().ok().cloned()))
    }
}

impl Sentinel for Caller {
    /// An app that uses the guard without attaching the stage does not launch.
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        rocket.state::<Arc<Sessions>>().is_none()
    }
}
