//! `/secure-data`: what only somebody signed in may see, as a page or as JSON.

use rocket::http::Status;
use rocket::{Either, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::guard::Caller;
use crate::view::{Answer, Face, Page};

/// The secured data.
#[derive(Serialize, ToSchema)]
pub struct SecureData {
    /// `Hello NAME, this is sensitive data!`
    message: String,
    /// `Authorized`.
    status: &'static str,
}

/// What only somebody signed in may see.
///
/// A browser, which prefers HTML, gets a page.
#[utoipa::path(
    get, path = "/secure-data", operation_id = "secure_data", tag = "secured", security(("password" = []), ("token" = [])),
    responses(
        (status = 200, description = "The data.", content((SecureData = "application/json"), (String = "text/html"))),
        (status = 303, description = "A browser without a token is led to the login page and back."),
        (status = 400, description = "The request breaks HTTP."),
        (status = 401, description = "No token, or none that is good."),
        (status = 503, description = "Which sessions have ended is not known right now.")
    )
)]
#[get("/secure-data")]
pub fn show(caller: Caller, face: Face) -> Either<Page, Answer<SecureData>> {
    let message = format!("Hello {}, this is sensitive data!", caller.username());
    let status = "Authorized";
    match face {
        Face::Page => Either::Left(
            Page::new("secure-data.html")
                .with("message", &message)
                .with("status", status),
        ),
        Face::Json => Either::Right(Answer(Status::Ok, SecureData { message, status })),
    }
}
