//! The program: no command serves; `vestibule --help` lists the others.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rustix::fs::Mode;
use rustix::net::{listen, sockopt::socket_acceptconn};
use rustix::process::{
    PidfdFlags, PidfdGetfdFlags, Resource, Rlimit, getpid, getrlimit, pidfd_getfd, pidfd_open,
    setrlimit, umask,
};
use vestibule::admin::Line;
use vestibule::config::{self, Fault, Settings};
use vestibule::log::{Bridge, Log};
use vestibule::world::{Clock, World};

fn main() -> ExitCode {
    // Without arguments nothing is parsed, so that what parses them never fills memory.
    let line = match std::env::args_os().len() {
        0 | 1 => Line::default(),
        _ => Line::parse(),
    };
    let figment = config::figment();
    let done = match line.carry_out(&figment) {
        Ok(Some(code)) => Ok(code),
        Ok(None) => rocket::execute(on_a_worker(figment)).map(|()| ExitCode::SUCCESS),
        Err(fault) => Err(fault),
    };
    done.unwrap_or_else(|fault| {
        eprintln!("{}", harmless(&fault));
        ExitCode::FAILURE
    })
}

/// A connection that is taken on the main thread has to be handed to a worker, and the main thread keeps the memory that
/// the start let go.
async fn on_a_worker(figment: Figment) -> Result<(), Fault> {
    let served = rocket::tokio::spawn(serve(figment)).await;
    // A panic. Where it was is told already.
    served.map_err(|_| Fault("The service broke down. Its last lines say where.".into()))?
}

async fn serve(figment: Figment) -> Result<(), Fault> {
    ready_the_process();
    let log = Log::stdout(Clock::Real, Settings::read(&figment)?.log);
    let _written = Written(log.clone());
    listen_to_libraries(&log);
    let rocket = vestibule::rocket(figment, World::real(log.clone())).await?;
    let ready = AdHoc::on_liftoff("ready", |rocket| {
        Box::pin(async move {
            let settings = rocket.state::<Settings>();
            let public = settings.and_then(|settings| settings.public_url.clone());
            let origin = public.unwrap_or_else(|| Settings::bound_origin(rocket.config()));
            // Where the system does not let us, a burst of connections is felt sooner; nothing else.
            let _ = lengthen_the_queue();
            eprintln!("Vestibule is ready at {origin}");
        })
    });
    let database = rocket.state::<vestibule::store::Db>().cloned();
    let ended = rocket.attach(ready).launch().await;
    // Not at the shutdown's beginning: requests that are still answered need it.
    if let Some(database) = database {
        database.close().await;
    }
    match ended.as_ref().map_err(rocket::Error::kind) {
        // A client that kept its connection open past the grace is no fault of the service.
        Ok(_) | Err(ErrorKind::Shutdown(..)) => Ok(()),
        Err(kind) => Err(Fault(in_words(kind))),
    }
}

/// However the service ends, what it told is written.
struct Written(Log);

impl Drop for Written {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// What the process is given by whoever starts it is rarely what a service needs.
fn ready_the_process() {
    // Files that we make are nobody else's.
    umask(Mode::RWXG | Mode::RWXO);
    // A connection is a file, and the usual limit is a thousand. Where raising it is refused, the service starts all
    // the same.
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    );
}

/// Rocket lets 128 connections wait to be taken and keeps its listener to itself. A burst overflows that, and whoever
/// comes next is not heard: their system tries again after one second, then after three. So the listener is found among
/// our own files, and told anew how long its queue may be.
#[cfg(target_os = "linux")]
fn lengthen_the_queue() -> std::io::Result<()> {
    let ourselves = pidfd_open(getpid(), PidfdFlags::empty())?;
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let path = entry?.path();
        let is_socket = |target: &Path| target.to_string_lossy().starts_with("socket:");
        // Sockets only: to close a copy of a database's file would give up the locks on it (POSIX fcntl).
        let socket = std::fs::read_link(&path).is_ok_and(|target| is_socket(&target));
        let number = path
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        let Some(number) = number.filter(|_| socket) else {
            continue;
        };
        let copy = pidfd_getfd(&ourselves, number, PidfdGetfdFlags::empty())?;
        if socket_acceptconn(&copy)? {
            listen(&copy, 4096)?;
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn lengthen_the_queue() -> std::io::Result<()> {
    Ok(())
}

/// Warnings of libraries and panics become lines of our log. A panic's text is left out: it may quote a request.
fn listen_to_libraries(log: &Log) {
    let bridge = Bridge {
        log: log.clone(),
        silent: vestibule::store::LIBRARY,
    };
    if log::set_boxed_logger(Box::new(bridge)).is_ok() {
        log::set_max_level(log::LevelFilter::Warn);
    }
    let log = log.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        log.notice("error", "panic", &[("at", &place)]);
    }));
}

/// For a terminal: what a library says may quote a stranger's file, such as the names in its schema.
fn harmless(fault: &Fault) -> String {
    let steers = |letter: char| letter.is_control() && letter != '\n';
    fault.to_string().replace(steers, "\u{fffd}")
}

fn in_words(error: &ErrorKind) -> String {
    match error {
        ErrorKind::Bind(cause) => format!(
            "The address cannot be listened on: {cause}.\n\
             Another program may have it. Choose another port: ROCKET_PORT=8001"
        ),
        other => format!("The service cannot start: {other}."),
    }
}
