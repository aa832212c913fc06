//! Somebody who has proven who they are.

use std::convert::Infallible;
use std::sync::Arc;

use rocket::request::{FromRequest, Outcome};
use rocket::{Ignite, Request, Rocket, Sentinel};

use super::cookie::{self, Renewal};
use super::refuse;
use crate::error::Error;
use crate::log::Log;
use crate::sessions::Sessions;
use crate::tokens::{Claims, Refusal, Role};
use crate::view::Arrival;

/// Somebody who has proven who they are: a good access token as Bearer, else in the cookie. Asks no database, except
/// to renew a browser's session whose access token has expired.
///
/// A handler that takes a `Caller` runs for nobody else. Strangers get a 401 that says how to sign in; those with a
/// browser are sent to the login page and back.
#[derive(Clone, Debug)]
pub struct Caller {
    claims: Arc<Claims>,
    /// Whether the token came in a browser's cookie, where new ones belong, too.
    in_cookie: bool,
}

impl Caller {
    /// The account's id. Never changes, never given to another: key your own records by it.
    pub fn id(&self) -> &str {
        &self.claims.subject
    }

    /// The name to show. It may change, and may then belong to somebody else.
    pub fn username(&self) -> &str {
        &self.claims.username
    }

    /// What the account may do beyond its own affairs. A handler for administrators asks for `Admin` instead.
    pub fn role(&self) -> Role {
        self.claims.role
    }

    /// The session's id.
    pub fn session(&self) -> &str {
        &self.claims.session
    }

    /// When the password was last proven, in seconds since 1970.
    pub fn signed_in_at(&self) -> i64 {
        self.claims.auth_time
    }

    /// When the token dies, in seconds since 1970.
    pub fn expires_at(&self) -> i64 {
        self.claims.expires_at
    }

    pub(super) fn claims(&self) -> &Arc<Claims> {
        &self.claims
    }

    /// Whether the token came in a cookie: from a browser.
    pub fn is_in_cookie(&self) -> bool {
        self.in_cookie
    }
}

/// A caller, or a stranger: for pages that greet both.
pub struct Visitor(pub Option<Caller>);

/// Found out once a request, however many guards ask.
struct Known(Result<Caller, Error>);

async fn known<'r>(request: &'r Request<'_>) -> &'r Result<Caller, Error> {
    &request
        .local_cache_async(async { Known(recognise(request).await) })
        .await
        .0
}

async fn recognise(request: &Request<'_>) -> Result<Caller, Error> {
    let sessions = request
        .rocket()
        .state::<Arc<Sessions>>()
        .ok_or(Error::Internal)?;
    if let Some(token) = bearer(request)? {
        return admit(request, sessions.whose(token), false);
    }
    match (
        cookie::access(request).map(|token| sessions.whose(token)),
        cookie::refresh(request),
    ) {
        (Some(Ok(claims)), _) => admit(request, Ok(claims), true),
        (Some(Err(Refusal::Deaf)), _) => Err(Error::Unavailable),
        // Boxed: it is large and rare, and every guarded request would carry room for it.
        (_, Some(refresh)) => Box::pin(renew(request, sessions, refresh)).await,
        (Some(refused), None) => admit(request, refused, true),
        (None, None) => Err(Error::NeedsLogin),
    }
}

fn admit(
    request: &Request<'_>,
    claims: Result<Arc<Claims>, Refusal>,
    in_cookie: bool,
) -> Result<Caller, Error> {
    let arrival = Arrival::of(request);
    match claims {
        Ok(claims) => {
            arrival.show(&claims.subject, &claims.username);
            Ok(Caller { claims, in_cookie })
        }
        Err(Refusal::Deaf) => Err(Error::Unavailable),
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

/// Renews a browser's session whose access token has expired. The new cookies are left for the response: see
/// [`cookie::hand_over_renewed`].
async fn renew(request: &Request<'_>, sessions: &Sessions, refresh: &str) -> Result<Caller, Error> {
    match sessions
        .refresh(refresh, &Arrival::of(request).client)
        .await
    {
        Ok(granted) => {
            let claims = sessions.whose(&granted.access.token);
            request.local_cache(|| Some(Renewal::Renewed(granted)));
            admit(request, claims, true)
        }
        // A browser whose cookie is nobody's is a stranger, however many of them came from its network.
        Err(Error::InvalidGrant | Error::TooMany(_)) => {
            request.local_cache(|| Some(Renewal::Over));
            Err(Error::NeedsLogin)
        }
        Err(error) => Err(error),
    }
}

/// The token that came as Bearer (RFC 6750 section 2.1). Where there is one, no cookie counts.
fn bearer<'r>(request: &'r Request<'_>) -> Result<Option<&'r str>, Error> {
    let mut headers = request.headers().get("Authorization");
    let first = headers.next();
    if headers.next().is_some() {
        return Err(Error::Malformed("Send one Authorization header."));
    }
    Ok(first.and_then(|value| {
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        scheme
            .eq_ignore_ascii_case("Bearer")
            .then(|| token.trim_start_matches(' '))
    }))
}

/// The session that somebody wants to leave, found by whatever is left of it: nobody may be kept in because a token
/// has expired.
pub struct Leaving(pub Option<(String, String)>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Leaving {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
        let Some(sessions) = request.rocket().state::<Arc<Sessions>>() else {
            return refuse(request, Error::Internal);
        };
        if let Some(Ok(claims)) = cookie::access(request).map(|token| sessions.whose(token)) {
            return Outcome::Success(Self(Some((claims.subject.clone(), claims.session.clone()))));
        }
        let Some(refresh) = cookie::refresh(request) else {
            return Outcome::Success(Self(None));
        };
        match Box::pin(sessions.session_of(refresh)).await {
            Ok(session) => Outcome::Success(Self(
                session.map(|session| (session.account_id, session.id)),
            )),
            Err(error) => refuse(request, error),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Caller {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
        match known(request).await {
            Ok(caller) => Outcome::Success(caller.clone()),
            Err(error) => refuse(request, error.clone()),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Visitor {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        Outcome::Success(Self(known(request).await.as_ref().ok().cloned()))
    }
}

impl Sentinel for Caller {
    /// An app that uses the guard without attaching the stage does not launch.
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        rocket.state::<Arc<Sessions>>().is_none()
    }
}
