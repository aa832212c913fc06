//! `/.well-known/jwks.json`: the keys with which anyone verifies our tokens.

use std::io::Cursor;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use rocket::http::{ContentType, Header, Status};
use rocket::response::{Responder, Response, Result};
use rocket::{Request, State, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::sessions::Sessions;

/// How long verifiers may keep the keys, in seconds. Well below the day for which a key is published before it signs.
const KEEP: u32 = 300;

/// A set of public keys (RFC 7517 section 5).
#[derive(Serialize, ToSchema)]
pub struct KeySet {
    /// JWKs. Keys of HS256 are secret and not among them.
    #[schema(value_type = Vec<Object>)]
    keys: Vec<serde_json::Value>,
}

/// The set as a response that caches may keep and ask about.
pub struct Published(String);

/// The public keys of our tokens: the one that signs, the next one, which is published a day before it signs, and
/// those whose last tokens have not expired yet.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "jwks", tag = "tokens",
    responses(
        (status = 200, description = "The keys.", body = KeySet, content_type = "application/jwk-set+json",
            headers(("ETag" = String, description = "Changes when the keys do."), ("Cache-Control" = String, description = "How long they may be kept."))),
        (status = 304, description = "They are the ones that you have."),
        (status = 400, description = "The request breaks HTTP.")
    )
)]
#[get("/.well-known/jwks.json")]
pub fn show(sessions: &State<Arc<Sessions>>) -> Published {
    Published(sessions.jwks().to_string())
}

impl<'r> Responder<'r, 'static> for Published {
    fn respond_to(self, request: &'r Request<'_>) -> Result<'static> {
        let tag = format!(
            "\"{}\"",
            &HEXLOWER.encode(digest(&SHA256, self.0.as_bytes()).as_ref())[..32]
        );
        let mut response = Response::build();
        response.header(Header::new("ETag", tag.clone()));
        response.header(Header::new(
            "Cache-Control",
            format!("public, max-age={KEEP}"),
        ));
        if request
            .headers()
            .get("If-None-Match")
            .flat_map(|tags| tags.split(','))
            .any(|one| is_same(one, &tag))
        {
            return Ok(response.status(Status::NotModified).finalize());
        }
        response.header(ContentType::new("application", "jwk-set+json"));
        Ok(response
            .sized_body(self.0.len(), Cursor::new(self.0))
            .finalize())
    }
}

/// Compared weakly, as `If-None-Match` wants (RFC 9110 section 13.1.2).
fn is_same(asked: &str, tag: &str) -> bool {
    let asked = asked.trim();
    asked == "*" || asked.strip_prefix("W/").unwrap_or(asked) == tag
}
