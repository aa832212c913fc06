//! `/health/live` and `/health/ready`, for whoever watches over the process.

use rocket::http::Status;
use rocket::{State, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::Accounts;
use crate::error::Error;
use crate::view::Answer;

/// A sign of life.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    status: &'static str,
}

/// The process runs.
#[utoipa::path(get, path = "/health/live", operation_id = "live", tag = "health", responses((status = 200, description = "It does.", body = Health)))]
#[get("/health/live")]
pub fn live() -> Answer<Health> {
    Answer(Status::Ok, Health { status: "ok" })
}

/// The process can serve: its database answers.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "ready", tag = "health",
    responses(
        (status = 200, description = "It does.", body = Health),
        (status = 503, description = "It does not.")
    )
)]
#[get("/health/ready")]
pub async fn ready(accounts: &State<Accounts>) -> Result<Answer<Health>, Error> {
    accounts.ready().await?;
    Ok(Answer(Status::Ok, Health { status: "ok" }))
}
