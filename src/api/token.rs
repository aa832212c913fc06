//! `/auth/token`: this service's own log-in call, in OAuth's shape so that every OAuth client library can make it. It
//! is no grant for third parties (RFC 9700 section 2.4).

use rocket::http::Status;
use rocket::{State, post};
use serde::Serialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::accounts::{Accounts, Credentials, Door};
use crate::client::Client;
use crate::error::Error;
use crate::guard::{Body, Fields, Kinds, Posted, Query};
use crate::view::Answer;

/// Who wants a token. Other members are ignored, as OAuth wants (RFC 6749 section 3.2).
#[derive(ToSchema)]
pub struct TokenRequest {
    /// `password`, which is also what its absence means, or `refresh_token`.
    #[schema(nullable = false, example = "password")]
    grant_type: Option<String>,
    /// The username or the address, for `password`.
    #[schema(nullable = false, example = "marguerite")]
    username: Option<String>,
    /// The password, for `password`.
    #[schema(value_type = Option<String>, nullable = false, format = "password", example = "quartz balloon tundra")]
    password: Option<Zeroizing<String>>,
    /// The refresh token, for `refresh_token`.
    #[schema(value_type = Option<String>, nullable = false, format = "password")]
    refresh_token: Option<Zeroizing<String>>,
}

impl Body for TokenRequest {
    const KINDS: Kinds = Kinds::FormOrJson;
    const LENIENT: bool = true;

    fn read(fields: &mut Fields) -> Self {
        Self {
            grant_type: fields.optional("grant_type"),
            username: fields.optional("username"),
            password: fields.optional("password").map(Zeroizing::new),
            refresh_token: fields.optional("refresh_token").map(Zeroizing::new),
        }
    }
}

/// A token (RFC 6749 section 5.1).
#[derive(Serialize, ToSchema)]
pub struct TokenAnswer {
    /// The token, to be sent as `Authorization: Bearer …`.
    access_token: String,
    /// `bearer`.
    token_type: &'static str,
    /// How long it lives, in seconds.
    expires_in: i64,
    /// Gets the next pair. Keep it as you would keep the password.
    refresh_token: String,
}

/// Log in and get a token.
///
/// This service's own first-party call. It has OAuth's shape for the sake of client libraries and is no OAuth grant
/// for third parties.
#[utoipa::path(
    post, path = "/auth/token", operation_id = "token", tag = "tokens",
    request_body(content((TokenRequest = "application/x-www-form-urlencoded"), (TokenRequest = "application/json"))),
    responses(
        (status = 200, description = "A token.", body = TokenAnswer),
        (status = 400, description = "A parameter is missing, the grant type is unknown, the body cannot be parsed, or credentials stand in the query."),
        (status = 401, description = "Name and password do not belong together."),
        (status = 403, description = "Sent by another site."),
        (status = 408, description = "The body took too long."),
        (status = 413, description = "The body is too large."),
        (status = 415, description = "The body is neither a form nor JSON."),
        (status = 422, description = "A field needs another value."),
        (status = 429, description = "Too many attempts failed, or too many were right within an hour, for this name or from this network. `Retry-After` says when to try again."),
        (status = 503, description = "Too busy, or the database does not answer.")
    )
)]
#[post("/auth/token", data = "<body>")]
pub async fn submit(
    _query: Query,
    body: Posted<TokenRequest>,
    client: &Client,
    accounts: &State<Accounts>,
) -> Result<Answer<TokenAnswer>, Error> {
    let body = body.0;
    let granted = match body.grant_type.as_deref() {
        None | Some("password") => {
            let name = given("username", body.username)?;
            let password = given("password", body.password)?;
            accounts
                .log_in(
                    Credentials {
                        name,
                        password,
                        door: Door::Api,
                    },
                    client,
                )
                .await?
                .granted
        }
        Some("refresh_token") => {
            let token = given("refresh_token", body.refresh_token)?;
            Box::pin(accounts.refresh(&token, client)).await?
        }
        Some(_) => return Err(Error::UnsupportedGrant),
    };
    let answer = TokenAnswer {
        access_token: granted.access.token,
        token_type: "bearer",
        expires_in: granted.access.expires_in,
        refresh_token: granted.refresh,
    };
    Ok(Answer(Status::Ok, answer))
}

/// A parameter that must be there and hold something.
fn given<T: AsRef<str>>(name: &'static str, value: Option<T>) -> Result<T, Error> {
    value
        .filter(|value| !value.as_ref().is_empty())
        .ok_or(Error::MissingParameter(name))
}
