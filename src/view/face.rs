//! Whether a request wants a page or JSON.

use std::convert::Infallible;

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::{Arrival, Site};

/// What a request wants to be answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// HTML, for people.
    Page,
    /// JSON, for programs.
    Json,
}

/// Places that only programs ask: always JSON, whatever `Accept` says.
const FOR_PROGRAMS: &[&str] = &["/auth", "/openapi.json", "/health", "/.well-known"];

impl Face {
    /// A page for whoever names HTML and likes it at least as much as JSON; JSON for everyone else, so that curl's
    /// `*/*` is a program.
    pub fn of(request: &Request<'_>) -> Self {
        let path = Arrival::of(request).path(request);
        let inside = request
            .rocket()
            .state::<Site>()
            .map_or(path, |site| site.inside(path));
        let for_programs = |place: &str| {
            inside
                .strip_prefix(place)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if FOR_PROGRAMS.iter().any(|place| for_programs(place)) {
            return Self::Json;
        }
        // Most programs do not name HTML, and taking the header apart costs more than all of the guard.
        let named = request.headers().get_one("Accept").is_some_and(names_html);
        let Some(accept) = named.then(|| request.accept()).flatten() else {
            return Self::Json;
        };
        let weight = |wanted: fn(&rocket::http::MediaType) -> bool| {
            accept
                .iter()
                .filter(|media| wanted(media.media_type()))
                .map(|media| media.weight_or(1.0))
                .fold(0.0, f32::max)
        };
        let html = weight(|media| media.is_html() || media.is_xhtml());
        let json = weight(|media| media.is_json());
        if html > 0.0 && html >= json {
            Self::Page
        } else {
            Self::Json
        }
    }
}

/// Whether HTML or XHTML can be among the types.
fn names_html(accept: &str) -> bool {
    accept
        .as_bytes()
        .windows(4)
        .any(|four| four.eq_ignore_ascii_case(b"html"))
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Face {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        Outcome::Success(Self::of(request))
    }
}
