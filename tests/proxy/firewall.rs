//! The limits of `deploy/nftables.conf`, by the kernel's own count, in a network of the test's own.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use rocket::tokio::net::{TcpListener, TcpSocket, TcpStream};
use rocket::tokio::runtime::{Builder, Runtime};
use rocket::tokio::time::timeout;

/// As the file says.
const MOST: usize = 256;

/// Says that this process is already in the network of its own.
const INSIDE: &str = "FIREWALL_TEST_INSIDE";

/// Each customer with two addresses, and a stranger who has nothing to do with them.
const IPV4: [&str; 3] = ["127.0.0.2", "127.0.0.2", "127.0.0.3"];
const IPV6: [&str; 3] = ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"];

#[test]
fn one_customer_has_so_many_connections_and_others_have_theirs() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let own_network = || {
        let mut unshare = Command::new("unshare");
        // Root needs no other rights, and others get them for their own network only.
        let root = rustix::process::geteuid().is_root();
        unshare.args(if root { &["-n"][..] } else { &["-rn"] });
        unshare
    };
    let can = own_network().arg("true").output().expect("unshare runs");
    if !can.status.success() {
        let why = String::from_utf8_lossy(&can.stderr).into_owned();
        eprintln!("NOT TRIED, since no network of its own can be had here: {why}");
        return;
    }
    let name = "firewall::one_customer_has_so_many_connections_and_others_have_theirs";
    let done = own_network()
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
}

fn inside() {
    run("ip", &["link", "set", "lo", "up"]);
    for address in IPV6 {
        let address = format!("{address}/128");
        run("ip", &["address", "add", &address, "dev", "lo", "nodad"]);
    }
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/nftables.conf");
    // Twice, as after a change.
    run("nft", &["-f", rules]);
    run("nft", &["-f", rules]);
    let door = Door::open();
    let by_ipv6 = format!("[{}]:443", IPV6[2]);
    for (customers, to) in [(IPV4, "127.0.0.1:443"), (IPV6, by_ipv6.as_str())] {
        let to: SocketAddr = to.parse().expect("an address");
        let [one, same, other] = customers;
        let held = (0..MOST).map(|number| {
            let from = [one, same][number % 2];
            door.knock(from, to)
                .unwrap_or_else(|| panic!("{from} is refused as number {number}"))
        });
        let held: Vec<[TcpStream; 2]> = held.collect();
        for from in [one, same] {
            assert!(door.knock(from, to).is_none(), "{from} has one more");
        }
        assert!(door.knock(other, to).is_some(), "{other} is refused");
        // Whoever is gone has places again.
        drop(held);
        let back = (0..20).any(|_| door.knock(one, to).is_some());
        assert!(back, "{one} stays refused");
    }
    run("nft", &["delete", "table", "inet", "vestibule"]);
}

fn run(program: &str, words: &[&str]) {
    let done = Command::new(program).args(words).output();
    let done = done.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(done.status.success(), "{program}: {done:?}");
}

/// Who listens at the https port, for both families.
struct Door {
    listener: TcpListener,
    runtime: Runtime,
}

impl Door {
    fn open() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("[::]:443"));
        let listener = listener.expect("the port");
        Self { listener, runtime }
    }

    /// Both ends of a connection from this address, if there is one soon. Whoever comes is let in at once: a line at
    /// the door would be refused too when it is full, and not by the firewall.
    fn knock(&self, from: &str, to: SocketAddr) -> Option<[TcpStream; 2]> {
        let from = SocketAddr::new(from.parse().expect("an address"), 0);
        self.runtime.block_on(async {
            let socket = if from.is_ipv4() {
                TcpSocket::new_v4()
            } else {
                TcpSocket::new_v6()
            };
            let socket = socket.expect("a socket");
            socket.bind(from).expect("an address of ours");
            let theirs = timeout(Duration::from_millis(500), socket.connect(to)).await;
            let theirs = theirs.ok()?.expect("a line");
            let (ours, _) = self.listener.accept().await.expect("a line");
            Some([theirs, ours])
        })
    }
}
