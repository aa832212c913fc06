//! `/auth/verify` and `/auth/reset`: confirming an address and setting a new password with a letter, and asking for one.

use rocket::http::Status;
use rocket::{State, post};
use serde::Serialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::accounts::{Accounts, Door, Proof};
use crate::client::Client;
use crate::error::Error;
use crate::guard::{Body, Fields, Kinds, Posted};
use crate::view::Answer;

/// To which address a letter shall go.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskForLetter {
    /// The account's address.
    #[schema(format = "email", max_length = 254, example = "marguerite@example.org")]
    email: String,
}

impl Body for AskForLetter {
    const KINDS: Kinds = Kinds::Json;

    fn read(fields: &mut Fields) -> Self {
        Self {
            email: fields.text("email"),
        }
    }
}

/// The answer to whoever asked, the same whether or not there is anybody to write to.
#[derive(Serialize, ToSchema)]
pub struct LetterAsked {
    /// In words.
    message: &'static str,
    /// Names this request: send it with the code of the letter.
    request: String,
}

/// What a letter holds: the secret of its link, or its code with the request that it was made for.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LetterAnswer {
    /// The last part of the link's path.
    #[schema(value_type = Option<String>, nullable = false, format = "password")]
    secret: Option<Zeroizing<String>>,
    /// Which request the code was made for.
    #[schema(nullable = false)]
    request: Option<String>,
    /// The code.
    #[schema(value_type = Option<String>, nullable = false, example = "BCDF-GHJK")]
    code: Option<Zeroizing<String>>,
}

impl Body for LetterAnswer {
    const KINDS: Kinds = Kinds::Json;

    fn read(fields: &mut Fields) -> Self {
        Self {
            secret: fields.optional("secret").map(Zeroizing::new),
            request: fields.optional("request"),
            code: fields.optional("code").map(Zeroizing::new),
        }
    }
}

impl LetterAnswer {
    fn proof(&self) -> Result<Proof<'_>, Error> {
        match (&self.secret, &self.request, &self.code) {
            (Some(secret), None, None) => Ok(Proof::Link(secret)),
            (None, Some(request), Some(code)) => Ok(Proof::Code { request, code }),
            _ => Err(Error::Malformed(
                "Send the secret of the letter's link, or its code and the request that it was made for.",
            )),
        }
    }
}

/// A letter's proof and a new password.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    /// The last part of the link's path.
    #[schema(value_type = Option<String>, nullable = false, format = "password")]
    secret: Option<Zeroizing<String>>,
    /// Which request the code was made for.
    #[schema(nullable = false)]
    request: Option<String>,
    /// The code.
    #[schema(value_type = Option<String>, nullable = false, example = "BCDF-GHJK")]
    code: Option<Zeroizing<String>>,
    /// 8 to 128 characters of any kind that are hard to guess.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 128, example = "quartz balloon tundra")]
    password: Zeroizing<String>,
}

impl Body for ResetRequest {
    const KINDS: Kinds = Kinds::Json;

    fn read(fields: &mut Fields) -> Self {
        let LetterAnswer {
            secret,
            request,
            code,
        } = LetterAnswer::read(fields);
        Self {
            secret,
            request,
            code,
            password: fields.secret("password"),
        }
    }
}

/// What was done.
#[derive(Serialize, ToSchema)]
pub struct LetterAnswered {
    /// In words.
    message: &'static str,
}

/// Ask for a letter that confirms an address.
///
/// The answer is the same whether or not an account with this address waits to be confirmed.
#[utoipa::path(
    post, path = "/auth/verify/send", operation_id = "ask_to_verify", tag = "letters", request_body = AskForLetter,
    responses(
        (status = 202, description = "If the address waits to be confirmed, a letter is on its way.", body = LetterAsked),
        (status = 400, description = "The body cannot be parsed."),
        (status = 403, description = "Sent by another site."),
        (status = 404, description = "This service does not confirm addresses."),
        (status = 408, description = "The body took too long."),
        (status = 413, description = "The body is too large."),
        (status = 415, description = "The body is not JSON."),
        (status = 422, description = "A field needs another value."),
        (status = 429, description = "Too many letters to this address, or asked for from this network. `Retry-After` says when to try again."),
        (status = 503, description = "The database does not answer.")
    )
)]
#[post("/auth/verify/send", data = "<body>")]
pub async fn ask_to_verify(
    body: Posted<AskForLetter>,
    client: &Client,
    accounts: &State<Accounts>,
) -> Result<Answer<LetterAsked>, Error> {
    let request = accounts.ask_to_verify(&body.0.email, client).await?;
    let message = "If this address waits to be confirmed, a letter is on its way.";
    Ok(Answer(Status::Accepted, LetterAsked { message, request }))
}

/// Confirm an address with a letter.
#[utoipa::path(
    post, path = "/auth/verify", operation_id = "verify", tag = "letters", request_body = LetterAnswer,
    responses(
        (status = 200, description = "The address is confirmed.", body = LetterAnswered),
        (status = 400, description = "The body cannot be parsed, or the letter is not good, or no longer."),
        (status = 403, description = "Sent by another site."),
        (status = 408, description = "The body took too long."),
        (status = 413, description = "The body is too large."),
        (status = 415, description = "The body is not JSON."),
        (status = 422, description = "A field needs another value."),
        (status = 429, description = "Too many made-up answers came from this network. `Retry-After` says when to try again."),
        (status = 503, description = "The database does not answer.")
    )
)]
#[post("/auth/verify", data = "<body>")]
pub async fn verify(
    body: Posted<LetterAnswer>,
    client: &Client,
    accounts: &State<Accounts>,
) -> Result<Answer<LetterAnswered>, Error> {
    accounts.verify(body.0.proof()?, client).await?;
    let message = "The address is confirmed.";
    Ok(Answer(Status::Ok, LetterAnswered { message }))
}

/// Ask for a letter with which a new password can be set.
///
/// The answer is the same whether or not anybody has this address.
#[utoipa::path(
    post, path = "/auth/forgot", operation_id = "ask_to_reset", tag = "letters", request_body = AskForLetter,
    responses(
        (status = 202, description = "If an account has this address, a letter is on its way.", body = LetterAsked),
        (status = 400, description = "The body cannot be parsed."),
        (status = 403, description = "Sent by another site."),
        (status = 408, description = "The body took too long."),
        (status = 413, description = "The body is too large."),
        (status = 415, description = "The body is not JSON."),
        (status = 422, description = "A field needs another value."),
        (status = 429, description = "Too many letters to this address, or asked for from this network. `Retry-After` says when to try again."),
        (status = 503, description = "The database does not answer.")
    )
)]
#[post("/auth/forgot", data = "<body>")]
pub async fn ask_to_reset(
    body: Posted<AskForLetter>,
    client: &Client,
    accounts: &State<Accounts>,
) -> Result<Answer<LetterAsked>, Error> {
    let request = accounts.ask_to_reset(&body.0.email, client).await?;
    let message = "If an account has this address, a letter is on its way.";
    Ok(Answer(Status::Accepted, LetterAsked { message, request }))
}

/// Set a new password with a letter.
///
/// All sessions of the account end.
#[utoipa::path(
    post, path = "/auth/reset", operation_id = "reset", tag = "letters", request_body = ResetRequest,
    responses(
        (status = 200, description = "The password is set.", body = LetterAnswered),
        (status = 400, description = "The body cannot be parsed, or the letter is not good, or no longer."),
        (status = 403, description = "Sent by another site."),
        (status = 408, description = "The body took too long."),
        (status = 413, description = "The body is too large."),
        (status = 415, description = "The body is not JSON."),
        (status = 422, description = "A field needs another value. The letter stays good."),
        (status = 429, description = "Too many made-up answers came from this network. `Retry-After` says when to try again."),
        (status = 503, description = "Too busy, or the database does not answer.")
    )
)]
#[post("/auth/reset", data = "<body>")]
pub async fn reset(
    body: Posted<ResetRequest>,
    client: &Client,
    accounts: &State<Accounts>,
) -> Result<Answer<LetterAnswered>, Error> {
    let ResetRequest {
        secret,
        request,
        code,
        password,
    } = body.0;
    let answer = LetterAnswer {
        secret,
        request,
        code,
    };
    let proof = answer.proof()?;
    accounts.reset(proof, password, client, &Door::Api).await?;
    let message = "The password is set. Sign in with it.";
    Ok(Answer(Status::Ok, LetterAnswered { message }))
}
