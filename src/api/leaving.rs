//! `/auth/data` and the end of `/auth/me`: taking everything along, and leaving.

use rocket::http::{CookieJar, Status};
use rocket::{State, delete, post};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::accounts::Accounts;
use crate::client::Client;
use crate::error::Error;
use crate::guard::{self, Fresh, Here};
use crate::view::{Answer, Site};

/// What was done.
#[derive(Serialize, ToSchema)]
pub struct Left {
    /// In words.
    message: &'static str,
}

/// Get everything that is held about one's own account.
///
/// No hash and no token is among it. Times in seconds since 1970. POST, since it is written down for the owner to read. Wants a password that was proven within ten minutes:
/// see `/auth/confirm`.
#[utoipa::path(
    post, path = "/auth/data", operation_id = "everything", tag = "accounts", security(("password" = []), ("token" = [])),
    responses(
        (status = 200, description = "Everything: the account, its sessions, events, networks, names and letters.", body = Object),
        (status = 400, description = "The request breaks HTTP."),
        (status = 401, description = "No token, none that is good, or the password was proven too long ago."),
        (status = 403, description = "Sent by another site."),
        (status = 503, description = "The database does not answer.")
    )
)]
#[post("/auth/data")]
pub async fn everything(
    _here: Here,
    fresh: Fresh,
    client: &Client,
    accounts: &State<Accounts>,
) -> Result<Answer<Value>, Error> {
    let everything = accounts.everything(&fresh.recent, client).await?;
    Ok(Answer(Status::Ok, everything))
}

/// Delete one's own account.
///
/// At once and for good: every token is refused from the next request on. The username stays reserved for nobody.
/// Wants a password that was proven within ten minutes: see `/auth/confirm`.
#[utoipa::path(
    delete, path = "/auth/me", operation_id = "delete_account", tag = "accounts", security(("password" = []), ("token" = [])),
    responses(
        (status = 200, description = "It is gone.", body = Left),
        (status = 400, description = "The request breaks HTTP."),
        (status = 401, description = "No token, none that is good, or the password was proven too long ago."),
        (status = 403, description = "Sent by another site."),
        (status = 503, description = "The database does not answer. The account goes on.")
    )
)]
#[delete("/auth/me")]
pub async fn leave(
    _here: Here,
    fresh: Fresh,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<Answer<Left>, Error> {
    accounts.leave(&fresh.recent, client).await?;
    guard::forget_held(cookies, site);
    let message = "The account is deleted.";
    Ok(Answer(Status::Ok, Left { message }))
}
