//! A house to tell stories in: a real server on a port of its own, on a fresh database, in a world that a test sets.
//!
//! The database is SQLite in a temporary directory, or, where `TEST_POSTGRES_URL` names a server, a PostgreSQL
//! database of its own that is dropped afterwards.
#![allow(dead_code, reason = "every test file uses another part of the house")]

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rocket::figment::Figment;
use rocket::figment::value::Value;
use rocket::{Config, Shutdown};
use serde_json::Value as Json;
use vestibule::config::LogFormat;
use vestibule::log::Log;
use vestibule::world::{Chance, Clock, World};

pub mod busy;
pub mod database;
pub mod http;
pub mod mail;
pub mod operator;
pub mod process;

pub use database::Database;
pub use http::{Answer, Call};

/// A password that registration takes.
pub const PASSWORD: &str = "quartz balloon tundra";

/// What seals the keys in a PostgreSQL database.
pub const SECRET: &str = "a secret that all tests share, 32+";

/// A quarter past midnight, on a day like any other.
pub const START: i64 = 1_790_000_000;

/// A running server. It stops when dropped.
pub struct House {
    /// `http://127.0.0.1:PORT`.
    pub origin: String,
    /// The time there.
    pub clock: Clock,
    /// What its operator reads.
    pub log: Log,
    /// Where it keeps things.
    pub database: Database,
    stop: Shutdown,
    server: Option<JoinHandle<()>>,
}

impl House {
    /// A house with the settings as they are by default, except that hashing is cheap.
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// A house with these settings, such as `("vestibule.algorithm", "EdDSA")`.
    pub fn with(settings: &[(&str, &str)]) -> Self {
        Self::on(Database::fresh(), settings)
    }

    /// A house on a database that is there already.
    pub fn on(database: Database, settings: &[(&str, &str)]) -> Self {
        Self::at(database, settings, Clock::set_to(START))
    }

    /// A house on a database that is there already, at some moment.
    pub fn at(database: Database, settings: &[(&str, &str)], clock: Clock) -> Self {
        let log = Log::kept(clock.clone(), LogFormat::Json);
        let world = World {
            clock: clock.clone(),
            chance: Chance::real(),
            log: log.clone(),
        };
        let figment = figment(&database, settings);
        let (tell, told) = std::sync::mpsc::channel();
        let server = std::thread::spawn(move || serve(figment, world, &tell));
        let (port, stop) = told.recv().expect("the house opens");
        Self {
            origin: format!("http://127.0.0.1:{port}"),
            clock,
            log,
            database,
            stop,
            server: Some(server),
        }
    }

    /// A second instance on the same database, with the same clock. It must not outlive the first.
    pub fn beside(&self, settings: &[(&str, &str)]) -> Self {
        Self::at(self.database.shared(), settings, self.clock.clone())
    }

    /// Stops the server and gives its database back, for a house that follows on it.
    pub fn close(mut self) -> Database {
        self.shut();
        std::mem::replace(&mut self.database, Database::none())
    }

    fn shut(&mut self) {
        self.stop.clone().notify();
        if let Some(server) = self.server.take() {
            let closed = server.join();
            // A second panic would hide the first.
            assert!(
                closed.is_ok() || std::thread::panicking(),
                "the house closes"
            );
        }
    }

    /// A call with a method and a path.
    pub fn call(&self, method: &str, path: &str) -> Call {
        Call::new(method, &format!("{}{path}", self.origin))
    }

    /// GET.
    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    /// POST.
    pub fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    /// POST as the form of one of our own pages sends it.
    pub fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post(path)
            .header("Origin", &self.origin)
            .header("Accept", "text/html")
            .form(fields)
    }

    /// Registers somebody through the API, with [`PASSWORD`].
    pub fn register(&self, name: &str) -> Answer {
        let email = format!("{name}@example.org");
        self.post("/auth/register")
            .json(&serde_json::json!({ "username": name, "email": email, "password": PASSWORD }))
    }

    /// Logs somebody in through the API.
    pub fn log_in(&self, name: &str, password: &str) -> Answer {
        self.post("/auth/token")
            .form(&[("username", name), ("password", password)])
    }

    /// Registers somebody and gives their token.
    pub fn token_of(&self, name: &str) -> String {
        assert_eq!(self.register(name).status, 201);
        self.log_in(name, PASSWORD).json()["access_token"]
            .as_str()
            .expect("a token")
            .to_owned()
    }

    /// Renews with a refresh token.
    pub fn refresh(&self, token: &str) -> Answer {
        self.post("/auth/token")
            .form(&[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// Waits until a token is refused here, which must be in so many seconds.
    pub fn hears_of_the_end_of(&self, access: &str, seconds: u64) {
        let (told, most) = (Instant::now(), Duration::from_secs(seconds));
        while self.status_of(access) != 401 {
            assert!(told.elapsed() < most, "it does not hear");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(told.elapsed() < most, "too late");
    }

    /// What an access token's own call says of its owner.
    pub fn status_of(&self, token: &str) -> u16 {
        self.get("/secure-data").bearer(token).send().status
    }

    /// Registers somebody through the page and gives the cookie as a browser would send it.
    pub fn cookie_of(&self, name: &str) -> String {
        let email = format!("{name}@example.org");
        let answer = self.submit(
            "/register",
            &[
                ("username", name),
                ("email", &email),
                ("password", PASSWORD),
            ],
        );
        assert_eq!(answer.status, 303, "{}", answer.text);
        answer.cookie()
    }

    /// The log's lines of one kind.
    pub fn events(&self, kind: &str) -> Vec<Json> {
        let lines = self.log.taken();
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str::<Json>(line).expect("a line is JSON"));
        lines.filter(|line| line["event"] == kind).collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.shut();
    }
}

/// The settings of a test: a port of its own, one worker, cheap hashing, and what the test says.
pub fn figment(database: &Database, settings: &[(&str, &str)]) -> Figment {
    let base = [
        ("port", "0"),
        ("workers", "2"),
        ("log_level", "\"off\""),
        ("shutdown.ctrlc", "false"),
        ("shutdown.grace", "1"),
        ("shutdown.mercy", "0"),
        ("vestibule.hash_memory_kib", "64"),
        ("vestibule.hash_passes", "1"),
        ("vestibule.hash_threads", "2"),
        ("vestibule.database_connections", "4"),
        // All tests come from one address. Those about limits turn them on.
        ("vestibule.throttle", "off"),
    ];
    let mut figment = Figment::from(Config::release_default())
        .merge(("vestibule.data_dir", database.data_dir()))
        .merge(("shutdown.signals", Vec::<String>::new()))
        .select("release");
    if let Some(url) = database.url() {
        figment = figment
            .merge(("vestibule.database_url", url))
            .merge(("vestibule.server_secret", SECRET));
    }
    for (key, value) in base.iter().chain(settings) {
        let value: Value = value.parse().expect("values parse as anything");
        figment = figment.merge((*key, value));
    }
    figment
}

type Told = std::sync::mpsc::Sender<(u16, Shutdown)>;

fn serve(figment: Figment, world: World, tell: &Told) {
    let runtime = rocket::tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let tell = tell.clone();
    runtime.block_on(async move {
        let rocket = vestibule::rocket(figment, world)
            .await
            .expect("the house is furnished");
        let database = rocket
            .state::<vestibule::store::Db>()
            .expect("a database")
            .clone();
        let opened = rocket::fairing::AdHoc::on_liftoff("opened", move |rocket| {
            Box::pin(async move {
                let _ = tell.send((rocket.config().port, rocket.shutdown()));
            })
        });
        // A client that keeps its connection open makes Rocket call the end an error.
        match rocket.attach(opened).launch().await {
            Ok(ended) => drop(ended),
            Err(error) => assert!(matches!(
                error.kind(),
                rocket::error::ErrorKind::Shutdown(..)
            )),
        }
        database.close().await;
    });
}
