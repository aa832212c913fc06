//! `/account/password`: a new password for the old one.

use rocket::http::CookieJar;
use rocket::{State, get, post};
use serde_json::json;
use zeroize::Zeroizing;

use super::{Refused, again};
use crate::accounts::{Accounts, Door, NewPassword};
use crate::client::Client;
use crate::guard::{self, Body, Caller, Device, Fields, Kinds, Posted};
use crate::view::{Page, See, Site};

/// The form.
pub struct Change {
    current: Zeroizing<String>,
    new: Zeroizing<String>,
}

impl Body for Change {
    const KINDS: Kinds = Kinds::Form;

    fn read(fields: &mut Fields) -> Self {
        Self {
            current: fields.secret("current_password"),
            new: fields.secret("new_password"),
        }
    }
}

fn page() -> Page {
    Page::new("password.html")
        .with(
            "errors",
            &json!({ "current_password": null, "new_password": null }),
        )
        .with("problem", &None::<&str>)
        .with("retry", &None::<&str>)
}

#[get("/account/password")]
pub fn show(_caller: Caller) -> Page {
    page()
}

#[post("/account/password", data = "<form>")]
pub async fn submit(
    caller: Caller,
    form: Posted<Change>,
    device: Device,
    client: &Client,
    cookies: &CookieJar<'_>,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Refused> {
    let Change { current, new } = form.0;
    let changed = accounts
        .change_password(
            caller.id(),
            caller.session(),
            NewPassword { current, new },
            client,
            &Door::Page(device.0),
        )
        .await
        .map_err(|error| again(error, page(), &["current_password", "new_password"]))?;
    if let Some(mark) = changed.device {
        guard::remember_device(cookies, site, mark);
    }
    guard::hand_back(cookies, site, &caller, changed.granted);
    Ok(See::ours(site, "/account?done=password"))
}
