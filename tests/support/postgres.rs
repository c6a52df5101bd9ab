//! A real PostgreSQL server on loopback, in a folder of its own, for as long as the test's process lives. A test that
//! cannot have it fails.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use lucidlink::database::{Database, Settings};

use crate::loopback;

pub(crate) const PASSWORD: &str = "the-password-of-the-tests";

/// How long the server may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// The server, and the certificate that it shows.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) certificate: PathBuf,
}

pub(crate) fn server() -> &'static Server {
    static SERVER: LazyLock<Server> = LazyLock::new(start);
    &SERVER
}

/// The port at which the server listens.
pub(crate) fn port() -> u16 {
    server().port
}

/// The database of a test's process.
pub(crate) fn url() -> String {
    format!("postgres://tests:{PASSWORD}@127.0.0.1:{}/postgres?sslmode=disable", port())
}

/// A name that no other test uses.
pub(crate) fn new_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("log {}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The folder of the newest version's programs.
fn programs() -> PathBuf {
    let need = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres");
    let found = Command::new(need).stderr(Stdio::inherit()).output().unwrap();
    assert!(found.status.success(), "scripts/postgres cannot provide the server");
    PathBuf::from(String::from_utf8(found.stdout).unwrap().trim())
}

// The server's shell outlives whoever could wait for it.
#[allow(clippy::zombie_processes)]
fn start() -> Server {
    let programs = programs();
    let folder = tempfile::Builder::new().prefix("ll-postgres-").tempdir().unwrap().keep();
    // The server refuses to run as root.
    let users = ["postgres", "nobody"].into_iter().filter(|_| nix::unistd::geteuid().is_root());
    let user = users.filter_map(|name| nix::unistd::User::from_name(name).unwrap()).next();
    let as_user = |program: &Path| match &user {
        None => Command::new(program),
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args([format!("--reuid={}", user.uid), format!("--regid={}", user.gid)]);
            command.arg("--clear-groups").arg(program);
            command
        }
    };
    if let Some(user) = &user {
        chown(&folder, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    }
    std::fs::write(folder.join("password"), PASSWORD).unwrap();
    loopback::make_certificate(&folder);
    if let Some(user) = &user {
        chown(folder.join("key.pem"), Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    }
    let made = as_user(&programs.join("initdb"))
        .args(["--pgdata=data", "--username=tests", "--auth=scram-sha-256", "--pwfile=password"])
        .args(["--encoding=UTF8", "--locale=C", "--no-sync"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let server = as_user(&programs.join("postgres"));
    // The server ends when this process does, however that ends: then nobody holds the other end of its input.
    let mut shell = Command::new("sh")
        .args(["-c", r#""$@" >log 2>&1 & server=$!; cat; kill -QUIT $server; wait; rm -rf "$PWD""#, "sh"])
        .arg(server.get_program())
        .args(server.get_args())
        .args(["-D", "data", "-k", "", "-h", "127.0.0.1", "-c", "max_connections=200", "-p"])
        .arg(port.to_string())
        .args(["-c", "ssl=on", "-c", "ssl_cert_file=../certificate.pem", "-c", "ssl_key_file=../key.pem"])
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::mem::forget(shell.stdin.take());
    let url = format!("postgres://tests:{PASSWORD}@127.0.0.1:{port}/postgres?sslmode=disable");
    let database = Database::new(&url, &Settings::default(), Duration::from_secs(5), None).unwrap();
    let deadline = Instant::now() + START;
    while database.look("SELECT 1", Vec::new()).is_err() {
        let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "the database server did not start:\n{}", log());
    }
    Server { port, certificate: folder.join("certificate.pem") }
}
