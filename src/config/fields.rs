//! Every setting: its name, what holds when nobody says anything, and what it does.

/// A setting as the documentation tells of it.
pub struct Field {
    /// Its name in `Rocket.toml`; in the environment `VESTIBULE_` and the same in capitals.
    pub name: &'static str,
    /// What holds when nobody says anything, in words.
    pub default: &'static str,
    /// A secret is never printed and may be given as `NAME_file`.
    pub secret: bool,
    /// What it does.
    pub meaning: &'static str,
}

const fn field(name: &'static str, default: &'static str, meaning: &'static str) -> Field {
    Field {
        name,
        default,
        secret: false,
        meaning,
    }
}

const fn secret(name: &'static str, default: &'static str, meaning: &'static str) -> Field {
    Field {
        name,
        default,
        secret: true,
        meaning,
    }
}

/// Every setting there is. The README's table and `vestibule settings` are held against it.
pub const FIELDS: &[Field] = &[
    field(
        "data_dir",
        "data",
        "The folder for the embedded database and the server secret; made with mode 0700.",
    ),
    secret(
        "database_url",
        "SQLite in data_dir",
        "postgres://… for several instances, or sqlite:….",
    ),
    field(
        "database_insecure",
        "false",
        "Allow a PostgreSQL on another machine without sslmode=verify-full.",
    ),
    field(
        "database_connections",
        "3 to SQLite, 8 to PostgreSQL",
        "Connections to the database that this process opens at most, on SQLite two at least; on PostgreSQL two more hear of other instances.",
    ),
    secret(
        "server_secret",
        "made at first start",
        "Seals the signing keys; at least 32 characters. PostgreSQL needs it given, since instances share it.",
    ),
    field(
        "public_url",
        "none",
        "The address people see, such as https://login.example.org.",
    ),
    field(
        "insecure_http",
        "false",
        "Allow http beyond this machine. Passwords then travel readable.",
    ),
    field(
        "trusted_proxies",
        "[]",
        "Addresses or networks whose X-Forwarded-For is believed.",
    ),
    field(
        "query_credentials",
        "false",
        "Accept username and password in the query of POST /auth/token, for old clients.",
    ),
    field(
        "algorithm",
        "ES256",
        "How tokens are signed: ES256, EdDSA or HS256.",
    ),
    field(
        "access_minutes",
        "15",
        "How long an access token lives, 1 to 1440 minutes.",
    ),
    field(
        "idle_days",
        "14",
        "A session that nobody uses for so long ends, 1 to 365 days.",
    ),
    field(
        "session_days",
        "30",
        "Every session ends after so long, however busy, 1 to 365 days.",
    ),
    field(
        "sessions_per_account",
        "50",
        "With one more, the oldest ends.",
    ),
    field(
        "revocation_grace",
        "30",
        "Seconds that the guard goes on without the database before it answers 503, 1 to 3600.",
    ),
    field(
        "issuer",
        "public_url, else the bound origin",
        "The iss claim of our tokens.",
    ),
    field("audience", "the issuer", "The aud claim of our tokens."),
    field("docs", "true", "Serve /docs and /openapi.json."),
    field(
        "log",
        "text in debug builds, else json",
        "How lines on standard output look: json or text.",
    ),
    field(
        "hash_memory_kib",
        "19456",
        "Argon2id memory for new passwords, in KiB.",
    ),
    field("hash_passes", "2", "Argon2id passes for new passwords."),
    field(
        "hash_threads",
        "as many as cores and memory allow",
        "Threads that hash passwords; each keeps hash_memory_kib.",
    ),
    field(
        "hash_queue",
        "256",
        "Passwords that may wait for a thread; one more is answered 503.",
    ),
    field(
        "registration",
        "open",
        "Who may make an account: open is everybody, invite those with an invitation, closed nobody.",
    ),
    field(
        "throttle",
        "on",
        "Limits against guessing: on, or off for tests.",
    ),
    field(
        "failures_per_name",
        "5",
        "Wrong passwords for one name, known or not, before each makes the next wait, 1 to 100.",
    ),
    field(
        "failures_per_address",
        "20",
        "The same from one address (IPv6: one /64), 1 to 10000.",
    ),
    field(
        "failures_per_network",
        "100",
        "The same from one network (IPv4 /24, IPv6 /48), 1 to 100000.",
    ),
    field(
        "longest_wait_minutes",
        "15",
        "Waits grow from a second up to this, 1 to 60 minutes.",
    ),
    field(
        "failures_per_account",
        "100",
        "Wrong passwords in a row after which an account takes no stranger's password, 10 to 100.",
    ),
    field(
        "sign_ins_per_account",
        "120",
        "Right passwords in an hour for one account, 1 to 100000.",
    ),
    field(
        "sign_ins_per_address",
        "1200",
        "The same from one address (IPv6: one /64), 1 to 100000.",
    ),
    field(
        "sign_ins_per_network",
        "6000",
        "The same from one network (IPv4 /24, IPv6 /48), 1 to 100000.",
    ),
    field(
        "registrations_per_address",
        "20",
        "New accounts tried in an hour from one address (IPv6: one /64), 1 to 3600.",
    ),
    field(
        "registrations_per_network",
        "100",
        "New accounts tried in an hour from one network (IPv4 /24, IPv6 /48), 1 to 3600.",
    ),
    secret(
        "smtp_url",
        "none: letters wait",
        "The mail server: smtps://USER:PASSWORD@HOST, smtp+starttls://… or, on this machine only, smtp://….",
    ),
    field(
        "mail_from",
        "none",
        "Who letters are from, such as Vestibule <login@example.org>.",
    ),
    field(
        "verify_email",
        "optional with smtp_url, else off",
        "Whether addresses are confirmed by letter: off, optional, or required before anybody may sign in.",
    ),
    field(
        "verify_hours",
        "24",
        "How long a link that confirms an address is good, 1 to 168 hours.",
    ),
    field(
        "code_minutes",
        "10",
        "How long a link for a new password and every code are good, 5 to 60 minutes.",
    ),
    field(
        "letters_per_address",
        "5",
        "Letters in an hour that may be asked for to one address, whoever asks, 1 to 100; as many again for registrations with it, and for notices while nobody confirmed it.",
    ),
];
