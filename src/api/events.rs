//! `/auth/events`: what happened to the account lately.

use rocket::http::Status;
use rocket::{State, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::Accounts;
use crate::error::Error;
use crate::guard::Caller;
use crate::view::Answer;

/// Something that happened. Times in seconds since 1970.
#[derive(Serialize, ToSchema)]
pub struct EventAnswer {
    /// What: `signed_in`, `registered`, `session_ended`, `wrong_password`, `password_changed` and others.
    kind: String,
    /// The same in words.
    words: String,
    /// When; of several, the last.
    at: i64,
    /// From which address.
    client: String,
    /// With what, in words.
    device: String,
}

/// What happened.
#[derive(Serialize, ToSchema)]
pub struct EventList {
    /// The newest first, a hundred at most.
    events: Vec<EventAnswer>,
}

/// List what happened to one's own account lately.
#[utoipa::path(
    get, path = "/auth/events", operation_id = "list_events", tag = "accounts", security(("password" = []), ("token" = [])),
    responses(
        (status = 200, description = "The events.", body = EventList),
        (status = 400, description = "The request breaks HTTP."),
        (status = 401, description = "No token, or none that is good."),
        (status = 503, description = "The database does not answer.")
    )
)]
#[get("/auth/events")]
pub async fn list(caller: Caller, accounts: &State<Accounts>) -> Result<Answer<EventList>, Error> {
    let events = accounts.events(caller.id()).await?;
    let events = events
        .into_iter()
        .map(|event| EventAnswer {
            kind: event.kind,
            words: event.words,
            at: event.at,
            client: event.client,
            device: event.device,
        })
        .collect();
    Ok(Answer(Status::Ok, EventList { events }))
}
