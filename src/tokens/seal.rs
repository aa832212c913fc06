//! The server secret, and what it seals: AES-256-GCM, bound to the place where the sealed thing stands.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use crate::config::{Fault, Secret, Settings};
use crate::world::Chance;

/// Where the secret stands in the data directory, when nobody gave one.
const FILE: &str = "server-secret";

/// What to do when there is no secret yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// A first start: make one.
    Make,
    /// There are keys that an older one sealed, and a new one would not open them.
    Refuse,
    /// There are no keys yet, and whoever asks makes none.
    Await,
}

/// The one secret of an installation. Other keys are derived from it, one a purpose.
pub struct ServerSecret {
    sealing: Sealing,
    refreshing: Zeroizing<[u8; 32]>,
    devices: Zeroizing<[u8; 32]>,
    decoys: Zeroizing<[u8; 32]>,
    codes: Zeroizing<[u8; 32]>,
    outbox: Arc<Sealing>,
    invites: Zeroizing<[u8; 32]>,
}

/// A key that seals bytes for one place each.
pub struct Sealing(RandomizedNonceKey);

/// HKDF (RFC 5869) with one label a purpose, so that no key serves two.
fn key_for(secret: &Secret, purpose: &[u8]) -> Result<Zeroizing<[u8; 32]>, Unspecified> {
    let mut key = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, b"vestibule")
        .extract(secret.reveal().as_bytes())
        .expand(&[purpose], HKDF_SHA256)?
        .fill(&mut *key)?;
    Ok(key)
}

impl ServerSecret {
    /// The secret from the settings; else from its file, which is made (0600) where that is allowed.
    ///
    /// # Errors
    /// A file that cannot be read or made, that others can read, or that holds less than 32 characters.
    pub fn obtain(
        settings: &Settings,
        chance: &Chance,
        if_missing: IfMissing,
    ) -> Result<Self, Fault> {
        match &settings.server_secret {
            Some(secret) => Self::derive(secret),
            None => Self::derive(&from_file(
                &settings.data_dir.join(FILE),
                chance,
                if_missing,
            )?),
        }
    }

    /// The keys that come from this secret.
    ///
    /// # Errors
    /// Only when the cryptography library fails.
    pub fn derive(secret: &Secret) -> Result<Self, Fault> {
        let impossible = |_: Unspecified| Fault("The server secret could not be used.".into());
        let sealing = |purpose: &[u8]| Sealing::new(&*key_for(secret, purpose)?);
        Ok(Self {
            sealing: sealing(b"seal v1").map_err(impossible)?,
            outbox: Arc::new(sealing(b"outbox v1").map_err(impossible)?),
            codes: key_for(secret, b"code v1").map_err(impossible)?,
            refreshing: key_for(secret, b"refresh v1").map_err(impossible)?,
            devices: key_for(secret, b"device v1").map_err(impossible)?,
            decoys: key_for(secret, b"decoy v1").map_err(impossible)?,
            invites: key_for(secret, b"invite v1").map_err(impossible)?,
        })
    }

    /// The bytes for making refresh tokens.
    pub fn refreshing(&self) -> &[u8] {
        &*self.refreshing
    }

    /// The bytes for marking browsers that signed in.
    pub fn devices(&self) -> &[u8] {
        &*self.devices
    }

    /// The bytes for choosing what is hashed for names that nobody has.
    pub fn decoys(&self) -> &[u8] {
        &*self.decoys
    }

    /// The bytes for keeping the codes of invitations.
    pub fn invites(&self) -> &[u8] {
        &*self.invites
    }

    /// The bytes for keeping the codes of letters.
    pub fn codes(&self) -> &[u8] {
        &*self.codes
    }

    /// What seals letters that wait to be sent.
    pub fn outbox(&self) -> Arc<Sealing> {
        Arc::clone(&self.outbox)
    }

    /// Seals bytes for one place.
    ///
    /// # Errors
    /// The system gave no random nonce.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, Unspecified> {
        self.sealing.seal(place, plain)
    }

    /// Opens what was sealed for this place; `None` for another secret, another place, or altered bytes.
    pub fn unseal(&self, place: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.sealing.unseal(place, sealed)
    }
}

impl Sealing {
    fn new(key: &[u8; 32]) -> Result<Self, Unspecified> {
        Ok(Self(RandomizedNonceKey::new(&AES_256_GCM, key)?))
    }

    /// Seals bytes for one place.
    ///
    /// # Errors
    /// The system gave no random nonce.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut sealed = plain.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(place), &mut sealed)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for this place; `None` for another secret, another place, or altered bytes.
    pub fn unseal(&self, place: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut opened = Zeroizing::new(rest.to_vec());
        let length = self
            .0
            .open_in_place(nonce, Aad::from(place), &mut opened)
            .ok()?
            .len();
        opened.truncate(length);
        Some(opened)
    }
}

fn from_file(path: &Path, chance: &Chance, if_missing: IfMissing) -> Result<Secret, Fault> {
    let refused = |why: String| {
        Fault(format!(
            "The server secret {} cannot be used: {why}",
            path.display()
        ))
    };
    if !path.exists() {
        let missing = match if_missing {
            IfMissing::Make => None,
            IfMissing::Refuse => {
                Some("it is gone, and the keys in the database are sealed with it. Put it back.")
            }
            IfMissing::Await => Some("it is not there yet. Start the server once."),
        };
        if let Some(why) = missing {
            return Err(refused(why.into()));
        }
        let fresh = chance
            .bytes::<32>()
            .map_err(|error| refused(error.to_string()))?;
        let made = make_file(path, &Zeroizing::new(HEXLOWER.encode(&fresh)));
        made.map_err(|error| refused(error.to_string()))?;
    }
    let read = || {
        Ok((
            std::fs::read_to_string(path)?,
            path.metadata()?.permissions().mode(),
        ))
    };
    let (text, mode) = read().map_err(|error: std::io::Error| refused(error.to_string()))?;
    let secret = Secret::new(text.trim_end().to_owned());
    if mode & 0o077 != 0 {
        return Err(refused(format!(
            "others can read it. Run: chmod 600 {}",
            path.display()
        )));
    }
    if secret.reveal().len() < 32 {
        return Err(refused(
            "it holds less than 32 characters. Put the old one back.".into(),
        ));
    }
    Ok(secret)
}

/// Writes the file beside its place and moves it there whole and for good: a crash leaves no half secret. The data
/// directory is locked, so nobody else is doing the same.
fn make_file(path: &Path, text: &str) -> std::io::Result<()> {
    let draft = path.with_extension("draft");
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> ServerSecret {
        ServerSecret::derive(&Secret::new(text.into())).unwrap()
    }

    #[test]
    fn only_the_same_secret_and_place_open_it() {
        let ours = secret("0123456789abcdef0123456789abcdef");
        let sealed = ours.seal("a/1", b"key").unwrap();
        assert_eq!(ours.unseal("a/1", &sealed).unwrap().as_slice(), b"key");
        assert!(ours.unseal("a/2", &sealed).is_none());
        assert!(
            secret("another secret, as long as that one")
                .unseal("a/1", &sealed)
                .is_none()
        );
        for bit in 0..sealed.len() * 8 {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(ours.unseal("a/1", &altered).is_none(), "bit {bit}");
        }
        assert!(ours.unseal("a/1", &sealed[..5]).is_none());
        assert_ne!(sealed, ours.seal("a/1", b"key").unwrap());
    }

    #[test]
    fn the_file_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let first = from_file(&path, &Chance::real(), IfMissing::Make).unwrap();
        let again = from_file(&path, &Chance::real(), IfMissing::Make).unwrap();
        assert!(first.reveal() == again.reveal() && first.reveal().len() == 64);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let open = from_file(&path, &Chance::real(), IfMissing::Make)
            .err()
            .unwrap();
        assert!(open.0.contains("chmod 600"));
        std::fs::remove_file(&path).unwrap();
        let gone = from_file(&path, &Chance::real(), IfMissing::Refuse)
            .err()
            .unwrap();
        assert!(gone.0.contains("Put it back") && !path.exists());
        let never = from_file(&path, &Chance::real(), IfMissing::Await)
            .err()
            .unwrap();
        assert!(never.0.contains("not there yet") && !path.exists());
    }
}
