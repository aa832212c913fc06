//! What the settings alone say: whether they are understood, what browsers are told of cookies, who may come in.

use super::{Check, Subject};
use crate::config::RegistrationMode;
use crate::guard;

/// OWASP's least, as memory times passes: `m=19456,t=2`.
const LEAST: u64 = 19_456 * 2;

/// One for each that an operator may have meant and should know of; else one that says that all is well.
pub(super) fn settings(subject: &Subject) -> Vec<Check> {
    let warnings = [
        hashing(subject),
        throttle(subject),
        issuer(subject),
        query_credentials(subject),
    ];
    let warnings: Vec<Check> = warnings.into_iter().flatten().collect();
    if warnings.is_empty() {
        return vec![Check::fine("settings", "They are understood.")];
    }
    warnings
}

fn hashing(subject: &Subject) -> Option<Check> {
    let hashing = subject.settings.hashing;
    let work = u64::from(hashing.memory_kib) * u64::from(hashing.passes);
    let told = format!(
        "hash_memory_kib = {} with hash_passes = {} is less than OWASP's least, 19456 with 2.",
        hashing.memory_kib, hashing.passes
    );
    let check = Check::warning("settings", told)
        .because("Whoever steals the database guesses passwords cheaply.")
        .type_this("vestibule hash calibrate");
    (work < LEAST).then_some(check)
}

fn throttle(subject: &Subject) -> Option<Check> {
    let check = Check::warning("settings", "throttle is off.")
        .because("Passwords can be guessed as fast as they are hashed.")
        .type_this("throttle = \"on\"  # in Rocket.toml, under [default.vestibule]");
    (!subject.settings.throttle.on).then_some(check)
}

fn issuer(subject: &Subject) -> Option<Check> {
    let settings = &subject.settings;
    let nameless = settings.public_url.is_none() && settings.issuer.is_none();
    let told =
        "Several instances may share the database, and neither public_url nor issuer is set.";
    let check = Check::warning("settings", told)
        .because("Each instance refuses the tokens of the others.")
        .type_this("public_url = \"https://login.example.org\"  # in Rocket.toml, under [default.vestibule]");
    (settings.is_shared() && nameless).then_some(check)
}

fn query_credentials(subject: &Subject) -> Option<Check> {
    let told = "query_credentials lets passwords into addresses.";
    let check = Check::warning("settings", told)
        .because("Addresses end up in logs and histories.")
        .type_this("query_credentials = false  # in Rocket.toml, under [default.vestibule]");
    subject.settings.query_credentials.then_some(check)
}

/// Looks at a cookie as browsers get it.
pub(super) fn cookies(subject: &Subject) -> Check {
    let cookie = guard::example_cookie(subject.https());
    let has = |flag: &str| cookie.split("; ").any(|part| part == flag);
    let hidden = has("HttpOnly") && has("SameSite=Lax");
    if hidden && cookie.starts_with("__Host-") && has("Secure") {
        return Check::fine("cookies", "__Host-, Secure, HttpOnly, SameSite=Lax.");
    }
    if hidden && subject.is_local() {
        return Check::fine(
            "cookies",
            "HttpOnly, SameSite=Lax; without Secure, since only this machine reaches the service over http.",
        );
    }
    Check::wrong("cookies", "Cookies travel without Secure and __Host-, beyond this machine.")
        .because("Who listens on the way, or plants a cookie there, is signed in as somebody else.")
        .type_this("public_url = \"https://login.example.org\"  # in Rocket.toml, with a proxy that has TLS in front")
}

pub(super) fn registration(subject: &Subject) -> Check {
    match subject.settings.registration {
        RegistrationMode::Open => {}
        RegistrationMode::Invite => return Check::fine("registration", "By invitation."),
        RegistrationMode::Closed => {
            return Check::fine(
                "registration",
                "Closed: `vestibule user add` makes accounts.",
            );
        }
    }
    if subject.is_local() {
        return Check::fine("registration", "Open to whoever uses this machine.");
    }
    Check::warning("registration", "Anybody who reaches the service may register.")
        .because("An account says nothing about who somebody is: let none of your apps take it for membership.")
        .type_this("registration = \"invite\"  # or \"closed\", in Rocket.toml, under [default.vestibule]")
}

pub(super) fn mail(subject: &Subject) -> Check {
    match &subject.settings.mail {
        Some(mail) => Check::fine(
            "mail",
            format!("Letters go to {}:{}, from {}.", mail.host, mail.port, mail.from.email),
        ),
        None => Check::warning("mail", "No mail server is set: letters wait.")
            .because("Nobody can confirm an address or reset a forgotten password by themselves. You read the letters with `vestibule outbox`.")
            .type_this("smtp_url = \"smtps://USER:PASSWORD@mail.example.org\"  # in Rocket.toml, under [default.vestibule], with mail_from"),
    }
}
