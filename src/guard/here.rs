//! Whether a request that changes something was sent by this site, or by a program, and not by another site.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::refuse;
use crate::error::Error;
use crate::log::Log;
use crate::view::{Arrival, Face, Site};

/// Not sent by another site. Every route that changes something asks for it, here or through `Posted`.
pub struct Here(());

/// Checks what browsers say about where a request comes from, and pages cannot forge: `Sec-Fetch-Site` (W3C Fetch
/// Metadata) and `Origin` (RFC 6454). Both must fit where both are sent.
///
/// # Errors
/// [`Error::CrossSite`]; also for a page's request with neither, since every browser in use sends one.
pub(super) fn check(request: &Request<'_>) -> Result<(), Error> {
    let checked = came_from_here(request);
    if checked.is_err()
        && let Some(log) = request.rocket().state::<Log>()
    {
        log.event(
            "cross_site_refused",
            &Arrival::of(request).client,
            None,
            &[],
        );
    }
    checked
}

fn came_from_here(request: &Request<'_>) -> Result<(), Error> {
    let site = request.rocket().state::<Site>().ok_or(Error::Internal)?;
    let fetch_sites: Vec<&str> = request.headers().get("Sec-Fetch-Site").collect();
    let origins: Vec<&str> = request.headers().get("Origin").collect();
    // "none" is a person's own doing, such as a reload; another site cannot cause it.
    let fetch_fits = fetch_sites
        .iter()
        .all(|value| matches!(*value, "same-origin" | "none"));
    let origin_fits = origins
        .iter()
        .all(|origin| is_our_origin(request, site, origin));
    let silent = fetch_sites.is_empty() && origins.is_empty();
    let program = Face::of(request) == Face::Json && is_for_programs(request, site);
    if fetch_fits && origin_fits && (program || !silent) {
        Ok(())
    } else {
        Err(Error::CrossSite)
    }
}

/// Only the API is for programs, and only programs send neither header.
fn is_for_programs(request: &Request<'_>, site: &Site) -> bool {
    site.inside(request.uri().path().as_str())
        .starts_with("/auth/")
}

fn is_our_origin(request: &Request<'_>, site: &Site, origin: &str) -> bool {
    match &site.public {
        Some(public) => origin == public.to_string(),
        // The Host header was checked to name this machine, so it may say the port that a tunnel leads through.
        None => {
            let scheme = if site.https { "https" } else { "http" };
            let host = request.headers().get_one("Host");
            host.is_some_and(|host| origin == format!("{scheme}://{host}"))
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Here {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
        match check(request) {
            Ok(()) => Outcome::Success(Self(())),
            Err(error) => refuse(request, error),
        }
    }
}
