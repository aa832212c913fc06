//! `/forgot` and `/reset`: a new password for whoever forgot theirs.

use rocket::http::CookieJar;
use rocket::{Either, State, get, post};
use serde_json::json;
use zeroize::Zeroizing;

use super::verify::Ask;
use crate::accounts::letters::Purpose;
use crate::accounts::{Accounts, Door, Proof};
use crate::client::Client;
use crate::error::Error;
use crate::guard::{self, Asked, Body, Device, Fields, Kinds, Opened, Posted, Visitor};
use crate::view::{Page, See, Site};

/// The form with the code and the new password.
pub struct Reset {
    code: String,
    password: Zeroizing<String>,
}

impl Body for Reset {
    const KINDS: Kinds = Kinds::Form;

    fn read(fields: &mut Fields) -> Self {
        Self {
            code: fields.text("code"),
            password: fields.secret("password"),
        }
    }
}

/// The form behind a link.
pub struct NewPassword {
    password: Zeroizing<String>,
}

impl Body for NewPassword {
    const KINDS: Kinds = Kinds::Form;

    fn read(fields: &mut Fields) -> Self {
        Self {
            password: fields.secret("password"),
        }
    }
}

fn asking(email: &str) -> Page {
    Page::new("forgot.html")
        .with("form", &json!({ "email": email }))
        .with("errors", &json!({ "email": null }))
        .with("problem", &None::<&str>)
        .with("retry", &None::<&str>)
}

/// `secret` is that of the link; empty where the code is asked for.
fn setting(secret: &str, code: &str) -> Page {
    Page::new("reset.html")
        .with("secret", secret)
        .with("form", &json!({ "code": code }))
        .with("errors", &json!({ "password": null }))
        .with("problem", &None::<&str>)
        .with("retry", &None::<&str>)
}

fn refused(error: &Error, page: Page) -> Page {
    super::refused(error, page, &["email", "password"])
}

#[get("/forgot")]
pub fn ask(_visitor: Visitor) -> Page {
    asking("")
}

#[post("/forgot", data = "<form>")]
pub async fn send(
    form: Posted<Ask>,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Page> {
    let email = form.0.email;
    match accounts.ask_to_reset(&email, client).await {
        Ok(request) => {
            guard::remember_asked(cookies, site, request, accounts.code_life());
            Ok(See::ours(site, "/reset"))
        }
        Err(error) => Err(refused(&error, asking(&email))),
    }
}

#[get("/reset")]
pub fn show(asked: Asked, _visitor: Visitor, site: &State<Site>) -> Either<Page, See> {
    match asked.0 {
        Some(_) => Either::Left(setting("", "")),
        // The code is good in the browser that asked for it.
        None => Either::Right(See::ours(site, "/forgot")),
    }
}

#[post("/reset", data = "<form>")]
pub async fn submit(
    form: Posted<Reset>,
    asked: Asked,
    device: Device,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Page> {
    let Reset { code, password } = form.0;
    let proof = Proof::Code {
        request: asked.0.as_deref().unwrap_or_default(),
        code: &code,
    };
    let door = Door::Page(device.0);
    match accounts.reset(proof, password, client, &door).await {
        Ok(mark) => Ok(finished(cookies, site, mark)),
        Err(error) => Err(refused(&error, setting("", &code))),
    }
}

#[get("/reset/<secret>")]
pub async fn look(
    secret: &str,
    _opened: Opened,
    _visitor: Visitor,
    client: &Client,
    accounts: &State<Accounts>,
) -> Page {
    match accounts.look(Purpose::Reset, secret, client).await {
        Ok(_) => setting(secret, ""),
        Err(error) => refused(&error, asking("")),
    }
}

#[post("/reset/<secret>", data = "<form>")]
pub async fn set(
    form: Posted<NewPassword>,
    secret: &str,
    device: Device,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Page> {
    let (proof, door) = (Proof::Link(secret), Door::Page(device.0));
    let done = accounts.reset(proof, form.0.password, client, &door);
    match done.await {
        Ok(mark) => Ok(finished(cookies, site, mark)),
        Err(error @ Error::LetterOver) => Err(refused(&error, asking(""))),
        Err(error) => Err(refused(&error, setting(secret, ""))),
    }
}

/// Signed out here, too: all sessions have ended, and whoever is signed in may be somebody else. But known, since the
/// letter was answered here.
fn finished(cookies: &CookieJar<'_>, site: &Site, mark: Option<String>) -> See {
    if let Some(mark) = mark {
        guard::remember_device(cookies, site, mark);
    }
    guard::forget_asked(cookies, site);
    guard::forget_held(cookies, site);
    See::ours(site, "/reset/done")
}

#[get("/reset/done")]
pub fn done(_visitor: Visitor) -> Page {
    Page::new("done.html")
        .with("heading", "Your new password is set")
        .with(
            "words",
            "You are signed out everywhere. Sign in with the new password.",
        )
}
