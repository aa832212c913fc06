//! The whole service without a network: every request reaches it whole, however odd.

use rocket::http::uri::{Host, Origin};
use rocket::http::{Cookie, Header, Method};
use rocket::local::asynchronous::Client;
use rocket::tokio::runtime::Runtime;
use serde_json::Value;
use vestibule::config::LogFormat;
use vestibule::log::Log;
use vestibule::world::{Chance, Clock, World};

use crate::house::{Database, PASSWORD, START, figment};

pub const JSON: &str = "application/json";
pub const FORM: &str = "application/x-www-form-urlencoded";

/// The service and somebody called ana.
pub struct Scene {
    runtime: Runtime,
    client: Option<Client>,
    log: Log,
    database: Database,
}

/// A request in parts.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub cookies: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Call {
    pub fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            headers: vec![("Host".into(), "localhost".into())],
            cookies: Vec::new(),
            body: Vec::new(),
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("Content-Type", kind)
    }

    /// As one of our own pages sends it.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let body = form.extend_pairs(fields).finish();
        self.header("Origin", "http://localhost")
            .header("Accept", "text/html")
            .body(FORM, body)
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn kind(&self) -> &str {
        self.header("Content-Type").unwrap_or_default()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

impl Scene {
    pub fn new() -> Self {
        let database = Database::fresh();
        let clock = Clock::set_to(START);
        let log = Log::kept(clock.clone(), LogFormat::Json);
        let world = World {
            clock,
            chance: Chance::real(),
            log: log.clone(),
        };
        let runtime = Runtime::new().expect("a runtime");
        let client = runtime.block_on(async {
            let rocket = vestibule::rocket(figment(&database, &[]), world)
                .await
                .expect("furnished");
            Client::untracked(rocket).await.expect("ignites")
        });
        let scene = Self {
            runtime,
            client: Some(client),
            log,
            database,
        };
        assert_eq!(
            scene.register("ana", "ana@example.org", PASSWORD).status,
            201
        );
        scene
    }

    /// Where it keeps things.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Does something beside the service.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Sends a request and checks what holds for every answer.
    pub fn send(&self, call: &Call) -> Answer {
        let client = self.client.as_ref().expect("open");
        self.runtime.block_on(async {
            // A path that no HTTP parser lets through is none that we could see.
            let path = Origin::parse_owned(call.path.clone()).expect("a path");
            let mut request = client.req(call.method, path);
            for (name, value) in &call.headers {
                request.add_header(Header::new(name.clone(), value.clone()));
                if name == "Host"
                    && let Ok(host) = Host::parse_owned(value.clone())
                {
                    request.inner_mut().set_host(host);
                }
            }
            // As Rocket reads them off the wire.
            for (name, value) in &call.cookies {
                if let Ok(cookie) = Cookie::parse_encoded(format!("{name}={value}")) {
                    request = request.cookie(cookie.into_owned());
                }
            }
            let response = request.body(&call.body).dispatch().await;
            let headers = response.headers().iter();
            Answer {
                status: response.status().code,
                headers: headers
                    .map(|header| (header.name.to_string(), header.value.to_string()))
                    .collect(),
                body: response.into_bytes().await.unwrap_or_default(),
            }
        })
    }

    pub fn register(&self, username: &str, email: &str, password: &str) -> Answer {
        let body =
            serde_json::json!({ "username": username, "email": email, "password": password });
        self.send(&Call::new(Method::Post, "/auth/register").body(JSON, body.to_string()))
    }

    /// A good token of ana's.
    pub fn token(&self) -> String {
        self.token_of("ana").expect("a token")
    }

    /// A good token of somebody's, if they are still there.
    pub fn token_of(&self, name: &str) -> Option<String> {
        let body = serde_json::json!({ "username": name, "password": PASSWORD });
        let answer =
            self.send(&Call::new(Method::Post, "/auth/token").body(JSON, body.to_string()));
        answer.json()["access_token"].as_str().map(str::to_owned)
    }

    /// Every route: its method, and its path with the parts that a request fills in.
    pub fn patterns(&self) -> Vec<(Method, String)> {
        let client = self.client.as_ref().expect("open");
        let routes = client.rocket().routes();
        routes
            .filter(|route| !route.uri.path().ends_with("/.refused"))
            .map(|route| (route.method, route.uri.path().to_owned()))
            .collect()
    }

    /// What the log tells of that should not have been.
    pub fn faults(&self) -> Vec<String> {
        let lines = self.log.taken();
        let lines = lines.lines().filter(|line| {
            let line: Value = serde_json::from_str(line).expect("a line is JSON");
            // What an operator should look at is said at the start: that hashing is cheap here, for one.
            let said_at_start = line["event"] == "settings" || line["event"] == "doctor";
            line["level"] != "info" && !said_at_start
        });
        lines.map(str::to_owned).collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else {
            return;
        };
        self.runtime.block_on(async {
            let database = client.rocket().state::<vestibule::store::Db>().cloned();
            drop(client);
            if let Some(database) = database {
                database.close().await;
            }
        });
    }
}
