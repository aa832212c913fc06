//! Vectors made by the libraries themselves, on Python 3: Django 5.2.19 (`get_hasher(NAME).encode(PASSWORD, salt)`, with
//! `rounds = 4`, `memory_cost = 64`, `work_factor = 1024` where they would be slow), Werkzeug 3.1.9
//! (`generate_password_hash(PASSWORD, METHOD)`; 1.0.1 where it is an HMAC), passlib 1.7.4 (`HASH.using(rounds=…).hash(PASSWORD)`), `hashlib`; and
//! the example of github.com/firebase/scrypt.

use proptest::prelude::*;

use super::*;
use crate::config::HashSettings;
use crate::hashing::{Hashing, Verdict};

const CHEAP: HashSettings = HashSettings {
    memory_kib: 64,
    passes: 1,
    threads: 1,
    queue: 4,
};

const PASSWORD: &str = "quartz balloon tundra";

const KEPT: &[&str] = &[
    // Django.
    "pbkdf2_sha256$20000$SodiumChloride$bNK4nh1NBR0E//zSn7tE0t+oQPjRU3eusbosImzY7Hg=",
    "pbkdf2_sha1$20000$SodiumChloride$aulP4SIEqh28O4hrUQ4nbsdb0a8=",
    "argon2$argon2id$v=19$m=64,t=2,p=1$OXowZW1aNVV4ZHdqV0VYZEpGUVBPTQ$t2HI1Z69uSmqEnTy+h7seHlScHGA7QLM+vsUwv8gix4",
    "bcrypt_sha256$$2b$04$g9UAxs810yRPGjwVtx4vbeipgupEecvDoD4MCTlOF2HWFdF4fO5eS",
    "bcrypt$$2b$04$g2P3MiTVeOlKbdE0wgM7tOyA6VF1b0TL/O2EiFlXuWvZZ8mF91wLG",
    "scrypt$1024$zvg3qnzM0FrBQKAFRvvjR1$8$5$dg5AtrkwIzbjjQNNmiiMLnQ4Me2GwVu8mqd97p/VkNxsZdpA7NLzn39d8c4TWsMPlWZkqIhqJy11E/udCwZhZw==",
    // Werkzeug.
    "pbkdf2:sha256:20000$2CsPAONKLmDoSY8k$9e53c484b963e0475b60d4ef2eed0c01e3ac018d3da3bd8ba9db948ead88c387",
    "pbkdf2:sha512:20000$ZZNsyQSw7bYhMeyK$9d062ffa0d01afd7cc024f452c7ed1ab7abbc350dccc2a14027f103ea6cc1b1b043810f2764a15872b5a72790d2dfb395811a2498d0269f7cfeefcbfb9c70912",
    "scrypt:1024:8:1$F98Ctbc0QDq2qihw$de2998679fefa9ba139bb09230b268179ffa1f54953383e83dbbfde16263df9a813e6a8a202617de299bf36c315a9045a189e67aa7d3d9ff415cb61fb0b5dfba",
    // passlib.
    "$2b$04$MB0bcbmFoXyMR/VvKwhTRO5AOLrv2IilSQCE0ysl4CR.3O9jpDP8.",
    "$2a$04$/CqYaWd3r.Ne75cq8cT.QOW0L8eKq.Y1EWjS.uTWF3hO4xAjz26D6",
    "$2y$04$6RApLMLybK1dmGlL6QlNZuhqf9lD7qa4BTC3LbNUkwHxWWhlWFBzu",
    "$bcrypt-sha256$v=2,t=2b,r=4$OkwG2nRMT3nkXZgwpO93b.$iH8HN65LFkBg1bvGgvOjXRwBKYstpdG",
    "$bcrypt-sha256$2b,4$gx7gEFtycVDpEO5iABfkJ.$c.C0wfV5uSAp6mEi7KUlFc3Nuyy9JEG",
    "$scrypt$ln=10,r=8,p=1$sba2ViolZEwpRUgpJYTQug$5H9bsc6ITssLuh4i5VUhlFVxdge+l6UgAdhmCF1Ak0E",
    "$pbkdf2$20000$3/t/711LqbV2rtUa47yXkg$7JXUvO7XaYcQV980J72t0H.7D04",
    "$pbkdf2-sha256$20000$zRkjZKx17l3rfQ8hhBDi3A$5bcuiCVqgW7pOEiqsFMIamxrew3gLS45YD3PJHAcUVI",
    "$pbkdf2-sha512$20000$obS2du49JwRgLKV0bi1lDA$MJ56/vqikcQhnBg/aRlX4dtUzidq3xGaAnehqtUX3mo4jqYKsJCmaBpW/25SFYaoc9pbA1AzftVYbpT6BMcSDA",
    // The same in the PHC form.
    "$pbkdf2-sha256$i=20000,l=32$zRkjZKx17l3rfQ8hhBDi3A$5bcuiCVqgW7pOEiqsFMIamxrew3gLS45YD3PJHAcUVI",
    "$argon2i$v=19$m=64,t=2,p=2$rPWek9K69x4D4DzHWOvd2w$iyNYbtUUq3yAbXoV/zoygsSGyBCzVMYvMkHMaujvZdA",
    "$argon2d$v=19$m=64,t=2,p=1$hNA6hzAmZOy99/5fi1HqvQ$OwK70W6I3le39FTsiqe/AuGT/+3mQrnDDO3K2IkkVf4",
    "$argon2id$v=19$m=64,t=2,p=4$AwBAyDmH0Prf23vP+T/HOA$JAOi71pVa6CmZcqnAUn61LlbYpc2DfBrRwLmd0toPTU",
];

/// Too fast to be kept.
const FAST: &[&str] = &[
    "md5$78XTuJ5RjGUQo035t9hsab$b90e7ad49c1a44c00f3fad098da5dff1",
    "pbkdf2_sha256$1000$SodiumChloride$lW/Xtb1nEA3DK0lzU8ogSzcXtN1tOIuOQKKA1t0Juns=",
    "pbkdf2:sha1:1000$DVLJSRNbwZzGsUUi$54b15682a30b354a1cc4f9abb7f13dff07e655c7",
    // Werkzeug's of the same form, where the salt is the key of an HMAC.
    "md5$sqLsNVnk$60e818640e6abd5fc735642c7436ddfc",
    "sha1$OXCAgYwa$87201ff077893e63e258c717d860f22dbae7c3c2",
    "sha256$sqLsNVnk$c66941cb879755a2ccfcca9c1e7497f90a3ff9096bd78707f5d2e0550cc22c23",
    "md5$$0aa37cbef02015aa9794e469d8109d81",
    "sha1$$C5DC8E62EA8C6215B700D80BEFC981612921B161",
    "sha256$$fd0c7eaecbebd88caa4cc9000e1d569f919815087127880266cb78646acb53ab",
];

const BARE: &[(Kind, &str)] = &[
    (Kind::Md5, "0aa37cbef02015aa9794e469d8109d81"),
    (Kind::Sha1, "C5DC8E62EA8C6215B700D80BEFC981612921B161"),
    (
        Kind::Sha256,
        "fd0c7eaecbebd88caa4cc9000e1d569f919815087127880266cb78646acb53ab",
    ),
    (
        Kind::Sha512,
        "1b504b07772bfc52675fa9415f69266b1dedc5eee34e58d18d86d96054829b45f3d3170eea0da2ce263d80924724179e6cc70acae54c38224e85c64f60f15f9b",
    ),
];

const SIGNER: &str =
    "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==";
const FIREBASE: &str = "$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";

fn plain(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

fn as_is(text: &str, reading: &Reading) -> String {
    match admit(text, reading) {
        Ok(Admitted::AsIs(text)) => text,
        Ok(Admitted::Wrap(_)) => panic!("{text} is too fast"),
        Err(reason) => panic!("{text}: {reason}"),
    }
}

fn fast(text: &str, reading: &Reading) -> Fast {
    match admit(text, reading) {
        Ok(Admitted::Wrap(fast)) => fast,
        Ok(Admitted::AsIs(_)) => panic!("{text} would be kept"),
        Err(reason) => panic!("{text}: {reason}"),
    }
}

fn refused(text: &str) -> &'static str {
    match admit(text, &Reading::default()) {
        Err(reason) => reason,
        Ok(_) => panic!("{text} is taken"),
    }
}

async fn knows(hashing: &Hashing, stored: &str, password: &str) {
    let verify = |tried: &str| hashing.verify(plain(tried), stored.to_owned());
    assert_eq!(verify(password).await, Ok(Verdict::Outdated), "{stored}");
    for wrong in ["", "quartz balloon tundr", "quartz balloon tundra "] {
        assert_eq!(verify(wrong).await, Ok(Verdict::Wrong), "{stored} {wrong}");
    }
}

#[rocket::async_test]
async fn hashes_of_the_libraries_are_understood() {
    let hashing = Hashing::start(CHEAP).unwrap();
    for text in KEPT {
        let stored = as_is(text, &Reading::default());
        knows(&hashing, &stored, PASSWORD).await;
        // What was exported comes in again.
        assert_eq!(as_is(&stored, &Reading::default()), stored);
    }
}

#[rocket::async_test]
async fn fast_hashes_are_wrapped_and_nothing_of_them_remains() {
    let hashing = Hashing::start(CHEAP).unwrap();
    let bare = BARE.iter().map(|(kind, text)| {
        let reading = Reading {
            bare: Some(*kind),
            ..Reading::default()
        };
        (*text, fast(text, &reading))
    });
    let said = FAST
        .iter()
        .map(|text| (*text, fast(text, &Reading::default())));
    for (text, fast) in bare.chain(said) {
        let stored = hashing.wrap(vec![(fast, [7; 16])]).await.unwrap().remove(0);
        assert!(stored.starts_with(WRAPPED) && stored.contains("$argon2id$"));
        let hash = text.rsplit('$').next().unwrap();
        assert!(!stored.to_lowercase().contains(&hash.to_lowercase()));
        // The fast hash itself is no password.
        knows(&hashing, &stored, PASSWORD).await;
        let tried = hashing.verify(plain(hash), stored.clone()).await;
        assert_eq!(tried, Ok(Verdict::Wrong));
        assert_eq!(as_is(&stored, &Reading::default()), stored);
        // Unwrapped it would not be looked at.
        let bare = hashing.verify(plain(PASSWORD), text.to_owned()).await;
        assert_eq!(bare, Ok(Verdict::Unreadable), "{text}");
    }
}

#[rocket::async_test]
async fn firebase_is_understood_and_its_key_is_not_kept() {
    let hashing = Hashing::start(CHEAP).unwrap();
    let inside = format!("$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk={SIGNER}{FIREBASE}");
    let stored = as_is(&inside, &Reading::default());
    assert!(stored.starts_with("$vestibule-firebase$ln=14,r=8,p=1$"));
    assert!(!stored.contains(&SIGNER[..20]) && !stored.contains("lSrfV15c"));
    let verify = |tried: &str| hashing.verify(plain(tried), stored.clone());
    assert_eq!(verify("user1password").await, Ok(Verdict::Outdated));
    assert_eq!(verify("user1passwore").await, Ok(Verdict::Wrong));
    assert_eq!(as_is(&stored, &Reading::default()), stored);
    let beside = format!("$fbscrypt$v=1,n=14,r=8,p=1{FIREBASE}");
    let signer_key = data_encoding::BASE64.decode(SIGNER.as_bytes()).unwrap();
    let reading = Reading {
        signer_key: Some(signer_key.into()),
        ..Reading::default()
    };
    assert_eq!(as_is(&beside, &reading), stored);
    assert!(refused(&beside).contains("--firebase-key"));
}

#[rocket::async_test]
async fn bcrypt_looks_at_72_bytes() {
    // passlib, of fifty times "ü".
    let stored = "$2b$04$PEwraADxJqTXvkkdUnO9vOyYZZzlV90kykTF2kSRvQiEqbD7u.dJS";
    let hashing = Hashing::start(CHEAP).unwrap();
    let verify = |tried: String| hashing.verify(tried.into(), stored.to_owned());
    assert_eq!(verify("ü".repeat(50)).await, Ok(Verdict::Outdated));
    assert_eq!(verify("ü".repeat(36)).await, Ok(Verdict::Outdated));
    assert_eq!(verify("ü".repeat(35)).await, Ok(Verdict::Wrong));
}

#[rocket::async_test]
async fn hostile_costs_are_refused_when_they_come_in_and_when_they_are_checked() {
    let hashing = Hashing::start(CHEAP).unwrap();
    let hash = "A".repeat(43);
    let hostile = [
        format!("$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ${hash}"),
        format!("$argon2id$v=19$m=19456,t=4294967295,p=1$c2FsdHNhbHQ${hash}"),
        format!("$scrypt$ln=40,r=8,p=1$c2FsdHNhbHQ${hash}"),
        format!("$scrypt$ln=255,r=8,p=1$c2FsdHNhbHQ${hash}"),
        format!("$scrypt$ln=14,r=8,p=4294967295$c2FsdHNhbHQ${hash}"),
        format!("$scrypt$ln=1,r=4294967295,p=4294967295$c2FsdHNhbHQ${hash}"),
        format!("$scrypt$ln=0,r=0,p=0$c2FsdHNhbHQ${hash}"),
        format!("$scrypt$ln=1,r=1,p=2097152$c2FsdHNhbHQ${hash}"),
        format!("$scrypt$ln=1,r=8,p=129$c2FsdHNhbHQ${hash}"),
        format!("$pbkdf2-sha256$4294967295$c2FsdHNhbHQ${hash}"),
        format!("$pbkdf2-sha256$0$c2FsdHNhbHQ${hash}"),
        format!("pbkdf2:sha1:3000000$salt${}", "ab".repeat(64)),
        format!("$2b$15${}", "a".repeat(53)),
        format!("$2b$31${}", "a".repeat(53)),
        format!("$2b$99${}", "a".repeat(53)),
        format!("$2b$00${}", "a".repeat(53)),
        format!("$vestibule-firebase$ln=31,r=8,p=1$c2FsdHNhbHQ${hash}"),
        format!(
            "$vestibule-wrapped$pbkdf2-sha1,i=4294967295,l=64,s=c2Fs$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ${hash}"
        ),
    ];
    for text in hostile {
        refused(&text);
        let checked = hashing.verify(plain("x"), text.clone()).await;
        assert_eq!(checked, Ok(Verdict::Unreadable), "{text}");
    }
}

#[test]
fn what_could_never_be_checked_does_not_come_in() {
    let hash = "A".repeat(43);
    let around = format!("argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ${hash}");
    for (text, word) in [
        // Longer once it is wrapped.
        (
            format!("md5${}$b2157e7b2ae716a747597717f1efb7a0", "s".repeat(900)),
            "longer",
        ),
        (
            format!("$vestibule-wrapped$pbkdf2-md5,i=1000,l=16,s=c2Fs${around}"),
            "broken",
        ),
        (
            format!("$vestibule-wrapped$pbkdf2-sha1,i=0,l=16,s=c2Fs${around}"),
            "broken",
        ),
        (
            format!("$argon2id$v=18$m=64,t=1,p=1$c2FsdHNhbHQ${hash}"),
            "broken",
        ),
        (
            format!("$argon2id$v=19$m=64,t=1,p=1$c2FsdA${hash}"),
            "broken",
        ),
    ] {
        let reason = refused(&text);
        assert!(reason.contains(word), "{text}: {reason}");
    }
}

#[test]
fn what_is_wrong_is_said_without_quoting_it() {
    for (text, word) in [
        ("", "no password"),
        ("!unusable", "no password"),
        ("hunter2", "no kind"),
        ("correct horse battery staple", "in the clear"),
        (
            "sha256$a\0b$fd0c7eaecbebd88caa4cc9000e1d569f919815087127880266cb78646acb53ab",
            "control character",
        ),
        (
            "scrypt$1024$salt\0$8$1$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "control character",
        ),
        (
            "pbkdf2_sha256$20000$sälz$bNK4nh1NBR0E//zSn7tE0t+oQPjRU3eusbosImzY7Hg=",
            "beyond ASCII",
        ),
        ("0aa37cbef02015aa9794e469d8109d81", "--bare-hash"),
        ("$2b$04$short", "broken"),
        (
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAA",
            "broken",
        ),
        ("$scrypt$ln=10,r=8,p=1$c2FsdHNhbHQ$AAAA", "broken"),
        ("scrypt$1000$salt$8$1$AAAA", "broken"),
        (
            "$bcrypt-sha256$v=3,t=2b,r=4$OkwG2nRMT3nkXZgwpO93b.$iH8HN65LFkBg1bvGgvOjXRwBKYstpdG",
            "broken",
        ),
        (
            "$bcrypt-sha256$v=2,t=2b,r=4$OkwG2nRMT3nkXZgwpO93b$.iH8HN65LFkBg1bvGgvOjXRwBKYstpdG",
            "broken",
        ),
        ("pbkdf2:md5:1000$salt$00", "broken"),
        ("sha256$salt$00", "broken"),
        ("$vestibule-wrapped$md5", "broken"),
        (&"a".repeat(2000), "longer"),
    ] {
        let reason = refused(text);
        assert!(reason.contains(word), "{text}: {reason}");
        assert!(!reason.contains("hunter2") && !reason.contains("horse"));
    }
}

/// Texts near to known ones, and any others.
fn texts() -> impl Strategy<Value = String> {
    let known: Vec<&str> = KEPT.iter().chain(FAST).copied().collect();
    let bent = (
        proptest::sample::select(known),
        any::<proptest::sample::Index>(),
        "[ -~]{0,3}|é|\\$",
        0..3_usize,
    );
    let bent = bent.prop_map(|(text, at, put, cut)| {
        let at = at.index(text.len());
        let end = (at + cut).min(text.len());
        format!("{}{put}{}", &text[..at], &text[end..])
    });
    let parts = proptest::collection::vec(
        proptest::sample::select(vec![
            "$",
            ":",
            ",",
            "=",
            "scrypt",
            "pbkdf2",
            "-sha256",
            "fbscrypt",
            "v=1",
            "n=1",
            "r=1",
            "p=1",
            "ln=1",
            "i=1",
            "l=1",
            "2b",
            "04",
            "md5",
            "vestibule-wrapped",
            "vestibule-firebase",
            "argon2id",
            "v=19",
            "m=8,t=1,p=1",
            "c2FsdHNhbHQ",
            "AAAAAAAAAAAAAAAAAAAAAA",
            "00",
            "é",
        ]),
        0..12,
    );
    prop_oneof![
        bent,
        parts.prop_map(|parts| parts.concat()),
        any::<String>()
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_panics_and_none_is_met_by_accident(text in texts()) {
        let cheap = |text: &str| !text.contains("scrypt") || text.len() < 60;
        let _ = admit(&text, &Reading { bare: Some(Kind::Md5), signer_key: Some(vec![1; 64].into()) });
        let argon2 = |_: &str, _: &str| Some(false);
        if cheap(&text) {
            prop_assert_ne!(is_right("no password of anybody", &text, argon2), Some(true));
        }
    }
}
