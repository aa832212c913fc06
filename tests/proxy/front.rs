//! A proxy that runs a shipped configuration on ports of its own.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::house::process::free_port;

/// Where a proxy will listen. Known before it starts, since the service behind it must be told.
pub struct Doors {
    pub https: u16,
    pub http: u16,
}

impl Doors {
    pub fn free() -> Self {
        Self {
            https: free_port(),
            http: free_port(),
        }
    }

    /// What people see.
    pub fn public_url(&self) -> String {
        format!("https://localhost:{}", self.https)
    }
}

/// A running proxy. It stops when dropped.
pub struct Front {
    pub doors: Doors,
    pub folder: TempDir,
    child: Child,
}

impl Front {
    /// nginx with `deploy/nginx.conf`, before the service at `upstream`.
    pub fn nginx(doors: Doors, upstream: &str) -> Self {
        let text = nginx_conf(&doors, upstream);
        Self::start_nginx(doors, text)
    }

    /// The same, open to clients that say no name in the handshake, as slowhttptest.
    pub fn nginx_for_the_nameless(doors: Doors, upstream: &str) -> Self {
        let text = nginx_conf(&doors, upstream).with("ssl_reject_handshake on;", "");
        Self::start_nginx(doors, text)
    }

    /// The same, with room for two requests at once, and believing what a client says of its own address: so one
    /// machine can be many.
    pub fn nginx_for_two(doors: Doors, upstream: &str) -> Self {
        let text = nginx_conf(&doors, upstream)
            .with("limit_conn address 64;", "limit_conn address 2;")
            .with(
                "server_tokens off;",
                "server_tokens off; set_real_ip_from 127.0.0.0/8; real_ip_header X-Address;",
            );
        Self::start_nginx(doors, text)
    }

    fn start_nginx(doors: Doors, text: Shipped) -> Self {
        let folder = folder_with_certificate();
        let at = folder.path();
        fs::write(at.join("nginx.conf"), text.0).expect("written");
        let mut nginx = Command::new("nginx");
        nginx.arg("-p").arg(at).arg("-c").arg(at.join("nginx.conf"));
        nginx.args(["-g", "daemon off;", "-e", "stderr"]);
        Self::run(nginx, doors, folder)
    }

    /// Caddy with `deploy/Caddyfile`, before the service at `upstream`.
    pub fn caddy(doors: Doors, upstream: &str) -> Self {
        let text = caddyfile(&doors, upstream);
        let folder = folder_with_certificate();
        let file = folder.path().join("Caddyfile");
        fs::write(&file, text.0).expect("written");
        let mut caddy = Command::new("caddy");
        caddy.args(["run", "--adapter", "caddyfile", "--config"]);
        caddy.arg(file).current_dir(folder.path());
        caddy
            .env("HOME", folder.path())
            .env("XDG_DATA_HOME", folder.path());
        Self::run(caddy, doors, folder)
    }

    fn run(mut command: Command, doors: Doors, folder: TempDir) -> Self {
        let words = fs::File::create(folder.path().join("words")).expect("a file");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(words).spawn().expect("the proxy starts");
        let front = Self {
            doors,
            folder,
            child,
        };
        let started = Instant::now();
        let open = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
        while !(open(front.doors.https) && open(front.doors.http)) {
            let words = front.folder.path().join("words");
            let words = || fs::read_to_string(&words).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(10), "{}", words());
            std::thread::yield_now();
        }
        front
    }
}

impl Front {
    /// How many connections it holds at its https door: those that the kernel calls established, and that neither end
    /// has closed.
    pub fn connections(&self) -> usize {
        let table = fs::read_to_string("/proc/net/tcp").expect("the kernel's table");
        let door = format!(":{:04X}", self.doors.https);
        let rows = table.lines().map(|row| row.split_whitespace().collect());
        let held = rows.filter(|row: &Vec<&str>| row[1].ends_with(&door) && row[3] == "01");
        held.count()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // Not killed: nginx has to end its workers.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// A shipped file, and what a test had to change in it.
struct Shipped(String);

impl Shipped {
    fn read(name: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("deploy")
            .join(name);
        Self(fs::read_to_string(file).expect("a shipped file"))
    }

    /// Changes a passage that stands there exactly once.
    fn with(self, old: &str, new: &str) -> Self {
        assert_eq!(self.0.matches(old).count(), 1, "{old}");
        Self(self.0.replace(old, new))
    }
}

fn nginx_conf(doors: &Doors, upstream: &str) -> Shipped {
    let Doors { https, http } = doors;
    let upstream = upstream.trim_start_matches("http://");
    let letsencrypt = "/etc/letsencrypt/live/login.example.org";
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {kind};\n"));
    Shipped::read("nginx.conf")
        .with("pid /run/nginx.pid;", "pid nginx.pid;")
        .with("/var/log/nginx/error.log", "error.log")
        .with("/var/log/nginx/access.log", "access.log")
        .with("\nhttp {", &format!("\nhttp {{\n{}", temporary.concat()))
        .with(&format!("{letsencrypt}/fullchain.pem"), "certificate.pem")
        .with(&format!("{letsencrypt}/privkey.pem"), "key.pem")
        .with("server 127.0.0.1:8000;", &format!("server {upstream};"))
        .with("listen 80 ", &format!("listen 127.0.0.1:{http} "))
        .with(
            "listen 443 ssl default_server;",
            &format!("listen 127.0.0.1:{https} ssl default_server;"),
        )
        .with("listen 443 ssl;", &format!("listen 127.0.0.1:{https} ssl;"))
        // Not every machine has IPv6.
        .with("listen [::]:80 default_server;", "")
        .with("listen [::]:443 ssl default_server;", "")
        .with("listen [::]:443 ssl;", "")
        .with(
            "return 301 https://login.example.org$",
            &format!("return 301 https://localhost:{https}$"),
        )
        .with("server_name login.example.org;", "server_name localhost;")
}

fn caddyfile(doors: &Doors, upstream: &str) -> Shipped {
    let Doors { https, http } = doors;
    let upstream = upstream.trim_start_matches("http://");
    // As the file says.
    let pauses = "read_body_idle -1s";
    let known = if knows_pauses() { pauses } else { "" };
    Shipped::read("Caddyfile")
        .with(&format!("\t{pauses}\n"), &format!("\t{known}\n"))
        .with(
            "\tauto_https disable_redirects\n",
            &format!(
                "\tauto_https disable_redirects\n\tadmin off\n\tdefault_bind 127.0.0.1\n\
                 \thttp_port {http}\n\thttps_port {https}\n"
            ),
        )
        .with("\nhttp://login.example.org {", "\nhttp://localhost {")
        .with(
            "redir @page https://login.example.org{",
            &format!("redir @page https://localhost:{https}{{"),
        )
        // Instead of a certificate that it would fetch.
        .with(
            "\nlogin.example.org {",
            "\nlocalhost {\n\ttls certificate.pem key.pem",
        )
        .with(
            "reverse_proxy 127.0.0.1:8000 ",
            &format!("reverse_proxy {upstream} "),
        )
}

/// Whether the Caddy here is one that limits the pauses of a body, 2.11 or newer.
fn knows_pauses() -> bool {
    let done = Command::new("caddy")
        .arg("version")
        .output()
        .expect("caddy runs");
    let version = String::from_utf8_lossy(&done.stdout).into_owned();
    let numbers = version.trim_start_matches('v').split('.');
    let numbers: Vec<u32> = numbers
        .take(2)
        .map(|n| n.parse().expect("a number"))
        .collect();
    numbers >= vec![2, 11]
}

/// A folder that nginx's workers may enter, with a throwaway certificate.
fn folder_with_certificate() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("set");
    let made = Command::new("openssl")
        .current_dir(folder.path())
        .args(["req", "-x509", "-nodes", "-days", "1", "-newkey", "ec"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .args(["-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{made:?}");
    folder
}
