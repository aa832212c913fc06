//! What answers when no handler did: unknown places, wrong methods, guards that refused, requests that break HTTP.

use rocket::http::{Method, Status};
use rocket::response::Responder;
use rocket::{Catcher, Request, Response, Route};

use super::Visitor;
use crate::error::Error;
use crate::log::{Log, RequestLine};
use crate::view::{self, Arrival, Face, Next, Site};

/// The one catcher. An app that attaches the stage may register it for its own paths too, so that strangers who reach
/// a guarded page of it are sent to the login page and back.
pub fn catchers() -> Vec<Catcher> {
    rocket::catchers![caught]
}

#[rocket::catch(default)]
async fn caught(status: Status, request: &Request<'_>) -> Caught {
    let left = Arrival::of(request)
        .refused()
        .filter(|error| error.status() == status.code);
    // So that the head of an error page shows who is signed in.
    let _ = request.guard::<Visitor>().await;
    Caught(left.unwrap_or_else(|| reason(status, request)))
}

struct Caught(Error);

impl<'r> Responder<'r, 'static> for Caught {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let drawn = || view::draw(request, &self.0);
        let led = to_login(request, &self.0).or_else(|| to_confirm(request, &self.0));
        let mut response = led.unwrap_or_else(drawn);
        // Rocket runs no fairing for a request whose method it does not know.
        if !Arrival::of(request).was_announced() {
            finish(request, &mut response);
        }
        Ok(response)
    }
}

/// The reason behind a status that Rocket itself came up with.
fn reason(status: Status, request: &Request<'_>) -> Error {
    match status.code {
        401 => Error::NeedsLogin,
        404 | 405 => match methods_at(request) {
            none if none.is_empty() => Error::NotFound,
            methods => Error::WrongMethod(methods),
        },
        408 => Error::TooSlow,
        413 => Error::TooLarge,
        503 => Error::Unavailable,
        400..=499 => Error::Malformed("The request could not be understood."),
        _ => Error::Internal,
    }
}

/// What this path answers to. Rocket says 404 for a wrong method on a known path; HTTP has 405 (RFC 9110 section
/// 15.5.6).
fn methods_at(request: &Request<'_>) -> Vec<Method> {
    let methods = known_at(request, request.uri().path().as_str());
    // The method that was asked for has failed already: a route of it that forwarded is no way in.
    if methods.contains(&request.method()) {
        Vec::new()
    } else {
        methods
    }
}

/// The methods of all routes at a path.
fn known_at(request: &Request<'_>, path: &str) -> Vec<Method> {
    let here = |route: &&Route| route.rank >= 0 || !route.uri.path().ends_with(REFUSED);
    let matching = request
        .rocket()
        .routes()
        .filter(here)
        .filter(|route| matches(route.uri.path(), path));
    let mut methods: Vec<Method> = matching.map(|route| route.method).collect();
    if methods.contains(&Method::Get) {
        methods.push(Method::Head);
    }
    methods.sort_by_key(|method| method.as_str());
    methods.dedup();
    methods
}

/// Whether a route's pattern covers a path, by its segments.
fn matches(pattern: &str, path: &str) -> bool {
    // To Rocket a trailing slash makes no difference.
    let trimmed = path
        .strip_suffix('/')
        .filter(|rest| !rest.is_empty() && !rest.ends_with('/'));
    let mut segments = trimmed.unwrap_or(path).split('/');
    for part in pattern.split('/') {
        if part.starts_with('<') && part.ends_with("..>") {
            return true;
        }
        match segments.next() {
            Some(segment) if segment == part || (part.starts_with('<') && !segment.is_empty()) => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

/// The way to the login page and back, for a stranger who asked for a page with GET.
fn to_login(request: &Request<'_>, error: &Error) -> Option<Response<'static>> {
    let with_header = request.headers().contains("Authorization");
    let stranger = *error == Error::NeedsLogin || (*error == Error::InvalidToken && !with_header);
    let page =
        Face::of(request) == Face::Page && matches!(request.method(), Method::Get | Method::Head);
    if !(stranger && page) {
        return None;
    }
    let site = request.rocket().state::<Site>()?;
    let next = Next::parse(&request.uri().to_string());
    view::See::ours(site, &format!("/login{}", Next::query(next.as_ref())))
        .respond_to(request)
        .ok()
}

/// The way to prove the password once more and back, for somebody signed in whose proof is too old. What they posted is
/// not sent again: they come back to the form, where there is one.
fn to_confirm(request: &Request<'_>, error: &Error) -> Option<Response<'static>> {
    let with_header = request.headers().contains("Authorization");
    if *error != Error::NeedsProof || with_header || Face::of(request) == Face::Json {
        return None;
    }
    let site = request.rocket().state::<Site>()?;
    let next = match request.method() {
        Method::Get | Method::Head => Next::parse(&request.uri().to_string()),
        _ => page_above(request).and_then(Next::parse),
    };
    view::See::ours(
        site,
        &format!("/account/confirm{}", Next::query(next.as_ref())),
    )
    .respond_to(request)
    .ok()
}

/// The page that a form stands on: at the path that it is sent to, or the nearest above.
fn page_above<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    let mut path = request.uri().path().as_str();
    while !known_at(request, path).contains(&Method::Get) {
        path = path.rsplit_once('/')?.0;
    }
    Some(path)
}

/// Where requests are led that must not reach a handler: see [`refused_routes`].
const REFUSED: &str = "/.refused";

/// Routes that refuse, one a method. A fairing cannot answer, so it leads a request here.
pub fn refused_routes() -> Vec<Route> {
    use Method::{Connect, Delete, Get, Head, Options, Patch, Post, Put, Trace};
    [Get, Put, Post, Delete, Options, Head, Trace, Connect, Patch]
        .map(|method| Route::ranked(-100, method, REFUSED, Refused))
        .to_vec()
}

/// Leads a request away from its handler, with the reason.
pub fn turn_away(request: &mut Request<'_>, base: &str, error: Error) {
    let arrival = Arrival::of(request);
    arrival.led_from(view::canonical(request.uri().path().as_str()).into_owned());
    if let Some(log) = request.rocket().state::<Log>() {
        log.event(
            "turned_away",
            &arrival.client,
            None,
            &[("reason", error.row().code)],
        );
    }
    arrival.refuse(error);
    if let Ok(uri) = rocket::http::uri::Origin::parse_owned(format!("{base}{REFUSED}")) {
        request.set_uri(uri);
    }
}

#[derive(Clone)]
struct Refused;

#[rocket::async_trait]
impl rocket::route::Handler for Refused {
    async fn handle<'r>(
        &self,
        request: &'r Request<'_>,
        _: rocket::Data<'r>,
    ) -> rocket::route::Outcome<'r> {
        let error = Arrival::of(request).refused();
        rocket::route::Outcome::Error(
            error.map_or(Status::NotFound, |error| Status::new(error.status())),
        )
    }
}

/// The last touch of every response of ours: its headers, and its line in the log.
pub fn finish(request: &Request<'_>, response: &mut Response<'_>) {
    let rocket = request.rocket();
    let (Some(site), Some(log)) = (rocket.state::<Site>(), rocket.state::<Log>()) else {
        return;
    };
    view::dress(response, site.https);
    let arrival = Arrival::of(request);
    log.request(&RequestLine {
        id: &arrival.client.request_id,
        client: arrival.client.address,
        // Of a method that Rocket does not know, it says GET.
        method: if arrival.was_announced() {
            request.method().as_str()
        } else {
            "-"
        },
        // Refused and unknown places have no pattern, and a path may hold a secret.
        route: request
            .route()
            .filter(|_| !arrival.was_led_away())
            .map_or("-", |route| route.uri.path()),
        status: response.status().code,
        took: arrival.at.elapsed(),
        account: arrival.shown().map(|shown| shown.account.as_str()),
    });
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_cover_paths_by_segments() {
        assert!(
            matches("/a/b", "/a/b")
                && matches("/a/<id>", "/a/x")
                && matches("/a/<rest..>", "/a/x/y")
        );
        assert!(
            matches("/a", "/a/")
                && !matches("/a/b", "/a")
                && !matches("/a", "/a/b")
                && !matches("/a/<id>", "/a/")
                && !matches("/a/<id>", "/a/x/y")
        );
        assert!(matches("/", "/") && !matches("/", "/a"));
    }
}
