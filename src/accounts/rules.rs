//! What a username and an address may be, and when two are the same. Every reason says what to do.

use email_address::{EmailAddress, Options};
use url::Host;

/// The longest address (RFC 5321 section 4.5.3.1.3, less the brackets).
const LONGEST_EMAIL: usize = 254;

/// Why this cannot be a username, if so.
pub fn username_fault(username: &str) -> Option<&'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !(3..=32).contains(&username.chars().count()) {
        Some("Choose a username of 3 to 32 characters.")
    } else if !username.bytes().all(allowed) {
        Some("Use letters, digits, dot, underscore and hyphen only.")
    } else if !username.as_bytes()[0].is_ascii_alphanumeric() {
        Some("Begin the username with a letter or a digit.")
    } else {
        None
    }
}

/// The form in which usernames are compared.
pub fn username_key(username: &str) -> String {
    username.to_ascii_lowercase()
}

/// Why this cannot be an address, if so.
pub fn email_fault(email: &str) -> Option<&'static str> {
    let options = Options::default()
        .with_required_tld()
        .without_domain_literal()
        .without_display_text();
    let odd = has_control(email) || email.contains(char::is_whitespace);
    if email.len() > LONGEST_EMAIL {
        Some("Use an address of at most 254 characters.")
    } else if odd || EmailAddress::parse_with_options(email, options).is_err() || !is_plain(email) {
        Some("Enter an address like name@example.org.")
    } else {
        None
    }
}

/// The form in which addresses are compared: without regard to case, in both parts, and the domain as DNS has it
/// (browsers send `xn--mnchen-3ya` for `münchen`). The standard lets the part before the @ tell cases apart, but no
/// mail service of note does, and people type either.
pub fn email_key(email: &str) -> String {
    match email
        .rsplit_once('@')
        .map(|(local, domain)| (local, domain_key(domain)))
    {
        Some((local, Some(domain))) => format!("{}@{domain}", in_lower_case(local)),
        // No address of anybody's, so only its being the same every time counts.
        _ => in_lower_case(email),
    }
}

/// Greek has two small letters for one capital, and which one it becomes would depend on what stands beside it.
fn in_lower_case(text: &str) -> String {
    text.to_lowercase().replace('ς', "σ")
}

/// A domain in the form that DNS knows (UTS 46); `None` for what is none, such as a number that means an address.
fn domain_key(domain: &str) -> Option<String> {
    match Host::parse(domain) {
        Ok(Host::Domain(domain)) => Some(domain),
        _ => None,
    }
}

/// Whether the domain is one as people write it, and no letter before the @ turns into a plain one when its case is
/// dropped: the Kelvin sign would make two addresses one. Nothing in quotes, which is another spelling of one mailbox.
fn is_plain(email: &str) -> bool {
    let Some((local, domain)) = email.rsplit_once('@') else {
        return false;
    };
    let turns_plain = |c: char| !c.is_ascii() && c.to_lowercase().any(|lower| lower.is_ascii());
    // A URL's host may hold escapes such as `%6d`, an address may not.
    let is_of_a_name =
        |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    domain.chars().all(is_of_a_name)
        && domain_key(domain).is_some()
        && !local.starts_with('"')
        && !local.contains(turns_plain)
}

/// Where letters to an address go: its domain as DNS has it, since that is what was compared, and what a mail server
/// would make of another spelling is its own affair.
pub fn deliverable(email: &str) -> String {
    match email.rsplit_once('@') {
        Some((local, domain)) => match domain_key(domain) {
            Some(domain) => format!("{local}@{domain}"),
            None => email.to_owned(),
        },
        None => email.to_owned(),
    }
}

/// Why this can be neither a username nor an address at login, if so.
pub fn name_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("Enter your username or email.")
    } else if name.len() > LONGEST_EMAIL || has_control(name) {
        Some("Enter your username or email as you registered it.")
    } else {
        None
    }
}

fn has_control(text: &str) -> bool {
    text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames() {
        for good in ["abc", "A.b_c-1", "0day", &"a".repeat(32)] {
            assert_eq!(username_fault(good), None, "{good}");
        }
        for bad in [
            "",
            "ab",
            ".abc",
            "-abc",
            "_abc",
            "a b",
            "a@b",
            "añb",
            "abc\n",
            "ab\0",
            &"a".repeat(33),
        ] {
            assert!(username_fault(bad).is_some(), "{bad:?}");
        }
        assert_eq!(username_key("A.b"), username_key("a.B"));
    }

    #[test]
    fn addresses() {
        for good in [
            "a@b.example",
            "first.last+tag@sub.example.org",
            "ü@münchen.example",
        ] {
            assert_eq!(email_fault(good), None, "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(243));
        for bad in [
            "",
            "a",
            "a@",
            "@b.example",
            "a@b",
            "a b@c.example",
            "a@b.example\n",
            "A <a@b.example>",
            "a@[127.0.0.1]",
            "a@b..example",
            "\"a b\"@c.example",
            "a@b.example\0",
            "a\u{85}@b.example",
            &long,
        ] {
            assert!(email_fault(bad).is_some(), "{bad:?}");
        }
        assert_eq!(email_key("Ana@Example.ORG"), email_key("ana@example.org"));
        assert_eq!(
            email_key("a@München.example"),
            email_key("a@xn--mnchen-3ya.example")
        );
        for other in ["νικοσ@example.org", "ΝΙΚΟΣ@example.org"] {
            assert_eq!(email_key("νικος@example.org"), email_key(other));
        }
        for twin in [
            "\u{212A}elvin@example.org",
            "\u{130}ris@example.org",
            "a@1.2.3.4",
            "a@0x7f.1",
            "boss@corp.exa%6dple",
            "\"boss\"@corp.example",
        ] {
            assert!(email_fault(twin).is_some(), "{twin}");
        }
        for (typed, goes_to) in [
            ("Ana@Example.ORG", "Ana@example.org"),
            ("ceo@\u{ff43}orp.example", "ceo@corp.example"),
            ("a@straße.example", "a@xn--strae-oqa.example"),
        ] {
            assert_eq!(deliverable(typed), goes_to);
        }
    }
}
