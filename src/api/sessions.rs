//! `/auth/logout` and `/auth/sessions`.

use rocket::http::{CookieJar, Status};
use rocket::{State, delete, get, post};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::Accounts;
use crate::client::Client;
use crate::error::Error;
use crate::guard::{self, Caller, Fresh, Here};
use crate::sessions::why_in_words;
use crate::store::sessions::Session;
use crate::view::{Answer, Site};

/// A login and what became of it. Times in seconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct SessionAnswer {
    /// The `sid` of its tokens.
    id: String,
    /// With what it was made, in words.
    device: String,
    /// From which address.
    client: String,
    /// Whether this call belongs to it.
    current: bool,
    /// When it started.
    started_at: i64,
    /// When it was last renewed.
    last_seen_at: i64,
    /// When it ends whatever happens.
    expires_at: i64,
    /// When it ended, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ended_at: Option<i64>,
    /// Why it ended, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ended_why: Option<&'static str>,
}

/// One's own sessions.
#[derive(Serialize, ToSchema)]
pub struct SessionList {
    /// Those that go on, and those that ended within thirty days, the newest first.
    sessions: Vec<SessionAnswer>,
}

/// What was done.
#[derive(Serialize, ToSchema)]
pub struct Done {
    /// In words.
    message: &'static str,
    /// How many sessions ended.
    ended: usize,
}

/// Sign out.
///
/// Every token of this session is refused from the next request on.
#[utoipa::path(
    post, path = "/auth/logout", operation_id = "log_out", tag = "sessions", security(("password" = []), ("token" = [])),
    responses(
        (status = 200, description = "Signed out.", body = Done),
        (status = 400, description = "The request breaks HTTP."),
        (status = 401, description = "No token, or none that is good."),
        (status = 403, description = "Sent by another site."),
        (status = 503, description = "The database does not answer. The session goes on.")
    )
)]
#[post("/auth/logout")]
pub async fn log_out(
    _here: Here,
    caller: Caller,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<Answer<Done>, Error> {
    accounts
        .log_out(caller.id(), caller.session(), client)
        .await?;
    guard::forget_held(cookies, site);
    Ok(Answer(
        Status::Ok,
        Done {
            message: "Signed out.",
            ended: 1,
        },
    ))
}

/// List one's own sessions.
#[utoipa::path(
    get, path = "/auth/sessions", operation_id = "list_sessions", tag = "sessions", security(("password" = []), ("token" = [])),
    responses(
        (status = 200, description = "The sessions.", body = SessionList),
        (status = 400, description = "The request breaks HTTP."),
        (status = 401, description = "No token, or none that is good."),
        (status = 503, description = "The database does not answer.")
    )
)]
#[get("/auth/sessions")]
pub async fn list(
    caller: Caller,
    accounts: &State<Accounts>,
) -> Result<Answer<SessionList>, Error> {
    let sessions = accounts.sessions(caller.id()).await?;
    let sessions = sessions
        .into_iter()
        .map(|session| told(session, caller.session()))
        .collect();
    Ok(Answer(Status::Ok, SessionList { sessions }))
}

fn told(session: Session, current: &str) -> SessionAnswer {
    SessionAnswer {
        current: session.id == current,
        id: session.id,
        device: session.device,
        client: session.client,
        started_at: session.started_at,
        last_seen_at: session.last_seen_at,
        expires_at: session.expires_at,
        ended_at: session.ended_at,
        ended_why: session.ended_why.as_deref().map(why_in_words),
    }
}

/// End one of one's own sessions.
///
/// Wants a password that was proven within ten minutes: see `/auth/confirm`.
#[utoipa::path(
    delete, path = "/auth/sessions/{id}", operation_id = "end_session", tag = "sessions", security(("password" = []), ("token" = [])),
    params(("id" = String, Path, description = "Which.")),
    responses(
        (status = 200, description = "It ended.", body = Done),
        (status = 400, description = "The request breaks HTTP."),
        (status = 401, description = "No token, none that is good, or the password was proven too long ago."),
        (status = 403, description = "Sent by another site."),
        (status = 404, description = "There is none of that name that goes on, or it is somebody else's."),
        (status = 503, description = "The database does not answer.")
    )
)]
#[delete("/auth/sessions/<id>")]
pub async fn end(
    _here: Here,
    fresh: Fresh,
    id: &str,
    client: &Client,
    accounts: &State<Accounts>,
) -> Result<Answer<Done>, Error> {
    accounts.end_session(&fresh.recent, id, client).await?;
    Ok(Answer(
        Status::Ok,
        Done {
            message: "The session ended.",
            ended: 1,
        },
    ))
}

/// End all of one's own sessions but this one.
///
/// Wants a password that was proven within ten minutes: see `/auth/confirm`.
#[utoipa::path(
    delete, path = "/auth/sessions", operation_id = "end_other_sessions", tag = "sessions", security(("password" = []), ("token" = [])),
    responses(
        (status = 200, description = "They ended.", body = Done),
        (status = 400, description = "The request breaks HTTP."),
        (status = 401, description = "No token, none that is good, or the password was proven too long ago."),
        (status = 403, description = "Sent by another site."),
        (status = 503, description = "The database does not answer.")
    )
)]
#[delete("/auth/sessions")]
pub async fn end_others(
    _here: Here,
    fresh: Fresh,
    client: &Client,
    accounts: &State<Accounts>,
) -> Result<Answer<Done>, Error> {
    let ended = accounts.end_other_sessions(&fresh.recent, client).await?;
    Ok(Answer(
        Status::Ok,
        Done {
            message: "The other sessions ended.",
            ended,
        },
    ))
}
