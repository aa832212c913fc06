//! `/openapi.json` and `/docs`: the API as a document, and a page to try it on.

use rocket::http::Status;
use rocket::{State, get};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::security::{
    Flow, Http, HttpAuthScheme, OAuth2, Password, Scopes, SecurityScheme,
};
use utoipa::openapi::{Content, Object, OpenApi as Document, Ref, RefOr, Response, Server, Type};
use utoipa::{Modify, OpenApi};

use super::{
    account, address, changes, confirm, events, health, jwks, leaving, letters, secure_data,
    sessions, token,
};
use crate::error::Error;
use crate::guard::Visitor;
use crate::view::{Answer, Page, Problem, Site, Static, swagger_file};

#[derive(OpenApi)]
#[openapi(
    info(title = "Vestibule",
        description = "Register, log in, get a token, reach what is secured. A method that is not listed is answered 405 with `Allow`.",
        license(name = "MIT or Apache-2.0")),
    paths(account::register, token::submit, jwks::show, sessions::log_out, sessions::list, sessions::end, sessions::end_others, account::me, letters::ask_to_verify, letters::verify, letters::ask_to_reset, letters::reset, confirm::submit, changes::password, changes::username, events::list, address::ask, address::confirm, address::undo, leaving::everything, leaving::leave, secure_data::show, health::live, health::ready),
    components(schemas(Problem)),
    modifiers(&Problems)
)]
struct Api;

/// Every error has the same body, and some a header: said here once for all.
struct Problems;

impl Modify for Problems {
    fn modify(&self, document: &mut Document) {
        let operations = document
            .paths
            .paths
            .values_mut()
            .flat_map(|path| [&mut path.get, &mut path.post, &mut path.delete]);
        for operation in operations.flatten() {
            for (status, response) in &mut operation.responses.responses {
                if let (true, RefOr::T(response)) = (status.as_str() >= "400", response) {
                    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
                    response
                        .content
                        .insert("application/problem+json".into(), RefOr::T(problem));
                    match status.as_str() {
                        "401" => say(response, "WWW-Authenticate", "How to prove who is calling."),
                        "429" | "503" => say(response, "Retry-After", "Seconds to wait."),
                        _ => {}
                    }
                }
            }
        }
    }
}

fn say(response: &mut Response, name: &str, meaning: &str) {
    let text = Object::with_type(Type::String);
    let header = HeaderBuilder::new()
        .schema(Some(text))
        .description(Some(meaning));
    response
        .headers
        .insert(name.into(), RefOr::T(header.build()));
}

/// The document, for a service mounted at `base`.
pub fn document(base: &str) -> Document {
    let mut document = Api::openapi();
    document.servers = (!base.is_empty()).then(|| vec![Server::new(base)]);
    if let Some(components) = document.components.as_mut() {
        // The two ways to name a token: let the page fetch one, or paste it.
        let password = Flow::Password(Password::new(format!("{base}/auth/token"), Scopes::new()));
        let fetched = SecurityScheme::OAuth2(OAuth2::new([password]));
        components.add_security_scheme("password", fetched);
        let pasted = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("token", pasted);
    }
    document
}

#[get("/openapi.json")]
pub fn json(site: &State<Site>) -> Answer<Document> {
    Answer(Status::Ok, document(&site.base))
}

#[get("/docs")]
pub fn page(site: &State<Site>, _visitor: Visitor) -> Page {
    Page::new("docs.html")
        .with("openapi_url", &format!("{}/openapi.json", site.base))
        .for_docs()
}

#[get("/docs/<name>")]
pub fn file(name: &str) -> Result<Static, Error> {
    swagger_file(name).ok_or(Error::NotFound)
}
