//! `/auth/email…`: another address, asked for, confirmed with the code that was sent there, and taken back.

use rocket::http::Status;
use rocket::{State, post};
use serde::Serialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::accounts::Accounts;
use crate::client::Client;
use crate::error::Error;
use crate::guard::{Body, Caller, Fields, Fresh, Kinds, Posted};
use crate::view::Answer;

/// Another address.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressChange {
    /// An address.
    #[schema(format = "email", max_length = 254, example = "marguerite@example.net")]
    email: String,
}

impl Body for AddressChange {
    const KINDS: Kinds = Kinds::Json;

    fn read(fields: &mut Fields) -> Self {
        Self {
            email: fields.text("email"),
        }
    }
}

/// The code from the letter to the new address.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressCode {
    /// Eight letters. Hyphens, spaces and case make no difference.
    #[schema(max_length = 64, example = "BCDF-GHJK")]
    code: String,
}

impl Body for AddressCode {
    const KINDS: Kinds = Kinds::Json;

    fn read(fields: &mut Fields) -> Self {
        Self {
            code: fields.text("code"),
        }
    }
}

/// The end of the link in the letter to the old address.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressUndo {
    /// What stands after `/address/undo/`.
    #[schema(value_type = String, format = "password", max_length = 64)]
    secret: Zeroizing<String>,
}

impl Body for AddressUndo {
    const KINDS: Kinds = Kinds::Json;

    fn read(fields: &mut Fields) -> Self {
        Self {
            secret: fields.secret("secret"),
        }
    }
}

/// What was done.
#[derive(Serialize, ToSchema)]
pub struct AddressAnswer {
    /// In words.
    message: &'static str,
    /// The address that it is about.
    email: String,
}

/// Ask for another address.
///
/// A letter goes there with a code and a link; until one of them comes back the account keeps its address. The answer
/// does not tell whether the address is anybody's. Wants a password that was proven within ten minutes: see
/// `/auth/confirm`.
#[utoipa::path(
    post, path = "/auth/email", operation_id = "ask_for_email", tag = "accounts", request_body = AddressChange,
    security(("password" = []), ("token" = [])),
    responses(
        (status = 202, description = "A letter is on its way.", body = AddressAnswer),
        (status = 400, description = "The body cannot be parsed."),
        (status = 401, description = "No token, none that is good, or the password was proven too long ago."),
        (status = 403, description = "Sent by another site."),
        (status = 408, description = "The body took too long."),
        (status = 413, description = "The body is too large."),
        (status = 415, description = "The body is not JSON."),
        (status = 422, description = "The address cannot be one, or too many letters were asked for."),
        (status = 429, description = "Too many letters. `Retry-After` says when to try again."),
        (status = 503, description = "The database does not answer.")
    )
)]
#[post("/auth/email", data = "<body>")]
pub async fn ask(
    fresh: Fresh,
    body: Posted<AddressChange>,
    client: &Client,
    accounts: &State<Accounts>,
) -> Result<Answer<AddressAnswer>, Error> {
    let email = body.0.email;
    accounts
        .ask_for_address(&fresh.recent, &email, client)
        .await?;
    let message = "A letter is on its way. Send its code to /auth/email/confirm.";
    Ok(Answer(Status::Accepted, AddressAnswer { message, email }))
}

/// Confirm the address that was asked for.
#[utoipa::path(
    post, path = "/auth/email/confirm", operation_id = "confirm_email", tag = "accounts", request_body = AddressCode,
    security(("password" = []), ("token" = [])),
    responses(
        (status = 200, description = "The account has it. The old address gets a letter that can take it back for 7 days.", body = AddressAnswer),
        (status = 400, description = "The body cannot be parsed, the code is not or no longer good, or somebody has the address by now."),
        (status = 401, description = "No token, or none that is good."),
        (status = 403, description = "Sent by another site."),
        (status = 408, description = "The body took too long."),
        (status = 413, description = "The body is too large."),
        (status = 415, description = "The body is not JSON."),
        (status = 422, description = "A field needs another value."),
        (status = 429, description = "Too many codes were made up. `Retry-After` says when to try again."),
        (status = 503, description = "The database does not answer.")
    )
)]
#[post("/auth/email/confirm", data = "<body>")]
pub async fn confirm(
    caller: Caller,
    body: Posted<AddressCode>,
    client: &Client,
    accounts: &State<Accounts>,
) -> Result<Answer<AddressAnswer>, Error> {
    let email = accounts
        .confirm_address_by_code(caller.id(), &body.0.code, client)
        .await?;
    let message = "The account has this address.";
    Ok(Answer(Status::Ok, AddressAnswer { message, email }))
}

/// Take a change of the address back.
///
/// With the secret from the letter to the old address, for 7 days. All sessions of the account end.
#[utoipa::path(
    post, path = "/auth/email/undo", operation_id = "undo_email", tag = "accounts", request_body = AddressUndo,
    responses(
        (status = 200, description = "The account has its old address again.", body = AddressAnswer),
        (status = 400, description = "The body cannot be parsed, or the secret is not or no longer good."),
        (status = 403, description = "Sent by another site."),
        (status = 408, description = "The body took too long."),
        (status = 413, description = "The body is too large."),
        (status = 415, description = "The body is not JSON."),
        (status = 422, description = "A field needs another value."),
        (status = 429, description = "Too many secrets were made up. `Retry-After` says when to try again."),
        (status = 503, description = "The database does not answer.")
    )
)]
#[post("/auth/email/undo", data = "<body>")]
pub async fn undo(
    body: Posted<AddressUndo>,
    client: &Client,
    accounts: &State<Accounts>,
) -> Result<Answer<AddressAnswer>, Error> {
    let email = accounts.undo_address(&body.0.secret, client).await?;
    let message = "The account has this address again. All sessions ended.";
    Ok(Answer(Status::Ok, AddressAnswer { message, email }))
}
