//! The guard: a token seen for the first time, one that is remembered, and a whole guarded request beside one that
//! nobody guards.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use divan::Bencher;
use rocket::http::{Accept, Status};
use vestibule::config::{Algorithm, Origin};
use vestibule::tokens::{Bearer, Key, Names, Ring, Role, Tokens};
use vestibule::world::{Chance, Clock};

use crate::scene::{NAME, Scene};

const ALGORITHMS: [Algorithm; 3] = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::HS256];

/// Tokens signed by a key made just now.
fn tokens(algorithm: Algorithm) -> Tokens {
    let private = match algorithm {
        Algorithm::ES256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            pair.to_pkcs8v1().unwrap().as_ref().to_vec()
        }
        Algorithm::EdDSA => Ed25519KeyPair::generate()
            .unwrap()
            .to_pkcs8()
            .unwrap()
            .as_ref()
            .to_vec(),
        Algorithm::HS256 => vec![7; 32],
    };
    let key = Key::new("bench".into(), algorithm, &private).unwrap();
    let names = Names {
        issuer: None,
        audience: None,
        public: None,
        bound: Arc::new(OnceLock::new()),
        configured: Origin::new(false, "127.0.0.1", 8000),
    };
    let ring = Ring::from_keys(vec![key], algorithm);
    Tokens::new(ring, names, 900, Clock::Real, Chance::real())
}

fn minted(tokens: &Tokens) -> String {
    let bearer = Bearer {
        account: "aaaaaaaaaaaaaaaaaaaaaaaaaa",
        username: NAME,
        role: Role::User,
        version: 1,
        session: "bbbbbbbbbbbbbbbbbbbbbbbbba",
        auth_time: 0,
    };
    tokens.mint(&bearer, 86_400).unwrap().token
}

#[divan::bench(args = ALGORITHMS)]
fn mint(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let tokens = tokens(algorithm);
    bencher.bench_local(|| minted(&tokens));
}

#[divan::bench(args = ALGORITHMS)]
fn verify_first(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let tokens = tokens(algorithm);
    bencher
        .with_inputs(|| minted(&tokens))
        .bench_refs(|token| tokens.verify(token).unwrap());
}

#[divan::bench(args = ALGORITHMS)]
fn verify_remembered(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let tokens = tokens(algorithm);
    let token = minted(&tokens);
    bencher.bench_local(|| tokens.verify(divan::black_box(&token)).unwrap());
}

#[divan::bench]
fn request_guarded(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let request = scene
        .get("/secure-data")
        .header(Accept::JSON)
        .header(scene.bearer());
    bencher
        .with_inputs(|| request.clone())
        .bench_local_values(|request| {
            let answer = request.dispatch();
            assert_eq!(answer.status(), Status::Ok);
            answer.into_bytes()
        });
}

#[divan::bench]
fn request_unguarded(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let request = scene
        .get("/health/live")
        .header(Accept::JSON)
        .header(scene.bearer());
    bencher
        .with_inputs(|| request.clone())
        .bench_local_values(|request| request.dispatch().into_bytes());
}
