//! Bodies: who may send one, of which kind, how large, how slowly, and what stands in it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::Duration;

use rocket::Request;
use rocket::data::{Data, FromData, Outcome, ToByteUnit};
use rocket::http::{RawStr, Status};
use rocket::request::{self, FromRequest};
use rocket::tokio::time::timeout;
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use super::{here, refuse};
use crate::config::Settings;
use crate::error::{Error, FieldError};
use crate::json;
use crate::log::Log;
use crate::view::Arrival;

/// The largest body: four fields of the longest kind, with every byte of them escaped.
const LARGEST: u64 = 16 * 1024;

/// How long a body may take. Rocket itself would wait for ever.
const PATIENCE: Duration = Duration::from_secs(10);

const TWICE: Error = Error::Malformed("A field stands twice.");

/// How bodies of a type may be written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// `application/x-www-form-urlencoded`: a page's form.
    Form,
    /// `application/json`: no other site's form can send it, so the browser asks us first (and hears no).
    Json,
    /// Both, for OAuth's clients and programs.
    FormOrJson,
}

impl Kinds {
    fn words(self) -> &'static str {
        match self {
            Self::Form => "application/x-www-form-urlencoded",
            Self::Json => "application/json",
            Self::FormOrJson => "application/x-www-form-urlencoded or application/json",
        }
    }
}

/// What a handler wants in a body.
pub trait Body: Sized {
    /// How it may be written.
    const KINDS: Kinds;
    /// Whether members that nobody asks for are ignored, as OAuth's shape wants (RFC 6749 section 3.2).
    const LENIENT: bool = false;
    /// Takes its fields.
    fn read(fields: &mut Fields) -> Self;
}

/// The fields of a body, each at most once. What is wrong with them is gathered, one reason a field.
pub struct Fields {
    values: BTreeMap<String, Value>,
    faults: Vec<FieldError>,
}

impl Fields {
    /// A text; empty when it is missing, so that a rule says what belongs there.
    pub fn text(&mut self, name: &'static str) -> String {
        self.optional(name).unwrap_or_default()
    }

    /// A text that may be missing.
    pub fn optional(&mut self, name: &'static str) -> Option<String> {
        match self.values.remove(name)? {
            Value::String(text) => Some(text),
            mut other => {
                wipe(&mut other);
                self.faults.push(FieldError::new(name, "Send a text here."));
                Some(String::new())
            }
        }
    }

    /// A text that is wiped from memory when it is no longer needed.
    pub fn secret(&mut self, name: &'static str) -> Zeroizing<String> {
        Zeroizing::new(self.text(name))
    }

    fn finish(mut self, lenient: bool) -> Result<(), Error> {
        if !lenient {
            let unknown = std::mem::take(&mut self.values).into_keys().take(8);
            self.faults.extend(unknown.map(|name| {
                FieldError::new(
                    shortened(name),
                    "Leave this out: nothing is known by this name.",
                )
            }));
        }
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(std::mem::take(&mut self.faults)))
        }
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        // What nobody took may be a password in the wrong field.
        self.values.values_mut().for_each(wipe);
    }
}

fn wipe(value: &mut Value) {
    if let Value::String(text) = value {
        text.zeroize();
    }
}

fn shortened(name: String) -> String {
    name.chars().take(64).collect()
}

/// A body that was sent by this site or a program, read whole and understood. Handlers get bodies from here only.
pub struct Posted<T>(pub T);

#[rocket::async_trait]
impl<'r, T: Body> FromData<'r> for Posted<T> {
    type Error = Error;

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        match read::<T>(request, data).await {
            Ok(body) => Outcome::Success(Self(body)),
            Err(error) => {
                Arrival::of(request).refuse(error.clone());
                Outcome::Error((Status::new(error.status()), error))
            }
        }
    }
}

async fn read<T: Body>(request: &Request<'_>, data: Data<'_>) -> Result<T, Error> {
    here::check(request)?;
    let mut fields = fields(request, data, T::KINDS).await?;
    let body = T::read(&mut fields);
    fields.finish(T::LENIENT)?;
    Ok(body)
}

async fn fields(request: &Request<'_>, data: Data<'_>, kinds: Kinds) -> Result<Fields, Error> {
    let wrong = Error::WrongMediaType(kinds.words());
    let as_form = match request.content_type() {
        Some(kind) if kind.is_form() && kinds != Kinds::Json => true,
        Some(kind) if kind.is_json() && kinds != Kinds::Form => false,
        // Old clients put everything in the query and send nothing, where the operator lets them.
        None if kinds == Kinds::FormOrJson && query_allowed(request) => {
            return Ok(Fields {
                values: query(request)?,
                faults: Vec::new(),
            });
        }
        _ => return Err(wrong),
    };
    let bytes = bytes(data).await?;
    let mut values = if as_form {
        form(&bytes)?
    } else {
        object(&bytes)?
    };
    if kinds == Kinds::FormOrJson && query_allowed(request) {
        for (name, value) in query(request)? {
            if values.insert(name, value).is_some() {
                return Err(TWICE);
            }
        }
    }
    Ok(Fields {
        values,
        faults: Vec::new(),
    })
}

async fn bytes(data: Data<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let read = timeout(PATIENCE, data.open(LARGEST.bytes()).into_bytes())
        .await
        .map_err(|_| Error::TooSlow)?;
    let bytes = read.map_err(|error| match error.kind() {
        ErrorKind::TimedOut => Error::TooSlow,
        _ => Error::Malformed("The body could not be read whole."),
    })?;
    if bytes.is_complete() {
        Ok(Zeroizing::new(bytes.into_inner()))
    } else {
        Err(Error::TooLarge)
    }
}

fn object(bytes: &[u8]) -> Result<BTreeMap<String, Value>, Error> {
    let members = json::object(bytes)
        .map_err(|_| Error::Malformed("The body is not one JSON object with each member once."))?;
    Ok(members.into_iter().collect())
}

fn form(bytes: &[u8]) -> Result<BTreeMap<String, Value>, Error> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| Error::Malformed("The form is not UTF-8."))?;
    pairs(text)
}

/// Reads `a=b&c=d` (WHATWG URL section 5.1), strictly: one value a name, UTF-8 after decoding.
fn pairs(text: &str) -> Result<BTreeMap<String, Value>, Error> {
    let decoded = |part: &str| {
        let decoded = RawStr::new(part)
            .url_decode()
            .map_err(|_| Error::Malformed("The form is not UTF-8."))?;
        Ok::<String, Error>(decoded.into_owned())
    };
    let mut values = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if values
            .insert(decoded(name)?, Value::String(decoded(value)?))
            .is_some()
        {
            return Err(TWICE);
        }
    }
    Ok(values)
}

fn query(request: &Request<'_>) -> Result<BTreeMap<String, Value>, Error> {
    request
        .uri()
        .query()
        .map_or_else(|| Ok(BTreeMap::new()), |query| pairs(query.as_str()))
}

fn query_allowed(request: &Request<'_>) -> bool {
    request
        .rocket()
        .state::<Settings>()
        .is_some_and(|settings| settings.query_credentials)
}

/// A query without credentials in it, unless the operator lets old clients send them there.
pub struct Query(());

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Query {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Error> {
        let secret = [
            "username",
            "password",
            "refresh_token",
            "client_secret",
            "access_token",
        ];
        match query(request) {
            Err(error) => refuse(request, error),
            Ok(query)
                if !query_allowed(request)
                    && secret.iter().any(|name| query.contains_key(*name)) =>
            {
                if let Some(log) = request.rocket().state::<Log>() {
                    log.event(
                        "query_credentials_refused",
                        &Arrival::of(request).client,
                        None,
                        &[],
                    );
                }
                refuse(request, Error::QueryCredentials)
            }
            Ok(_) => request::Outcome::Success(Self(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_strictly() {
        let read = pairs("a=b+c%26&d=&e&=f&g=%C3%A9").unwrap();
        let expected = [("", "f"), ("a", "b c&"), ("d", ""), ("e", ""), ("g", "é")];
        assert_eq!(
            read,
            expected
                .map(|(name, value)| (name.to_owned(), Value::from(value)))
                .into()
        );
        assert!(
            pairs("a=%ff").is_err() && pairs("a=1&a=2").is_err() && pairs("a=1&%61=2").is_err()
        );
    }
}
