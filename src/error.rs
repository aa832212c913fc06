//! What can go wrong, and the one table of how that is said.
//!
//! A variant is a *reason*; [`Error::row`] gives each its status, code and words, and nothing compiles until a new
//! reason has all three. How a row is drawn, as a page or as a problem (RFC 9457), is decided in `view`.

use std::borrow::Cow;

use serde::Serialize;

use crate::throttle::{Limit, Wait};

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
    /// Nobody may make an account here.
    RegistrationClosed,
    /// Only those with an invitation may make an account here.
    NeedsInvite,
    /// An invitation that is none, or is used up, over or taken back.
    InvalidInvite,
    /// A guarded place, and nothing that says who is calling.
    NeedsLogin,
    /// A token that is not, or no longer, good.
    InvalidToken,
    /// A sensitive step, and the password was proven too long ago.
    NeedsProof,
    /// The name and the password do not belong together.
    WrongPassword,
    /// The link or the code of a letter is not, or no longer, good.
    LetterOver,
    /// The password is right, and the address is not confirmed yet.
    Unconfirmed,
    /// A request that changes something, sent from another site.
    CrossSite,
    /// Somebody signed in asks for what only administrators may.
    NotAllowed,
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
    /// A budget is spent. Holds which, and until when.
    TooMany(Wait),
    /// Too many passwords are waiting to be hashed.
    Busy,
    /// The database does not answer, or cannot write.
    Unavailable,
    /// Our fault.
    Internal,
}

/// What is wrong with one field, in words for the person who filled it in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// The field's name in the form or body.
    #[schema(value_type = String)]
    pub field: Cow<'static, str>,
    /// A sentence that says what to do.
    #[schema(value_type = String)]
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
            Self::RegistrationClosed => row(
                403,
                "registration_closed",
                "Registration is closed here. Ask whoever runs this service for an account.",
            ),
            Self::NeedsInvite => row(
                403,
                "invitation_required",
                "Registration is by invitation here. Open the link you were sent, or enter its code.",
            ),
            Self::InvalidInvite => row(
                403,
                "invitation_refused",
                "This invitation is not valid, or no longer. Check the code, or ask for a new one.",
            ),
            Self::NeedsLogin => row(401, "login_required", "Sign in to go on."),
            Self::InvalidToken => row(
                401,
                "invalid_token",
                "This token is not valid, or no longer. Sign in again.",
            ),
            Self::NeedsProof => row(
                401,
                "insufficient_user_authentication",
                "Your password was proven too long ago for this. Confirm it at /auth/confirm, then try again.",
            ),
            Self::WrongPassword => row(401, "wrong_password", "Incorrect username or password"),
            Self::LetterOver => row(
                400,
                "letter_over",
                "This link or code is not good, or no longer. Check it, or ask for a new letter.",
            ),
            Self::Unconfirmed => row(
                403,
                "address_not_confirmed",
                "Confirm your email address first: open the link in our letter. If you have none, ask for one, or for a new password.",
            ),
            Self::CrossSite => row(
                403,
                "cross_site",
                "This came from another site. Open the page here and try again.",
            ),
            Self::NotAllowed => row(
                403,
                "not_allowed",
                "This is for administrators. Ask one of them, or sign in with another account.",
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
            Self::TooMany(wait) => Row {
                status: 429,
                code: match wait.limit {
                    Limit::Registrations => "too_many_registrations",
                    Limit::AccountSignIns | Limit::NetworkSignIns => "too_many_sign_ins",
                    Limit::Letters => "too_many_letters",
                    _ => "too_many_attempts",
                },
                detail: format!("{} Try again in {}.", too_many(wait.limit), wait.words()).into(),
            },
            Self::Busy => row(
                503,
                "busy",
                "Many people are signing in right now. Try again in a few seconds.",
            ),
            Self::Unavailable => row(
                503,
                "unavailable",
                // It may have happened all the same: an answer of the database can be lost after the deed.
                "The service cannot reach its records right now. Try again in a moment.",
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
            Self::WrongPassword | Self::InvalidGrant | Self::Unconfirmed => "invalid_grant",
            Self::TooMany(_) | Self::Busy | Self::Unavailable => "temporarily_unavailable",
            Self::Internal => "server_error",
            _ => "invalid_request",
        }
    }

    /// How many seconds to wait before trying again, where that helps.
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::TooMany(wait) => Some(wait.seconds),
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
            // RFC 9470 section 3, in the seconds of `sessions::proof::RECENT`.
            Self::NeedsProof => Some(
                r#"Bearer error="insufficient_user_authentication", error_description="The password was proven too long ago", max_age="600""#,
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

/// What there was too much of. A stranger must not learn from the words whether this name is known from here.
fn too_many(limit: Limit) -> &'static str {
    match limit {
        Limit::Name | Limit::Known => "Too many wrong passwords for this name.",
        Limit::Address | Limit::Network => "Too many failed attempts from your network.",
        Limit::Share => "Too many sign-ins from your network are under way.",
        Limit::AccountSignIns => "Too many sign-ins with this name.",
        Limit::NetworkSignIns => "Too many sign-ins from your network.",
        Limit::Registrations => "Too many new accounts from your network.",
        Limit::Letters => "Too many letters were asked for.",
    }
}

impl From<Wait> for Error {
    fn from(wait: Wait) -> Self {
        Self::TooMany(wait)
    }
}

impl From<crate::world::NoChance> for Error {
    /// Without random bytes nothing secret can be made: the service is at fault, not the caller.
    fn from(_: crate::world::NoChance) -> Self {
        Self::Internal
    }
}
