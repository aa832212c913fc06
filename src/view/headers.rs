//! The headers that every response of ours carries.

use rocket::Response;

/// What a page may load: our own script, style and images; it posts to us and stands in nobody's frame.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
                   base-uri 'none'; frame-ancestors 'none'";

/// The API page's program calls the API and draws small images of its own.
const DOCS_CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                        img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
                        frame-ancestors 'none'";

const PERMISSIONS: &str = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), \
                           browsing-topics=(), interest-cohort=()";

/// Two years: longer than the year that browsers' preload lists ask for.
const HSTS: &str = "max-age=63072000; includeSubDomains";

/// Puts the headers on a response. A policy of its own for content or caching stays.
pub fn dress(response: &mut Response<'_>, https: bool) {
    if !has(response, "Content-Security-Policy") {
        response.set_raw_header("Content-Security-Policy", CSP);
    }
    if !has(response, "Cache-Control") {
        response.set_raw_header("Cache-Control", "no-store");
    }
    // The same address may be answered with a page or with JSON.
    response.set_raw_header("Vary", "Accept");
    // No version, no name (ASVS v5.0.0-13.4.6), whatever the settings of the app around us are.
    if has(response, "Server") {
        response.remove_header("Server");
    }
    response.set_raw_header("X-Content-Type-Options", "nosniff");
    // Not no-referrer: Chromium then sends "Origin: null" with our own forms, and the check of origins fails.
    response.set_raw_header("Referrer-Policy", "same-origin");
    response.set_raw_header("Cross-Origin-Opener-Policy", "same-origin");
    response.set_raw_header("Cross-Origin-Resource-Policy", "same-origin");
    response.set_raw_header("Permissions-Policy", PERMISSIONS);
    if https {
        response.set_raw_header("Strict-Transport-Security", HSTS);
    }
}

/// Whether a header is there. Of the few that stand before these are put on, a look at each costs a tenth of what
/// hashing the name does.
fn has(response: &Response<'_>, name: &str) -> bool {
    response
        .headers()
        .iter()
        .any(|header| header.name() == name)
}

/// Widens the policy for the API page.
pub fn allow_docs(response: &mut Response<'_>) {
    response.set_raw_header("Content-Security-Policy", DOCS_CSP);
}
