//! Calls as any program makes them, and their answers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// A request being put together.
pub struct Call {
    request: ureq::http::request::Builder,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
}

impl Call {
    pub fn new(method: &str, url: &str) -> Self {
        Self {
            request: ureq::http::Request::builder().method(method).uri(url),
        }
    }

    /// Adds a header.
    pub fn header(self, name: &str, value: &str) -> Self {
        Self {
            request: self.request.header(name, value),
        }
    }

    /// Sends a token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// As a browser asks for a page.
    pub fn page(self) -> Self {
        self.header(
            "Accept",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        )
    }

    /// Sends it without a body.
    pub fn send(self) -> Answer {
        self.body(Vec::new())
    }

    /// Sends it with JSON.
    pub fn json(self, body: &Value) -> Answer {
        self.header("Content-Type", "application/json")
            .body(body.to_string().into_bytes())
    }

    /// Sends it with a form.
    pub fn form(self, fields: &[(&str, &str)]) -> Answer {
        self.try_form(fields).expect("an answer")
    }

    /// Sends it with a form to a server that may end before it answers.
    pub fn try_form(self, fields: &[(&str, &str)]) -> Option<Answer> {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.header("Content-Type", "application/x-www-form-urlencoded")
            .try_body(body.into_bytes())
    }

    /// Sends it with these bytes.
    pub fn body(self, body: Vec<u8>) -> Answer {
        self.try_body(body).expect("an answer")
    }

    /// Sends it with these bytes to a server that may end before it answers. Half an answer is none.
    pub fn try_body(self, body: Vec<u8>) -> Option<Answer> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .allow_non_standard_methods(true)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        // The client refuses a body where the method has none, even an empty one.
        let sent = if body.is_empty() {
            agent.run(self.request.body(()).expect("a request"))
        } else {
            agent.run(self.request.body(body).expect("a request"))
        };
        let mut response = sent.ok()?;
        let text = response.body_mut().read_to_vec().ok()?;
        Some(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: String::from_utf8(text).expect("text"),
        })
    }
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A header; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// The cookies it sets, as a browser sends them back.
    pub fn cookie(&self) -> String {
        let pairs = self
            .set_cookies()
            .into_iter()
            .map(|set| set.split(';').next().unwrap_or_default().to_owned());
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// The cookies it sets, in full.
    pub fn set_cookies(&self) -> Vec<String> {
        let values = self.headers.get_all("Set-Cookie").iter();
        values
            .map(|value| value.to_str().expect("text").to_owned())
            .collect()
    }

    /// One of the cookies it sets, in full.
    pub fn set_cookie(&self, name: &str) -> String {
        let start = format!("{name}=");
        let found = self
            .set_cookies()
            .into_iter()
            .find(|set| set.starts_with(&start));
        found.unwrap_or_else(|| panic!("no {name} in {:?}", self.set_cookies()))
    }

    /// A text member of the body.
    pub fn text_of(&self, name: &str) -> String {
        let body = self.json();
        body[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {body}"))
            .to_owned()
    }
}

/// Sends bytes as they are and reads what comes back until the server closes or falls silent.
pub fn raw(origin: &str, bytes: &[u8]) -> String {
    let address = origin.strip_prefix("http://").expect("an origin");
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    stream.write_all(bytes).expect("bytes are sent");
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}
