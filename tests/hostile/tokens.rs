//! Tokens: access and refresh.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use vestibule::config::{Algorithm, Origin};
use vestibule::sessions::refresh::{RefreshKey, RefreshToken};
use vestibule::tokens::{Bearer, Claims, Key, Names, Ring, Role, Tokens};
use vestibule::world::{Chance, Clock};

use crate::fields::values;
use crate::house::START;
use crate::{change, hold, touched, woven};

fn private(algorithm: Algorithm) -> Vec<u8> {
    match algorithm {
        Algorithm::ES256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .and_then(|pair| Ok(pair.to_pkcs8v1()?.as_ref().to_vec()))
            .expect("a key"),
        Algorithm::EdDSA => Ed25519KeyPair::generate()
            .and_then(|pair| Ok(pair.to_pkcs8()?.as_ref().to_vec()))
            .expect("a key"),
        Algorithm::HS256 => vec![7; 32],
    }
}

/// Tokens, and a second hand on the key that signs them.
fn tokens(algorithm: Algorithm) -> (Tokens, Key) {
    let private = private(algorithm);
    let key = || Key::new("kid".to_owned(), algorithm, &private).expect("a key");
    let ring = Ring::from_keys(vec![key()], algorithm);
    let names = Names {
        issuer: Some("https://login.example.org".to_owned()),
        audience: None,
        public: None,
        bound: Arc::new(OnceLock::new()),
        configured: Origin::new(false, "127.0.0.1", 8000),
    };
    let tokens = Tokens::new(ring, names, 900, Clock::set_to(START), Chance::real());
    (tokens, key())
}

const EVERY: [Algorithm; 3] = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::HS256];

/// An id of ours.
pub fn id(bytes: [u8; 16]) -> String {
    BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()
}

/// What a token says: its claims, without the key that vouches for them.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    subject: String,
    account_key: u128,
    version: i64,
    session: String,
    session_key: u128,
    username: String,
    role: Role,
    auth_time: i64,
    issued_at: i64,
    not_before: i64,
    expires_at: i64,
}

impl From<&Claims> for Said {
    fn from(claims: &Claims) -> Self {
        Self {
            subject: claims.subject.clone(),
            account_key: claims.account_key,
            version: claims.version,
            session: claims.session.clone(),
            session_key: claims.session_key,
            username: claims.username.clone(),
            role: claims.role,
            auth_time: claims.auth_time,
            issued_at: claims.issued_at,
            not_before: claims.not_before,
            expires_at: claims.expires_at,
        }
    }
}

fn mint(tokens: &Tokens, claims: &Said) -> String {
    let bearer = Bearer {
        account: &claims.subject,
        username: &claims.username,
        role: claims.role,
        version: claims.version,
        session: &claims.session,
        auth_time: claims.auth_time,
    };
    tokens.mint(&bearer, 900).expect("a token").token
}

fn claims() -> impl Strategy<Value = Said> {
    let parts = (
        any::<[u8; 16]>(),
        any::<[u8; 16]>(),
        any::<String>(),
        prop::sample::select(vec![Role::User, Role::Admin]),
        0..1_i64 << 48,
        0..=START,
    );
    parts.prop_map(
        |(account, session, username, role, version, auth_time)| Said {
            subject: id(account),
            account_key: u128::from_be_bytes(account),
            version,
            session: id(session),
            session_key: u128::from_be_bytes(session),
            username,
            role,
            auth_time,
            issued_at: START,
            not_before: START,
            expires_at: START + 900,
        },
    )
}

#[test]
fn a_token_says_what_it_was_minted_for() {
    let all = EVERY.map(tokens);
    hold(300, &claims(), |claims| {
        for (tokens, _) in &all {
            let verified = tokens.verify(&mint(tokens, &claims)).expect("good");
            assert_eq!(Said::from(&*verified), claims);
        }
    });
}

#[test]
fn a_token_that_was_touched_is_refused() {
    let all = EVERY.map(tokens);
    let touches = (
        claims(),
        prop::collection::vec((any::<prop::sample::Index>(), change()), 1..3),
    );
    hold(300, &touches, |(claims, touches)| {
        for (tokens, _) in &all {
            let good = mint(tokens, &claims);
            let mut token = good.clone();
            for (at, change) in &touches {
                token = touched(&token, *at, *change);
            }
            assert_eq!(tokens.verify(&token).is_ok(), token == good, "{token}");
        }
    });
}

#[test]
fn no_text_is_a_token() {
    let all = EVERY.map(tokens);
    let header = BASE64URL_NOPAD.encode(br#"{"typ":"at+jwt","alg":"none","kid":"kid"}"#);
    let texts = prop_oneof![
        any::<String>(),
        woven(&[
            ".",
            "..",
            "=",
            "e30",
            "bnVsbA",
            "eyJhbGciOiJub25lIn0",
            "Bearer "
        ]),
        woven(&["", ".", "e30", "AA"]).prop_map(move |rest| format!("{header}.{rest}")),
        "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,90}",
    ];
    hold(1000, &texts, |text| {
        for (tokens, _) in &all {
            assert!(tokens.verify(&text).is_err(), "{text:?}");
        }
    });
}

/// What stands in a token of ours.
fn payload() -> Map<String, Value> {
    let members = json!({
        "iss": "https://login.example.org", "aud": "https://login.example.org",
        "sub": id([1; 16]), "client_id": "vestibule", "iat": START, "nbf": START, "exp": START + 900,
        "jti": "x", "auth_time": START, "amr": ["pwd"], "sid": id([2; 16]), "ver": 1,
        "preferred_username": "ana", "roles": ["admin"],
    });
    members.as_object().cloned().expect("members")
}

fn odd_values() -> impl Strategy<Value = Value> {
    let odd = [
        json!(START - 1),
        json!(START + 61),
        json!(-1),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1.5),
        json!(START.to_string()),
        json!(["https://login.example.org"]),
        json!([]),
        json!(["Admin"]),
        json!(["admin", 1]),
        json!(null),
        json!("https://login.example.org/"),
        json!(id([1; 16]).to_uppercase()),
        json!(id([1; 16]) + "="),
        json!("at+jwt"),
        json!("JWT"),
        json!("application/at+jwt"),
        json!("none"),
        json!("HS256"),
    ];
    prop_oneof![prop::sample::select(odd.to_vec()), values()]
}

/// Even who holds the key cannot make a token that means two things.
#[test]
fn a_signed_token_is_read_as_it_was_written_or_refused() {
    let (tokens, key) = tokens(Algorithm::HS256);
    let names: Vec<String> = payload()
        .keys()
        .cloned()
        .chain(["more".to_owned()])
        .collect();
    let header_names = ["typ", "alg", "kid", "crit", "b64", "zip", "jku", "jwk"];
    let cases = (
        prop::collection::vec(
            (prop::sample::select(names), prop::option::of(odd_values())),
            0..3,
        ),
        prop::option::weighted(
            0.3,
            (prop::sample::select(header_names.to_vec()), odd_values()),
        ),
    );
    hold(2000, &cases, |(changes, header_change)| {
        let mut header = json!({ "typ": "at+jwt", "alg": "HS256", "kid": "kid" });
        if let Some((name, value)) = &header_change {
            header[*name] = value.clone();
        }
        let mut members = payload();
        for (name, value) in changes {
            match value {
                Some(value) => drop(members.insert(name, value)),
                None => drop(members.remove(&name)),
            }
        }
        let encoded = |text: String| BASE64URL_NOPAD.encode(text.as_bytes());
        let message = format!(
            "{}.{}",
            encoded(header.to_string()),
            encoded(Value::from(members.clone()).to_string())
        );
        let signature = key.sign(message.as_bytes()).expect("signed");
        let Ok(claims) = tokens.verify(&format!("{message}.{signature}")) else {
            return;
        };
        assert!(
            header["alg"] == "HS256" && header["kid"] == "kid",
            "{header}"
        );
        assert!(
            ["crit", "b64", "zip"]
                .iter()
                .all(|name| header.get(name).is_none()),
            "{header}"
        );
        for (name, said) in [
            ("sub", json!(id(claims.account_key.to_be_bytes()))),
            ("sub", json!(claims.subject)),
            ("sid", json!(id(claims.session_key.to_be_bytes()))),
            ("sid", json!(claims.session)),
            ("ver", json!(claims.version)),
            ("preferred_username", json!(claims.username)),
            ("auth_time", json!(claims.auth_time)),
            ("iat", json!(claims.issued_at)),
            ("nbf", json!(claims.not_before)),
            ("exp", json!(claims.expires_at)),
            ("iss", json!("https://login.example.org")),
        ] {
            assert_eq!(members[name], said, "{name}");
        }
        let roles = members
            .get("roles")
            .map(|roles| roles.as_array().expect("a list"));
        let admin = roles.is_some_and(|roles| roles.contains(&json!("admin")));
        assert_eq!(claims.role == Role::Admin, admin);
        assert!(claims.expires_at > START && claims.not_before.max(claims.issued_at) <= START + 60);
    });
}

#[test]
fn a_genuine_refresh_token_has_one_spelling() {
    let (key, other) = (RefreshKey::new(&[7; 32]), RefreshKey::new(&[8; 32]));
    let cases = (
        any::<[u8; 16]>().prop_map(id),
        0..1_000_000_000_000_i64,
        prop::collection::vec((any::<prop::sample::Index>(), change()), 0..3),
    );
    hold(3000, &cases, |(session, generation, touches)| {
        let good = key.token(&session, generation);
        let parsed = RefreshToken::parse(&good).expect("our own");
        assert!(parsed.session == session && parsed.generation == generation);
        assert!(key.is_genuine(&parsed) && !other.is_genuine(&parsed));
        // As many zeros as there were changes: a number has many spellings, a token one.
        let zeros = "0".repeat(touches.len());
        let mut token = good.replace(
            &format!(".{generation}."),
            &format!(".{zeros}{generation}."),
        );
        assert_eq!(
            RefreshToken::parse(&token).is_some(),
            token == good,
            "{token}"
        );
        for (at, change) in touches {
            token = touched(&token, at, change);
        }
        let genuine = RefreshToken::parse(&token).is_some_and(|parsed| key.is_genuine(&parsed));
        assert_eq!(genuine, token == good, "{token}");
    });
    let texts = prop_oneof![
        any::<String>(),
        woven(&["vestibule_rt_", ".", "0", "+", "-", "a", "=", "é"])
    ];
    hold(2000, &texts, |text| {
        let genuine = RefreshToken::parse(&text).is_some_and(|parsed| key.is_genuine(&parsed));
        assert!(!genuine, "{text:?}");
    });
}
