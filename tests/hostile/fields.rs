//! What stands in fields and headers, read by functions of its own.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use proptest::prelude::*;
use serde_json::Value;
use url::Url;
use vestibule::accounts::{passwords, rules};
use vestibule::{Next, client, json};

use crate::{hold, woven};

// --- Where somebody goes after signing in ---------------------------------------------------------------------------

const PATHS: &[&str] = &[
    "/",
    "//",
    "\\",
    "/\\",
    "\t",
    "\n",
    "\r",
    " ",
    "@",
    ":",
    "?",
    "#",
    ".",
    "..",
    "%2f",
    "%5C",
    "%00",
    "%",
    "http:",
    "https://",
    "javascript:",
    "evil.example",
    "localhost",
    ";",
    "&",
    "=",
    "[::1]",
    "\u{200b}",
    "\u{ff0f}",
];

#[test]
fn no_next_leads_to_another_site() {
    let here = Url::parse("https://login.example.org/login?next=x").expect("a URL");
    let texts = prop_oneof![
        woven(PATHS),
        woven(PATHS).prop_map(|text| format!("/{text}")),
        any::<String>()
    ];
    hold(2000, &texts, |text| {
        let Some(next) = Next::parse(&text) else {
            return;
        };
        assert_eq!(next.as_str(), text);
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
        let there = here.join(&text).expect("a path");
        assert_eq!(there.origin(), here.origin(), "{text:?}");
        // A link carries it on unchanged.
        let link = here
            .join(&format!("/login{}", Next::query(Some(&next))))
            .expect("a link");
        let carried: Vec<_> = link.query_pairs().collect();
        assert_eq!(carried, [("next".into(), text.as_str().into())]);
    });
}

// --- Who somebody says they are -------------------------------------------------------------------------------------

#[test]
fn a_username_is_plain_and_its_case_does_not_matter() {
    let names = prop_oneof!["[A-Za-z0-9._-]{0,34}", any::<String>(), "\\PC{0,40}"];
    hold(2000, &names, |name| {
        if rules::username_fault(&name).is_some() {
            return;
        }
        assert!(
            (3..=32).contains(&name.len()) && !name.contains('@'),
            "{name:?}"
        );
        let key = rules::username_key(&name);
        assert_eq!(rules::username_fault(&key), None);
        for other in [name.to_uppercase(), name.to_lowercase(), key.clone()] {
            assert_eq!(rules::username_key(&other), key);
        }
        assert_eq!(rules::name_fault(&name), None, "who registers can log in");
    });
}

const ADDRESSES: &[&str] = &[
    "@",
    "@",
    "a",
    "Z",
    ".",
    "-",
    "+",
    "\"",
    "\\",
    "(",
    ")",
    "<",
    ">",
    ",",
    ":",
    ";",
    "[",
    "]",
    " ",
    "\t",
    "\0",
    "\r\n",
    "example.org",
    "b.example",
    "münchen.example",
    "xn--mnchen-3ya.example",
    "1.2.3.4",
    "0x7f.1",
    "ß",
    "ς",
    "Σ",
    "ı",
    "İ",
    "\u{212A}",
    "ſ",
    "é",
    "e\u{301}",
    "\u{ad}",
    "\u{200d}",
    "\u{202e}",
    "．",
];

#[test]
fn an_address_has_one_key_however_it_is_typed() {
    let addresses = prop_oneof![
        woven(ADDRESSES),
        (woven(ADDRESSES), woven(ADDRESSES))
            .prop_map(|(local, name)| format!("{local}@{name}.example")),
        "[a-zA-Z0-9.+ςΣσßÄé]{1,12}@[a-zA-Z0-9ÄüΣ-]{1,12}\\.(example|ORG|de)",
        any::<String>(),
    ];
    hold(4000, &addresses, |address| {
        if rules::email_fault(&address).is_some() {
            return;
        }
        let odd = |c: char| c.is_control() || c.is_whitespace();
        assert!(
            address.len() <= 254 && !address.contains(odd),
            "{address:?}"
        );
        let key = rules::email_key(&address);
        assert_eq!(rules::email_key(&key), key, "{address:?}");
        assert_eq!(
            rules::name_fault(&address),
            None,
            "who registers can log in"
        );
        // The domain is one that a mail server can be asked for.
        let (_, domain) = key.rsplit_once('@').expect("two parts");
        assert!(domain.is_ascii(), "{key:?}");
        for other in [in_lower_case(&address), in_upper_case(&address)] {
            if rules::email_fault(&other).is_none() {
                assert_eq!(rules::email_key(&other), key, "{address:?} and {other:?}");
            }
        }
    });
}

/// In capitals, where that is another case of the same letter and no other letter (ß, ı, ſ, µ; in a domain, ς).
fn in_upper_case(address: &str) -> String {
    let at = address.rfind('@').unwrap_or_default();
    let upper = |(place, c): (usize, char)| {
        let capital = one(c, c.to_uppercase());
        let same = one(capital, capital.to_lowercase()) == c;
        if same || (c == 'ς' && place < at) {
            capital
        } else {
            c
        }
    };
    address.char_indices().map(upper).collect()
}

fn in_lower_case(text: &str) -> String {
    text.chars().map(|c| one(c, c.to_lowercase())).collect()
}

fn one(c: char, mut others: impl Iterator<Item = char>) -> char {
    match (others.next(), others.next()) {
        (Some(other), None) => other,
        _ => c,
    }
}

// --- Passwords ------------------------------------------------------------------------------------------------------

const PASSWORDS: &[&str] = &[
    "password",
    "marguerite",
    "Marguerite",
    "saigon",
    "duras",
    "vestibule",
    "VESTIBULE",
    "1234",
    "2024",
    "12.03.1999",
    "qwerty",
    "aaaa",
    "abcd",
    "p4$$w0rd",
    "İ",
    "ﬃ",
    "ß",
    "\u{1F511}",
    "\0",
    "\u{202e}",
    "é",
    "\u{301}",
    " ",
];

#[test]
fn any_password_is_judged() {
    let passwords = prop_oneof![
        any::<String>(),
        woven(PASSWORDS),
        "\\PC{0,160}",
        "[0-9/.-]{0,40}"
    ];
    let context = ["marguerite".to_owned(), "m.duras@saigon.example".to_owned()];
    hold(400, &passwords, |password| {
        let long = password.chars().count();
        assert_eq!(
            passwords::length_fault(&password).is_none(),
            (8..=128).contains(&long)
        );
        let _ = passwords::weakness(&password, &context);
        let _ = passwords::weakness(&password, std::slice::from_ref(&password));
    });
}

#[test]
fn a_known_word_adds_nothing_to_a_password() {
    let rests = prop_oneof!["[İA-Za-z0-9]{0,10}", woven(PASSWORDS)];
    let context = ["marguerite".to_owned(), "m.duras@saigon.example".to_owned()];
    hold(400, &rests, |rest| {
        if passwords::weakness(&rest, &context).is_some() {
            let built = format!("marguerite{rest}");
            assert!(passwords::weakness(&built, &context).is_some(), "{built:?}");
        }
    });
}

// --- Through which proxies ------------------------------------------------------------------------------------------

const HOPS: &[&str] = &[
    "192.0.2.1",
    "10.0.0.1",
    "::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "[",
    "]",
    "[[",
    ":",
    ":443",
    ":99999",
    "%eth0",
    ",",
    ", ",
    " ",
    "\t",
    "unknown",
    "_hidden",
    "for=",
    "\"",
    "0x7f.1",
    "010.0.0.1",
];

fn addresses() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from)
    ]
}

/// The hop as RFC 7239 and practice spell addresses, or nothing.
fn spelled(hop: &str) -> Option<IpAddr> {
    let bare = hop
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = match bare {
        Some(bare) => bare.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        None => hop
            .parse::<IpAddr>()
            .or_else(|_| hop.parse::<SocketAddr>().map(|socket| socket.ip()))
            .ok(),
    };
    address.map(|address| address.to_canonical())
}

#[test]
fn a_forwarded_address_is_believed_only_as_it_is_spelled() {
    let peer: IpAddr = [10, 9, 9, 9].into();
    let trusted = ["10.9.9.9/32".parse().expect("a network")];
    hold(2000, &woven(HOPS), |header| {
        let seen = client::address(peer, [header.as_str()].into_iter(), &trusted);
        let last = header.rsplit(',').next().unwrap_or_default().trim();
        assert_eq!(seen, spelled(last).unwrap_or(peer), "{header:?}");
        let untrusting = client::address(peer, [header.as_str()].into_iter(), &[]);
        assert_eq!(untrusting, peer);
    });
}

#[test]
fn what_a_stranger_puts_before_the_chain_does_not_count() {
    let proxies = "10.0.0.0/8".parse().expect("a network");
    let chains = (
        prop::collection::vec(woven(HOPS), 0..4),
        addresses().prop_filter("no proxy of ours", move |address| {
            let address = address.to_canonical();
            !ipnet::IpNet::contains(&proxies, &address)
        }),
        prop::collection::vec(any::<[u8; 3]>(), 0..4),
        any::<[u8; 3]>(),
        any::<bool>(),
    );
    hold(
        1000,
        &chains,
        move |(lies, client, hops, peer, one_header)| {
            let proxy = |[a, b, c]: [u8; 3]| IpAddr::from([10, a, b, c]);
            let told: Vec<String> = std::iter::once(client)
                .chain(hops.into_iter().map(proxy))
                .map(|address| address.to_string())
                .collect();
            let headers = if one_header {
                vec![[lies, told].concat().join(",")]
            } else {
                [lies, told].concat()
            };
            let seen = client::address(proxy(peer), headers.iter().map(String::as_str), &[proxies]);
            assert_eq!(seen, client.to_canonical());
        },
    );
}

// --- JSON -----------------------------------------------------------------------------------------------------------

/// Any JSON value, of any type and some depth.
pub fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        woven(&["\u{0}", "\"", "\\", "\u{2028}", "<", "\u{1F511}"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

const SYNTAX: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\"a\"",
    "\"\\u0061\"",
    "\\",
    "\\ud800",
    "1",
    "-0",
    "1e400",
    "0.1",
    "00",
    "true",
    "null",
    " ",
    "\n",
    "\u{feff}",
    "//",
    "NaN",
];

#[test]
fn an_object_is_read_as_it_was_written_or_not_at_all() {
    hold(1000, &values(), |value| {
        let text = value.to_string();
        match (json::object(text.as_bytes()), &value) {
            (Ok(read), Value::Object(_)) => {
                // Floats lose their last bit in some readers; nothing here reads any.
                let again = Value::Object(read).to_string();
                let plain: Value = serde_json::from_str(&text).expect("JSON");
                assert_eq!(again, plain.to_string());
            }
            (Err(_), Value::Object(_)) => panic!("{text} is refused"),
            (read, _) => assert!(read.is_err(), "{text} is no object"),
        }
    });
    let broken = prop_oneof![
        woven(SYNTAX).prop_map(String::into_bytes),
        woven(SYNTAX).prop_map(|text| format!("{{\"a\":{text}}}").into_bytes()),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    hold(4000, &broken, |bytes| {
        if let Ok(members) = json::object(&bytes) {
            let plain: Value = serde_json::from_slice(&bytes).expect("what we read is JSON");
            assert_eq!(Value::Object(members), plain);
        }
    });
}
