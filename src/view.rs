//! How anything becomes a response: pages, JSON, errors, redirects, static files, and the headers on all of them.

mod assets;
mod face;
mod headers;
mod page;
mod problem;
mod site;

pub use assets::{Assets, Static, swagger_file};
pub use face::Face;
pub use headers::{allow_docs, dress};
pub use page::Page;
pub use problem::{Problem, draw};
pub use site::{Arrival, Shown, Site, canonical};

use std::io::Cursor;

use rocket::Request;
use rocket::http::{Header, Status};
use rocket::response::{Responder, Response, Result};
use serde::Serialize;

/// A JSON answer. Never stored on the way (RFC 6749 section 5.1).
pub struct Answer<T>(pub Status, pub T);

impl<'r, T: Serialize> Responder<'r, 'static> for Answer<T> {
    fn respond_to(self, _: &'r Request<'_>) -> Result<'static> {
        let body = serde_json::to_vec(&self.1).map_err(|_| Status::InternalServerError)?;
        Ok(Response::build()
            .status(self.0)
            // As it is written, since Rocket would put its type together anew each time.
            .raw_header("Content-Type", "application/json")
            .raw_header("Cache-Control", "no-store")
            .sized_body(body.len(), Cursor::new(body))
            .finalize())
    }
}

/// JSON to be kept as a file of this name.
pub struct Download<T>(pub &'static str, pub T);

impl<'r, T: Serialize> Responder<'r, 'static> for Download<T> {
    fn respond_to(self, request: &'r Request<'_>) -> Result<'static> {
        let mut response = Answer(Status::Ok, self.1).respond_to(request)?;
        let name = format!("attachment; filename=\"{}\"", self.0);
        response.set_raw_header("Content-Disposition", name);
        Ok(response)
    }
}

/// A redirect to a path of this service, to be fetched with GET (RFC 9110 section 15.4.4).
pub struct See(String);

impl See {
    /// To a path of ours, below the mount base.
    pub fn ours(site: &Site, path: &str) -> Self {
        Self(format!("{}{path}", site.base))
    }

    /// To a path that was remembered for the caller.
    pub fn next(site: &Site, next: Option<&crate::view::Next>) -> Self {
        next.map_or_else(|| Self::ours(site, "/account"), |next| Self(next.0.clone()))
    }
}

impl<'r> Responder<'r, 'static> for See {
    fn respond_to(self, _: &'r Request<'_>) -> Result<'static> {
        Ok(Response::build()
            .status(Status::SeeOther)
            .header(Header::new("Location", self.0))
            .raw_header("Cache-Control", "no-store")
            .finalize())
    }
}

/// Where somebody goes after signing in: a path of this site and nothing else, or anyone could send people through
/// our login to a page that looks like it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next(String);

impl Next {
    /// `None` for anything but a plain absolute path.
    pub fn parse(text: &str) -> Option<Self> {
        // "//host" and "/\host" are other sites to a browser; so is a path with a tab or a line break in front,
        // since browsers drop those before they look.
        let path = text.starts_with('/') && !text[1..].starts_with(['/', '\\']);
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        (path && plain && text.len() <= 1024).then(|| Self(text.to_owned()))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `?next=…` for a link to a form that carries it on.
    pub fn query(next: Option<&Self>) -> String {
        let encode = |next: &Self| {
            url::form_urlencoded::byte_serialize(next.0.as_bytes()).collect::<String>()
        };
        next.map_or_else(String::new, |next| format!("?next={}", encode(next)))
    }
}

#[cfg(test)]
mod tests {
    use super::Next;

    #[test]
    fn next_is_a_path_of_this_site() {
        for good in ["/", "/secure-data", "/a/b?c=d&e=%2F#f", "/a//b"] {
            assert_eq!(Next::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "a",
            "//evil.example",
            "/\\evil.example",
            "\\/evil",
            "https://evil.example",
            "/\t/evil.example",
            "/\n/evil",
            " /a",
            "/a b",
            "/\u{0}",
            "/é",
            "javascript:alert(1)",
            "/a\\b",
            "/a\r\nSet-Cookie: x",
        ] {
            assert_eq!(Next::parse(bad), None, "{bad:?}");
        }
        assert_eq!(
            Next::query(Next::parse("/a?b=c&d").as_ref()),
            "?next=%2Fa%3Fb%3Dc%26d"
        );
    }
}
