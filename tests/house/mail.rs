//! Letters as the operator reads them, and a mail server whose manners a test chooses.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rocket::tokio::runtime::Runtime;
use vestibule::accounts::letters::{LetterKeys, Letters, Links};
use vestibule::config::{LogFormat, Origin, Settings};
use vestibule::log::Log;
use vestibule::store::Pool;
use vestibule::templates::Templates;
use vestibule::tokens::{IfMissing, ServerSecret};
use vestibule::world::{Chance, Clock, World};

use super::{Database, House, START, figment};

/// A letter that waits, as its reader would see it.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub id: String,
    pub letter: String,
    pub to: String,
    pub text: String,
    pub html: String,
}

impl Waiting {
    /// The path of the first link below `start`, such as `/reset/`.
    pub fn path(&self, start: &str) -> String {
        path_in(&self.text, start)
    }

    /// The secret of the first link below `start`.
    pub fn secret(&self, start: &str) -> String {
        self.path(start)
            .rsplit('/')
            .next()
            .expect("a part")
            .to_owned()
    }

    /// The code.
    pub fn code(&self) -> String {
        code_in(&self.text)
    }
}

/// The path of the first link to a place in a text.
pub fn path_in(text: &str, start: &str) -> String {
    let at = text
        .find(start)
        .unwrap_or_else(|| panic!("no {start} in {text}"));
    let rest = text[at..].split_whitespace().next();
    rest.expect("a path").to_owned()
}

/// The code in a text.
pub fn code_in(text: &str) -> String {
    let is_code = |word: &&str| {
        let letters = |part: &str| part.len() == 4 && part.bytes().all(|b| b.is_ascii_uppercase());
        word.split_once('-')
            .is_some_and(|(one, other)| letters(one) && letters(other))
    };
    let code = text.split_whitespace().find(is_code);
    code.unwrap_or_else(|| panic!("no code in {text}"))
        .to_owned()
}

/// Writes and reads letters in a database, as the house does.
pub async fn letters_in(database: &Database) -> (Letters, Pool) {
    let settings = Settings::read(&figment(database, &[])).expect("settings");
    let pool = Pool::open(settings.database_url.reveal(), 2)
        .await
        .expect("a database");
    let secret = ServerSecret::obtain(&settings, &Chance::real(), IfMissing::Refuse);
    let keys = LetterKeys::of(&secret.expect("a secret"));
    let links = Links {
        public: Origin::parse("https://login.example.org"),
        bound: Arc::default(),
        configured: Origin::new(false, "127.0.0.1", 8000),
        base: "/id".into(),
    };
    let clock = Clock::set_to(START);
    let world = World {
        log: Log::kept(clock.clone(), LogFormat::Json),
        clock,
        chance: Chance::real(),
    };
    let templates = Templates::new(world.log.clone());
    let letters = Letters::new(
        pool.clone(),
        keys,
        links,
        templates,
        settings.letters,
        world,
    );
    (letters, pool)
}

/// The letters that wait, the oldest first.
pub fn waiting(database: &Database) -> Vec<Waiting> {
    Runtime::new().expect("a runtime").block_on(async {
        let (letters, pool) = letters_in(database).await;
        let queued = letters.list(false).await.expect("a list");
        let read = queued.iter().rev().map(|queued| {
            let written = letters.unseal(queued).expect("it opens");
            Waiting {
                id: queued.id.clone(),
                letter: queued.letter.clone(),
                to: queued.sent_to.clone(),
                text: written.text,
                html: written.html,
            }
        });
        let read = read.collect();
        pool.close().await;
        read
    })
}

/// Waits, in the real time, until something is so.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{what} never came"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl House {
    /// The `nth` letter of a kind to an address, once it is in the queue: it is written beside the answer. Those of one
    /// second are in no order.
    pub fn letter(&self, kind: &str, to: &str, nth: usize) -> Waiting {
        until(&format!("{kind} {nth} to {to}"), || {
            let letters = waiting(&self.database).into_iter();
            let mut fitting = letters.filter(|one| one.letter == kind && one.to == to);
            fitting.nth(nth)
        })
    }
}

/// How a mail server behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    /// It takes every letter.
    Takes,
    /// It takes them and falls silent after it said so: the connection is gone.
    TakesAndDrops,
    /// It drops the connection instead of saying that it took the letter.
    DropsInstead,
    /// It refuses every reader with this line.
    Refuses(&'static str),
    /// It takes the connection and never says a word.
    Hangs,
}

/// A mail server of a test's own.
pub struct Postbox {
    pub port: u16,
    manners: Arc<Mutex<Manners>>,
    letters: Arc<Mutex<Vec<String>>>,
    visits: Arc<AtomicUsize>,
}

impl Postbox {
    pub fn open(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let postbox = Self {
            port: listener.local_addr().expect("its number").port(),
            manners: Arc::new(Mutex::new(manners)),
            letters: Arc::default(),
            visits: Arc::default(),
        };
        let (manners, letters) = (Arc::clone(&postbox.manners), Arc::clone(&postbox.letters));
        let visits = Arc::clone(&postbox.visits);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                visits.fetch_add(1, Ordering::SeqCst);
                let manners = *manners.lock().expect("manners");
                let letters = Arc::clone(&letters);
                std::thread::spawn(move || drop(serve(&stream, manners, &letters)));
            }
        });
        postbox
    }

    /// What a house needs to send its letters there.
    pub fn settings(&self) -> [(&'static str, String); 2] {
        [
            (
                "vestibule.smtp_url",
                format!("\"smtp://127.0.0.1:{}\"", self.port),
            ),
            (
                "vestibule.mail_from",
                "\"Vestibule <login@example.org>\"".into(),
            ),
        ]
    }

    pub fn behave(&self, manners: Manners) {
        *self.manners.lock().expect("manners") = manners;
    }

    /// The messages that arrived whole.
    pub fn letters(&self) -> Vec<String> {
        self.letters.lock().expect("letters").clone()
    }

    /// How often somebody came.
    pub fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

fn serve(
    stream: &TcpStream,
    manners: Manners,
    letters: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let (mut out, mut lines) = (stream, BufReader::new(stream).lines());
    if manners == Manners::Hangs {
        while lines.next().is_some() {}
        return Ok(());
    }
    writeln!(out, "220 mail.example.org\r")?;
    while let Some(line) = lines.next() {
        let line = line?.to_ascii_uppercase();
        let answer = match (line.split(' ').next().unwrap_or_default(), manners) {
            ("RCPT", Manners::Refuses(words)) => words,
            ("DATA", _) => {
                writeln!(out, "354 Go on\r")?;
                let text = lines.by_ref().map_while(Result::ok);
                let text: Vec<String> = text.take_while(|line| line != ".").collect();
                letters.lock().expect("letters").push(text.join("\n"));
                if manners == Manners::DropsInstead {
                    return Ok(());
                }
                writeln!(out, "250 Taken\r")?;
                if manners == Manners::TakesAndDrops {
                    return Ok(());
                }
                continue;
            }
            ("QUIT", _) => {
                writeln!(out, "221 Bye\r")?;
                return Ok(());
            }
            _ => "250 Fine",
        };
        writeln!(out, "{answer}\r")?;
    }
    Ok(())
}
