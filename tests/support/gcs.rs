//! A Google Cloud Storage on loopback: fake-gcs-server behind `tests/support/gcs`, which checks tokens. A test that cannot
//! have it fails.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use lucidlink::bucket::{Service, Settings};
use lucidlink::error::Status;

pub(crate) use crate::loopback::new_prefix;
use crate::loopback::{self, Mistake, Server};

pub(crate) const SCHEME: &str = "gs";
pub(crate) const BUCKET: &str = "tests";
/// The setting that a store which cannot be reached names.
pub(crate) const ENDPOINT: &str = "gs.endpoint";

/// The parameter of a listing that says behind which key it starts.
pub(crate) const START_AFTER: &str = "start-after";

struct Started {
    server: Server,
    account: PathBuf,
    /// The key of an account that the server does not know.
    stranger: PathBuf,
}

static STARTED: LazyLock<Started> = LazyLock::new(start);

pub(crate) fn server() -> &'static Server {
    &STARTED.server
}

pub(crate) fn port() -> u16 {
    server().port
}

pub(crate) fn endpoint() -> String {
    format!("http://127.0.0.1:{}", port())
}

pub(crate) fn configuration(endpoint: &str) -> Vec<(&'static str, String)> {
    let account = STARTED.account.to_str().unwrap();
    vec![("gs.endpoint", endpoint.to_owned()), ("gs.service_account_file", account.to_owned())]
}

pub(crate) fn settings(endpoint: &str) -> Settings {
    let values = configuration(endpoint);
    let find = |key: &str| values.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone());
    Settings::from(Service::of_scheme(SCHEME).unwrap()).configured(&find)
}

/// Who asks is in a head of its own.
pub(crate) fn settings_that_sign_no_url(endpoint: &str) -> Settings {
    settings(endpoint)
}

/// What a process needs in its environment to use the server.
pub(crate) fn environment(endpoint: &str) -> Vec<(&'static str, String)> {
    let account = STARTED.account.to_str().unwrap();
    vec![
        ("STORAGE_EMULATOR_HOST", endpoint.to_owned()),
        ("GOOGLE_APPLICATION_CREDENTIALS", account.to_owned()),
        ("NO_PROXY", "127.0.0.1".to_owned()),
    ]
}

pub(crate) fn mistakes() -> Vec<Mistake> {
    let key_file = |file: &str| vec![("gs.service_account_file", file.to_owned())];
    let stranger = key_file(STARTED.stranger.to_str().unwrap());
    vec![
        (stranger, Status::AccessDenied, "gs.service_account_file"),
        (key_file("/nowhere.json"), Status::InvalidValue, "gs.service_account_file: /nowhere.json"),
        (key_file("/dev/null"), Status::InvalidValue, "gs.service_account_file"),
    ]
}

/// What no message may show.
pub(crate) fn secret() -> String {
    let key = std::fs::read_to_string(&STARTED.account).unwrap();
    key.split("\\n").nth(3).unwrap().to_owned()
}

fn start() -> Started {
    let program = loopback::installed("scripts/fake-gcs");
    let folder = loopback::new_folder("gcs");
    loopback::make_certificate(&folder);
    let [account, stranger] = ["account", "stranger"].map(|name| make_account(&folder, name));
    let server = [&program, "-bucket", BUCKET, "-account", "account.json", "-certificate", "certificate.pem"];
    loopback::start(&folder, "log", &[&server[..], &["-key", "key.pem"]].concat(), "");
    let (port, tls_port) = loopback::wait_for(&folder.join("log"), |log| {
        let (plain, secure) = log.lines().next()?.split_once(' ')?;
        Some((plain.parse().ok()?, secure.parse().ok()?))
    });
    let certificate = folder.join("certificate.pem");
    Started { server: Server { port, tls_port, certificate }, account, stranger }
}

/// The file that Google gives to who makes a key for a service account.
fn make_account(folder: &Path, name: &str) -> PathBuf {
    let key = loopback::openssl(folder, "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048");
    let key = String::from_utf8(key).unwrap().replace('\n', "\\n");
    let text = format!(
        r#"{{"type":"service_account","private_key_id":"1","client_email":"{name}@tests","private_key":"{key}"}}"#
    );
    let file = folder.join(format!("{name}.json"));
    std::fs::write(&file, text).unwrap();
    file
}
