//! The faces of an error: a page for people, a problem (RFC 9457) for programs.

use std::io::Cursor;

use rocket::Request;
use rocket::http::{ContentType, Header, Status};
use rocket::response::{Responder, Response, Result};
use serde::Serialize;

use super::{Arrival, Face, Page, Site};
use crate::error::{Error, FieldError};

/// The body of `application/problem+json`, with RFC 6749's members where the token endpoint answers.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Problem<'a> {
    /// `about:blank`: the status says what kind of problem it is, `code` which one.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What happened and what to do next, for people.
    detail: &'a str,
    /// Which problem it is, for programs.
    code: &'static str,
    /// Under which id the operator's log tells of it.
    request_id: &'a str,
    /// One reason a field.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<FieldError>, min_items = 1)]
    errors: &'a [FieldError],
    /// RFC 6749 section 5.2, on the token endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<&'static str>,
    /// The same as `detail`, on the token endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error_description: Option<&'a str>,
}

/// Draws an error for this request.
pub fn draw(request: &Request<'_>, error: &Error) -> Response<'static> {
    let mut response = match Face::of(request) {
        Face::Page => page(request, error).unwrap_or_else(|| problem(request, error)),
        Face::Json => problem(request, error),
    };
    mark(&mut response, error);
    response
}

/// Gives a response an error's status and the headers that go with it.
pub(super) fn mark(response: &mut Response<'_>, error: &Error) {
    response.set_status(Status::new(error.status()));
    response.set_raw_header("Cache-Control", "no-store");
    if let Some(challenge) = error.challenge() {
        response.set_raw_header("WWW-Authenticate", challenge);
    }
    if let Some(seconds) = error.retry_after() {
        response.set_header(Header::new("Retry-After", seconds.to_string()));
    }
    if let Error::WrongMethod(methods) = error {
        let allow: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
        response.set_header(Header::new("Allow", allow.join(", ")));
    }
}

fn page(request: &Request<'_>, error: &Error) -> Option<Response<'static>> {
    let row = error.row();
    Page::new("error.html")
        .with("status", &row.status)
        .with("title", title(row.status))
        .with("detail", &row.detail)
        .with("request_id", &Arrival::of(request).client.request_id)
        .respond_to(request)
        .ok()
}

fn problem(request: &Request<'_>, error: &Error) -> Response<'static> {
    let row = error.row();
    let site = request.rocket().state::<Site>();
    let inside = site.map(|site| site.inside(Arrival::of(request).path(request)));
    let oauth = inside.is_some_and(|path| path.trim_end_matches('/') == "/auth/token");
    let problem = Problem {
        kind: "about:blank",
        title: title(row.status),
        status: row.status,
        detail: &row.detail,
        code: row.code,
        request_id: &Arrival::of(request).client.request_id,
        errors: if let Error::Invalid(fields) = error {
            fields
        } else {
            &[]
        },
        error: oauth.then(|| error.oauth()),
        error_description: oauth.then_some(&*row.detail),
    };
    // A struct of texts and numbers cannot fail to be written.
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    Response::build()
        .header(ContentType::new("application", "problem+json"))
        .sized_body(body.len(), Cursor::new(body))
        .finalize()
}

fn title(status: u16) -> &'static str {
    Status::new(status).reason().unwrap_or("Error")
}

impl<'r> Responder<'r, 'static> for Error {
    fn respond_to(self, request: &'r Request<'_>) -> Result<'static> {
        Ok(draw(request, &self))
    }
}
