//! Accounts as an operator reads them: a table for people, lines of JSON for scripts.

use serde_json::{Value, json};

use super::{moment, print, say};
use crate::store::accounts::Account;
use crate::store::roster::{Details, Listed};

/// The head of the table.
pub fn head() {
    row(["USERNAME", "ROLE", "STATE", "VERIFIED", "MADE", "ADDRESS"]);
}

/// One account of the list. `false`: nobody reads on.
pub fn line(account: &Listed, as_json: bool) -> bool {
    if as_json {
        return print(&document(account).to_string());
    }
    let state = state(account.disabled_at, account.pending_until);
    let verified = if account.email_verified_at.is_some() {
        "yes"
    } else {
        "no"
    };
    let made = moment(account.created_at);
    row([
        &account.username,
        &account.role,
        state,
        verified,
        &made,
        &account.email,
    ])
}

fn row([username, role, state, verified, made, address]: [&str; 6]) -> bool {
    // The longest name has 32 letters; most have a dozen.
    print(&format!(
        "{username:20}  {role:5}  {state:8}  {verified:8}  {made:20}  {address}"
    ))
}

fn state(disabled_at: Option<i64>, pending_until: Option<i64>) -> &'static str {
    match (disabled_at, pending_until) {
        (Some(_), _) => "disabled",
        (None, Some(_)) => "pending",
        (None, None) => "open",
    }
}

/// An account for scripts; times in seconds since 1970.
fn document(account: &Listed) -> Value {
    json!({
        "id": account.id, "username": account.username, "email": account.email, "role": account.role,
        "created_at": account.created_at, "disabled_at": account.disabled_at,
        "email_verified_at": account.email_verified_at, "pending_until": account.pending_until,
    })
}

/// One account with everything there is to say. `closed`: after so many failures it takes no stranger's password.
pub fn whole(account: &Account, details: &Details, closed: i64, as_json: bool) {
    if as_json {
        let document = json!({
            "id": account.id, "username": account.username, "email": account.email, "role": account.role,
            "created_at": account.created_at, "disabled_at": account.disabled_at,
            "email_verified_at": account.email_verified_at, "pending_until": account.pending_until, "failures": details.failures,
            "closed_to_strangers": details.failures >= closed, "sessions": details.sessions,
            "last_seen_at": details.last_seen_at,
        });
        return say(&document.to_string());
    }
    let row = |name: &str, value: &str| say(&format!("{name:12}  {value}"));
    row("Username", &account.username);
    row("Address", &account.email);
    row(
        "Verified",
        &account.email_verified_at.map_or("no".into(), moment),
    );
    row("Role", &account.role);
    row("State", &whole_state(account));
    row("Failures", &failures(details.failures, closed));
    row("Sessions", &sessions(details));
    row("Made", &moment(account.created_at));
    row("Id", &account.id);
}

fn whole_state(account: &Account) -> String {
    match (account.disabled_at, account.pending_until) {
        (Some(at), _) => format!("disabled since {}", moment(at)),
        (None, Some(until)) => format!(
            "waits until {} for its address to be confirmed",
            moment(until)
        ),
        (None, None) => "open".to_owned(),
    }
}

fn failures(failures: i64, closed: i64) -> String {
    if failures >= closed {
        return format!(
            "{failures} in a row: it takes no stranger's password; `vestibule user unlock` opens it"
        );
    }
    format!("{failures} in a row")
}

fn sessions(details: &Details) -> String {
    let seen = details
        .last_seen_at
        .map_or(String::new(), |at| format!(", last used {}", moment(at)));
    format!("{} going on{seen}", details.sessions)
}
