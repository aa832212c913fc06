//! The whole service without a network, and somebody with an account.

use rocket::figment::Figment;
use rocket::http::uri::Host;
use rocket::http::{Accept, ContentType, Header, Status};
use rocket::local::blocking::{Client, LocalRequest};
use rocket::{Config, uri};
use serde_json::{Value, json};
use vestibule::config::LogFormat;
use vestibule::log::Log;
use vestibule::world::{Clock, World};

pub const NAME: &str = "marguerite";
pub const PASSWORD: &str = "quartz balloon tundra";

/// The service with default settings, except that its database is gone when it is dropped.
pub struct Scene {
    pub client: Client,
    pub token: String,
    _folder: tempfile::TempDir,
}

impl Scene {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let figment = Figment::from(Config::release_default())
            .merge(("log_level", "off"))
            .merge(("vestibule.data_dir", folder.path().join("data")))
            .select("release");
        // Lines are made as always and end in memory, which is bounded.
        let world = World::real(Log::kept(Clock::Real, LogFormat::Json));
        let rocket = rocket::execute(vestibule::rocket(figment, world)).unwrap();
        let mut scene = Self {
            client: Client::untracked(rocket).unwrap(),
            token: String::new(),
            _folder: folder,
        };
        let account = json!({ "username": NAME, "email": "m@example.org", "password": PASSWORD });
        assert_eq!(
            scene.post("/auth/register", &account).dispatch().status(),
            Status::Created
        );
        let answer = scene.log_in().dispatch().into_string().unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        scene.token = answer["access_token"].as_str().unwrap().to_owned();
        scene
    }

    pub fn get<'c>(&'c self, path: &'c str) -> LocalRequest<'c> {
        addressed(self.client.get(path))
    }

    pub fn page<'c>(&'c self, path: &'c str) -> LocalRequest<'c> {
        self.get(path).header(Accept::HTML)
    }

    pub fn log_in(&self) -> LocalRequest<'_> {
        self.post(
            "/auth/token",
            &json!({ "username": NAME, "password": PASSWORD }),
        )
    }

    pub fn bearer(&self) -> Header<'static> {
        Header::new("Authorization", format!("Bearer {}", self.token))
    }

    fn post<'c>(&'c self, path: &'c str, body: &Value) -> LocalRequest<'c> {
        addressed(self.client.post(path))
            .header(ContentType::JSON)
            .body(body.to_string())
    }
}

/// Without a network nobody fills in the host.
fn addressed(mut request: LocalRequest<'_>) -> LocalRequest<'_> {
    request.inner_mut().set_host(Host::from(uri!("localhost")));
    request.header(Header::new("Host", "localhost"))
}
