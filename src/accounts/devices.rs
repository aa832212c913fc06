//! Browsers that signed in before: a cookie with a random id and, for each account that signed in there, the day and a
//! MAC.
//!
//! It opens nothing. It gives its browser a budget of its own, so that strangers who guess cannot keep the owner out
//! (OWASP calls it a device cookie). It holds nothing personal: what the MACs stand for only we can tell. A mark is good
//! for a year, and until what its account has out there ends, as with a new password: it stands for an account's version.

use aws_lc_rs::digest::SHA256_OUTPUT_LEN;
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use data_encoding::BASE64URL_NOPAD;

use crate::store::accounts::Account;
use crate::world::{Chance, NoChance};

/// How many accounts a browser is remembered for. With one more, the oldest is forgotten.
const ACCOUNTS: usize = 8;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// For how many days a browser is remembered. Its cookie says the same.
const REMEMBERED: i64 = 365;

/// The key that marks browsers: derived from the server secret, for this purpose alone.
pub struct DeviceKey(hmac::Key);

/// A cookie taken apart: `ID.DAY.MAC.DAY.MAC…`. Whether a MAC is genuine is another question.
struct Device<'c> {
    id: &'c str,
    marks: Vec<Mark>,
}

/// That an account signed in.
struct Mark {
    /// On which day since 1970.
    day: i64,
    mac: Vec<u8>,
}

/// Which account, and under which of its versions.
#[derive(Clone, Copy)]
pub struct Whose<'a> {
    account: &'a str,
    version: i64,
}

impl<'a> Whose<'a> {
    /// An account's, as it is now; for no account, what no mark stands for.
    pub fn of(account: Option<&'a Account>) -> Self {
        Self {
            account: account.map_or("", |account| &account.id),
            version: account.map_or(0, |account| account.version),
        }
    }
}

impl<'c> Device<'c> {
    /// One bad mark spoils the whole: we never made such a cookie. Those of others, or under another secret, do not.
    fn parse(cookie: &'c str) -> Option<Self> {
        let mut parts = cookie.split('.');
        let id = parts.next()?;
        let mut marks = Vec::new();
        while let Some(day) = parts.next() {
            marks.push(Mark::parse(day, parts.next()?)?);
        }
        let well_formed = id.len() == 26 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (well_formed && marks.len() <= ACCOUNTS).then_some(Self { id, marks })
    }
}

impl Mark {
    fn parse(day: &str, mac: &str) -> Option<Self> {
        let mark = Self {
            day: day.parse().ok()?,
            mac: BASE64URL_NOPAD.decode(mac.as_bytes()).ok()?,
        };
        // `+7` and `07` would be other spellings of `7`.
        let plain = (0..1_000_000).contains(&mark.day) && mark.day.to_string() == day;
        (plain && mark.mac.len() == SHA256_OUTPUT_LEN).then_some(mark)
    }

    /// A day ahead at most: instances' clocks may differ.
    fn is_fresh(&self, now: i64) -> bool {
        (now / DAY - REMEMBERED..=now / DAY + 1).contains(&self.day)
    }
}

impl DeviceKey {
    /// A key from derived bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(HMAC_SHA256, bytes))
    }

    /// The id of the browser that shows this cookie, if this account signed in there within a year. Each MAC is compared
    /// in constant time.
    pub fn knows<'c>(&self, cookie: &'c str, whose: Whose<'_>, now: i64) -> Option<&'c str> {
        let device = Device::parse(cookie)?;
        let known = device
            .marks
            .iter()
            .any(|mark| self.is_genuine(mark, device.id, whose) && mark.is_fresh(now));
        known.then_some(device.id)
    }

    /// The cookie of a browser in which this account has just signed in. `before` is the one that it showed.
    ///
    /// # Errors
    /// The system gives no random bytes for a new id.
    pub fn mark(
        &self,
        before: Option<&str>,
        whose: Whose<'_>,
        now: i64,
        chance: &Chance,
    ) -> Result<String, NoChance> {
        // An id that somebody else chose does no harm: they cannot make the MAC that goes with it.
        let before = before.and_then(Device::parse);
        let (id, marks) = match before {
            Some(device) => (device.id.to_owned(), device.marks),
            None => (chance.id()?, Vec::new()),
        };
        let day = now / DAY;
        let message = message(&id, whose, day);
        let new = BASE64URL_NOPAD.encode(hmac::sign(&self.0, message.as_bytes()).as_ref());
        let others = marks
            .into_iter()
            .filter(|mark| mark.is_fresh(now) && !self.is_genuine(mark, &id, whose));
        let others: String = others
            .take(ACCOUNTS - 1)
            .map(|mark| format!(".{}.{}", mark.day, BASE64URL_NOPAD.encode(&mark.mac)))
            .collect();
        Ok(format!("{id}.{day}.{new}{others}"))
    }

    fn is_genuine(&self, mark: &Mark, device: &str, whose: Whose<'_>) -> bool {
        let message = message(device, whose, mark.day);
        hmac::verify(&self.0, message.as_bytes(), &mark.mac).is_ok()
    }
}

/// No part holds a colon, so no two marks share a message.
fn message(device: &str, whose: Whose<'_>, day: i64) -> String {
    let Whose { account, version } = whose;
    format!("{device}:{account}:{version}:{day}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn of(account: &str, version: i64) -> Whose<'_> {
        Whose { account, version }
    }

    #[test]
    fn a_browser_is_known_for_the_accounts_that_signed_in_there() {
        let (key, chance) = (DeviceKey::new(&[1; 32]), Chance::real());
        let mark =
            |before: Option<&str>, account| key.mark(before, of(account, 1), NOW, &chance).unwrap();
        let knows = |cookie, account| key.knows(cookie, of(account, 1), NOW);
        let ana = mark(None, "ana");
        let both = mark(Some(&ana), "ben");
        assert!(knows(&ana, "ana").is_some() && knows(&ana, "ben").is_none());
        assert_eq!(knows(&both, "ana"), knows(&both, "ben"));
        assert_eq!(mark(Some(&both), "ben"), both);
        assert!(
            DeviceKey::new(&[2; 32])
                .knows(&both, of("ana", 1), NOW)
                .is_none()
        );
        let other = mark(None, "carl");
        let mixed = format!("{}.{}", &other[..26], &ana[27..]);
        assert!(knows(&mixed, "ana").is_none());
    }

    #[test]
    fn a_mark_is_good_for_a_year_and_for_one_version_of_its_account() {
        let (key, chance) = (DeviceKey::new(&[1; 32]), Chance::real());
        let cookie = key.mark(None, of("ana", 1), NOW, &chance).unwrap();
        let knows = |cookie: &str, version, days| {
            key.knows(cookie, of("ana", version), NOW + days * DAY)
                .is_some()
        };
        assert!(knows(&cookie, 1, 0) && knows(&cookie, 1, 365));
        assert!(!knows(&cookie, 1, 366) && !knows(&cookie, 2, 0) && !knows(&cookie, 1, -2));
        // Nobody makes it younger, and a new mark takes the place of what is of no use any more.
        let day = (NOW / DAY).to_string();
        let younger = cookie.replace(&day, &(NOW / DAY + 300).to_string());
        assert!(!knows(&younger, 1, 300));
        let later = key
            .mark(Some(&cookie), of("ana", 1), NOW + 400 * DAY, &chance)
            .unwrap();
        assert!(knows(&later, 1, 400) && later.len() == cookie.len());
    }

    #[test]
    fn a_cookie_has_one_spelling_and_one_bad_mark_spoils_it() {
        let (ours, elsewhere, chance) = (
            DeviceKey::new(&[1; 32]),
            DeviceKey::new(&[2; 32]),
            Chance::real(),
        );
        let cookie = ours.mark(None, of("ana", 1), NOW, &chance).unwrap();
        let knows = |cookie: &str| ours.knows(cookie, of("ana", 1), NOW).is_some();
        let (day, (id, mark)) = ((NOW / DAY).to_string(), cookie.split_once('.').unwrap());
        for spelled in [format!("+{day}"), format!("0{day}"), format!("000{day}")] {
            let other = cookie.replace(&format!(".{day}."), &format!(".{spelled}."));
            assert!(!knows(&other), "{other}");
        }
        for bad in [
            "1.y".to_owned(),
            format!("{day}."),
            format!("{day}.{}", "A".repeat(42)),
            format!("{day}.{}=", "A".repeat(43)),
            // The last letter holds bits that are in no MAC.
            format!("{day}.{}B", "A".repeat(42)),
        ] {
            assert!(!knows(&format!("{id}.{bad}.{mark}")), "{bad}");
            assert!(!knows(&format!("{cookie}.{bad}")), "{bad}");
        }
        // A mark under another server secret, or of another account, is one all the same.
        let both = elsewhere.mark(Some(&cookie), of("ana", 1), NOW, &chance);
        assert!(knows(&both.unwrap()));
        assert!(knows(&format!("{id}.1.{}.{mark}", "A".repeat(43))));
    }

    #[test]
    fn a_cookie_stays_small_and_nonsense_is_replaced() {
        let (key, chance) = (DeviceKey::new(&[1; 32]), Chance::real());
        let mut cookie = "nonsense".to_owned();
        for number in 0..20 {
            let account = format!("a{number}");
            cookie = key
                .mark(Some(&cookie), of(&account, 1), NOW, &chance)
                .unwrap();
        }
        assert!(cookie.len() < 450);
        let knows = |cookie: &str, account| key.knows(cookie, of(account, 1), NOW).is_some();
        assert!(knows(&cookie, "a12") && !knows(&cookie, "a11"));
        let id = "a".repeat(26);
        for bad in [
            "",
            ".",
            "a.b",
            &id,
            &format!("{id}."),
            &format!("{id}.1"),
            &format!("{id}.x.y"),
            &format!("{id}.-1.y"),
            &format!("{id}.99999999999999999999.y"),
            &".x".repeat(99),
        ] {
            assert!(!knows(bad, "a"), "{bad}");
        }
    }
}
