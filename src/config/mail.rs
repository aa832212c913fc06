//! Where letters are handed over, and from whom they are.

use lettre::message::Mailbox;
use serde::Deserialize;
use url::Url;

use super::database::is_this_machine;
use super::{Fault, Secret};

/// How letters are sent.
#[derive(Clone)]
pub struct MailSettings {
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// With what we sign in there.
    pub credentials: Option<(String, Secret)>,
    /// Who letters are from.
    pub from: Mailbox,
}

/// What letters are for, and how long they are good, in seconds.
#[derive(Clone, Copy)]
pub struct LetterSettings {
    /// Whether addresses are confirmed.
    pub verify: VerifyEmail,
    /// A link that confirms an address.
    pub verify_life: i64,
    /// A link for a new password, and every code.
    pub code_life: i64,
}

/// Whether an address is confirmed by a letter.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum VerifyEmail {
    /// Nobody asks.
    Off,
    /// A letter asks, and whoever does not answer may use the account all the same.
    Optional,
    /// No session starts before.
    Required,
}

impl VerifyEmail {
    /// The word for it in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (RFC 8314 section 3.3).
    Tls,
    /// TLS once the server was asked for it, or nothing is sent (RFC 3207).
    StartTls,
    /// None: to this machine alone.
    Plain,
}

/// Checks the two settings together. No value is repeated in what is said, since it holds a password.
pub(super) fn checked(
    url: Option<Secret>,
    from: Option<String>,
) -> Result<Option<MailSettings>, Fault> {
    let from = from.map(|from| checked_from(&from)).transpose()?;
    let Some(url) = url else {
        return Ok(None);
    };
    let from = from.ok_or_else(|| {
        Fault(
            "smtp_url is set, so mail_from must be, too. Write under [default.vestibule]:\n    \
             mail_from = \"Vestibule <login@example.org>\""
                .into(),
        )
    })?;
    let url = Url::parse(url.reveal()).map_err(|_| unreadable())?;
    let (security, usual) = match url.scheme() {
        "smtps" => (Security::Tls, 465),
        "smtp+starttls" => (Security::StartTls, 587),
        "smtp" => (Security::Plain, 25),
        _ => return Err(unreadable()),
    };
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(unreadable)?.to_owned();
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if !bare {
        return Err(unreadable());
    }
    if security == Security::Plain && !is_this_machine(&host) {
        return Err(Fault(
            "smtp_url would send letters readable to another machine, with the links in them.\n\
             Write smtps:// (TLS from the start, port 465) or smtp+starttls:// (port 587) instead of smtp://."
                .into(),
        ));
    }
    let credentials = match (url.username(), url.password()) {
        ("", None) => None,
        (name, Some(password)) => Some((decoded(name)?, Secret::new(decoded(password)?))),
        _ => return Err(unreadable()),
    };
    Ok(Some(MailSettings {
        port: url.port().unwrap_or(usual),
        // Brackets are the URL's, not the address's.
        host: host.trim_matches(['[', ']']).to_owned(),
        security,
        credentials,
        from,
    }))
}

fn unreadable() -> Fault {
    Fault(
        "smtp_url must be like smtps://USER:PASSWORD@mail.example.org, smtp+starttls://… or smtp://127.0.0.1.\n\
         What has a meaning in a URL (: / ? # [ ] @ %) is written in user and password as %3A %2F %3F %23 %5B %5D %40 %25."
            .into(),
    )
}

fn checked_from(from: &str) -> Result<Mailbox, Fault> {
    let plain = !from.contains(char::is_control);
    let mailbox = from.parse::<Mailbox>().ok().filter(|_| plain);
    mailbox.ok_or_else(|| {
        Fault("mail_from must be an address, such as Vestibule <login@example.org>.".into())
    })
}

fn decoded(text: &str) -> Result<String, Fault> {
    let decoded = rocket::http::RawStr::new(text).percent_decode();
    Ok(decoded.map_err(|_| unreadable())?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(url: &str, from: Option<&str>) -> Result<Option<MailSettings>, Fault> {
        checked(Some(Secret::new(url.into())), from.map(str::to_owned))
    }

    fn from() -> Option<&'static str> {
        Some("Vestibule <login@example.org>")
    }

    #[test]
    fn a_mail_server_is_named_by_a_url() {
        let read = |url| said(url, from()).unwrap().unwrap();
        let tls = read("smtps://ana%40example.org:p%25%3A%2Fq@mail.example.org");
        assert_eq!((tls.security, tls.port), (Security::Tls, 465));
        let (name, password) = tls.credentials.unwrap();
        assert!(name == "ana@example.org" && password.reveal() == "p%:/q");
        let later = read("smtp+starttls://mail.example.org:2587/");
        assert_eq!((later.security, later.port), (Security::StartTls, 2587));
        assert!(later.credentials.is_none());
        assert_eq!(read("smtp://[::1]:2525").host, "::1");
        assert_eq!(read("smtp://localhost").port, 25);
    }

    #[test]
    fn nothing_travels_readable_beyond_this_machine() {
        for host in ["mail.example.org", "192.0.2.1", "mail.localhost", "0.0.0.0"] {
            let refused = said(&format!("smtp://{host}"), from()).err().unwrap();
            assert!(refused.0.contains("smtps://"), "{host}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for url in [
            "mail.example.org",
            "http://mail.example.org",
            "smtps://",
            "smtps://u:secret@mail.example.org/path",
            "smtps://u:secret@mail.example.org?tls=off",
            "smtps://u:sec/ret@mail.example.org",
            "smtps://u@mail.example.org",
        ] {
            let refused = said(url, from()).err().expect(url);
            assert!(!refused.0.contains("secret"), "{url}");
        }
        assert!(
            said("smtps://mail.example.org", None)
                .err()
                .unwrap()
                .0
                .contains("mail_from")
        );
        for from in ["nobody", "a@example.org\nBcc: b@example.org", ""] {
            assert!(
                said("smtps://mail.example.org", Some(from)).is_err(),
                "{from}"
            );
        }
        assert!(
            checked(None, Some("login@example.org".into()))
                .unwrap()
                .is_none()
        );
    }
}
