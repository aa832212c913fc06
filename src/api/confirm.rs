//! `/auth/confirm`: the password once more, for sensitive steps; and what a session gets back when its tokens change.

use rocket::http::{CookieJar, Status};
use rocket::{State, post};
use serde::Serialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::accounts::Accounts;
use crate::client::Client;
use crate::error::Error;
use crate::guard::{self, Body, Caller, Fields, Kinds, Posted};
use crate::sessions::Granted;
use crate::view::{Answer, Site};

/// The password once more.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The current password.
    #[schema(value_type = String, format = "password", max_length = 128, example = "quartz balloon tundra")]
    password: Zeroizing<String>,
}

impl Body for Confirmation {
    const KINDS: Kinds = Kinds::Json;

    fn read(fields: &mut Fields) -> Self {
        Self {
            password: fields.secret("password"),
        }
    }
}

/// What was done, and what the session holds from now on. A browser, which came with cookies, gets new cookies instead
/// of the tokens here.
#[derive(Serialize, ToSchema)]
pub struct Renewed {
    /// In words.
    message: &'static str,
    /// The token, to be sent as `Authorization: Bearer …`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    access_token: Option<String>,
    /// `bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token_type: Option<&'static str>,
    /// How long it lives, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expires_in: Option<i64>,
    /// Gets the next pair. It replaces the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<String>,
}

impl Renewed {
    /// The answer to whoever called, whose tokens go back the way they came.
    pub fn answer(
        message: &'static str,
        cookies: &CookieJar<'_>,
        site: &Site,
        caller: &Caller,
        granted: Granted,
    ) -> Answer<Self> {
        let granted = guard::hand_back(cookies, site, caller, granted);
        let (access, refresh) = granted
            .map(|granted| (granted.access, granted.refresh))
            .unzip();
        let renewed = Self {
            message,
            token_type: access.as_ref().map(|_| "bearer"),
            expires_in: access.as_ref().map(|access| access.expires_in),
            access_token: access.map(|access| access.token),
            refresh_token: refresh,
        };
        Answer(Status::Ok, renewed)
    }
}

/// Prove the password once more.
///
/// Sensitive calls want a password that was proven within the last ten minutes, and else answer 401 with
/// `insufficient_user_authentication` (RFC 9470). This gives new tokens of the same session that open them.
#[utoipa::path(
    post, path = "/auth/confirm", operation_id = "confirm", tag = "accounts", request_body = Confirmation,
    security(("password" = []), ("token" = [])),
    responses(
        (status = 200, description = "New tokens of this session.", body = Renewed),
        (status = 400, description = "The body cannot be parsed."),
        (status = 401, description = "No token, or none that is good."),
        (status = 403, description = "Sent by another site."),
        (status = 408, description = "The body took too long."),
        (status = 413, description = "The body is too large."),
        (status = 415, description = "The body is not JSON."),
        (status = 422, description = "The password is wrong, or a field needs another value."),
        (status = 429, description = "Too many wrong passwords. `Retry-After` says when to try again."),
        (status = 503, description = "Too busy, or the database does not answer.")
    )
)]
#[post("/auth/confirm", data = "<body>")]
pub async fn submit(
    caller: Caller,
    body: Posted<Confirmation>,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<Answer<Renewed>, Error> {
    let granted = accounts
        .confirm(caller.id(), caller.session(), body.0.password, client)
        .await?;
    let message = "Confirmed for ten minutes.";
    Ok(Renewed::answer(message, cookies, site, &caller, granted))
}
