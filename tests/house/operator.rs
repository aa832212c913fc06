//! What an operator does from the command line, beside the running server and on its database.

use vestibule::accounts::invites::{self, InviteKey, Wanted};
use vestibule::accounts::operator::{self, Act};
use vestibule::config::Secret;
use vestibule::store::Pool;
use vestibule::tokens::{Role, ServerSecret};
use vestibule::world::Chance;

use super::{Database, House, SECRET};

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = rocket::tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(work)
}

async fn pool(database: &Database) -> Pool {
    let file = database.data_dir().join("vestibule.db");
    let url = database.url();
    let url = url.unwrap_or_else(|| format!("sqlite://{}", file.display()));
    Pool::open(&url, 1).await.expect("a database")
}

/// Does something to an account. Whether it was not so already.
pub fn act(database: &Database, name: &str, act: Act, now: i64) -> bool {
    run(async {
        let pool = pool(database).await;
        let done = operator::act(&pool, name, act, now).await;
        pool.close().await;
        done.expect("an answer").expect("somebody").changed
    })
}

/// An invitation for so many accounts, good for an hour.
pub fn wanted(uses: i64) -> Wanted {
    Wanted {
        note: String::new(),
        role: Role::User,
        email: None,
        uses,
        lasts: 3600,
    }
}

/// Makes an invitation and gives its name and its code.
pub fn invite(house: &House, wanted: Wanted) -> (String, String) {
    invite_to(&house.database, wanted, house.clock.unix())
}

/// The same where no house stands.
pub fn invite_to(database: &Database, wanted: Wanted, now: i64) -> (String, String) {
    let given = match database.url() {
        Some(_) => SECRET.to_owned(),
        None => {
            let file = database.data_dir().join("server-secret");
            let secret = std::fs::read_to_string(file).expect("a secret");
            secret.trim_end().to_owned()
        }
    };
    let secret = ServerSecret::derive(&Secret::new(given)).expect("keys");
    let key = InviteKey::new(secret.invites());
    run(async {
        let pool = pool(database).await;
        let made = invites::make(&pool, &key, &Chance::real(), wanted, now).await;
        pool.close().await;
        let (row, code) = made.expect("an answer").expect("chance");
        (row.id, code.shown().to_string())
    })
}

/// Takes an invitation back.
pub fn withdraw(house: &House, id: &str) {
    let withdrawn = run(async {
        let pool = pool(&house.database).await;
        let done = vestibule::store::invites::withdraw(&pool, id, house.clock.unix()).await;
        pool.close().await;
        done.expect("an answer")
    });
    assert!(withdrawn);
}
