//! Azure Blob Storage on loopback: Azurite, with an account of the tests. A test that cannot have it fails.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::LazyLock;

use lucidlink::bucket::{Service, Settings};
use lucidlink::error::Status;

pub(crate) use crate::loopback::new_prefix;
use crate::loopback::{self, Mistake, Server};

pub(crate) const SCHEME: &str = "az";
/// The container.
pub(crate) const BUCKET: &str = "tests";
/// The setting that a store which cannot be reached names.
pub(crate) const ENDPOINT: &str = "az.endpoint";
/// The parameter of a listing that says with which key it starts.
pub(crate) const START_AFTER: &str = "startFrom";
const ACCOUNT: &str = "llaccount";
/// In base64, and the same in hexadecimal digits.
const KEY: &str = "dGhlLXNlY3JldC1vZi10aGUtdGVzdHM=";
const KEY_DIGITS: &str = "7468652d7365637265742d6f662d7468652d7465737473";
const OTHER_KEY: &str = "YW5vdGhlci1rZXk=";

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

/// The account is in the path, as always where the host is not a name.
fn with_account(endpoint: &str) -> String {
    format!("{endpoint}/{ACCOUNT}")
}

pub(crate) fn configuration(endpoint: &str) -> Vec<(&'static str, String)> {
    vec![
        ("az.access_key", KEY.to_owned()),
        ("az.account", ACCOUNT.to_owned()),
        ("az.endpoint", with_account(endpoint)),
    ]
}

pub(crate) fn settings(endpoint: &str) -> Settings {
    settings_of(configuration(endpoint))
}

/// With a shared access signature.
pub(crate) fn settings_that_sign_no_url(endpoint: &str) -> Settings {
    let mut values = configuration(endpoint);
    values[0] = ("az.sas_token", signature("rwdlc"));
    settings_of(values)
}

fn settings_of(values: Vec<(&'static str, String)>) -> Settings {
    let find = |key: &str| values.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone());
    Settings::from(Service::of_scheme(SCHEME).unwrap()).configured(&find)
}

/// What a process needs in its environment to use the server.
pub(crate) fn environment(endpoint: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AZURE_STORAGE_ENDPOINT", with_account(endpoint)),
        ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT.to_owned()),
        ("AZURE_STORAGE_ACCOUNT_KEY", KEY.to_owned()),
        ("NO_PROXY", "127.0.0.1".to_owned()),
    ]
}

pub(crate) fn mistakes() -> Vec<Mistake> {
    vec![
        (vec![("az.access_key", OTHER_KEY.to_owned())], Status::AccessDenied, "az.access_key"),
        (vec![("az.access_key", "no-base64!".to_owned())], Status::InvalidValue, "az.access_key"),
        (vec![("az.sas_token", signature("rl"))], Status::InvalidValue, "both set"),
    ]
}

/// What no message may show.
pub(crate) fn secret() -> String {
    KEY.to_owned()
}

/// A shared access signature of the account that allows this: of `rwdlc`, read, write, delete, list and create.
pub(crate) fn signature(permissions: &str) -> String {
    signature_at(server().certificate.parent().unwrap(), permissions)
}

fn signature_at(folder: &Path, permissions: &str) -> String {
    const VERSION: &str = "2020-12-06";
    const EXPIRY: &str = "2100-01-01T00:00:00Z";
    let to_sign = format!("{ACCOUNT}\n{permissions}\nb\nsco\n\n{EXPIRY}\n\n\n{VERSION}\n\n");
    let file = tempfile::NamedTempFile::new_in(folder).unwrap();
    std::fs::write(file.path(), to_sign).unwrap();
    let path = file.path().to_str().unwrap();
    let mac = loopback::openssl(
        folder,
        &format!("dgst -sha256 -mac HMAC -macopt hexkey:{KEY_DIGITS} -binary -out {path}.mac {path}"),
    );
    assert!(mac.is_empty());
    let mac = loopback::openssl(folder, &format!("base64 -A -in {path}.mac"));
    let mac =
        String::from_utf8(mac).unwrap().trim().replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("sv={VERSION}&ss=b&srt=sco&sp={permissions}&se={EXPIRY}&sig={mac}")
}

/// One server for plain requests and one for those over TLS: each answers one kind.
fn start() -> Server {
    let program = loopback::installed("scripts/azurite");
    let folder = loopback::new_folder("azurite");
    loopback::make_certificate(&folder);
    let accounts = format!("AZURITE_ACCOUNTS={ACCOUNT}:{KEY}");
    let server =
        ["env", &accounts, "node", &program, "--inMemoryPersistence", "--disableTelemetry", "--silent"];
    let server = [&server[..], &["--blobHost", "127.0.0.1", "--blobPort", "0"]].concat();
    loopback::start(&folder, "log", &server, "");
    let tls = ["--cert", "certificate.pem", "--key", "key.pem"];
    loopback::start(&folder, "log-tls", &[&server[..], &tls].concat(), "");
    let [port, tls_port] = ["log", "log-tls"].map(|log| {
        loopback::wait_for(&folder.join(log), |log| {
            let (_, url) = log.split_once("successfully listens on ")?;
            url.lines().next()?.rsplit_once(':')?.1.parse().ok()
        })
    });
    make_container(&folder, port).unwrap();
    Server { port, tls_port, certificate: folder.join("certificate.pem") }
}

fn make_container(folder: &Path, port: u16) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    let signature = signature_at(folder, "rwdlc");
    let request = format!(
        "PUT /{ACCOUNT}/{BUCKET}?restype=container&{signature} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-ms-version: \
         2020-12-06\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    server.write_all(request.as_bytes())?;
    let mut answer = String::new();
    server.read_to_string(&mut answer)?;
    match answer.split(' ').nth(1) {
        Some("201") => Ok(()),
        _ => Err(std::io::Error::other(answer)),
    }
}
