//! `vestibule invite`: who may make an account where registration is by invitation.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use rocket::figment::Figment;
use serde_json::{Value, json};

use super::user::RoleName;
use super::{answer, link, moment, open, outbox, print, say, terminal, unusable};
use crate::accounts::invites::{self, Code, InviteKey, Wanted};
use crate::accounts::letters::{Letter, Letters};
use crate::accounts::rules;
use crate::config::{Fault, RegistrationMode, Settings};
use crate::error::Error;
use crate::store::Pool;
use crate::store::invites::{self as rows, Invite as Row};
use crate::tokens::{IfMissing, Role, secret_of};
use crate::world::{Chance, Clock};

/// Seconds.
const DAY: i64 = 86_400;

#[derive(Subcommand)]
pub enum Invite {
    /// Print a link, and the code in it, with which somebody may make an account.
    Make(Make),
    /// Print all invitations, the newest first. Those that ended are forgotten after 30 days.
    List {
        /// For scripts; times in seconds since 1970.
        #[arg(long)]
        json: bool,
    },
    /// Take an invitation back. Accounts that were made by it stay.
    Withdraw {
        /// Its name in the list.
        id: String,
        /// Do not ask whether you are sure.
        #[arg(long)]
        yes: bool,
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub struct Make {
    /// How many accounts may be made by it.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    uses: i64,
    /// How many days it is good.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(i64).range(1..=365))]
    days: i64,
    /// The one address it is for; without it, whoever has it may come with any.
    #[arg(long)]
    email: Option<String>,
    /// Write it to that address, too.
    #[arg(long, requires = "email")]
    send: bool,
    /// What whoever comes by it may do.
    #[arg(long, value_enum, default_value = "user")]
    role: RoleName,
    /// What the list shall say of it, for you alone.
    #[arg(long, default_value = "")]
    note: String,
    /// For scripts; times in seconds since 1970.
    #[arg(long)]
    json: bool,
}

/// Does it, with the settings and the secret that the server has.
pub async fn invite(figment: &Figment, act: &Invite) -> Result<ExitCode, Fault> {
    let (settings, pool) = open(figment).await?;
    let done = match act {
        Invite::Make(wanted) => make(figment, &settings, &pool, wanted).await,
        Invite::List { json } => list(&pool, *json).await,
        Invite::Withdraw { id, yes, json } => withdraw(&pool, id, *yes, *json).await,
    };
    pool.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn make(
    figment: &Figment,
    settings: &Settings,
    pool: &Pool,
    wanted: &Make,
) -> Result<(), Fault> {
    check(wanted)?;
    let chance = Chance::real();
    let secret = secret_of(pool, settings, &chance, IfMissing::Await).await?;
    let letters = outbox::letters(figment, settings, pool, &secret)?;
    let key = InviteKey::new(secret.invites());
    let asked = Wanted {
        note: wanted.note.clone(),
        role: wanted.role.into(),
        email: wanted.email.clone(),
        uses: wanted.uses,
        lasts: wanted.days * DAY,
    };
    let made = invites::make(pool, &key, &chance, asked, Clock::Real.unix()).await;
    let made = made.map_err(unusable)?;
    let (row, code) = made.ok_or_else(|| Fault("The system gives no random bytes.".into()))?;
    let link = link(figment, settings, &format!("/invite/{}", *code.shown()))?;
    if wanted.json {
        say(&document(&row, Some((&code, &link))).to_string());
    } else {
        announce(&row, &code, &link);
    }
    if wanted.send {
        send(pool, &letters, &row, &code, &link).await?;
    }
    warn(settings.registration);
    Ok(())
}

/// Puts the letter into the queue: the server sends it, or `vestibule outbox` shows it.
async fn send(
    pool: &Pool,
    letters: &Letters,
    row: &Row,
    code: &Code,
    link: &str,
) -> Result<(), Fault> {
    let letter = Letter::Invitation {
        link: link.to_owned(),
        code: code.shown().to_string(),
        good_until: row.expires_at,
    };
    let to = row.email.as_deref().unwrap_or_default();
    let put = async {
        let mut work = pool.begin().await?;
        letters.put_to_stranger(&mut work, to, letter).await?;
        Ok::<_, Error>(work.commit().await?)
    };
    put.await.map_err(|error| {
        let why = error.row().detail;
        Fault(format!(
            "The invitation is good, but no letter was written. {why}"
        ))
    })
}

fn check(wanted: &Make) -> Result<(), Fault> {
    let refused = |words: &str| Err(Fault(format!("{words} Nothing was made.")));
    if let Some(reason) = wanted.email.as_deref().and_then(rules::email_fault) {
        return refused(reason);
    }
    if Role::from(wanted.role) == Role::Admin && wanted.uses > 1 {
        return refused("An invitation that makes administrators is good for one of them.");
    }
    if wanted.note.chars().any(char::is_control) {
        return refused("A note is one line.");
    }
    Ok(())
}

fn announce(row: &Row, code: &Code, link: &str) {
    let accounts = match row.uses {
        1 => "one account".to_owned(),
        uses => format!("{uses} accounts"),
    };
    say(link);
    say(&format!(
        "Its code is {}. It is good for {accounts}, until {}.",
        *code.shown(),
        moment(row.expires_at)
    ));
    say(&format!(
        "`vestibule invite withdraw {}` takes it back.",
        row.id
    ));
}

/// What keeps the invitation from doing anything yet.
fn warn(mode: RegistrationMode) {
    match mode {
        RegistrationMode::Invite => {}
        RegistrationMode::Open => eprintln!(
            "Registration is open: nobody needs it before you set registration = \"invite\"."
        ),
        RegistrationMode::Closed => eprintln!(
            "Registration is closed: it opens nothing before you set registration = \"invite\"."
        ),
    }
}

fn document(row: &Row, new: Option<(&Code, &str)>) -> Value {
    let mut document = json!({
        "id": row.id, "note": row.note, "role": row.role, "email": row.email, "uses": row.uses,
        "uses_left": row.uses_left, "made_at": row.made_at, "expires_at": row.expires_at,
        "withdrawn_at": row.withdrawn_at,
    });
    if let Some((code, link)) = new {
        document["code"] = json!(*code.shown());
        document["link"] = json!(link);
    }
    document
}

async fn list(pool: &Pool, as_json: bool) -> Result<(), Fault> {
    let (all, now) = (rows::all(pool).await.map_err(unusable)?, Clock::Real.unix());
    if as_json {
        let all: Vec<Value> = all.iter().map(|row| document(row, None)).collect();
        say(&json!({ "invites": all }).to_string());
        return Ok(());
    }
    line(["ID", "STATE", "LEFT", "UNTIL", "ROLE", "FOR", "NOTE"]);
    for row in &all {
        let (left, until) = (
            format!("{} of {}", row.uses_left, row.uses),
            moment(row.expires_at),
        );
        let meant = row.email.as_deref().unwrap_or("anybody");
        let cells = [
            &row.id,
            state(row, now),
            &left,
            &until,
            &row.role,
            meant,
            &row.note,
        ];
        if !line(cells) {
            break;
        }
    }
    Ok(())
}

fn line([id, state, left, until, role, meant, note]: [&str; 7]) -> bool {
    let line = format!("{id:26}  {state:9}  {left:12}  {until:20}  {role:5}  {meant:24}  {note}");
    print(line.trim_end())
}

fn state(row: &Row, now: i64) -> &'static str {
    if row.withdrawn_at.is_some() {
        "withdrawn"
    } else if row.uses_left == 0 {
        "used up"
    } else if row.expires_at <= now {
        "over"
    } else {
        "open"
    }
}

async fn withdraw(pool: &Pool, id: &str, yes: bool, as_json: bool) -> Result<(), Fault> {
    let all = rows::all(pool).await.map_err(unusable)?;
    let row = all.iter().find(|row| row.id == id).ok_or_else(|| {
        Fault(format!(
            "There is no invitation {id:?}. `vestibule invite list` has their names."
        ))
    })?;
    let mut changed = false;
    if row.withdrawn_at.is_none() {
        terminal::confirm(yes, &about(row), "withdraw")?;
        let withdrawn = rows::withdraw(pool, id, Clock::Real.unix()).await;
        changed = withdrawn.map_err(unusable)?;
    }
    let words = match changed {
        true => format!("{id} is taken back. Accounts that were made by it stay."),
        false => format!("{id} is withdrawn already."),
    };
    answer(as_json, &words, &json!({ "id": id, "changed": changed }));
    Ok(())
}

/// What somebody is about to take back.
fn about(row: &Row) -> String {
    let (id, left, uses) = (&row.id, row.uses_left, row.uses);
    let note = match row.note.as_str() {
        "" => String::new(),
        note => format!("; {note}"),
    };
    format!(
        "This takes back the invitation {id} ({left} of {uses} left{note}): nobody may come by it any more."
    )
}
