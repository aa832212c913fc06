//! `/auth/register` and `/auth/me`.

use rocket::http::Status;
use rocket::{State, get, post};
use serde::Serialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::accounts::{Accounts, Registered, Registration};
use crate::client::Client;
use crate::error::Error;
use crate::guard::{Body, Caller, Fields, Kinds, Posted};
use crate::view::Answer;

/// A new account, and nothing else.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// 3 to 32 letters, digits, dots, underscores and hyphens, beginning with a letter or digit.
    #[schema(
        min_length = 3,
        max_length = 32,
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{2,31}$",
        example = "marguerite"
    )]
    username: String,
    /// An address.
    #[schema(format = "email", max_length = 254, example = "marguerite@example.org")]
    email: String,
    /// 8 to 128 characters of any kind that are hard to guess.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 128, example = "quartz balloon tundra")]
    password: Zeroizing<String>,
    /// The code of an invitation; needed where registration is by invitation.
    #[schema(nullable = false, max_length = 64, example = "BCDF-GHJK-LMNP-QRST")]
    invite: Option<String>,
}

impl Body for NewAccount {
    const KINDS: Kinds = Kinds::Json;

    fn read(fields: &mut Fields) -> Self {
        Self {
            username: fields.text("username"),
            email: fields.text("email"),
            password: fields.secret("password"),
            invite: fields.optional("invite").filter(|code| !code.is_empty()),
        }
    }
}

/// The answer to a registration.
#[derive(Serialize, ToSchema)]
pub struct RegisteredAnswer {
    /// `User registered successfully`.
    message: &'static str,
    /// Who was registered.
    user: User,
    /// Where addresses are confirmed: names the request that the code in the letter was made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request: Option<String>,
}

/// An account as its owner sees it.
#[derive(Serialize, ToSchema)]
pub struct User {
    /// Never changes, never given to another. The `sub` of its tokens.
    id: String,
    /// As typed at registration.
    username: String,
}

/// Make an account.
#[utoipa::path(
    post, path = "/auth/register", operation_id = "register", tag = "accounts", request_body = NewAccount,
    responses(
        (status = 201, description = "The account exists.", body = RegisteredAnswer),
        (status = 400, description = "The body cannot be parsed, or the username or address is taken."),
        (status = 403, description = "Registration is closed or by invitation, or the invitation is not good. `code` says which. Or sent by another site."),
        (status = 408, description = "The body took too long."),
        (status = 413, description = "The body is too large."),
        (status = 415, description = "The body is not JSON."),
        (status = 422, description = "A field needs another value."),
        (status = 429, description = "Too many new accounts from this network. `Retry-After` says when to try again."),
        (status = 503, description = "Too busy, or the database does not answer.")
    )
)]
#[post("/auth/register", data = "<body>")]
pub async fn register(
    body: Posted<NewAccount>,
    client: &Client,
    accounts: &State<Accounts>,
) -> Result<Answer<RegisteredAnswer>, Error> {
    let NewAccount {
        username,
        email,
        password,
        invite,
    } = body.0;
    let Registered { account, request } = accounts
        .register_by_program(
            Registration {
                username,
                email,
                password,
                invite,
            },
            client,
        )
        .await?;
    let user = User {
        id: account.id,
        username: account.username,
    };
    Ok(Answer(
        Status::Created,
        RegisteredAnswer {
            message: "User registered successfully",
            user,
            request,
        },
    ))
}

/// Who is calling.
#[derive(Serialize, ToSchema)]
pub struct Me {
    /// Never changes, never given to another. The `sub` of the token.
    id: String,
    /// The name to show.
    username: String,
    /// What the account may do beyond its own affairs: `user` is nothing, `admin` what asks for an administrator.
    #[schema(example = "user")]
    role: &'static str,
    /// When the password was last proven, in seconds since 1970.
    signed_in_at: i64,
    /// When the token dies, in seconds since 1970.
    expires_at: i64,
}

/// Who is calling.
#[utoipa::path(
    get, path = "/auth/me", operation_id = "me", tag = "accounts", security(("password" = []), ("token" = [])),
    responses(
        (status = 200, description = "Who the token stands for.", body = Me),
        (status = 400, description = "The request breaks HTTP."),
        (status = 401, description = "No token, or none that is good."),
        (status = 503, description = "Which sessions have ended is not known right now.")
    )
)]
#[get("/auth/me")]
pub fn me(caller: Caller) -> Answer<Me> {
    let me = Me {
        id: caller.id().to_owned(),
        username: caller.username().to_owned(),
        role: caller.role().name(),
        signed_in_at: caller.signed_in_at(),
        expires_at: caller.expires_at(),
    };
    Answer(Status::Ok, me)
}
