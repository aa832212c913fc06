//! What a password must be: long enough, and hard enough to guess. No composition rules, no change without cause
//! (NIST SP 800-63B section 3.1.1.2). It is verified exactly as received.

use zeroize::Zeroizing;
use zxcvbn::zxcvbn;

/// Words of ours that a password may not be built on (ASVS v5.0.0-6.1.2).
const OUR_WORDS: &[&str] = &["vestibule"];

/// How many characters are judged.
const JUDGED: usize = 32;

/// How many guesses a new password must survive.
const GUESSES: u64 = 100_000_000;

/// Why a password of this length is not taken, if so. Counted in characters, as NIST counts.
pub fn length_fault(password: &str) -> Option<&'static str> {
    match password.chars().count() {
        0 => Some("Enter a password."),
        1..8 => Some("Use at least 8 characters. A few unrelated words are easy to keep in mind."),
        8..=128 => None,
        _ => Some("Use at most 128 characters."),
    }
}

/// Whether somebody can have this password: not empty, and no longer than registration takes. A short one may have come
/// with its account from elsewhere.
pub fn may_be_tried(password: &str) -> bool {
    (1..=128).contains(&password.chars().count())
}

/// Why a password is too easy to guess, if so. `context` is what a guesser knows of the person: username, address.
/// Takes milliseconds.
pub fn weakness(password: &str, context: &[String]) -> Option<&'static str> {
    let known = known_words(context);
    let inputs: Vec<&str> = known.iter().map(String::as_str).collect();
    if let Some(rest) = without(password, &known) {
        // What remains must carry the password by itself.
        return is_weak(&rest, &inputs).then_some(
            "Built on your name, your address or ours, which is what guessers try first. Use a few unrelated words.",
        );
    }
    if !is_weak(password, &inputs) {
        return None;
    }
    Some(if is_common(password) {
        "Among the most used passwords, which are tried first. Use a few unrelated words."
    } else {
        "Too easy to guess. Add a few unrelated words."
    })
}

/// Judges the beginning alone: every further character only adds guesses, while the work grows with the square of
/// the length (128 characters with many look-alikes took 0.6 s).
fn is_weak(password: &str, inputs: &[&str]) -> bool {
    zxcvbn(&beginning(password), inputs).guesses() < GUESSES
}

fn beginning(password: &str) -> Zeroizing<String> {
    Zeroizing::new(password.chars().take(JUDGED).collect())
}

/// On a list of used passwords, as it is or with a letter or two replaced.
fn is_common(password: &str) -> bool {
    use zxcvbn::feedback::Warning::{
        ThisIsACommonPassword, ThisIsATop10Password, ThisIsATop100Password,
        ThisIsSimilarToACommonlyUsedPassword,
    };
    let judged = zxcvbn(&beginning(password), &[]);
    matches!(
        judged.feedback().and_then(|feedback| feedback.warning()),
        Some(
            ThisIsACommonPassword
                | ThisIsATop10Password
                | ThisIsATop100Password
                | ThisIsSimilarToACommonlyUsedPassword
        )
    )
}

/// What a guesser knows: the username, the address, its parts, and our own words, in lower case.
fn known_words(context: &[String]) -> Vec<String> {
    let mut words: Vec<String> = OUR_WORDS.iter().map(|word| (*word).to_owned()).collect();
    for text in context {
        let text = in_lower_case(text);
        words.extend(text.split(['@', '.', '+']).map(str::to_owned));
        words.extend(text.split('@').map(str::to_owned));
        words.push(text);
    }
    // Shorter ones stand in unrelated words by accident.
    words.retain(|word| word.chars().count() >= 3);
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.dedup();
    words
}

/// The password in lower case with every known word cut out; `None` where none stands in it.
fn without(password: &str, known: &[String]) -> Option<Zeroizing<String>> {
    let lower = Zeroizing::new(in_lower_case(password));
    let rest = known.iter().fold(lower.clone(), |rest, word| {
        Zeroizing::new(rest.replace(word.as_str(), ""))
    });
    (rest != lower).then_some(rest)
}

/// Letter by letter. One that becomes two, such as the Turkish İ, stays: it would count twice.
fn in_lower_case(text: &str) -> String {
    let lower = |c: char| {
        let mut lower = c.to_lowercase();
        lower.next().filter(|_| lower.next().is_none()).unwrap_or(c)
    };
    text.chars().map(lower).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(password: &str) -> Option<&'static str> {
        weakness(
            password,
            &["marguerite".into(), "m.duras@saigon.example".into()],
        )
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        assert!(
            length_fault("").is_some()
                && length_fault("sieben7").is_some()
                && length_fault(&"é".repeat(129)).is_some()
        );
        assert_eq!(length_fault("éééééééé"), None);
        assert_eq!(length_fault(&"é".repeat(128)), None);
    }

    #[test]
    fn common_passwords_are_refused_as_such() {
        for common in [
            "password",
            "12345678",
            "qwertyuiop",
            "iloveyou",
            "football1",
        ] {
            assert!(judged(common).is_some(), "{common}");
        }
        assert!(judged("password").unwrap().contains("most used"));
    }

    #[test]
    fn what_a_guesser_knows_does_not_count() {
        for built in [
            "Marguerite1914",
            "marguerite!!",
            "saigon-2024",
            "vestibule123",
            "Vestibule!Vestibule!",
            "duras@saigon",
        ] {
            assert!(judged(built).unwrap().contains("Built on"), "{built}");
        }
        assert_eq!(judged("marguerite quartz balloon tundra"), None);
        // A capital that becomes two letters does not make up for the name that was cut out.
        assert!(judged("0AİaAbD").is_some() && judged("marguerite0AİaAbD").is_some());
    }

    #[test]
    fn unrelated_words_are_good() {
        assert_eq!(judged("correct tundra quartz balloon"), None);
        assert_eq!(judged("kU7#pq!zV2m"), None);
        assert!(judged("aaaaaaaaaaaa").is_some() && judged("abcdefghijkl").is_some());
    }
}
