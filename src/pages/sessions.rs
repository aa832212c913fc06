//! `/account/sessions`: where one is signed in, and ending it there.

use rocket::{State, get, post};
use serde_json::{Value, json};

use super::{rfc3339, words};
use crate::accounts::Accounts;
use crate::client::Client;
use crate::error::Error;
use crate::guard::{Caller, Fresh, Here};
use crate::sessions::why_in_words;
use crate::store::sessions::Session;
use crate::view::{Page, See, Site};

#[get("/account/sessions")]
pub async fn show(caller: Caller, accounts: &State<Accounts>) -> Result<Page, Error> {
    let sessions = accounts.sessions(caller.id()).await?;
    let (ended, going): (Vec<_>, Vec<_>) = sessions
        .iter()
        .partition(|session| session.ended_at.is_some());
    let shown = |list: Vec<&Session>| -> Vec<Value> {
        list.into_iter()
            .map(|session| on_page(session, caller.session()))
            .collect()
    };
    Ok(Page::new("sessions.html")
        .with("going", &shown(going))
        .with("ended", &shown(ended)))
}

fn on_page(session: &Session, current: &str) -> Value {
    json!({
        "id": session.id,
        "device": session.device,
        "client": session.client,
        "current": session.id == current,
        "started_at": rfc3339(session.started_at),
        "started_words": words(session.started_at),
        "last_seen_at": rfc3339(session.last_seen_at),
        "last_seen_words": words(session.last_seen_at),
        "ended_at": session.ended_at.map(rfc3339),
        "ended_words": session.ended_at.map(words),
        "why": session.ended_why.as_deref().map(why_in_words),
    })
}

#[post("/account/sessions/<id>/end")]
pub async fn end(
    _here: Here,
    fresh: Fresh,
    id: &str,
    client: &Client,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Error> {
    match accounts.end_session(&fresh.recent, id, client).await {
        // Ended meanwhile, in another tab perhaps: the list shows it.
        Ok(()) | Err(Error::NotFound) => Ok(See::ours(site, "/account/sessions")),
        Err(error) => Err(error),
    }
}

#[post("/account/sessions/end-others")]
pub async fn end_others(
    _here: Here,
    fresh: Fresh,
    client: &Client,
    site: &State<Site>,
    accounts: &State<Accounts>,
) -> Result<See, Error> {
    accounts.end_other_sessions(&fresh.recent, client).await?;
    Ok(See::ours(site, "/account/sessions"))
}
