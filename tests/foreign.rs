//! Tokens verified elsewhere: by libraries that are not ours, which know of us only what we publish.
//!
//! They need PyJWT for the Python that `PYJWT_PYTHON` names, Node, and jose where `JOSE_JS` says. `.ci/run` brings all
//! of it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod house;

use std::io::Write;
use std::process::{Command, Stdio};

use house::{Database, House};
use serde_json::Value;
use vestibule::world::Clock;

/// A program that verifies tokens with a library of somebody else.
#[derive(Clone, Copy, Debug)]
enum Verifier {
    PyJwt,
    Jose,
}

const VERIFIERS: [Verifier; 2] = [Verifier::PyJwt, Verifier::Jose];
const AUDIENCE: &str = "https://notes.example.org";

#[expect(
    clippy::disallowed_methods,
    reason = "it is the test run that is set, not the service"
)]
fn named(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: start these tests with .ci/run"))
}

impl Verifier {
    fn command(self) -> Command {
        let script = |name| format!("{}/tests/verifiers/{name}", env!("CARGO_MANIFEST_DIR"));
        match self {
            Self::PyJwt => {
                let mut command = Command::new(named("PYJWT_PYTHON"));
                command.arg(script("verify.py"));
                command
            }
            Self::Jose => {
                let mut command = Command::new("node");
                command
                    .arg(script("verify.mjs"))
                    .env("JOSE_JS", named("JOSE_JS"));
                command
            }
        }
    }

    /// The claims, or why there are none.
    fn verify(
        self,
        house: &House,
        algorithm: &str,
        audience: &str,
        token: &str,
    ) -> Result<Value, String> {
        let keys = format!("{}/.well-known/jwks.json", house.origin);
        let mut child = self
            .command()
            .args([&keys, &house.origin, audience, algorithm])
            // The server is on this machine, whatever stands between it and the others.
            .env("no_proxy", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{self:?} does not start: {error}"));
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(token.as_bytes()).expect("it reads");
        drop(stdin);
        let done = child.wait_with_output().expect("it ends");
        if done.status.success() {
            Ok(serde_json::from_slice(&done.stdout).expect("claims"))
        } else {
            Err(String::from_utf8_lossy(&done.stderr).trim().to_owned())
        }
    }
}

fn house(algorithm: &str, clock: Clock) -> House {
    let settings = [
        ("vestibule.algorithm", algorithm),
        ("vestibule.audience", AUDIENCE),
    ];
    // The libraries read the system's clock.
    House::at(Database::fresh(), &settings, clock)
}

/// The same words under another signature.
fn tampered(token: &str) -> String {
    let (rest, signature) = token.rsplit_once('.').expect("parts");
    let first = if signature.starts_with('A') { "B" } else { "A" };
    format!("{rest}.{first}{}", &signature[1..])
}

#[test]
fn anyone_verifies_our_tokens_with_the_published_keys() {
    for algorithm in ["ES256", "EdDSA"] {
        let house = house(algorithm, Clock::Real);
        let token = house.token_of("ana");
        let me = house.get("/auth/me").bearer(&token).send();
        for verifier in VERIFIERS {
            let claims = verifier
                .verify(&house, algorithm, AUDIENCE, &token)
                .unwrap_or_else(|reason| panic!("{verifier:?}, {algorithm}: {reason}"));
            assert_eq!(claims["sub"], me.text_of("id"));
            assert_eq!(
                (claims["iss"].as_str(), claims["aud"].as_str()),
                (Some(house.origin.as_str()), Some(AUDIENCE))
            );
        }
    }
}

#[test]
fn they_refuse_what_we_would_refuse() {
    for algorithm in ["ES256", "EdDSA"] {
        let house = house(algorithm, Clock::Real);
        let token = house.token_of("ana");
        for verifier in VERIFIERS {
            let refused = |audience: &str, token: &str| {
                verifier
                    .verify(&house, algorithm, audience, token)
                    .expect_err("refused")
                    .to_lowercase()
            };
            let words = refused(AUDIENCE, &tampered(&token));
            assert!(words.contains("signature"), "{verifier:?}: {words}");
            let words = refused("https://other.example.org", &token);
            assert!(words.contains("aud"), "{verifier:?}: {words}");
        }
    }
}

#[test]
fn they_refuse_a_token_whose_time_is_over() {
    let now = Clock::Real.unix();
    let house = house("ES256", Clock::set_to(now - 1000));
    let token = house.token_of("ana");
    for verifier in VERIFIERS {
        let refused = verifier.verify(&house, "ES256", AUDIENCE, &token);
        let words = refused.expect_err("refused").to_lowercase();
        assert!(words.contains("expired"), "{verifier:?}: {words}");
    }
}
