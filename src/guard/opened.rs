//! Whether a page was opened as a page.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::refuse;
use crate::error::Error;

/// Opened as a page, not loaded into another as an image or a frame (W3C Fetch Metadata, `Sec-Fetch-Dest`). Every page
/// that counts wrong links against a network asks for it: or another site's images would spend what its visitors have.
pub struct Opened(());

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Opened {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
        // Programs and old browsers send none.
        let mut places = request.headers().get("Sec-Fetch-Dest");
        if places.all(|place| place == "document") {
            Outcome::Success(Self(()))
        } else {
            refuse(request, Error::CrossSite)
        }
    }
}
