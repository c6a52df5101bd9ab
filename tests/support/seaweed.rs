//! A real S3 server on loopback, in a folder of its own, for as long as the test's process lives. A test that cannot
//! have it fails.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use lucidlink::bucket::{Bucket, Settings};

pub(crate) const ACCESS_KEY: &str = "AKTESTS";
pub(crate) const SECRET_KEY: &str = "the-secret-of-the-tests";
pub(crate) const BUCKET: &str = "tests";

/// How long the server may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// The server as it runs.
pub(crate) struct Server {
    /// Where it answers S3 requests.
    pub(crate) port: u16,
    /// The same over TLS.
    pub(crate) tls_port: u16,
    /// Its certificate, which no system trusts.
    pub(crate) certificate: PathBuf,
}

pub(crate) fn server() -> &'static Server {
    static SERVER: LazyLock<Server> = LazyLock::new(start);
    &SERVER
}

pub(crate) fn port() -> u16 {
    server().port
}

pub(crate) fn endpoint() -> String {
    format!("http://127.0.0.1:{}", port())
}

/// A prefix that no other test uses.
pub(crate) fn new_prefix() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("prefix/{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn settings(endpoint: &str) -> Settings {
    Settings {
        endpoint: Some(endpoint.to_owned()),
        access_key_id: Some(ACCESS_KEY.to_owned()),
        secret_access_key: Some(SECRET_KEY.to_owned()),
        ..Settings::default()
    }
}

/// What a process needs in its environment to use the server.
pub(crate) fn environment(endpoint: &str) -> [(&'static str, String); 5] {
    [
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("NO_PROXY", "127.0.0.1".to_owned()),
    ]
}

// The server's shell outlives whoever could wait for it.
#[allow(clippy::zombie_processes)]
fn start() -> Server {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = Command::new(root.join("scripts/seaweedfs")).stderr(Stdio::inherit()).output().unwrap();
    assert!(found.status.success(), "scripts/seaweedfs cannot provide the S3 server");
    let weed = String::from_utf8(found.stdout).unwrap().trim().to_owned();

    let folder = tempfile::Builder::new().prefix("ll-seaweed-").tempdir().unwrap().keep();
    let config = format!(
        r#"{{"identities":[{{"name":"tests","credentials":[{{"accessKey":"{ACCESS_KEY}","secretKey":"{SECRET_KEY}"}}],
        "actions":["Admin","Read","Write","List"]}}]}}"#
    );
    std::fs::write(folder.join("s3.json"), config).unwrap();
    let ports = free_ports();
    make_certificate(&folder);
    let names = ["master.port", "volume.port", "filer.port", "s3.port", "s3.port.https"];
    let options = names.iter().zip(&ports).map(|(name, port)| format!("-{name}={port}"));
    let sockets = ["master", "volume", "filer", "s3"].iter().zip(&ports);
    let sockets: Vec<String> = sockets
        .map(|(name, port)| {
            format!("/tmp/seaweedfs-{name}*-{port}.sock /tmp/seaweedfs-{name}-grpc-{}.sock", port + 10_000)
        })
        .collect();
    // The server ends when this process does, however that ends: then nobody holds the other end of its input.
    let mut shell = Command::new("sh")
        .args([
            "-c",
            r#""$@" >log 2>&1 & server=$!; cat; kill -9 $server; wait; rm -rf "$PWD"; rm -f $SOCKETS"#,
            "sh",
            &weed,
        ])
        .args([
            "-logtostderr=true",
            "server",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-dir=.",
            "-filer",
            "-s3",
        ])
        .args(["-master.volumeSizeLimitMB=256", "-volume.max=64", "-master.telemetry=false"])
        .args(["-s3.config=s3.json", "-s3.cert.file=certificate.pem", "-s3.key.file=key.pem"])
        .args(options)
        .env("SOCKETS", sockets.join(" "))
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::mem::forget(shell.stdin.take());
    wait_until_ready(&folder, ports[2], ports[3]);
    Server { port: ports[3], tls_port: ports[4], certificate: folder.join("certificate.pem") }
}

/// A certificate for 127.0.0.1 and its key, in `certificate.pem` and `key.pem`.
pub(crate) fn make_certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=tests".split(' '),
        )
        .args("-addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE".split(' '))
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder)
        .output()
        .expect("the command openssl; install it");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Ports that nobody listens at, with those that the server takes 10000 above them.
fn free_ports() -> Vec<u16> {
    let listen = |port| TcpListener::bind(("127.0.0.1", port));
    let from = 12_000 + (std::process::id() % 10_000) as u16;
    let pairs =
        (from..from + 9_000).filter_map(|port| Some((listen(port).ok()?, listen(port + 10_000).ok()?)));
    let taken: Vec<_> = pairs.take(5).collect();
    taken.iter().map(|(low, _)| low.local_addr().unwrap().port()).collect()
}

/// Makes the bucket, and waits until something can be put into it.
fn wait_until_ready(folder: &Path, filer: u16, s3: u16) {
    let deadline = Instant::now() + START;
    let settings = settings(&format!("http://127.0.0.1:{s3}"));
    let bucket = Bucket::new(BUCKET, "ready", &settings, Duration::from_secs(5), None).unwrap();
    let is_ready = || {
        make_bucket(filer).is_ok()
            && bucket.put_surely("ready", b"ready".to_vec().into(), bucket.deadline()).is_ok()
    };
    while !is_ready() {
        let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "the S3 server did not start:\n{}", log());
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// A bucket is a folder of the server's own file system; that it is there already is fine.
fn make_bucket(filer: u16) -> std::io::Result<()> {
    let mut filer = TcpStream::connect(("127.0.0.1", filer))?;
    let request = format!("POST /buckets/{BUCKET}/ HTTP/1.0\r\nHost: filer\r\nContent-Length: 0\r\n\r\n");
    filer.write_all(request.as_bytes())?;
    let mut answer = String::new();
    filer.read_to_string(&mut answer)?;
    match answer.split(' ').nth(1) {
        Some("201" | "409") => Ok(()),
        _ => Err(std::io::Error::other(answer)),
    }
}
