//! A real S3 server on loopback, in a folder of its own, for as long as the test's process lives. A test that cannot
//! have it fails.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use lucidlink::bucket::{Bucket, Service, Settings};
use lucidlink::error::Status;

pub(crate) use crate::loopback::new_prefix;
use crate::loopback::{self, Mistake, Server};

pub(crate) const SCHEME: &str = "s3";
/// The setting that a store which cannot be reached names.
pub(crate) const ENDPOINT: &str = "s3.endpoint";
pub(crate) const ACCESS_KEY: &str = "AKTESTS";
pub(crate) const SECRET_KEY: &str = "the-secret-of-the-tests";
pub(crate) const BUCKET: &str = "tests";

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

pub(crate) fn configuration(endpoint: &str) -> Vec<(&'static str, String)> {
    vec![
        ("s3.access_key_id", ACCESS_KEY.to_owned()),
        ("s3.endpoint", endpoint.to_owned()),
        ("s3.secret_access_key", SECRET_KEY.to_owned()),
    ]
}

pub(crate) fn settings(endpoint: &str) -> Settings {
    let values = configuration(endpoint);
    let find = |key: &str| values.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone());
    Settings::from(Service::of_scheme(SCHEME).unwrap()).configured(&find)
}

pub(crate) fn mistakes() -> Vec<Mistake> {
    vec![
        (vec![("s3.access_key_id", "NOBODY".to_owned())], Status::AccessDenied, "s3.access_key_id"),
        (vec![("s3.secret_access_key", "wrong".to_owned())], Status::AccessDenied, "s3.secret_access_key"),
    ]
}

/// What no message may show.
pub(crate) fn secret() -> String {
    SECRET_KEY.to_owned()
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

fn start() -> Server {
    let weed = loopback::installed("scripts/seaweedfs");
    let folder = loopback::new_folder("seaweed");
    let config = format!(
        r#"{{"identities":[{{"name":"tests","credentials":[{{"accessKey":"{ACCESS_KEY}","secretKey":"{SECRET_KEY}"}}],
        "actions":["Admin","Read","Write","List"]}}]}}"#
    );
    std::fs::write(folder.join("s3.json"), config).unwrap();
    let ports = free_ports();
    loopback::make_certificate(&folder);
    let names = ["master.port", "volume.port", "filer.port", "s3.port", "s3.port.https"];
    let options = names.iter().zip(&ports).map(|(name, port)| format!("-{name}={port}"));
    let options: Vec<String> = options.collect();
    let sockets = ["master", "volume", "filer", "s3"].iter().zip(&ports);
    let sockets: Vec<String> = sockets
        .map(|(name, port)| {
            format!("/tmp/seaweedfs-{name}*-{port}.sock /tmp/seaweedfs-{name}-grpc-{}.sock", port + 10_000)
        })
        .collect();
    let server = [&weed, "-logtostderr=true", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-dir=."];
    let sizes = ["-master.volumeSizeLimitMB=256", "-volume.max=64", "-master.telemetry=false"];
    let s3 = ["-filer", "-s3", "-s3.config=s3.json", "-s3.cert.file=certificate.pem", "-s3.key.file=key.pem"];
    let server = server.into_iter().chain(sizes).chain(s3).chain(options.iter().map(String::as_str));
    loopback::start(&folder, "log", &server.collect::<Vec<_>>(), &sockets.join(" "));
    wait_until_ready(&folder, ports[2], ports[3]);
    Server { port: ports[3], tls_port: ports[4], certificate: folder.join("certificate.pem") }
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
    let deadline = Instant::now() + loopback::START;
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
