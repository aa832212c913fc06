//! The cookies of a browser: two carry the tokens, one says who signed in there before, one for which letter it waits.

use std::convert::Infallible;

use rocket::http::{Cookie, CookieJar, SameSite};
use rocket::request::{FromRequest, Outcome};
use rocket::time::Duration;
use rocket::{Request, Response};

use super::Caller;
use crate::accounts::SignedIn;
use crate::sessions::Granted;
use crate::view::Site;

/// How long a browser is remembered, in seconds: a year, which browsers shorten as they like.
const YEAR: i64 = 365 * 86_400;

/// Our cookies: the two of a session, the one that outlives it, and the one of a letter that was asked for.
#[derive(Clone, Copy)]
enum Which {
    Access,
    Refresh,
    Device,
    Letter,
}

/// Under https the prefix makes browsers refuse a cookie that another host or a plain connection planted
/// (RFC 6265bis section 4.1.3.2). On plain loopback browsers would refuse the prefix itself.
fn name(https: bool, which: Which) -> &'static str {
    match (https, which) {
        (true, Which::Access) => "__Host-vestibule",
        (true, Which::Refresh) => "__Host-vestibule-refresh",
        (true, Which::Device) => "__Host-vestibule-device",
        (true, Which::Letter) => "__Host-vestibule-letter",
        (false, Which::Letter) => "vestibule-letter",
        (false, Which::Access) => "vestibule",
        (false, Which::Refresh) => "vestibule-refresh",
        (false, Which::Device) => "vestibule-device",
    }
}

fn cookie(https: bool, which: Which, value: String, seconds: i64) -> Cookie<'static> {
    Cookie::build((name(https, which), value))
        .path("/")
        .secure(https)
        // Page scripts never see it.
        .http_only(true)
        // Not Strict: a link from a letter would arrive signed out.
        .same_site(SameSite::Lax)
        .max_age(Duration::seconds(seconds))
        .build()
}

fn value<'r>(request: &'r Request<'_>, which: Which) -> Option<&'r str> {
    let site = request.rocket().state::<Site>()?;
    let value = request
        .cookies()
        .get(name(site.https, which))
        .map(Cookie::value);
    value.filter(|value| !value.is_empty())
}

/// A session's cookie as a browser gets it, without a token: for the operator.
pub fn example(https: bool) -> String {
    cookie(https, Which::Access, String::new(), 0).to_string()
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
        cookie(
            site.https,
            Which::Access,
            access.token.clone(),
            access.expires_in,
        ),
        cookie(site.https, Which::Refresh, refresh.clone(), *lasts),
    ]
}

/// Gives a browser its tokens, and what it is known by next time. Replaces whatever it had.
pub fn hand_over(cookies: &CookieJar<'_>, site: &Site, signed_in: SignedIn) {
    held(site, &signed_in.granted)
        .into_iter()
        .for_each(|cookie| cookies.add(cookie));
    if let Some(mark) = signed_in.device {
        remember_device(cookies, site, mark);
    }
}

/// Lets a browser show next time who signed in there.
pub fn remember_device(cookies: &CookieJar<'_>, site: &Site, mark: String) {
    cookies.add(cookie(site.https, Which::Device, mark, YEAR));
}

/// Gives whoever called the new tokens of their session, the way the old ones came: a browser gets cookies, which its
/// page scripts cannot see, and a program gets them back, to be answered with.
pub fn hand_back(
    cookies: &CookieJar<'_>,
    site: &Site,
    caller: &Caller,
    granted: Granted,
) -> Option<Granted> {
    if !caller.is_in_cookie() {
        return Some(granted);
    }
    for cookie in held(site, &granted) {
        cookies.add(cookie);
    }
    None
}

/// What a browser shows of who signed in there before, unchecked.
pub struct Device(pub Option<String>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Device {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        Outcome::Success(Self(value(request, Which::Device).map(str::to_owned)))
    }
}

/// The request for which this browser waits for a letter: the letter's code is good together with it alone.
pub struct Asked(pub Option<String>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Asked {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        Outcome::Success(Self(value(request, Which::Letter).map(str::to_owned)))
    }
}

/// Lets a browser wait for a letter.
pub fn remember_asked(cookies: &CookieJar<'_>, site: &Site, request: String, seconds: i64) {
    cookies.add(cookie(site.https, Which::Letter, request, seconds));
}

/// The letter was answered.
pub fn forget_asked(cookies: &CookieJar<'_>, site: &Site) {
    cookies.add(cookie(site.https, Which::Letter, String::new(), 0));
}

/// Takes the tokens away. Built like those that were set, since browsers keep a `__Host-` cookie when asked to drop it
/// without `Secure`.
pub fn forget(cookies: &CookieJar<'_>, site: &Site) {
    for which in [Which::Access, Which::Refresh] {
        cookies.add(cookie(site.https, which, String::new(), 0));
    }
}

/// Takes the tokens away from a browser that has some; a program that came as Bearer is sent no cookies.
pub fn forget_held(cookies: &CookieJar<'_>, site: &Site) {
    let held = |which| cookies.get(name(site.https, which)).is_some();
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
    let ours = format!("{}=", name(site.https, Which::Access));
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
            [Which::Access, Which::Refresh].map(|which| cookie(site.https, which, String::new(), 0))
        }
    };
    for cookie in cookies {
        response.adjoin_header(&cookie);
    }
}
