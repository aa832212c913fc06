//! `/register`: the form, and what becomes of it. Who registers here is signed in, unless an address must be confirmed
//! first.

use rocket::http::CookieJar;
use rocket::{Either, State, get, post};
use serde_json::json;
use zeroize::Zeroizing;

use crate::accounts::{Accounts, Door, Registration};
use crate::client::Client;
use crate::config::{RegistrationMode, VerifyEmail};
use crate::error::Error;
use crate::guard::{self, Body, Device, Fields, Kinds, Leaving, Opened, Posted, Visitor};
use crate::view::{Next, Page, See, Site};

/// The form.
pub struct Register {
    username: String,
    email: String,
    password: Zeroizing<String>,
    invite: Option<String>,
    next: Option<Next>,
}

impl Body for Register {
    const KINDS: Kinds = Kinds::Form;

    fn read(fields: &mut Fields) -> Self {
        Self {
            username: fields.text("username"),
            email: fields.text("email"),
            password: fields.secret("password"),
            invite: fields
                .optional("invite")
                .filter(|code| !code.trim().is_empty()),
            next: Next::parse(&fields.text("next")),
        }
    }
}

/// What stands in the fields.
#[derive(Default)]
struct Written {
    username: String,
    email: String,
    /// Whoever came with an invitation, good or not, sees the field for it.
    invite: Option<String>,
}

fn page(written: &Written, next: Option<&Next>) -> Page {
    let Written {
        username,
        email,
        invite,
    } = written;
    Page::new("register.html")
        .with(
            "form",
            &json!({ "username": username, "email": email, "invite": invite.as_deref().unwrap_or_default() }),
        )
        .with("invited", &invite.is_some())
        .with(
            "errors",
            &json!({ "username": null, "email": null, "password": null, "invite": null }),
        )
        .with("problem", &None::<&str>)
        .with("retry", &None::<&str>)
        .with("next", next.map_or("", Next::as_str))
        .with("next_query", &Next::query(next))
}

fn closed(next: Option<&Next>) -> Page {
    Page::new("closed.html")
        .with("next_query", &Next::query(next))
        .refusing(&Error::RegistrationClosed)
}

#[get("/register?<next>")]
pub fn show(next: Option<&str>, visitor: Visitor, site: &State<Site>) -> Either<Page, See> {
    let next = next.and_then(Next::parse);
    match visitor.0 {
        Some(_) => Either::Right(See::next(site, next.as_ref())),
        None if site.registration == RegistrationMode::Closed => {
            Either::Left(closed(next.as_ref()))
        }
        None => Either::Left(page(&Written::default(), next.as_ref())),
    }
}

/// The page behind an invitation's link: the same form, with the code in its field. Looking uses nothing up.
#[get("/invite/<invite>?<next>")]
pub async fn invited(
    invite: &str,
    next: Option<&str>,
    _opened: Opened,
    visitor: Visitor,
    client: &Client,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Either<Page, See> {
    let next = next.and_then(Next::parse);
    if visitor.0.is_some() {
        return Either::Right(See::next(site, next.as_ref()));
    }
    let mut written = Written {
        invite: Some(invite.to_owned()),
        ..Written::default()
    };
    Either::Left(match accounts.invited_address(invite, client).await {
        Ok(address) => {
            written.email = address.unwrap_or_default();
            page(&written, next.as_ref())
        }
        Err(Error::RegistrationClosed) => closed(next.as_ref()),
        Err(error) => refused(&error, page(&written, next.as_ref())),
    })
}

#[post("/register", data = "<form>")]
pub async fn submit(
    form: Posted<Register>,
    leaving: Leaving,
    device: Device,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Either<Page, See> {
    let Register {
        username,
        email,
        password,
        invite,
        next,
    } = form.0;
    let wanted = Registration {
        username: username.clone(),
        email: email.clone(),
        password,
        invite: invite.clone(),
    };
    let written = Written {
        username,
        email,
        invite,
    };
    let registered = match accounts.register(wanted, client).await {
        Ok(registered) => registered,
        Err(error) => {
            let next = next.as_ref();
            return Either::Left(match error {
                Error::RegistrationClosed => closed(next),
                error => refused(&error, page(&written, next)),
            });
        }
    };
    if let Some(request) = registered.request {
        guard::remember_asked(cookies, site, request, accounts.code_life());
    }
    // Not even the attempt differs where nobody may sign in yet: see `accounts::registering`.
    if accounts.verifies() == VerifyEmail::Required {
        return Either::Right(See::ours(site, "/verify"));
    }
    let door = Door::Page(device.0);
    let signed_in = accounts.sign_in_new(registered.account, client, &door);
    match signed_in.await {
        Ok(signed_in) => {
            accounts.replace(leaving.0, client).await;
            guard::hand_over(cookies, site, signed_in);
            Either::Right(See::next(site, next.as_ref()))
        }
        Err(error) => Either::Left(refused(&error, page(&written, next.as_ref()))),
    }
}

fn refused(error: &Error, page: Page) -> Page {
    let reason = |field| error.reason(field);
    let detail = error.row().detail;
    let invite = match error {
        Error::NeedsInvite | Error::InvalidInvite => Some(&*detail),
        _ => None,
    };
    let errors = json!({
        "username": reason("username"), "email": reason("email"), "password": reason("password"),
        "invite": invite,
    });
    let problem = match error {
        Error::Invalid(_) => None,
        _ if invite.is_some() => None,
        Error::Taken => {
            Some("Username or email already registered. Choose another, or sign in.".to_owned())
        }
        _ => Some(detail.to_string()),
    };
    page.with("errors", &errors)
        .with("problem", &problem)
        .with("retry", &super::retry(error))
        .refusing(error)
}
