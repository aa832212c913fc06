//! `/auth/register` and `/auth/me`.

use rocket::http::Status;
use rocket::{State, get, post};
use serde::Serialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::accounts::{Accounts, Registration};
use crate::client::Client;
use crate::error::Error;
use crate::guard::{Body, Caller, Fields, Kinds, Posted};
use crate::view::Answer;

/// A new account.
#[derive(ToSchema)]
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
}

impl Body for NewAccount {
    const KINDS: Kinds = Kinds::Json;

    fn read(fields: &mut Fields) -> Self {
        Self {
            username: fields.text("username"),
            email: fields.text("email"),
            password: fields.secret("password"),
        }
    }
}

/// The answer to a registration.
#[derive(Serialize, ToSchema)]
pub struct Registered {
    /// `User registered successfully`.
    message: &'static str,
    /// Who was registered.
    user: User,
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
        (status = 201, description = "The account exists.", body = Registered),
        (status = 400, description = "The body cannot be parsed, or the username or address is taken."),
        (status = 403, description = "Sent by another site."),
        (status = 408, description = "The body took too long."),
        (status = 413, description = "The body is too large."),
        (status = 415, description = "The body is not JSON."),
        (status = 422, description = "A field needs another value."),
        (status = 503, description = "Too busy, or the database does not answer.")
    )
)]
#[post("/auth/register", data = "<body>")]
pub async fn register(
    body: Posted<NewAccount>,
    client: &Client,
    accounts: &State<Accounts>,
) -> Result<Answer<Registered>, Error> {
    let NewAccount {
        username,
        email,
        password,
    } = body.0;
    let account = accounts
        .register(
            Registration {
                username,
                email,
                password,
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
        Registered {
            message: "User registered successfully",
            user,
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
        (status = 401, description = "No token, or none that is good.")
    )
)]
#[get("/auth/me")]
pub fn me(caller: Caller) -> Answer<Me> {
    let me = Me {
        id: caller.id().to_owned(),
        username: caller.username().to_owned(),
        signed_in_at: caller.signed_in_at(),
        expires_at: caller.expires_at(),
    };
    Answer(Status::Ok, me)
}
