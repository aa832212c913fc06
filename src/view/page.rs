//! A page: a template, what it shows, and a status.

use std::io::Cursor;

use rocket::Request;
use rocket::http::{ContentType, Status};
use rocket::response::{Responder, Response, Result};
use serde::Serialize;
use tera::Context;

use super::{Arrival, Site, allow_docs};
use crate::error::Error;
use crate::templates::Templates;

/// A page to be rendered.
pub struct Page {
    template: &'static str,
    context: Context,
    error: Option<Error>,
    docs: bool,
}

impl Page {
    /// A page of this template.
    pub fn new(template: &'static str) -> Self {
        Self {
            template,
            context: Context::new(),
            error: None,
            docs: false,
        }
    }

    /// Shows a value on it.
    pub fn with<T: Serialize + ?Sized>(mut self, name: &'static str, value: &T) -> Self {
        self.context.insert(name, value);
        self
    }

    /// The page that says why something was refused: it has the error's status and headers.
    pub fn refusing(mut self, error: &Error) -> Self {
        self.error = Some(error.clone());
        self
    }

    /// Gives the page what the API page's program needs.
    pub fn for_docs(mut self) -> Self {
        self.docs = true;
        self
    }

    /// The text, with what every page shows.
    ///
    /// # Errors
    /// [`Error::Internal`] for a template that wants what it was not given.
    pub fn render(mut self, request: &Request<'_>) -> std::result::Result<String, Error> {
        let rocket = request.rocket();
        let (Some(site), Some(templates)) = (rocket.state::<Site>(), rocket.state::<Templates>())
        else {
            return Err(Error::Internal);
        };
        let caller = Arrival::of(request).shown();
        self.context.insert("base", &site.base);
        self.context.insert("assets", &site.assets);
        self.context.insert("docs", &site.docs);
        self.context.insert("mail", &site.mail);
        self.context.insert("verify", site.verify.name());
        self.context
            .insert("path", site.inside(request.uri().path().as_str()));
        self.context.insert(
            "caller",
            &caller.map(|shown| serde_json::json!({ "username": shown.username })),
        );
        self.context.insert("session_words", &site.session_words);
        self.context
            .insert("registration", site.registration.name());
        templates.render(self.template, &self.context)
    }
}

impl<'r> Responder<'r, 'static> for Page {
    fn respond_to(self, request: &'r Request<'_>) -> Result<'static> {
        let (error, docs) = (self.error.clone(), self.docs);
        let text = self
            .render(request)
            .map_err(|_| Status::InternalServerError)?;
        let mut response = Response::build()
            .header(ContentType::HTML)
            .raw_header("Cache-Control", "no-store")
            .sized_body(text.len(), Cursor::new(text))
            .finalize();
        if let Some(error) = &error {
            super::problem::mark(&mut response, error);
        }
        if docs {
            allow_docs(&mut response);
        }
        Ok(response)
    }
}
