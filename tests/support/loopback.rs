//! Servers on loopback, each in a folder of its own, for as long as the test's process lives.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use lucidlink::error::Status;

/// How long a server may take to start on a busy machine.
pub(crate) const START: Duration = Duration::from_secs(60);

/// A server as it runs.
pub(crate) struct Server {
    /// Where it answers.
    pub(crate) port: u16,
    /// The same over TLS.
    pub(crate) tls_port: u16,
    /// Its certificate, which no system trusts.
    pub(crate) certificate: PathBuf,
}

/// Settings that cannot work, the status that they lead to, and what its message names.
pub(crate) type Mistake = (Vec<(&'static str, String)>, Status, &'static str);

/// A prefix that no other test uses.
pub(crate) fn new_prefix() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("prefix/{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn new_folder(name: &str) -> PathBuf {
    tempfile::Builder::new().prefix(&format!("ll-{name}-")).tempdir().unwrap().keep()
}

/// What a script prints: the path of a program that it has put there.
pub(crate) fn installed(script: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = Command::new(root.join(script)).stderr(Stdio::inherit()).output().unwrap();
    assert!(found.status.success(), "{script} cannot provide the server");
    String::from_utf8(found.stdout).unwrap().trim().to_owned()
}

/// Starts a server in a folder. It ends when this process does, however that ends: then nobody holds the other end of
/// its shell's input. What it prints is in the file `log`; `leftovers`, outside of the folder, are removed with it.
// The server's shell outlives whoever could wait for it.
#[allow(clippy::zombie_processes)]
pub(crate) fn start(folder: &Path, log: &str, server: &[&str], leftovers: &str) {
    let script =
        r#""$@" >"$LOG" 2>&1 & server=$!; cat; kill -9 $server; wait; rm -rf "$PWD"; rm -f $LEFTOVERS"#;
    let mut shell = Command::new("sh")
        .args(["-c", script, "sh"])
        .args(server)
        .env("LOG", log)
        .env("LEFTOVERS", leftovers)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::mem::forget(shell.stdin.take());
}

/// What is found in a server's log, as soon as it is there.
pub(crate) fn wait_for<T>(log: &Path, find: impl Fn(&str) -> Option<T>) -> T {
    let deadline = Instant::now() + START;
    loop {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        // A line that is not whole may lack digits.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        if let Some(found) = find(whole) {
            return found;
        }
        assert!(Instant::now() < deadline, "the server did not start:\n{text}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// Runs openssl in a folder, and gives what it prints.
pub(crate) fn openssl(folder: &Path, arguments: &str) -> Vec<u8> {
    let made = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("the command openssl; install it");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

/// A certificate for 127.0.0.1 and its key, in `certificate.pem` and `key.pem`.
pub(crate) fn make_certificate(folder: &Path) {
    openssl(
        folder,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=tests -addext \
         subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE -keyout key.pem -out certificate.pem",
    );
}
