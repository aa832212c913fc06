//! **Vestibule**: a login service in Rust on Rocket.
//!
//! People register and log in through HTML forms, programs through a JSON token endpoint. A JWT travels in an
//! HttpOnly cookie or as a Bearer header, and one request guard, [`Caller`], protects what only somebody signed in
//! may see; [`Fresh`] is for sensitive steps, and wants a password proven within ten minutes.
//!
//! # The map
//!
//! > Accounts says what may happen. Store remembers it. Pages and API only translate. World is everything we cannot
//! > compute.
//!
//! Modules import from left to right only; a test holds the order:
//!
//! `config world error json client log templates hashing throttle post → store → tokens traffic → sessions → accounts → view →
//! guard → doctor → pages | api | admin → lib`
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | the settings, checked once at launch |
//! | [`world`] | time, chance, and where log lines go: what a test sets |
//! | [`error`] | every reason to refuse, and the one table of how it is said |
//! | [`json`], [`client`], [`log`], [`templates`], [`hashing`], [`throttle`], [`post`] | one thing each: strict JSON, the caller's address, lines for the operator, embedded files, the Argon2 pool, the budgets against guessing, the way to the mail server |
//! | [`store`] | the database: one file per table. sqlx is named nowhere else |
//! | [`tokens`] | the key ring and its rotation, minting and verifying |
//! | [`traffic`] | the way that requests take to us, counted for the operator |
//! | [`sessions`] | being signed in |
//! | [`accounts`] | the rules: registering, logging in, what a password must be; letters to people; coming from elsewhere |
//! | [`view`] | how anything becomes a response |
//! | [`guard`] | who is calling and what they sent: the only reader of credentials and bodies |
//! | [`pages`], [`api`] | HTML and JSON: translate, and call accounts |
//! | [`doctor`] | whether this installation is safe: named checks |
//! | [`admin`] | the command line |
//!
//! # One login, form to cookie
//!
//! `POST /login` → `pages::login::submit` takes [`guard::Posted`] (sent by this site, small, in time, each field once)
//! → [`accounts::Accounts::log_in`]: find the account → a place in the budgets of whoever tries → one Argon2 hash
//! *always*, on the hashing pool → a session's row and two cookies, and `303` to the remembered place. A refusal shows the form again with the same words as the JSON.
//!
//! # One bearer request
//!
//! `GET /secure-data` → [`Caller`]: Bearer first, then cookie → [`tokens::Tokens::verify`] (a token seen before is
//! found by its exact bytes; its times and the trust in its key are looked at again) → [`sessions::Sessions::whose`] knows what has ended →
//! handler. No database.
//!
//! # One letter
//!
//! `POST /forgot` → [`accounts::Accounts::ask_to_reset`]: a place in the budgets → the answer, the same for
//! everybody. Beside it: find the account → the table `letters` gets what proves the letter, `outbox` the letter, sealed, in one
//! transaction → [`accounts::letters::delivery`] takes it, in this or another instance, and hands it to [`post`] → the
//! reader opens the link, which changes nothing, and presses the button behind it.
//!
//! # Invariants
//!
//! - The guarded path touches no database and no hash.
//! - No handler reads a body or a credential by itself: they come from [`guard`], which checks where they come from.
//! - No route changes anything on GET; looking at the link of a letter spends nothing.
//! - No answer waits for a mail server.
//! - Nothing hashes on the async executor.
//! - A login of an unknown name runs the same statements and the same hash as that of a known one, and meets the
//!   same budgets with the same answers. One exception, until its owner signs in: a hash from elsewhere, or one of more than
//!   four times today's work.
//! - No fast hash of a password stands in the database, wherever it came from.
//! - No secret is checked outside the budgets, and no stranger's guessing spends the budget of a browser or network
//!   that signed in before.
//! - No secret has `Debug`, and none is in a log line, an error text or a query string.
//! - Only `store` names sqlx, only `store::pool` asks which database it is, only `world` reads the clock.

pub mod accounts;
pub mod admin;
pub mod api;
pub mod client;
pub mod config;
pub mod doctor;
pub mod error;
pub mod guard;
pub mod hashing;
pub mod json;
pub mod log;
pub mod pages;
pub mod post;
pub mod sessions;
pub mod store;
pub mod templates;
pub mod throttle;
pub mod tokens;
pub mod traffic;
pub mod view;
pub mod world;

use std::borrow::Cow;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use rocket::fairing::{AdHoc, Fairing, Info, Kind};
use rocket::figment::Figment;
use rocket::shield::Shield;
use rocket::{Build, Config, Data, Orbit, Request, Response, Rocket};

pub use guard::{Admin, Caller, Fresh, Visitor, catchers};
pub use tokens::Role;
pub use view::Next;

use accounts::decoys::Decoys;
use accounts::devices::DeviceKey;
use accounts::invites::{Admission, InviteKey};
use accounts::letters::delivery::Delivery;
use accounts::letters::{LetterKeys, Letters, Links};
use accounts::{Accounts, Hashers};
use config::{Fault, Settings};
use error::Error;
use hashing::Hashing;
use post::Post;
use sessions::Sessions;
use store::{Db, Pool};
use templates::Templates;
use throttle::Throttle;
use tokens::{Names, Rotation, ServerSecret, Tokens, Vault};
use traffic::Traffic;
use view::{Arrival, Assets, Site};
use world::{Chance, Clock, World};

/// The service by itself, at `/`: its rules hold for every request.
///
/// # Errors
/// Settings that are refused, a database that cannot be opened, a server secret that does not fit; in words.
pub async fn rocket(figment: Figment, world: World) -> Result<Rocket<Build>, Fault> {
    let house = House::furnish(&figment, "", world).await?;
    // Rocket's own shield would add headers that ours replace.
    Ok(house.open(rocket::custom(figment).attach(Shield::new())))
}

/// The service as a stage of another Rocket app, below a path of its own such as `/id`. It reads the same settings
/// from the app's figment and leaves the app's other routes alone, except that [`Caller`] and [`Admin`] work on them.
///
/// To have strangers sent from the app's own pages to the login page and back, register [`catchers`] there.
pub fn stage(base: &'static str, world: World) -> AdHoc {
    AdHoc::try_on_ignite("Vestibule", move |rocket| async move {
        let log = world.log.clone();
        match House::furnish(rocket.figment(), base, world).await {
            Ok(house) => Ok(house.open(rocket)),
            Err(fault) => {
                log.notice("error", "start_refused", &[("cause", &fault.to_string())]);
                Err(rocket)
            }
        }
    })
}

/// Everything that routes and guards ask for, ready.
struct House {
    settings: Settings,
    site: Site,
    templates: Templates,
    log: log::Log,
    pool: Pool,
    sessions: Arc<Sessions>,
    throttle: Arc<Throttle>,
    accounts: Accounts,
    watch: Watch,
}

/// What looks after itself while requests are served.
struct Watch {
    decoys: Arc<Decoys>,
    traffic: Arc<Traffic>,
    throttle: Arc<Throttle>,
    chance: Chance,
    clock: Clock,
    delivery: Arc<Delivery>,
}

impl House {
    async fn furnish(figment: &Figment, base: &str, world: World) -> Result<Self, Fault> {
        check_base(base)?;
        let settings = Settings::read(figment)?;
        let rocket: Config = figment
            .extract()
            .map_err(|error| Fault(error.to_string()))?;
        let (bound, configured) = (Arc::new(OnceLock::new()), Settings::bound_origin(&rocket));
        let _first = lock_data_dir(&settings)?;
        let pool = open_database(&settings).await?;
        let new_secret = if store::keys::all(&pool)
            .await
            .map_err(unreadable)?
            .is_empty()
        {
            tokens::IfMissing::Make
        } else {
            tokens::IfMissing::Refuse
        };
        let secret = ServerSecret::obtain(&settings, &world.chance, new_secret)?;
        let devices = DeviceKey::new(secret.devices());
        let decoys = Decoys::begin(secret.decoys(), settings.hashing.into(), &pool);
        let decoys = decoys.await.map_err(unreadable)?;
        let letter_keys = LetterKeys::of(&secret);
        let invites = InviteKey::new(secret.invites());
        let lifetime = settings.access_minutes * 60;
        let (algorithm, chance) = (settings.algorithm, world.chance.clone());
        let vault = Vault::open(pool.clone(), secret, algorithm, lifetime, chance).await?;
        let (rotation, ring) = Rotation::begin(vault, &world).await?;
        let names = Names {
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            public: settings.public_url.clone(),
            bound: Arc::clone(&bound),
            configured: configured.clone(),
        };
        let tokens = Tokens::new(
            ring,
            names,
            lifetime,
            world.clock.clone(),
            world.chance.clone(),
        );
        let throttle = Throttle::new(settings.throttle, world.clock.clone(), world.log.clone());
        let throttle = Arc::new(throttle);
        let sessions = Sessions::open(
            pool.clone(),
            tokens,
            rotation,
            settings.sessions,
            Arc::clone(&throttle),
            &world,
        );
        let sessions = Arc::new(sessions.await.map_err(unreadable)?);
        let hashing = Hashing::start(settings.hashing)
            .map_err(|error| Fault(format!("The hashing threads cannot start: {error}.")))?;
        let judging = config::HashSettings {
            threads: 1,
            queue: 64,
            ..settings.hashing
        };
        let judging = Hashing::start(judging)
            .map_err(|error| Fault(format!("The judging thread cannot start: {error}.")))?;
        let templates = Templates::new(world.log.clone());
        let links = Links {
            public: settings.public_url.clone(),
            bound: Arc::clone(&bound),
            configured: configured.clone(),
            base: base.to_owned(),
        };
        let delivery = delivery(&settings, &pool, &letter_keys, &world)?;
        let letters = Letters::new(
            pool.clone(),
            letter_keys,
            links,
            templates.clone(),
            settings.letters,
            world.clone(),
        );
        warn(&settings, &world.log);
        wake_chance(&world.chance, &hashing);
        let watch = Watch {
            decoys: Arc::clone(&decoys),
            throttle: Arc::clone(&throttle),
            traffic: Traffic::new(),
            chance: world.chance.clone(),
            clock: world.clock.clone(),
            delivery: Arc::new(delivery),
        };
        let first_id = world.clock.now().unix_timestamp_nanos() as u64;
        Ok(Self {
            site: Site {
                base: base.to_owned(),
                https: settings
                    .public_url
                    .as_ref()
                    .map_or(rocket.tls_enabled(), config::Origin::https),
                public: settings.public_url.clone(),
                bound,
                configured,
                docs: settings.docs,
                mail: settings.mail.is_some(),
                verify: settings.letters.verify,
                assets: Assets::below(base),
                session_words: session_words(settings.sessions),
                registration: settings.registration,
                trusted: settings.trusted_proxies.clone(),
                counter: AtomicU64::new(first_id),
            },
            templates,
            log: world.log.clone(),
            accounts: Accounts::new(
                pool.clone(),
                Hashers {
                    hashing,
                    judging,
                    decoys,
                },
                Arc::clone(&sessions),
                Arc::clone(&throttle),
                devices,
                letters,
                world,
            )
            .admitting(Admission::new(settings.registration, invites)),
            pool,
            sessions,
            throttle,
            watch,
            settings,
        })
    }

    fn open(self, rocket: Rocket<Build>) -> Rocket<Build> {
        // Rocket's name for the root.
        let base = if self.site.base.is_empty() {
            "/"
        } else {
            &self.site.base
        }
        .to_owned();
        let mut routes = [pages::routes(), api::routes(), guard::refused_routes()].concat();
        if self.settings.docs {
            routes.extend(api::docs_routes());
        }
        rocket
            .attach(Front)
            .mount(base.as_str(), routes)
            .register(base.as_str(), catchers())
            .manage(Db::from(self.pool))
            .manage(self.settings)
            .manage(self.site)
            .manage(self.templates)
            .manage(self.log)
            .manage(self.sessions)
            .manage(self.throttle)
            .manage(self.accounts)
            .manage(self.watch)
    }
}

/// Whoever sends the letters that wait.
fn delivery(
    settings: &Settings,
    pool: &Pool,
    keys: &LetterKeys,
    world: &World,
) -> Result<Delivery, Fault> {
    let post = settings.mail.as_ref().map(Post::new).transpose()?;
    let (clock, log) = (world.clock.clone(), world.log.clone());
    Ok(Delivery::new(pool.clone(), keys, post, clock, log))
}

fn check_base(base: &str) -> Result<(), Fault> {
    let path =
        base.starts_with('/') && base.len() > 1 && !base.ends_with('/') && !base.contains("//");
    let plain = base
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.'));
    if base.is_empty() || (path && plain) {
        return Ok(());
    }
    Err(Fault(format!(
        "{base:?} cannot be a mount base. Give the stage a path of its own, such as \"/id\"."
    )))
}

/// Makes the data directory, where anything is kept there, and lets in one start at a time: SQLite's migrations do
/// not wait for each other.
fn lock_data_dir(settings: &Settings) -> Result<Option<std::fs::File>, Fault> {
    if settings.is_shared() && settings.server_secret.is_some() {
        return Ok(None);
    }
    let folder = settings.data_dir.display();
    let locked = store::pool::lock_data_dir(&settings.data_dir, settings.embedded);
    locked.map(Some).map_err(|error| {
        Fault(format!(
            "The data directory {folder} cannot be used: {error}."
        ))
    })
}

async fn open_database(settings: &Settings) -> Result<Pool, Fault> {
    let figment = Figment::from(("url", settings.database_url.reveal()))
        .merge(("max_connections", settings.database_connections));
    let pool = <Pool as rocket_db_pools::Pool>::init(&figment).await;
    pool.map_err(|error| Fault(format!("The database cannot be opened. {error}")))
}

/// The random source gathers entropy for 15 ms before its first bytes. A hashing thread waits for it now, so that
/// neither the start nor the first login does.
fn wake_chance(chance: &Chance, hashing: &Hashing) {
    let (chance, hashing) = (chance.clone(), hashing.clone());
    rocket::tokio::spawn(async move { hashing.beside(move || chance.wake()).await });
}

fn unreadable(fault: store::Fault) -> Fault {
    Fault(format!("The database cannot be read. {fault}"))
}

/// What an operator should know but may have meant.
fn warn(settings: &Settings, log: &log::Log) {
    let warning = |text| log.notice("warn", "settings", &[("warning", text)]);
    let usual = 19_456 * 2;
    if settings
        .hashing
        .memory_kib
        .saturating_mul(settings.hashing.passes)
        < usual / 2
    {
        warning(
            "hash_memory_kib and hash_passes make passwords cheap to guess for whoever steals the database.",
        );
    }
    if settings.mail.is_none() {
        warning(
            "smtp_url is not set: letters wait. Read them with `vestibule outbox`, or set smtp_url and mail_from.",
        );
    }
    if !settings.throttle.on {
        warning("throttle is off: passwords can be guessed as fast as this machine hashes.");
    }
    if settings.is_shared() && settings.public_url.is_none() && settings.issuer.is_none() {
        warning("Without public_url or issuer, each instance refuses the tokens of the others.");
    }
}

fn session_words(settings: config::SessionSettings) -> String {
    let days = |seconds: i64| match seconds / 86_400 {
        1 => "one day".to_owned(),
        days => format!("{days} days"),
    };
    let (idle, longest) = (days(settings.idle), days(settings.longest));
    if settings.longest <= settings.idle {
        return format!("You stay signed in on this device for {longest}.");
    }
    format!(
        "You stay signed in on this device for {longest}, or until you do not use it for {idle}."
    )
}

impl Watch {
    /// Counts requests, and says once in the log what the operator should look at. Nobody waits for it.
    fn begin(&self, rocket: &Rocket<Orbit>, pool: &Pool) {
        let (chance, clock) = (self.chance.clone(), self.clock.clone());
        rocket::tokio::spawn(Arc::clone(&self.traffic).keep(pool.clone(), chance, clock));
        rocket::tokio::spawn(Arc::clone(&self.decoys).keep(pool.clone()));
        let delivery = Arc::clone(&self.delivery);
        rocket::tokio::spawn(async move {
            // A panic there must not leave letters lying.
            while rocket::tokio::spawn(Arc::clone(&delivery).keep())
                .await
                .is_err()
            {}
        });
        let Some(log) = rocket.state::<log::Log>().cloned() else {
            return;
        };
        let (figment, pool, clock) = (rocket.figment().clone(), pool.clone(), self.clock.clone());
        rocket::tokio::spawn(async move {
            doctor::summarise(&doctor::glance(&figment, &pool, &clock).await, &log);
        });
    }
}

/// What happens at the front door, before any handler and after.
struct Front;

#[rocket::async_trait]
impl Fairing for Front {
    fn info(&self) -> Info {
        Info {
            name: "Vestibule's front door",
            kind: Kind::Liftoff | Kind::Request | Kind::Response,
        }
    }

    async fn on_liftoff(&self, rocket: &Rocket<Orbit>) {
        if let Some(site) = rocket.state::<Site>() {
            // With port 0 the system chose.
            let _ = site.bound.set(Settings::bound_origin(rocket.config()));
        }
        if let Some(sessions) = rocket.state::<Arc<Sessions>>().cloned() {
            // Until the database is closed, not only until shutdown begins: requests are answered meanwhile.
            rocket::tokio::spawn(async move {
                // A panic there must not leave this instance deaf.
                while rocket::tokio::spawn(Arc::clone(&sessions).keep())
                    .await
                    .is_err()
                {}
            });
        }
        if let (Some(watch), Some(database)) = (rocket.state::<Watch>(), rocket.state::<Db>()) {
            watch.begin(rocket, database);
        }
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        let Some(site) = request.rocket().state::<Site>() else {
            return;
        };
        let path = view::canonical(request.uri().path().as_str());
        let (ours, spelt_oddly) = (site.owns(&path), matches!(path, Cow::Owned(_)));
        if !ours {
            return;
        }
        Arrival::of(request).announce();
        if let Some(watch) = request.rocket().state::<Watch>() {
            guard::watch(request, site, &watch.traffic, &watch.throttle);
        }
        if !guard::host_is_ours(request, site) {
            guard::turn_away(request, &site.base, Error::ForeignHost);
        } else if spelt_oddly {
            // None of our paths needs escapes. Two spellings would be two chances to look at the wrong one.
            guard::turn_away(request, &site.base, Error::NotFound);
        }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        // On an app's own routes, too: what the guard renewed there must reach the browser.
        guard::hand_over_renewed(request, response);
        if Arrival::of(request).was_announced() {
            guard::finish(request, response);
        }
    }
}
