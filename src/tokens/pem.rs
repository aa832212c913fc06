//! A private key from elsewhere: PKCS#8 in PEM (RFC 7468 section 10).

use rustls_pki_types::pem::{PemObject, SectionKind};
use zeroize::Zeroizing;

use super::key::name_of;
use crate::config::{Algorithm, Fault};

/// The one private key of the text, if it is of that algorithm.
///
/// # Errors
/// Why it is not, and what to do.
pub fn private_key(text: &[u8], wanted: Algorithm) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let fault = |words: String| Err(Fault(words));
    if wanted == Algorithm::HS256 {
        return fault(
            "Keys of HS256 are not imported: they have no PEM. Run: vestibule keys rotate".into(),
        );
    }
    if contains(text, b"-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        return fault(
            "The key is encrypted. Decrypt it first: openssl pkcs8 -in FILE -out PLAIN.pem".into(),
        );
    }
    let sections: Result<Vec<(SectionKind, Vec<u8>)>, _> =
        PemObject::pem_slice_iter(text).collect();
    let Ok(sections) = sections else {
        return fault("The file is damaged: it is not whole PEM.".into());
    };
    let mut private = Vec::new();
    for (kind, der) in sections {
        let der = Zeroizing::new(der);
        match kind {
            SectionKind::PrivateKey => private.push(der),
            SectionKind::EcPrivateKey | SectionKind::RsaPrivateKey => {
                return fault(
                    "The key is not PKCS#8. Convert it first: openssl pkcs8 -topk8 -nocrypt -in FILE -out PKCS8.pem".into(),
                );
            }
            _ => {}
        }
    }
    let Some(key) = private.pop() else {
        return fault(format!(
            "The file holds no private key. {}",
            make_one(wanted)
        ));
    };
    if !private.is_empty() {
        return fault("The file holds several private keys. Leave one in it.".into());
    }
    if name_of(wanted, &key).is_some() {
        return Ok(key);
    }
    let other = [Algorithm::ES256, Algorithm::EdDSA]
        .into_iter()
        .find(|algorithm| name_of(*algorithm, &key).is_some());
    fault(match other {
        Some(other) => format!(
            "This is a key for {}, and tokens here are signed with {} (the setting algorithm). {}",
            other.name(),
            wanted.name(),
            make_one(wanted)
        ),
        None => format!("This is no key for {}. {}", wanted.name(), make_one(wanted)),
    })
}

fn make_one(wanted: Algorithm) -> &'static str {
    match wanted {
        Algorithm::EdDSA => "Make one: openssl genpkey -algorithm ed25519 -out KEY.pem",
        _ => {
            "Make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out KEY.pem"
        }
    }
}

fn contains(text: &[u8], line: &[u8]) -> bool {
    text.windows(line.len()).any(|part| part == line)
}
