//! Requests, generated: methods, paths, headers, cookies and bodies that mean something, and others.

use proptest::prelude::*;
use proptest::sample::select;
use rocket::http::Method;

use crate::fields::values;
use crate::house::PASSWORD;
use crate::scene::{Call, FORM, JSON};
use crate::woven;

const METHODS: [Method; 9] = [
    Method::Get,
    Method::Put,
    Method::Post,
    Method::Delete,
    Method::Options,
    Method::Head,
    Method::Trace,
    Method::Connect,
    Method::Patch,
];

const SEGMENTS: &[&str] = &[
    "a",
    "..",
    ".",
    "%2e%2e",
    "%2f",
    "%5c",
    "%00",
    "%ff",
    "vestibule.css",
    "swagger-ui.css",
    "login",
    "end-others",
    "aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "'--",
    "*",
    ";",
    "@",
    ":",
    "~",
    "%F0%9F%94%91",
];

/// What stands in a path that reaches us: visible ASCII.
fn segment() -> impl Strategy<Value = String> {
    let text = prop_oneof![3 => woven(SEGMENTS), 1 => "[!-~]{0,12}", 1 => "[a-z2-7]{26}"];
    text.prop_map(|text| {
        let apart = |c: &char| c.is_ascii_graphic() && !"/?#\"<>\\^`{|}[]".contains(*c);
        text.chars().filter(apart).collect()
    })
}

fn query() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "next=",
        "username=",
        "password=",
        "access_token=",
        "_method=DELETE",
        "&",
        "=",
        "%2F",
        "%ff",
        "//evil.example",
        "/secure-data",
        "+",
        "%00",
        "v=1",
        "/",
    ];
    woven(PIECES).prop_map(|text| {
        text.chars()
            .filter(|c| c.is_ascii_graphic() && !"#\"<>\\^`{|}[]".contains(*c))
            .collect()
    })
}

fn path(patterns: Vec<(Method, String)>) -> impl Strategy<Value = (Method, String)> {
    let known = (select(patterns), segment(), segment(), 0..8_u8);
    let known = known.prop_map(|((method, pattern), one, other, spelling)| {
        let parts = pattern
            .split('/')
            .map(|part| if part.starts_with('<') { &*one } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        match spelling {
            0 => (method, format!("{path}/{other}")),
            1 => (method, format!("{path}/")),
            2 => (method, format!("/{path}")),
            _ => (method, path),
        }
    });
    let known = known.boxed();
    let segments = prop::collection::vec(segment(), 0..4);
    let unknown = (select(METHODS.to_vec()), segments)
        .prop_map(|(method, parts)| (method, format!("/{}", parts.join("/"))));
    let mixed =
        (known.clone(), select(METHODS.to_vec())).prop_map(|((_, path), method)| (method, path));
    let place = prop_oneof![6 => known, 1 => unknown, 1 => mixed];
    let asked = (place, prop::option::weighted(0.3, query()));
    asked.prop_map(|((method, path), query)| match query {
        Some(query) => (method, format!("{path}?{query}")),
        None => (method, path),
    })
}

const NAMES: &[&str] = &[
    "Accept",
    "Accept-Language",
    "Authorization",
    "Content-Type",
    "Content-Length",
    "Host",
    "Origin",
    "Sec-Fetch-Site",
    "Sec-Fetch-Mode",
    "X-Forwarded-For",
    "X-Real-IP",
    "X-Forwarded-Proto",
    "X-HTTP-Method-Override",
    "If-None-Match",
    "If-Modified-Since",
    "User-Agent",
    "Referer",
    "Range",
    "Expect",
    "Transfer-Encoding",
    "Cookie",
    "Upgrade",
];

const PIECES: &[&str] = &[
    "text/html",
    "application/json",
    "application/problem+json",
    "*/*",
    ";q=0",
    ";q=0.5",
    ";q=nan",
    ",",
    ", ",
    ";",
    "=",
    "Bearer ",
    "bearer",
    "Basic YTpi",
    "a.b.c",
    "eyJhbGciOiJub25lIn0.e30.",
    "localhost",
    "localhost:8000",
    "evil.example",
    "[::1]",
    "http://localhost",
    "null",
    "same-origin",
    "cross-site",
    "none",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "; charset=utf-16",
    "\"",
    "192.0.2.1",
    "W/\"x\"",
    "*",
    "bytes=0-1",
    "100-continue",
    "\t",
];

/// A header's value as the parser lets it through: no control characters but the tab.
pub fn header_value() -> impl Strategy<Value = String> {
    prop_oneof![3 => woven(PIECES), 1 => any::<String>()].prop_map(|text| {
        let text: String = text
            .chars()
            .filter(|c| !c.is_control() || *c == '\t')
            .collect();
        text.trim().to_owned()
    })
}

fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
    let name =
        prop_oneof![6 => select(NAMES).prop_map(str::to_owned), 1 => "[A-Za-z][A-Za-z-]{0,15}"];
    prop::collection::vec((name, header_value()), 0..5)
}

const COOKIES: &[&str] = &[
    "vestibule",
    "vestibule-refresh",
    "vestibule-device",
    "vestibule-letter",
    "__Host-vestibule",
];

const CRUMBS: &[&str] = &[
    "vestibule_rt_",
    "aaaaaaaaaaaaaaaaaaaaaaaaaa",
    ".",
    "1",
    ".AAAA",
    "%00",
    "%ff",
    "%",
    "\"",
    "e30",
    ";",
];

fn cookies() -> impl Strategy<Value = Vec<(String, String)>> {
    let known = select(COOKIES).prop_map(str::to_owned);
    let name = prop_oneof![3 => known, 1 => "[!-~]{1,8}"];
    let value = prop_oneof![woven(CRUMBS), "[!-~]{0,30}"];
    prop::collection::vec((name, value), 0..3)
}

const FIELDS: &[&str] = &[
    "username",
    "password",
    "email",
    "next",
    "grant_type",
    "refresh_token",
    "code",
    "request",
    "secret",
    "invite",
    "current_password",
    "new_password",
    "_method",
    "more",
    "",
];

const VALUES: &[&str] = &[
    "ana",
    "ana@example.org",
    PASSWORD,
    "refresh_token",
    "password",
    "/account",
    "//evil.example",
    "<script>",
    "\0",
    "'",
];

fn field_value() -> impl Strategy<Value = String> {
    prop_oneof![4 => woven(VALUES), 1 => any::<String>()]
}

/// What a form that works is made of.
const PAIRS: &[(&str, &str)] = &[
    ("username", "ana"),
    ("username", "ana@example.org"),
    ("username", "bob"),
    ("email", "bob@example.org"),
    ("password", PASSWORD),
    ("password", PASSWORD),
    ("next", "/secure-data"),
    ("grant_type", "password"),
];

fn body() -> impl Strategy<Value = (Option<&'static str>, Vec<u8>)> {
    let good = select(PAIRS).prop_map(|(name, value)| (name, value.to_owned()));
    let field = prop_oneof![3 => good, 1 => (select(FIELDS), field_value())];
    let fields = (
        prop::collection::vec(field, 0..6),
        prop::bool::weighted(0.7),
    );
    let fields = fields.prop_map(|(mut fields, once)| {
        let mut seen = std::collections::HashSet::new();
        fields.retain(|(name, _)| seen.insert(*name) || !once);
        fields
    });
    let fields = fields.boxed();
    let form = fields.clone().prop_map(|fields| {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        (Some(FORM), form.extend_pairs(fields).finish().into_bytes())
    });
    let object = fields.prop_map(|fields| {
        let members = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()));
        let object = serde_json::Value::Object(members.collect());
        (Some(JSON), object.to_string().into_bytes())
    });
    let odd = (select(FIELDS), values()).prop_map(|(name, value)| {
        let object = serde_json::json!({ name: value });
        (Some(JSON), object.to_string().into_bytes())
    });
    let kinds = select(&[Some(JSON), Some(FORM), Some("text/plain"), None][..]);
    let bytes = (kinds, prop::collection::vec(any::<u8>(), 0..60));
    prop_oneof![2 => Just((None, Vec::new())), 4 => form, 3 => object, 1 => odd, 1 => bytes]
}

/// Requests at these routes and elsewhere, half of them to be sent by somebody signed in.
pub fn calls(patterns: Vec<(Method, String)>) -> impl Strategy<Value = (Call, bool)> {
    let place = path(patterns);
    let from_here = prop::bool::weighted(0.8);
    let parts = (place, headers(), cookies(), body(), from_here);
    let call = parts.prop_map(|((method, path), headers, cookies, body, from_here)| {
        let mut call = Call::new(method, &path);
        // A generated Host would stand beside ours, and two are refused without a look.
        if headers.iter().any(|(name, _)| name == "Host") {
            call.headers.clear();
        }
        if from_here {
            call = call.header("Origin", "http://localhost");
        }
        if let Some(kind) = body.0 {
            call = call.header("Content-Type", kind);
        }
        call.headers.extend(headers);
        call.cookies = cookies;
        call.body = body.1;
        call
    });
    (call, any::<bool>())
}
