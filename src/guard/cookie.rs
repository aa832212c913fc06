//! The cookies that carry the tokens in a browser.

use rocket::http::{Cookie, CookieJar, SameSite};
use rocket::time::Duration;
use rocket::{Request, Response};

use crate::sessions::Granted;
use crate::view::Site;

/// The two cookies of a session.
#[derive(Clone, Copy)]
enum Which {
    Access,
    Refresh,
}

/// Under https the prefix makes browsers refuse a cookie that another host or a plain connection planted
/// (RFC 6265bis section 4.1.3.2). On plain loopback browsers would refuse the prefix itself.
fn name(site: &Site, which: Which) -> &'static str {
    match (site.https, which) {
        (true, Which::Access) => "__Host-vestibule",
        (true, Which::Refresh) => "__Host-vestibule-refresh",
        (false, Which::Access) => "vestibule",
        (false, Which::Refresh) => "vestibule-refresh",
    }
}

fn cookie(site: &Site, which: Which, value: String, seconds: i64) -> Cookie<'static> {
    Cookie::build((name(site, which), value))
        .path("/")
        .secure(site.https)
        // Page scripts never see it.
        .http_only(true)
        // Not Strict: a link from a letter would arrive signed out.
        .same_site(SameSite::Lax)
        .max_age(Duration::seconds(seconds))
        .build()
}

fn value<'r>(request: &'r Request<'_>, which: Which) -> Option<&'r str> {
    let site = request.rocket().state::<Site>()?;
    let value = request.cookies().get(name(site, which)).map(Cookie::value);
    value.filter(|value| !value.is_empty())
}

/// The access token in this request's cookie.
pub(super) fn access<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    value(request, Which::Access)
}

/// The refresh token in this request's cookie.
pub(super) fn refresh<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    value(request, Which::Refresh)
}

fn held(site: &Site, granted: &Granted) -> [Cookie<'static>; 2] {
    let Granted {
        access,
        refresh,
        lasts,
    } = granted;
    [
        cookie(site, Which::Access, access.token.clone(), access.expires_in),
        cookie(site, Which::Refresh, refresh.clone(), *lasts),
    ]
}

/// Gives a browser its tokens. Replaces whatever it had.
pub fn hand_over(cookies: &CookieJar<'_>, site: &Site, granted: &Granted) {
    held(site, granted)
        .into_iter()
        .for_each(|cookie| cookies.add(cookie));
}

/// Takes the tokens away. Built like those that were set, since browsers keep a `__Host-` cookie when asked to drop it
/// without `Secure`.
pub fn forget(cookies: &CookieJar<'_>, site: &Site) {
    for which in [Which::Access, Which::Refresh] {
        cookies.add(cookie(site, which, String::new(), 0));
    }
}

/// Takes the tokens away from a browser that has some; a program that came as Bearer is sent no cookies.
pub fn forget_held(cookies: &CookieJar<'_>, site: &Site) {
    let held = |which| cookies.get(name(site, which)).is_some();
    if held(Which::Access) || held(Which::Refresh) {
        forget(cookies, site);
    }
}

/// What the guard found out about a browser's session and must tell it.
pub(super) enum Renewal {
    /// It goes on with these.
    Renewed(Granted),
    /// It is over.
    Over,
}

/// Writes a renewal onto the response, whatever came of the request: a cookie set in a guard would be dropped when a
/// later guard fails, and the browser would be left with a token that was used up. A handler that set or removed
/// cookies itself knows better.
pub fn hand_over_renewed(request: &Request<'_>, response: &mut Response<'_>) {
    let renewal = request.local_cache(|| None::<Renewal>);
    let (Some(renewal), Some(site)) = (renewal, request.rocket().state::<Site>()) else {
        return;
    };
    let ours = format!("{}=", name(site, Which::Access));
    if response
        .headers()
        .get("Set-Cookie")
        .any(|set| set.starts_with(&ours))
    {
        return;
    }
    // Whatever the app around us thinks of this response, a cache must not hand our cookies to somebody else.
    response.set_raw_header("Cache-Control", "no-store");
    let cookies = match renewal {
        Renewal::Renewed(granted) => held(site, granted),
        Renewal::Over => {
            [Which::Access, Which::Refresh].map(|which| cookie(site, which, String::new(), 0))
        }
    };
    for cookie in cookies {
        response.adjoin_header(&cookie);
    }
}
