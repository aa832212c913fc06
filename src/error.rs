//! What can go wrong, and the one table of how that is said.
//!
//! A variant is a *reason*; [`Error::row`] gives each its status, code and words, and nothing compiles until a new
//! reason has all three. How a row is drawn, as a page or as a problem (RFC 9457), is decided in `view`.

use std::borrow::Cow;

use serde::Serialize;

/// Why a request was not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The request breaks HTTP, or its body breaks its own syntax. Holds what is wrong.
    Malformed(&'static str),
    /// The Host header is missing, doubled, broken, or not ours.
    ForeignHost,
    /// A parameter that OAuth's shape needs is missing (RFC 6749 section 5.2). Holds its name.
    MissingParameter(&'static str),
    /// A grant type that is not offered.
    UnsupportedGrant,
    /// A refresh token that is not, or no longer, good (RFC 6749 section 5.2).
    InvalidGrant,
    /// Credentials in the query, where logs and histories keep them.
    QueryCredentials,
    /// The username or the address belongs to somebody.
    Taken,
    /// A guarded place, and nothing that says who is calling.
    NeedsLogin,
    /// A token that is not, or no longer, good.
    InvalidToken,
    /// The name and the password do not belong together.
    WrongPassword,
    /// A request that changes something, sent from another site.
    CrossSite,
    /// Nothing is here.
    NotFound,
    /// Something is here, but not for this method. Holds those it is for.
    WrongMethod(Vec<rocket::http::Method>),
    /// The body took too long to arrive.
    TooSlow,
    /// The body is larger than anything this place takes.
    TooLarge,
    /// The body is of a kind this place does not read. Holds what it reads.
    WrongMediaType(&'static str),
    /// Well formed, but not allowed. One reason a field.
    Invalid(Vec<FieldError>),
    /// Too many passwords are waiting to be hashed.
    Busy,
    /// The database does not answer, or cannot write.
    Unavailable,
    /// Our fault.
    Internal,
}

/// What is wrong with one field, in words for the person who filled it in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's name in the form or body.
    pub field: Cow<'static, str>,
    /// A sentence that says what to do.
    pub reason: Cow<'static, str>,
}

impl FieldError {
    /// A reason for a field.
    pub fn new(field: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
        }
    }
}

/// An error as it is said: one line of the table.
pub struct Row {
    /// The HTTP status.
    pub status: u16,
    /// A short name for programs.
    pub code: &'static str,
    /// What happened and what to do next.
    pub detail: Cow<'static, str>,
}

const fn row(status: u16, code: &'static str, detail: &'static str) -> Row {
    Row {
        status,
        code,
        detail: Cow::Borrowed(detail),
    }
}

impl Error {
    /// The line of the table.
    pub fn row(&self) -> Row {
        match self {
            Self::Malformed(what) => row(400, "malformed_request", what),
            Self::ForeignHost => row(
                400,
                "foreign_host",
                "The request was not addressed to this service. Check the address, or set public_url.",
            ),
            Self::MissingParameter(name) => Row {
                status: 400,
                code: "missing_parameter",
                detail: format!("The parameter {name} is missing.").into(),
            },
            Self::UnsupportedGrant => row(
                400,
                "unsupported_grant_type",
                "This grant_type is not offered. Use password or refresh_token.",
            ),
            Self::InvalidGrant => row(
                400,
                "invalid_refresh_token",
                "This refresh token is not valid, or no longer. Sign in again.",
            ),
            Self::QueryCredentials => row(
                400,
                "credentials_in_query",
                "Send username and password in the body: addresses end up in logs and histories. \
                 An operator can allow the query for old clients with the setting query_credentials = true.",
            ),
            Self::Taken => row(
                400,
                "already_registered",
                "Username or email already registered.",
            ),
            Self::NeedsLogin => row(401, "login_required", "Sign in to go on."),
            Self::InvalidToken => row(
                401,
                "invalid_token",
                "This token is not valid, or no longer. Sign in again.",
            ),
            Self::WrongPassword => row(401, "wrong_password", "Incorrect username or password"),
            Self::CrossSite => row(
                403,
                "cross_site",
                "This came from another site. Open the page here and try again.",
            ),
            Self::NotFound => row(
                404,
                "not_found",
                "There is nothing at this address. Check it, or start from the first page.",
            ),
            Self::WrongMethod(_) => row(
                405,
                "method_not_allowed",
                "This address does not answer to that method.",
            ),
            Self::TooSlow => row(
                408,
                "too_slow",
                "The request took too long to arrive. Try again.",
            ),
            Self::TooLarge => row(
                413,
                "too_large",
                "That is more than this address takes. Send less.",
            ),
            Self::WrongMediaType(kinds) => Row {
                status: 415,
                code: "wrong_media_type",
                detail: format!("Send the body as {kinds}.").into(),
            },
            Self::Invalid(fields) => Row {
                status: 422,
                code: "invalid_fields",
                detail: match fields.as_slice() {
                    [one] => one.reason.clone(),
                    _ => "Some fields need another value.".into(),
                },
            },
            Self::Busy => row(
                503,
                "busy",
                "Many people are signing in right now. Try again in a few seconds.",
            ),
            Self::Unavailable => row(
                503,
                "unavailable",
                "The service cannot reach its records right now. Nothing was changed. Try again in a moment.",
            ),
            Self::Internal => row(
                500,
                "internal",
                "Something went wrong on our side. Try again; if it stays, tell the operator the reference.",
            ),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.row().status
    }

    /// The code that RFC 6749 section 5.2 has for it, on the token endpoint.
    pub fn oauth(&self) -> &'static str {
        match self {
            Self::UnsupportedGrant => "unsupported_grant_type",
            Self::WrongPassword | Self::InvalidGrant => "invalid_grant",
            Self::Busy | Self::Unavailable => "temporarily_unavailable",
            Self::Internal => "server_error",
            _ => "invalid_request",
        }
    }

    /// How many seconds to wait before trying again, where that helps.
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Busy => Some(3),
            Self::Unavailable => Some(5),
            _ => None,
        }
    }

    /// The challenge that every 401 carries (RFC 9110 section 15.5.2); an error code only where a token was sent
    /// (RFC 6750 section 3.1).
    pub fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::InvalidToken => Some(
                r#"Bearer error="invalid_token", error_description="The token is not valid, or no longer""#,
            ),
            _ if self.status() == 401 => Some("Bearer"),
            _ => None,
        }
    }

    /// What is wrong with a field, where that is what went wrong.
    pub fn reason(&self, field: &str) -> Option<&str> {
        match self {
            Self::Invalid(fields) => fields
                .iter()
                .find(|one| one.field == field)
                .map(|one| one.reason.as_ref()),
            _ => None,
        }
    }
}

impl From<crate::world::NoChance> for Error {
    /// Without random bytes nothing secret can be made: the service is at fault, not the caller.
    fn from(_: crate::world::NoChance) -> Self {
        Self::Internal
    }
}
