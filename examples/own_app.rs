//! An app of your own with Vestibule in it: attach the stage, ask for a `Caller`, done.
//!
//! `cargo run --example own_app`, then open http://127.0.0.1:8000/ and follow the link.

use rocket::response::content::RawHtml;
use rocket::{Build, Rocket, get, routes};
use vestibule::log::Log;
use vestibule::world::{Clock, World};
use vestibule::{Admin, Caller, Visitor};

/// Open to everybody; greets who is signed in.
#[get("/")]
fn home(visitor: Visitor) -> RawHtml<String> {
    let name = visitor.0.as_ref().map_or("stranger", Caller::username);
    RawHtml(format!(
        "<!doctype html><title>Notes</title><h1>Hello {name}</h1><p><a href=\"/notes\">My notes</a>"
    ))
}

/// Runs for nobody but somebody signed in: the parameter is the permission.
#[get("/notes")]
fn notes(caller: Caller) -> String {
    format!("The notes of {} ({})", caller.username(), caller.id())
}

/// Runs for administrators alone; `vestibule user role NAME admin` makes one.
#[get("/everybodys-notes")]
fn everybodys_notes(admin: Admin) -> String {
    format!("All notes, for {}", admin.username())
}

/// The app: its own routes, and the login pages and API below `/id`.
pub fn app(figment: rocket::figment::Figment, world: World) -> Rocket<Build> {
    rocket::custom(figment)
        .attach(vestibule::stage("/id", world))
        .mount("/", routes![home, notes, everybodys_notes])
        // Strangers who open the app's guarded pages are sent to the login and back.
        .register("/notes", vestibule::catchers())
        .register("/everybodys-notes", vestibule::catchers())
}

#[rocket::main]
#[allow(dead_code, reason = "a test includes this file for its app alone")]
async fn main() -> Result<(), Box<rocket::Error>> {
    let log = Log::stdout(Clock::Real, vestibule::config::LogFormat::Text);
    let figment = vestibule::config::figment();
    app(figment, World::real(log)).launch().await?;
    Ok(())
}
