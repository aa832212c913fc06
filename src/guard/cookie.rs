//! The cookie that carries the access token in a browser.

use rocket::Request;
use rocket::http::{Cookie, CookieJar, SameSite};
use rocket::time::Duration;

use crate::tokens::Minted;
use crate::view::Site;

/// Under https the prefix makes browsers refuse a cookie that another host or a plain connection planted
/// (RFC 6265bis section 4.1.3.2). On plain loopback browsers would refuse the prefix itself.
fn name(site: &Site) -> &'static str {
    if site.https {
        "__Host-vestibule"
    } else {
        "vestibule"
    }
}

fn cookie(site: &Site, value: String, seconds: i64) -> Cookie<'static> {
    Cookie::build((name(site), value))
        .path("/")
        .secure(site.https)
        // Page scripts never see it.
        .http_only(true)
        // Not Strict: a link from a letter would arrive signed out.
        .same_site(SameSite::Lax)
        .max_age(Duration::seconds(seconds))
        .build()
}

/// The token in this request's cookie.
pub(super) fn token<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    let site = request.rocket().state::<Site>()?;
    request.cookies().get(name(site)).map(Cookie::value)
}

/// Gives a browser its token. Replaces whatever it had.
pub fn hand_over(cookies: &CookieJar<'_>, site: &Site, access: &Minted) {
    cookies.add(cookie(site, access.token.clone(), access.expires_in));
}

/// Takes the token away. Built like the one that was set, since browsers keep a `__Host-` cookie when asked to drop it
/// without `Secure`.
pub fn forget(cookies: &CookieJar<'_>, site: &Site) {
    cookies.add(cookie(site, String::new(), 0));
}
