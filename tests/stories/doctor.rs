//! What the operator is told of an installation that is not safe, and what of one that is.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use vestibule::doctor::NAMES;
use vestibule::world::Clock;

use crate::house::{Database, House, SECRET};

const BINARY: &str = env!("CARGO_BIN_EXE_vestibule");

/// A house whose clock shows what commands see.
fn house() -> House {
    house_on(Database::fresh(), &[])
}

fn house_on(database: Database, settings: &[(&str, &str)]) -> House {
    House::at(database, settings, Clock::set_to(Clock::Real.unix()))
}

/// The program with the settings of this database, cheap hashing, and nothing of whoever runs the tests.
fn tame(command: &mut Command, database: &Database) {
    command.current_dir(database.folder()).env_clear().envs([
        ("VESTIBULE_HASH_MEMORY_KIB", "64"),
        ("VESTIBULE_HASH_PASSES", "1"),
    ]);
    command.env("VESTIBULE_DATA_DIR", database.data_dir());
    if let Some(url) = database.url() {
        command.env("VESTIBULE_DATABASE_URL", url);
        command.env("VESTIBULE_SERVER_SECRET", SECRET);
    }
}

fn run(database: &Database, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(BINARY);
    tame(&mut command, database);
    command.args(arguments).envs(settings.iter().copied());
    command.output().expect("it runs")
}

/// What `vestibule doctor --json` said.
struct Told {
    code: Option<i32>,
    text: String,
    json: Value,
}

impl Told {
    fn from(done: &Output) -> Self {
        let text = String::from_utf8(done.stdout.clone()).expect("text");
        let faults = String::from_utf8_lossy(&done.stderr);
        let json =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{faults}"));
        Self {
            code: done.status.code(),
            text,
            json,
        }
    }

    fn check(&self, name: &str) -> &Value {
        let checks = self.json["checks"].as_array().expect("checks");
        let found = checks.iter().find(|check| check["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    fn verdict(&self, name: &str) -> &str {
        self.check(name)["verdict"].as_str().expect("a verdict")
    }

    fn line(&self, name: &str) -> &str {
        self.check(name)["type"].as_str().expect("what to type")
    }

    /// Each once.
    fn names(&self) -> Vec<&str> {
        let checks = self.json["checks"].as_array().expect("checks");
        let names = checks.iter().map(|check| check["name"].as_str());
        let mut names: Vec<&str> = names.map(|name| name.expect("a name")).collect();
        // A check that finds several things tells each.
        names.dedup();
        names
    }
}

fn doctor(database: &Database, settings: &[(&str, &str)]) -> Told {
    Told::from(&run(database, &["doctor", "--json"], settings))
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("its mode is set");
}

#[test]
fn a_healthy_installation_is_told_so_check_by_check() {
    let house = house_on(Database::sqlite(), &[]);
    house.register("ana");
    let told = doctor(&house.database, &[]);
    assert_eq!(
        (told.code, told.names()),
        (Some(0), NAMES.to_vec()),
        "{}",
        told.text
    );
    assert_eq!(told.json["wrong"], 0);
    for name in [
        "public_url",
        "cookies",
        "secret_files",
        "database",
        "wal",
        "keys",
        "registration",
    ] {
        assert_eq!(told.verdict(name), "fine", "{name}: {}", told.text);
    }
    assert_eq!(told.check("wal")["what"], "journal_mode is wal.");
    for name in ["clock", "disk", "open_files", "hash_memory"] {
        assert_ne!(told.verdict(name), "wrong", "{name}: {}", told.text);
    }
    // 64 KiB is what tests hash with, and nobody else should.
    for name in ["settings", "hash_time"] {
        assert_eq!(
            (told.verdict(name), told.line(name)),
            ("warning", "vestibule hash calibrate")
        );
    }
    for check in told.json["checks"].as_array().expect("checks") {
        let bad = check["verdict"] == "wrong" || check["verdict"] == "warning";
        assert!(
            !check["what"].as_str().expect("words").is_empty(),
            "{check}"
        );
        assert_eq!(
            bad,
            !check["why"].as_str().expect("words").is_empty(),
            "{check}"
        );
    }
}

#[test]
fn people_get_a_table_with_the_same_words() {
    let house = house();
    let done = run(&house.database, &["doctor"], &[]);
    let table = String::from_utf8(done.stdout).expect("text");
    for name in NAMES {
        assert!(
            table.lines().any(|line| line.starts_with(name)),
            "{name}: {table}"
        );
    }
    assert!(
        table.contains("Type: vestibule hash calibrate") && table.contains("Why: "),
        "{table}"
    );
    assert!(
        !table.contains('\u{1b}'),
        "colours are for terminals: {table}"
    );
    let last = table.lines().last().expect("a summary");
    assert!(
        last.contains(" wrong, ") && last.contains(" fine, "),
        "{last}"
    );
}

#[test]
fn the_help_says_how_it_ends_and_a_wrong_word_is_2() {
    let database = Database::sqlite();
    let help = run(&database, &["doctor", "--help"], &[]);
    let help = String::from_utf8(help.stdout).expect("text");
    assert!(
        help.contains("Exit status: 0") && help.contains("--json"),
        "{help}"
    );
    let misspelt = run(&database, &["doctor", "--jsn"], &[]);
    assert_eq!(misspelt.status.code(), Some(2));
}

#[test]
fn nothing_is_made_by_looking() {
    let database = Database::sqlite();
    let told = doctor(&database, &[]);
    assert_eq!(
        (told.code, told.names()),
        (Some(0), NAMES.to_vec()),
        "{}",
        told.text
    );
    assert_eq!(told.verdict("database"), "unknown");
    assert!(!database.data_dir().exists());
}

#[test]
fn secrets_that_others_can_read_are_wrong() {
    let database = house_on(Database::sqlite(), &[]).close();
    let secret = database.data_dir().join("server-secret");
    set_mode(&secret, 0o644);
    let told = doctor(&database, &[]);
    assert_eq!(
        (told.code, told.verdict("secret_files")),
        (Some(1), "wrong"),
        "{}",
        told.text
    );
    assert_eq!(
        told.line("secret_files"),
        format!("chmod 600 {}", secret.display())
    );
    let word = std::fs::read_to_string(&secret).expect("the secret");
    assert!(!told.text.contains(word.trim()));
    set_mode(&secret, 0o600);
    set_mode(&database.data_dir(), 0o755);
    let told = doctor(&database, &[]);
    assert_eq!(
        told.line("secret_files"),
        format!("chmod 700 {}", database.data_dir().display())
    );
    set_mode(&database.data_dir(), 0o700);
    assert_eq!(doctor(&database, &[]).code, Some(0));
}

#[test]
fn a_database_elsewhere_than_the_data_directory_is_looked_at_too() {
    let folder = Database::sqlite();
    let elsewhere = folder.folder().join("else where");
    std::fs::create_dir(&elsewhere).expect("a folder");
    let file = elsewhere.join("logins.db");
    let url = format!("sqlite:{}?mode=rwc", file.display()).replace(' ', "%20");
    let house = House::at(
        folder.shared(),
        &[("vestibule.database_url", &url)],
        Clock::set_to(Clock::Real.unix()),
    );
    set_mode(&file, 0o644);
    let told = doctor(&house.database, &[("VESTIBULE_DATABASE_URL", &url)]);
    assert_eq!(told.verdict("secret_files"), "wrong", "{}", told.text);
    assert!(
        told.line("secret_files").contains("else where/logins.db"),
        "{}",
        told.text
    );
}

#[test]
fn every_setting_that_warns_is_told() {
    let settings = [
        ("VESTIBULE_THROTTLE", "off"),
        ("VESTIBULE_QUERY_CREDENTIALS", "true"),
    ];
    let told = doctor(&Database::sqlite(), &settings);
    let checks = told.json["checks"].as_array().expect("checks");
    let settings = checks.iter().filter(|check| check["name"] == "settings");
    let what: Vec<&str> = settings
        .filter_map(|check| check["what"].as_str())
        .collect();
    assert_eq!(what.len(), 3, "{what:?}");
    for word in ["hash_memory_kib", "throttle is off", "query_credentials"] {
        assert!(
            what.iter().any(|what| what.contains(word)),
            "{word}: {what:?}"
        );
    }
}

#[test]
fn files_that_the_operator_wrote_secrets_into_are_looked_at_too() {
    let database = house_on(Database::sqlite(), &[]).close();
    let beside = |name: &str, text: &str, mode| {
        let path = database.folder().join(name);
        std::fs::write(&path, text).expect("written");
        set_mode(&path, mode);
    };
    let url = format!("sqlite://{}/vestibule.db", database.data_dir().display());
    let word = "a secret that is long enough to be one";
    beside("url", &url, 0o640);
    beside(
        "Rocket.toml",
        "[default.vestibule]\naccess_minutes = 5\ndatabase_url_file = \"url\"\n",
        0o644,
    );
    assert_eq!(doctor(&database, &[]).verdict("secret_files"), "fine");
    beside("url", &url, 0o644);
    assert_eq!(doctor(&database, &[]).line("secret_files"), "chmod 640 url");
    beside("url", &url, 0o600);
    beside(
        "Rocket.toml",
        &format!("[default.vestibule]\nserver_secret = \"{word}\"\n"),
        0o644,
    );
    let told = doctor(&database, &[]);
    assert_eq!(told.verdict("secret_files"), "wrong");
    assert!(
        told.line("secret_files").ends_with("Rocket.toml") && !told.text.contains(word),
        "{}",
        told.text
    );
    // It is not the secret that the keys were sealed with, either.
    assert_eq!(told.verdict("keys"), "wrong", "{}", told.text);
}

#[test]
fn a_database_that_cannot_be_reached_is_wrong_and_the_rest_is_told() {
    let database = Database::sqlite();
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("its number").port();
    drop(free);
    let url = format!("postgres://u:geheim@127.0.0.1:{port}/v");
    let told = doctor(
        &database,
        &[
            ("VESTIBULE_DATABASE_URL", &url),
            ("VESTIBULE_SERVER_SECRET", SECRET),
        ],
    );
    assert_eq!(
        (told.code, told.names()),
        (Some(1), NAMES.to_vec()),
        "{}",
        told.text
    );
    assert_eq!(told.verdict("database"), "wrong");
    assert_eq!(
        told.line("database"),
        format!("pg_isready -h 127.0.0.1 -p {port}")
    );
    assert_eq!(
        (told.verdict("keys"), told.verdict("open_files")),
        ("unknown", "fine")
    );
    assert!(
        !told.text.contains("geheim") && !told.text.contains(SECRET),
        "{}",
        told.text
    );
}

#[test]
fn settings_that_are_refused_are_told_and_nothing_panics() {
    let told = doctor(
        &Database::sqlite(),
        &[("VESTIBULE_PUBLIC_ULR", "https://login.example.org")],
    );
    assert_eq!(
        (told.code, told.names()),
        (Some(1), NAMES.to_vec()),
        "{}",
        told.text
    );
    let what = told.check("settings")["what"].as_str().expect("words");
    assert!(what.contains("Did you mean public_url?"), "{what}");
    assert_eq!(told.verdict("keys"), "unknown");
    let words = "without a path or a name";
    let told = doctor(
        &Database::sqlite(),
        &[("VESTIBULE_PUBLIC_URL", "https://u:geheim@login.example.org")],
    );
    assert!(
        told.text.contains(words) && !told.text.contains("geheim"),
        "{}",
        told.text
    );
}

#[test]
fn a_low_limit_on_open_files_is_told() {
    let database = Database::sqlite();
    let limited = |files: u32| {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            &format!("ulimit -n {files}; exec \"$0\" doctor --json"),
            BINARY,
        ]);
        tame(&mut command, &database);
        Told::from(&command.output().expect("it runs"))
    };
    let told = limited(1024);
    assert_eq!(
        (told.code, told.verdict("open_files")),
        (Some(0), "warning"),
        "{}",
        told.text
    );
    assert!(told.line("open_files").contains("LimitNOFILE=65536"));
    let told = limited(128);
    assert_eq!(
        (told.code, told.verdict("open_files")),
        (Some(1), "wrong"),
        "{}",
        told.text
    );
}

/// Asks until the server has written down what it saw.
fn doctor_once(house: &House, settings: &[(&str, &str)], seen: impl Fn(&Told) -> bool) -> Told {
    let begun = Instant::now();
    loop {
        let told = doctor(&house.database, settings);
        if seen(&told) {
            return told;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", told.text);
    }
}

#[test]
fn a_proxy_that_nobody_trusts_is_named_with_the_line_to_write() {
    let house = house();
    for _ in 0..16 {
        house
            .get("/login")
            .header("X-Forwarded-For", "198.51.100.7")
            .send();
    }
    let told = doctor_once(&house, &[], |told| {
        told.verdict("trusted_proxies") == "wrong"
    });
    assert_eq!(told.code, Some(1));
    assert!(
        told.line("trusted_proxies")
            .starts_with("trusted_proxies = [\"127.0.0.1\"]"),
        "{}",
        told.text
    );
    // Whichever database it is, it was asked.
    assert_eq!(
        (told.verdict("database"), told.verdict("keys")),
        ("fine", "fine")
    );
    assert_ne!(told.verdict("wal"), "unknown", "{}", told.text);
    // Of the people behind it nothing is kept.
    assert!(
        !house
            .database
            .ask("select value from observations")
            .contains(&"198.51.100.7".to_owned())
    );
    assert!(!told.text.contains("198.51.100.7"));
    let told = doctor(
        &house.database,
        &[("VESTIBULE_TRUSTED_PROXIES", "[\"127.0.0.0/8\"]")],
    );
    assert_eq!(told.verdict("trusted_proxies"), "fine", "{}", told.text);
}

#[test]
fn a_public_url_that_nobody_asks_for_is_wrong() {
    let house = house();
    for _ in 0..16 {
        house
            .get("/login")
            .header("Host", "login.example.org")
            .send();
        house.get("/health/live").header("Host", "10.1.2.3").send();
    }
    let elsewhere = [("VESTIBULE_PUBLIC_URL", "https://id.example.org")];
    let told = doctor_once(&house, &elsewhere, |told| {
        told.verdict("public_url") == "wrong"
    });
    assert!(
        told.line("public_url")
            .starts_with("public_url = \"https://login.example.org\""),
        "{}",
        told.text
    );
    let right = [("VESTIBULE_PUBLIC_URL", "https://login.example.org")];
    let told = doctor(&house.database, &right);
    assert_eq!(told.verdict("public_url"), "fine", "{}", told.text);
    assert_eq!(
        (told.verdict("cookies"), told.verdict("registration")),
        ("fine", "warning")
    );
    assert!(
        told.check("cookies")["what"]
            .as_str()
            .expect("words")
            .contains("__Host-")
    );
}

#[test]
fn a_key_whose_time_is_over_is_told() {
    let house = house_on(Database::sqlite(), &[]);
    let database = house.close();
    let set = |days: i64| {
        let from = Clock::Real.unix() - days * 86_400;
        database.ask(&format!("update signing_keys set signs_from = {from}"));
        doctor(&database, &[])
    };
    assert_eq!(set(88).verdict("keys"), "fine");
    let told = set(91);
    assert_eq!(
        (told.code, told.verdict("keys")),
        (Some(1), "wrong"),
        "{}",
        told.text
    );
    assert!(told.line("keys").starts_with("vestibule keys rotate"));
    database.ask(&format!(
        "update signing_keys set signs_from = {}",
        Clock::Real.unix() - 89 * 86_400 - 7200
    ));
    assert_eq!(doctor(&database, &[]).verdict("keys"), "warning");
}

#[test]
fn a_journal_that_is_no_write_ahead_log_is_told() {
    let database = house_on(Database::sqlite(), &[]).close();
    database.ask("pragma journal_mode = delete");
    let told = doctor(&database, &[]);
    assert_eq!(told.check("wal")["what"], "journal_mode is delete.");
    assert_eq!(told.verdict("wal"), "warning");
    // Looking turned nothing on.
    assert_eq!(
        database.ask("select journal_mode from pragma_journal_mode"),
        ["delete"]
    );
}

#[test]
fn a_server_says_at_its_start_what_to_look_at() {
    let house = house();
    let begun = Instant::now();
    while house.events("doctor").is_empty() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{}",
            house.log.taken()
        );
    }
    let line = &house.events("doctor")[0];
    let warnings = line["warnings"].as_str().expect("names");
    assert!(warnings.split(' ').any(|name| name == "mail"), "{line}");
    let open = house.database.url().is_none();
    assert_eq!(line["level"] == "info", line["wrong"] == "", "{line}");
    assert!(!open || line["wrong"] == "", "{line}");
}

#[test]
fn a_trusted_proxy_that_does_not_say_for_whom_it_asks_is_wrong() {
    let trusting = [("VESTIBULE_TRUSTED_PROXIES", "[\"127.0.0.1\"]")];
    let house = house_on(
        Database::fresh(),
        &[("vestibule.trusted_proxies", "[\"127.0.0.1\"]")],
    );
    for _ in 0..16 {
        // Nobody believes this one, so it does not count.
        house
            .get("/login")
            .header("X-Real-IP", "198.51.100.7")
            .send();
    }
    let wrong = |told: &Told| told.verdict("trusted_proxies") == "wrong";
    let told = doctor_once(&house, &trusting, wrong);
    assert!(
        told.line("trusted_proxies").contains("X-Forwarded-For"),
        "{}",
        told.text
    );
}

#[test]
fn people_who_come_readable_are_noticed_behind_the_proxy() {
    let house = house();
    for _ in 0..16 {
        house
            .get("/login")
            .header("X-Forwarded-Proto", "http")
            .send();
    }
    let told = doctor_once(&house, &[], |told| {
        told.check("trusted_proxies")["what"] != "None; no request was seen within a day."
    });
    assert_eq!(told.verdict("public_url"), "fine", "{}", told.text);
    // Whatever the port, the name is one that everybody asked for.
    let hosts = house
        .database
        .ask("select value from observations where name = 'host'");
    let url = format!("https://{}", hosts[0]);
    let told = doctor_once(&house, &[("VESTIBULE_PUBLIC_URL", &url)], |told| {
        told.verdict("public_url") == "wrong"
    });
    assert!(
        told.check("public_url")["what"]
            .as_str()
            .expect("words")
            .contains("over http"),
        "{}",
        told.text
    );
}

#[test]
fn however_many_instances_there_were_few_are_remembered() {
    let house = house();
    let now = Clock::Real.unix();
    for number in 0..50 {
        house.database.ask(&format!(
            "insert into observations (instance, name, value, times, seen_at)
             values ('{number}', 'requests', '', 1, {})",
            now - 100
        ));
    }
    house.get("/login").send();
    let begun = Instant::now();
    let instances = || {
        house
            .database
            .ask("select count(distinct instance) from observations")
    };
    while instances() != ["32"] {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{:?}",
            instances()
        );
    }
}
