//! The post: a letter in hand becomes a message, and goes to the mail server over SMTP (RFC 5321).

use std::time::{Duration, SystemTime};

use lettre::address::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use rocket::tokio::time::timeout;

use crate::config::{Fault, MailSettings, Security};

/// How long one step of a conversation with the mail server may take.
const STEP: Duration = Duration::from_secs(20);

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The way to the mail server.
pub struct Post {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// A letter in hand.
pub struct Envelope<'l> {
    /// The same at every try, so that a letter which arrives twice can be told to be one.
    pub id: &'l str,
    /// Where it goes.
    pub to: &'l str,
    /// What stands in the list of letters.
    pub subject: &'l str,
    /// For those who read plain text.
    pub text: &'l str,
    /// For everybody else.
    pub html: &'l str,
    /// When it was written, in seconds since 1970.
    pub written_at: i64,
}

/// Why a letter was not taken.
#[derive(Debug)]
pub enum Undelivered {
    /// Perhaps later. Holds the cause, for the operator.
    Later(String),
    /// Never: the server refuses this letter for good, or nothing can be sent to such an address.
    Never(String),
}

impl Post {
    /// The way to this mail server. Nothing is asked of it yet.
    ///
    /// # Errors
    /// A host for which TLS cannot be prepared.
    pub fn new(settings: &MailSettings) -> Result<Self, Fault> {
        let host = settings.host.clone();
        let verified = || {
            TlsParameters::new(host.clone())
                .map_err(|error| Fault(format!("smtp_url: TLS cannot be prepared: {error}.")))
        };
        let tls = match settings.security {
            Security::Tls => Tls::Wrapper(verified()?),
            Security::StartTls => Tls::Required(verified()?),
            Security::Plain => Tls::None,
        };
        // Despite its name: what is dangerous is to leave TLS out, and that is decided above.
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(tls)
            .timeout(Some(STEP))
            .hello_name(ClientId::Domain(settings.from.email.domain().to_owned()));
        if let Some((name, password)) = &settings.credentials {
            let password = password.reveal().to_owned();
            builder = builder.credentials(Credentials::new(name.clone(), password));
        }
        Ok(Self {
            transport: builder.build(),
            from: settings.from.clone(),
        })
    }

    /// Hands a letter over. `Ok`: the server has said that it takes care of it.
    ///
    /// # Errors
    /// It was not taken, or nobody knows.
    pub async fn send(&self, letter: &Envelope<'_>) -> Result<(), Undelivered> {
        let message = self.message(letter)?;
        match timeout(PATIENCE, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(judged(&error)),
            Err(_) => Err(Undelivered::Later(
                "The mail server does not answer in time.".into(),
            )),
        }
    }

    fn message(&self, letter: &Envelope<'_>) -> Result<Message, Undelivered> {
        let never = |error: &dyn std::fmt::Display| Undelivered::Never(error.to_string());
        let to = letter.to.parse::<Address>();
        let to =
            to.map_err(|error| never(&format!("The address cannot be written to: {error}.")))?;
        let written = Duration::from_secs(letter.written_at.unsigned_abs());
        let id = format!("<{}@{}>", letter.id, self.from.email.domain());
        let parts =
            MultiPart::alternative_plain_html(letter.text.to_owned(), letter.html.to_owned());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(one_line(letter.subject))
            .message_id(Some(id))
            .date(SystemTime::UNIX_EPOCH + written)
            // So that nobody's absence is answered to us (RFC 3834 section 5).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".into(),
            ))
            .multipart(parts);
        message.map_err(|error| never(&error))
    }
}

/// Whatever stood in it, a subject ends where its line does.
fn one_line(subject: &str) -> String {
    let plain = subject.chars().filter(|c| !c.is_control());
    plain.take(200).collect()
}

/// Final is only what says for certain that nobody reads there. Any other refusal, also a permanent one, may be of us: a
/// machine that is blocked, a sender that is wrong, a password of ours. Somebody will mend that, and the letter waits.
fn judged(error: &lettre::transport::smtp::Error) -> Undelivered {
    let cause = in_words(error);
    if error.is_permanent() && is_of_the_reader(error) {
        Undelivered::Never(cause)
    } else {
        Undelivered::Later(cause)
    }
}

/// Whether the server's first words are a code that tells of the reader's address (RFC 3463 sections 3.2 and 3.3): bad
/// mailbox, system or syntax, moved, no mail taken there, disabled.
fn is_of_the_reader(error: &lettre::transport::smtp::Error) -> bool {
    let said = std::error::Error::source(error).map(ToString::to_string);
    let said = said.unwrap_or_default();
    matches!(
        said.split_whitespace().next(),
        Some("5.1.1" | "5.1.2" | "5.1.3" | "5.1.6" | "5.1.10" | "5.2.1")
    )
}

fn in_words(error: &lettre::transport::smtp::Error) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words = format!("{words}: {cause_words}");
        }
        source = cause.source();
    }
    // What a server says is somebody else's text, and may be long.
    let plain = words.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn post() -> Post {
        let settings = MailSettings {
            host: "127.0.0.1".into(),
            port: 25,
            security: Security::Plain,
            credentials: Some(("u".into(), Secret::new("p".into()))),
            from: "Vestibule <login@example.org>".parse().unwrap(),
        };
        Post::new(&settings).unwrap()
    }

    fn letter<'l>(to: &'l str, subject: &'l str) -> Envelope<'l> {
        Envelope {
            id: "abc",
            to,
            subject,
            text: "Good day, ána.",
            html: "<p>Good day, ána.</p>",
            written_at: 1_790_000_000,
        }
    }

    #[test]
    fn a_message_says_what_it_must() {
        let message = post().message(&letter("ana@example.org", "Grüße")).unwrap();
        let text = String::from_utf8(message.formatted()).unwrap();
        for line in [
            "From: Vestibule <login@example.org>\r\n",
            "To: ana@example.org\r\n",
            "Message-ID: <abc@example.org>\r\n",
            "Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "multipart/alternative",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn nothing_in_a_letter_becomes_a_header() {
        let evil = "Hello\r\nBcc: all@example.org\r\n\r\nText\u{0}";
        let message = post().message(&letter("ana@example.org", evil)).unwrap();
        let text = String::from_utf8(message.formatted()).unwrap();
        assert!(!text.contains("\nBcc:"), "{text}");
        for to in [
            "ana@example.org\r\nBcc: all@example.org",
            "ana@example.org, bob@example.org",
            "Ana <ana@example.org>",
            "ana@example.org> RCPT TO:<bob@example.org",
            "",
        ] {
            let refused = post().message(&letter(to, "Hello"));
            assert!(matches!(refused, Err(Undelivered::Never(_))), "{to}");
        }
    }
}
