//! `/auth/password` and `/auth/username`: changing one's own account.

use rocket::http::CookieJar;
use rocket::{State, post};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::confirm::Renewed;
use crate::accounts::{Accounts, Door, NewPassword};
use crate::client::Client;
use crate::error::Error;
use crate::guard::{self, Body, Caller, Device, Fields, Fresh, Kinds, Posted};
use crate::view::{Answer, Site};

/// A new password for the old one.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The one that it is now.
    #[schema(value_type = String, format = "password", max_length = 128, example = "quartz balloon tundra")]
    current_password: Zeroizing<String>,
    /// 8 to 128 characters of any kind that are hard to guess.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 128, example = "marble otter gazette")]
    new_password: Zeroizing<String>,
}

impl Body for PasswordChange {
    const KINDS: Kinds = Kinds::Json;

    fn read(fields: &mut Fields) -> Self {
        Self {
            current_password: fields.secret("current_password"),
            new_password: fields.secret("new_password"),
        }
    }
}

/// Another name.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsernameChange {
    /// 3 to 32 letters, digits, dots, underscores and hyphens, beginning with a letter or digit.
    #[schema(
        min_length = 3,
        max_length = 32,
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{2,31}$",
        example = "marguerite"
    )]
    username: String,
}

impl Body for UsernameChange {
    const KINDS: Kinds = Kinds::Json;

    fn read(fields: &mut Fields) -> Self {
        Self {
            username: fields.text("username"),
        }
    }
}

/// Change the password.
///
/// Every session of the account ends. The caller's goes on as a new one, whose tokens are the answer.
#[utoipa::path(
    post, path = "/auth/password", operation_id = "change_password", tag = "accounts", request_body = PasswordChange,
    security(("password" = []), ("token" = [])),
    responses(
        (status = 200, description = "Changed. The tokens of the new session.", body = Renewed),
        (status = 400, description = "The body cannot be parsed."),
        (status = 401, description = "No token, or none that is good."),
        (status = 403, description = "Sent by another site."),
        (status = 408, description = "The body took too long."),
        (status = 413, description = "The body is too large."),
        (status = 415, description = "The body is not JSON."),
        (status = 422, description = "The current password is wrong, or a field needs another value."),
        (status = 429, description = "Too many wrong passwords. `Retry-After` says when to try again."),
        (status = 503, description = "Too busy, or the database does not answer.")
    )
)]
#[post("/auth/password", data = "<body>")]
pub async fn password(
    caller: Caller,
    body: Posted<PasswordChange>,
    device: Device,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<Answer<Renewed>, Error> {
    let wanted = NewPassword {
        current: body.0.current_password,
        new: body.0.new_password,
    };
    let door = if caller.is_in_cookie() {
        Door::Page(device.0)
    } else {
        Door::Api
    };
    let changed = accounts
        .change_password(caller.id(), caller.session(), wanted, client, &door)
        .await?;
    if let Some(mark) = changed.device {
        guard::remember_device(cookies, site, mark);
    }
    let message = "The password is changed. All other sessions ended.";
    Ok(Renewed::answer(
        message,
        cookies,
        site,
        &caller,
        changed.granted,
    ))
}

/// Change the username.
///
/// The one before stays reserved for the account for 90 days; three can be at a time. Wants a password that was proven
/// within ten minutes: see `/auth/confirm`.
#[utoipa::path(
    post, path = "/auth/username", operation_id = "change_username", tag = "accounts", request_body = UsernameChange,
    security(("password" = []), ("token" = [])),
    responses(
        (status = 200, description = "Changed. New tokens of this session.", body = Renewed),
        (status = 400, description = "The body cannot be parsed, or somebody has the name."),
        (status = 401, description = "No token, none that is good, or the password was proven too long ago."),
        (status = 403, description = "Sent by another site."),
        (status = 408, description = "The body took too long."),
        (status = 413, description = "The body is too large."),
        (status = 415, description = "The body is not JSON."),
        (status = 422, description = "The name cannot be one, or was changed too often."),
        (status = 429, description = "Too many new names from this network. `Retry-After` says when to try again."),
        (status = 503, description = "The database does not answer.")
    )
)]
#[post("/auth/username", data = "<body>")]
pub async fn username(
    fresh: Fresh,
    body: Posted<UsernameChange>,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<Answer<Renewed>, Error> {
    let granted = accounts
        .change_username(&fresh.recent, &body.0.username, client)
        .await?;
    let message = "The username is changed.";
    Ok(Renewed::answer(
        message,
        cookies,
        site,
        &fresh.caller,
        granted,
    ))
}
