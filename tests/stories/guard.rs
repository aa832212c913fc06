//! The guard: whose token is good, and for how long. Tokens are made here by another library than the service's own
//! code, with the key that the service itself keeps.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::house::{House, PASSWORD, START};

/// A house whose tokens this test can forge: HS256, and the key opened with the secret.
struct Forge {
    house: House,
    kid: String,
    key: jsonwebtoken::EncodingKey,
    good: String,
}

impl Forge {
    fn new() -> Self {
        let house = House::with(&[
            ("vestibule.algorithm", "HS256"),
            (
                "vestibule.server_secret",
                "a secret that all tests share, 32+",
            ),
        ]);
        let good = house.token_of("ana");
        let row = house
            .database
            .ask("select kid, sealed_private from signing_keys")
            .remove(0);
        let (kid, sealed) = row.split_once('|').expect("two columns");
        let secret = vestibule::config::Secret::new("a secret that all tests share, 32+".into());
        let secret = vestibule::tokens::ServerSecret::derive(&secret).expect("a secret");
        let sealed = BASE64URL_NOPAD
            .decode(sealed.as_bytes())
            .expect("base64url");
        let key = secret
            .unseal(&format!("signing_keys/{kid}/HS256"), &sealed)
            .expect("the key opens");
        Self {
            kid: kid.to_owned(),
            key: jsonwebtoken::EncodingKey::from_secret(&key),
            house,
            good,
        }
    }

    fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": "HS256", "kid": self.kid })
    }

    fn claims(&self) -> Value {
        let payload = self.good.split('.').nth(1).expect("a payload");
        serde_json::from_slice(
            &BASE64URL_NOPAD
                .decode(payload.as_bytes())
                .expect("base64url"),
        )
        .expect("JSON")
    }

    /// Signs any bytes, so that only what is in them can be the reason for a refusal.
    fn sign(&self, header: &str, payload: &str) -> String {
        let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let message = format!("{}.{}", encode(header), encode(payload));
        let signature = jsonwebtoken::crypto::sign(
            message.as_bytes(),
            &self.key,
            jsonwebtoken::Algorithm::HS256,
        )
        .expect("signed");
        format!("{message}.{signature}")
    }

    fn status(&self, token: &str) -> u16 {
        let answer = self.house.get("/auth/me").bearer(token).send();
        if answer.status == 401 {
            let challenge = answer.header("WWW-Authenticate");
            assert!(
                challenge.starts_with("Bearer error=\"invalid_token\""),
                "{challenge}"
            );
        }
        answer.status
    }

    fn with(&self, change: impl FnOnce(&mut Value, &mut Value)) -> u16 {
        let (mut header, mut claims) = (self.header(), self.claims());
        change(&mut header, &mut claims);
        self.status(&self.sign(&header.to_string(), &claims.to_string()))
    }
}

#[test]
fn a_forged_token_that_says_the_same_is_good_so_the_forge_works() {
    let forge = Forge::new();
    assert_eq!(forge.status(&forge.good), 200);
    assert_eq!(forge.with(|_, _| {}), 200);
    assert_eq!(
        forge.with(|_, claims| claims["aud"] = json!(["other", claims["aud"]])),
        200
    );
    assert_eq!(
        forge.with(|header, _| header["typ"] = json!("application/AT+JWT")),
        200
    );
}

#[test]
fn every_header_member_is_enforced() {
    let forge = Forge::new();
    type Change = fn(&mut Value);
    let changes: [Change; 14] = [
        |header| header["typ"] = json!("JWT"),
        |header| drop(header.as_object_mut().expect("object").remove("typ")),
        |header| header["typ"] = json!(["at+jwt"]),
        |header| header["alg"] = json!("none"),
        |header| header["alg"] = json!("HS512"),
        |header| header["alg"] = json!("ES256"),
        |header| header["alg"] = json!("hs256"),
        |header| drop(header.as_object_mut().expect("object").remove("alg")),
        |header| header["kid"] = json!("another"),
        |header| header["kid"] = json!("' or 1=1 --"),
        |header| drop(header.as_object_mut().expect("object").remove("kid")),
        |header| header["crit"] = json!(["exp"]),
        |header| header["crit"] = json!([]),
        |header| header["b64"] = json!(false),
    ];
    for (number, change) in changes.iter().enumerate() {
        assert_eq!(
            forge.with(|header, _| change(header)),
            401,
            "change {number}"
        );
    }
}

#[test]
fn a_key_that_a_token_brings_along_is_not_used() {
    let mut forge = Forge::new();
    forge.key = jsonwebtoken::EncodingKey::from_secret(&[7; 32]);
    let jwk = json!({ "kty": "oct", "alg": "HS256", "kid": forge.kid,
                      "k": BASE64URL_NOPAD.encode(&[7; 32]) });
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/chain.pem")),
        ("x5c", json!(["MAAA"])),
    ] {
        let mut header = forge.header();
        header[name] = value;
        let token = forge.sign(&header.to_string(), &forge.claims().to_string());
        assert_eq!(forge.status(&token), 401, "{name}");
    }
}

#[test]
fn every_claim_is_enforced() {
    let forge = Forge::new();
    for name in [
        "iss",
        "aud",
        "sub",
        "exp",
        "nbf",
        "iat",
        "jti",
        "client_id",
        "auth_time",
        "sid",
        "ver",
        "preferred_username",
    ] {
        let removed =
            forge.with(|_, claims| drop(claims.as_object_mut().expect("object").remove(name)));
        assert_eq!(removed, 401, "without {name}");
        assert_eq!(
            forge.with(|_, claims| claims[name] = json!({})),
            401,
            "odd {name}"
        );
        assert_eq!(
            forge.with(|_, claims| claims[name] = Value::Null),
            401,
            "null {name}"
        );
    }
    assert_eq!(
        forge.with(|_, claims| claims["iss"] = json!("https://evil.example")),
        401
    );
    assert_eq!(
        forge.with(|_, claims| claims["aud"] = json!("https://evil.example")),
        401
    );
    assert_eq!(forge.with(|_, claims| claims["aud"] = json!([])), 401);
    for odd in [
        json!("admin"),
        json!(null),
        json!([7]),
        json!({ "admin": true }),
    ] {
        assert_eq!(
            forge.with(|_, claims| claims["roles"] = odd.clone()),
            401,
            "{odd}"
        );
    }
    for far in [
        json!(1e300),
        json!(-1),
        json!(u64::MAX),
        json!("9999999999"),
        json!(1.5),
    ] {
        assert_eq!(
            forge.with(|_, claims| claims["exp"] = far.clone()),
            401,
            "{far}"
        );
    }
}

#[test]
fn times_are_looked_at_on_our_clock() {
    let forge = Forge::new();
    assert_eq!(forge.with(|_, claims| claims["exp"] = json!(START)), 401);
    assert_eq!(
        forge.with(|_, claims| claims["exp"] = json!(START + 1)),
        200
    );
    for name in ["nbf", "iat"] {
        assert_eq!(
            forge.with(|_, claims| claims[name] = json!(START + 60)),
            200,
            "{name}"
        );
        assert_eq!(
            forge.with(|_, claims| claims[name] = json!(START + 61)),
            401,
            "{name}"
        );
    }
    let good = forge.good.clone();
    forge.house.clock.advance(899);
    assert_eq!(forge.status(&good), 200);
    // Remembered or not, it is dead when it says so.
    forge.house.clock.advance(1);
    assert_eq!(forge.status(&good), 401);
}

#[test]
fn two_readings_of_one_token_are_refused() {
    let forge = Forge::new();
    let (header, claims) = (forge.header().to_string(), forge.claims().to_string());
    let doubled = |text: &str, member: &str| format!("{{{member},{}", &text[1..]);
    assert_eq!(
        forge.status(&forge.sign(&doubled(&header, "\"alg\":\"none\""), &claims)),
        401
    );
    assert_eq!(
        forge.status(&forge.sign(&header, &doubled(&claims, "\"sub\":\"somebody\""))),
        401
    );
    assert_eq!(
        forge.status(&forge.sign(&header, &doubled(&claims, "\"x\":{\"a\":1,\"a\":2}"))),
        401
    );
    assert_eq!(
        forge.status(&forge.sign(&header, &format!("{claims}{claims}"))),
        401
    );
    assert_eq!(forge.status(&forge.sign(&header, "[]")), 401);
    assert_eq!(forge.status(&forge.sign("null", &claims)), 401);
}

#[test]
fn base64url_is_read_strictly() {
    let forge = Forge::new();
    let good = &forge.good;
    for bad in [
        format!("{good}="),
        format!("{good}."),
        format!(".{good}"),
        good.replace('.', ".."),
        good.replacen('e', "e ", 1),
        good[..good.len() - 1].to_owned(),
        good.rsplit_once('.').expect("parts").0.to_owned() + ".",
        "a.b.c".into(),
        "..".into(),
        "x".repeat(5000),
    ] {
        assert_eq!(forge.status(&bad), 401, "{bad}");
    }
    // The last character of 43 holds two bits that must be zero.
    let last = good.chars().last().expect("a character");
    let twins = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = twins.find(last).expect("base64url");
    for twin in (at / 4 * 4..at / 4 * 4 + 4).filter(|twin| *twin != at) {
        let twin = format!("{}{}", &good[..good.len() - 1], &twins[twin..=twin]);
        assert_eq!(forge.status(&twin), 401);
    }
}

#[test]
fn every_flipped_bit_of_a_signature_is_noticed() {
    let forge = Forge::new();
    let (message, signature) = forge.good.rsplit_once('.').expect("parts");
    let signature = BASE64URL_NOPAD
        .decode(signature.as_bytes())
        .expect("base64url");
    for bit in (0..signature.len() * 8).step_by(7) {
        let mut altered = signature.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            forge.status(&format!("{message}.{}", BASE64URL_NOPAD.encode(&altered))),
            401,
            "bit {bit}"
        );
    }
}

#[test]
fn each_algorithm_signs_and_verifies_and_a_changed_one_keeps_old_tokens() {
    for algorithm in ["ES256", "EdDSA", "HS256"] {
        let house = House::with(&[("vestibule.algorithm", algorithm)]);
        let token = house.token_of("ana");
        let header = BASE64URL_NOPAD
            .decode(token.split('.').next().expect("a header").as_bytes())
            .expect("base64url");
        let header: Value = serde_json::from_slice(&header).expect("JSON");
        assert_eq!(
            (header["alg"].as_str(), header["typ"].as_str()),
            (Some(algorithm), Some("at+jwt"))
        );
        assert_eq!(house.get("/secure-data").bearer(&token).send().status, 200);
        let issuer = format!("vestibule.issuer=\"{}\"", house.origin);
        let issuer = issuer.split_once('=').expect("a pair").1.to_owned();
        let next = House::on(
            house.close(),
            &[
                ("vestibule.algorithm", "ES256"),
                ("vestibule.issuer", &issuer),
            ],
        );
        assert_eq!(
            next.get("/secure-data").bearer(&token).send().status,
            200,
            "{algorithm}"
        );
    }
}

#[test]
fn a_token_holds_no_address_and_an_id_that_is_not_the_name() {
    let forge = Forge::new();
    let claims = forge.claims();
    assert!(!claims.to_string().contains("example.org"));
    assert_eq!(claims["preferred_username"], "ana");
    assert_ne!(claims["sub"], "ana");
    assert_eq!(claims["exp"], START + 900);
    assert_eq!(
        (claims["iss"].as_str(), claims["aud"].as_str()),
        (Some(&*forge.house.origin), Some(&*forge.house.origin))
    );
}

#[test]
fn bearer_comes_first_then_the_cookie() {
    let house = House::new();
    let (ana, bob) = (house.cookie_of("ana"), house.token_of("bob"));
    let me = |call: crate::house::Call| call.send().json()["username"].clone();
    assert_eq!(me(house.get("/auth/me").header("Cookie", &ana)), "ana");
    assert_eq!(
        me(house.get("/auth/me").header("Cookie", &ana).bearer(&bob)),
        "bob"
    );
    assert_eq!(
        me(house
            .get("/auth/me")
            .header("Cookie", &ana)
            .header("Authorization", "Basic YTpi")),
        "ana"
    );
    // A bad Bearer is not rescued by a good cookie.
    assert_eq!(
        house
            .get("/auth/me")
            .header("Cookie", &ana)
            .bearer("bad")
            .send()
            .status,
        401
    );
    assert_eq!(
        house
            .get("/auth/me")
            .header("Cookie", &ana)
            .header("Authorization", "Bearer")
            .send()
            .status,
        401
    );
    let twice = house
        .get("/auth/me")
        .bearer(&bob)
        .header("Authorization", "Basic YTpi")
        .send();
    assert_eq!(twice.status, 400);
}

#[test]
fn without_a_token_the_challenge_names_no_error() {
    let house = House::new();
    for answer in [
        house.get("/auth/me").send(),
        house.get("/secure-data").send(),
    ] {
        assert_eq!(
            (answer.status, answer.header("WWW-Authenticate")),
            (401, "Bearer")
        );
        assert_eq!(answer.header("Content-Type"), "application/problem+json");
    }
}

#[test]
fn a_token_of_one_service_is_nothing_to_another() {
    let (one, other) = (House::new(), House::new());
    let token = one.token_of("ana");
    other.register("ana");
    assert_eq!(one.get("/auth/me").bearer(&token).send().status, 200);
    assert_eq!(other.get("/auth/me").bearer(&token).send().status, 401);
    assert_eq!(other.log_in("ana", PASSWORD).status, 200);
}
