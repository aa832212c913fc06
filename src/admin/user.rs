//! `vestibule user`: what an operator does to accounts.

mod links;

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use rocket::figment::Figment;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{answer, listing, make, open, outbox, terminal, unusable};
use crate::accounts::operator::{self, Act, Done, Newcomer};
use crate::config::{Fault, HashSettings, Settings, VerifyEmail};
use crate::error::Error;
use crate::hashing::Hashing;
use crate::store::Pool;
use crate::store::accounts::Account;
use crate::store::roster::Wanted;
use crate::tokens::Role;
use crate::world::{Chance, Clock};

#[derive(Subcommand)]
pub enum User {
    /// Make an account. The password is asked for without being shown, or read as one line from standard input; with
    /// --link its owner sets it.
    Add(Add),
    /// Print all accounts, by name.
    List {
        /// Only those that nobody may sign in with.
        #[arg(long)]
        disabled: bool,
        /// Only those with this role.
        #[arg(long)]
        role: Option<RoleName>,
        /// For scripts: an object a line, times in seconds since 1970.
        #[arg(long)]
        json: bool,
    },
    /// Print what there is to say of an account.
    Show {
        #[command(flatten)]
        name: Name,
        /// For scripts; times in seconds since 1970.
        #[arg(long)]
        json: bool,
    },
    /// Let nobody sign in with it, and end its sessions.
    Disable(One),
    /// Let whoever knows its password sign in again.
    Enable(One),
    /// End its sessions.
    EndSessions(One),
    /// Open it again, where too many wrong passwords have closed it to strangers.
    Unlock(One),
    /// Print a link with which its owner sets a new password, once. Nothing is sent: hand it over yourself.
    ResetLink {
        #[command(flatten)]
        name: Name,
        #[command(flatten)]
        lasting: Lasting,
        /// For scripts; times in seconds since 1970.
        #[arg(long)]
        json: bool,
    },
    /// Delete it for good, with everything held about it. Its name stays reserved, unless it waited to be confirmed: nobody
    /// gets it again.
    Delete {
        #[command(flatten)]
        one: One,
        /// Do not ask whether you are sure.
        #[arg(long)]
        yes: bool,
    },
    /// Take its address for confirmed: you know that it is its owner's.
    Verify(One),
    /// Give it a role. Its sessions end, so that who holds the new one has signed in for it.
    Role {
        #[command(flatten)]
        one: One,
        /// What it may do from now on.
        #[arg(value_enum)]
        role: RoleName,
    },
}

#[derive(Args)]
pub struct Add {
    /// 3 to 32 letters, digits, dots, underscores or hyphens.
    username: String,
    /// An address.
    email: String,
    /// What it may do.
    #[arg(long, value_enum, default_value = "user")]
    role: RoleName,
    /// Take the address for confirmed: you know that it is theirs.
    #[arg(long)]
    verified: bool,
    /// Ask for no password, and print a link with which the owner sets it.
    #[arg(long)]
    link: bool,
    #[command(flatten)]
    lasting: Lasting,
    /// For scripts; times in seconds since 1970.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Lasting {
    /// How long the link is good.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(i64).range(5..=1440))]
    minutes: i64,
}

#[derive(Args)]
pub struct Name {
    /// The username or the address.
    name: String,
}

#[derive(Args)]
pub struct One {
    #[command(flatten)]
    name: Name,
    /// For scripts.
    #[arg(long)]
    json: bool,
}

/// A role, as it is typed.
#[derive(Clone, Copy, ValueEnum)]
pub enum RoleName {
    /// Its own affairs.
    User,
    /// Also what your apps keep for administrators.
    Admin,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::User => Self::User,
            RoleName::Admin => Self::Admin,
        }
    }
}

/// Does it, with the settings that the server has.
pub async fn user(figment: &Figment, act: &User) -> Result<ExitCode, Fault> {
    match act {
        User::ResetLink {
            name,
            lasting,
            json,
        } => return links::reset_link(figment, name, lasting, *json).await,
        User::Delete { one, yes } => return delete(figment, one, *yes).await,
        User::Add(wanted) if wanted.link => return links::add_with_link(figment, wanted).await,
        _ => {}
    }
    // The first administrator may be made before the first start.
    let (settings, pool) = match act {
        User::Add(_) => make(figment).await?,
        _ => open(figment).await?,
    };
    let done = carry_out(&settings, &pool, act).await;
    pool.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn carry_out(settings: &Settings, pool: &Pool, act: &User) -> Result<(), Fault> {
    match act {
        User::Add(wanted) => add(settings, pool, wanted).await,
        User::List {
            disabled,
            role,
            json,
        } => list(pool, *disabled, role.map(Role::from), *json).await,
        User::Show { name, json } => show(settings, pool, name, *json).await,
        User::Disable(one) => change(pool, one, Act::Disable).await,
        User::Enable(one) => change(pool, one, Act::Enable).await,
        User::EndSessions(one) => change(pool, one, Act::EndSessions).await,
        User::Role { one, role } => change(pool, one, Act::Role((*role).into())).await,
        User::Unlock(one) => unlock(pool, one).await,
        User::Verify(one) => verify(pool, one).await,
        // Done before: these need the keys of letters, too.
        User::ResetLink { .. } | User::Delete { .. } => Ok(()),
    }
}

/// Whoever may do more by it must be known: an address that nobody confirmed may have been registered by a stranger.
async fn check_known(pool: &Pool, name: &str, act: Act) -> Result<(), Fault> {
    if act != Act::Role(Role::Admin) || !name.contains('@') {
        return Ok(());
    }
    let found = operator::show(pool, name).await.map_err(unusable)?;
    match found {
        Some((account, _)) if account.email_verified_at.is_none() => Err(Fault(format!(
            "Nobody confirmed this address, so whoever registered it may be a stranger. Its account is {}: if that is \
             the one you mean, type that name.",
            account.username
        ))),
        _ => Ok(()),
    }
}

async fn change(pool: &Pool, one: &One, act: Act) -> Result<(), Fault> {
    check_known(pool, &one.name.name, act).await?;
    let done = operator::act(pool, &one.name.name, act, Clock::Real.unix()).await;
    let done = done.map_err(unusable)?.ok_or_else(|| nobody(&one.name))?;
    let (mut object, changed) = (document(&done.account), done.changed);
    object["changed"] = json!(changed);
    object["sessions_ended"] = json!(done.ended);
    answer(one.json, &changed_in_words(&done, act), &object);
    Ok(())
}

fn changed_in_words(done: &Done, act: Act) -> String {
    let (name, ended) = (&done.account.username, done.ended);
    let (now, is) = match act {
        Act::EndSessions => return format!("Sessions of {name} ended: {ended}."),
        Act::Disable => ("", "disabled"),
        Act::Enable => ("", "enabled"),
        Act::Role(role) => ("now ", called(role)),
    };
    match done.changed {
        true => format!("{name} is {now}{is}. Sessions ended: {ended}."),
        false => format!("{name} is {is} already."),
    }
}

fn called(role: Role) -> &'static str {
    match role {
        Role::User => "a user like any other",
        Role::Admin => "an administrator",
    }
}

async fn add(settings: &Settings, pool: &Pool, wanted: &Add) -> Result<(), Fault> {
    let password = terminal::new_password()?;
    let made = make_account(settings, pool, wanted, password).await?;
    let must_confirm = settings.letters.verify == VerifyEmail::Required && !wanted.verified;
    let (name, role) = (&made.username, called(wanted.role.into()));
    let words = match must_confirm {
        false => format!("{name} may sign in from now on, as {role}."),
        true => format!(
            "{name} may sign in, as {role}, once the address is confirmed. No letter was sent: type\n\
             `vestibule user verify {name}`, or have its owner ask for one at /verify."
        ),
    };
    let mut object = with_role(&made);
    object["must_confirm"] = json!(must_confirm);
    answer(wanted.json, &words, &object);
    Ok(())
}

/// Whose account it is, for scripts.
fn document(account: &Account) -> Value {
    json!({ "id": account.id, "username": account.username })
}

fn with_role(account: &Account) -> Value {
    let mut document = document(account);
    document["role"] = json!(account.role);
    document
}

async fn make_account(
    settings: &Settings,
    pool: &Pool,
    wanted: &Add,
    password: Zeroizing<String>,
) -> Result<Account, Fault> {
    let one = HashSettings {
        threads: 1,
        ..settings.hashing
    };
    let hashing = Hashing::start(one)
        .map_err(|error| Fault(format!("The hashing thread cannot start: {error}.")))?;
    let newcomer = Newcomer {
        username: wanted.username.clone(),
        email: wanted.email.clone(),
        password,
        role: wanted.role.into(),
    };
    let now = Clock::Real.unix();
    let made = operator::add(pool, &hashing, &Chance::real(), newcomer, now).await;
    let made = made
        .map_err(unusable)?
        .map_err(|refused| refusal(&refused))?;
    if wanted.verified {
        let verified = operator::verify(pool, &made.username, now).await;
        verified.map_err(unusable)?;
    }
    Ok(made)
}

async fn delete(figment: &Figment, one: &One, yes: bool) -> Result<ExitCode, Fault> {
    let (letters, pool) = outbox::open(figment).await?;
    let found = operator::show(&pool, &one.name.name).await;
    let found = found.map_err(unusable)?;
    let (account, details) = found.ok_or_else(|| nobody(&one.name))?;
    let (username, email) = (&account.username, &account.email);
    let about = format!(
        "This deletes {username} ({email}; sessions going on: {}) for good, with everything held about it.",
        details.sessions
    );
    terminal::confirm(yes, &about, username)?;
    let deleted = operator::delete(&pool, &letters, &account, Clock::Real.unix()).await;
    pool.close().await;
    if !deleted.map_err(|error| Fault(error.row().detail.into_owned()))? {
        return Err(Fault(format!(
            "{username} was changed in this moment. Nothing was deleted; look again."
        )));
    }
    let name = if account.pending_until.is_some() {
        "The name is free again."
    } else {
        "The name stays reserved."
    };
    let words = format!("{username} is deleted, with everything held about it. {name}");
    answer(one.json, &words, &document(&account));
    Ok(ExitCode::SUCCESS)
}

async fn verify(pool: &Pool, one: &One) -> Result<(), Fault> {
    let found = operator::verify(pool, &one.name.name, Clock::Real.unix()).await;
    let found = found.map_err(unusable)?;
    let (account, changed) = found.ok_or_else(|| nobody(&one.name))?;
    let (username, email) = (&account.username, &account.email);
    if !operator::has_address(&account) {
        return Err(Fault(format!(
            "{username} was made with the address of another account. It is forgotten by itself."
        )));
    }
    let words = match changed {
        true => format!("{email} is taken for confirmed as the address of {username}."),
        false => format!("{email} was confirmed already as the address of {username}."),
    };
    let mut object = document(&account);
    object["changed"] = json!(changed);
    answer(one.json, &words, &object);
    Ok(())
}

/// Why there is no such account now, in words.
fn refusal(error: &Error) -> Fault {
    let Error::Invalid(fields) = error else {
        return Fault(error.row().detail.into_owned());
    };
    let lines = fields
        .iter()
        .map(|field| format!("{}: {}", field.field, field.reason));
    Fault(lines.collect::<Vec<_>>().join("\n"))
}

async fn list(pool: &Pool, disabled: bool, role: Option<Role>, json: bool) -> Result<(), Fault> {
    let wanted = Wanted {
        disabled,
        role: role.map(Role::name),
    };
    if !json {
        listing::head();
    }
    let listed = operator::list(pool, wanted, |account| listing::line(account, json)).await;
    listed.map_err(unusable)
}

async fn show(settings: &Settings, pool: &Pool, name: &Name, json: bool) -> Result<(), Fault> {
    let found = operator::show(pool, &name.name).await.map_err(unusable)?;
    let (account, details) = found.ok_or_else(|| nobody(name))?;
    listing::whole(&account, &details, settings.throttle.per_account, json);
    Ok(())
}

async fn unlock(pool: &Pool, one: &One) -> Result<(), Fault> {
    let found = operator::unlock(pool, &one.name.name).await;
    let account = found.map_err(unusable)?.ok_or_else(|| nobody(&one.name))?;
    let words = format!(
        "{} is unlocked. Whoever was told to wait still has to, for some minutes at most.",
        account.username
    );
    answer(one.json, &words, &document(&account));
    Ok(())
}

fn nobody(name: &Name) -> Fault {
    Fault(format!("Nobody is called {:?} here.", name.name))
}
