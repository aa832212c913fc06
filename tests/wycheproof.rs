//! The JWS vectors of the Wycheproof project (Apache-2.0) against our verifier: what others got wrong before us.

#![allow(clippy::print_stdout, reason = "what was skipped is said")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use vestibule::config::Algorithm;
use vestibule::tokens::jws::verified;
use vestibule::tokens::{Key, Ring};

/// Vectors that are labelled valid and that a strict verifier refuses, each with the reason.
const STRICTER: &[(i64, &str)] = &[
    (372, "a character outside the alphabet inside base64url"),
    (373, "a character outside the alphabet inside base64url"),
];

/// Vectors that are labelled invalid for padding that the file lost: letter for letter the valid vector 357.
const SAME_AS_357: &[i64] = &[367, 370];

fn bytes(jwk: &Value, name: &str) -> Vec<u8> {
    let text = jwk[name].as_str().expect("a member of the key");
    BASE64URL_NOPAD.decode(text.as_bytes()).expect("base64url")
}

/// The group's key in a ring; the reason why not, for keys that this service never has.
fn ring(jwk: &Value) -> Result<Ring, String> {
    let operations = jwk["key_ops"].as_array();
    let other_use = jwk["use"].as_str().is_some_and(|usage| usage != "sig");
    if other_use || operations.is_some_and(|list| !list.contains(&"verify".into())) {
        return Err("the key is not for signatures, so it enters no ring".to_owned());
    }
    let kid = jwk["kid"].as_str().unwrap_or("none").to_owned();
    let (kty, alg) = (jwk["kty"].as_str().expect("a type"), jwk["alg"].as_str());
    let (key, algorithm) = match (kty, alg, jwk["crv"].as_str()) {
        ("oct", Some("HS256"), _) => (
            Key::new(kid, Algorithm::HS256, &bytes(jwk, "k")),
            Algorithm::HS256,
        ),
        ("EC", Some("ES256") | None, Some("P-256")) => {
            let point = [vec![4], bytes(jwk, "x"), bytes(jwk, "y")].concat();
            (Key::public(kid, Algorithm::ES256, point), Algorithm::ES256)
        }
        _ => {
            return Err(format!(
                "{kty} {} is no algorithm of ours",
                alg.unwrap_or("without alg")
            ));
        }
    };
    let key = key.ok_or_else(|| "the key is shorter than we take".to_owned())?;
    Ok(Ring::from_keys(vec![key], algorithm))
}

#[test]
fn the_vectors_hold() {
    let file = include_str!("wycheproof_jws.json");
    let vectors: Value = serde_json::from_str(file).expect("JSON");
    let (mut held, mut skipped, mut valid_357) = (0, 0, "");
    for group in vectors["testGroups"].as_array().expect("groups") {
        let jwk = if group["private"].is_object() {
            &group["private"]
        } else {
            &group["public"]
        };
        let ring = ring(jwk);
        for test in group["tests"].as_array().expect("tests") {
            let (id, comment) = (test["tcId"].as_i64().expect("an id"), &test["comment"]);
            let (Ok(ring), Some(jws)) = (&ring, test["jws"].as_str()) else {
                let why = ring
                    .as_ref()
                    .err()
                    .map_or("JSON serialization, which we do not read", String::as_str);
                println!("skipped {id} {comment}: {why}");
                skipped += 1;
                continue;
            };
            if id == 357 {
                valid_357 = jws;
            }
            if SAME_AS_357.contains(&id) {
                assert_eq!(jws, valid_357, "{id} is a vector of its own now");
            }
            let stricter = STRICTER.iter().any(|(known, _)| *known == id);
            let labelled = test["result"] == "valid" || SAME_AS_357.contains(&id);
            let expected = labelled && !stricter;
            assert_eq!(verified(ring, jws).is_ok(), expected, "{id} {comment}");
            held += 1;
        }
    }
    println!("{held} held, {skipped} skipped");
    assert_eq!(
        held + skipped,
        vectors["numberOfTests"].as_i64().expect("a number")
    );
    assert!(held >= 60, "{held}");
}
