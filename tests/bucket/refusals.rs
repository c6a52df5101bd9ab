//! What cannot work is refused with an error that names what to change.

use std::time::Duration;

use lucidlink::bucket::{Bucket, Settings};
use lucidlink::env::Env;
use lucidlink::error::{Error, Status};
use lucidlink::workspace::{Location, Workspace};

use crate::abi::{Abi, Failed};
use crate::program::settings;
use crate::proxy::{Fate, Proxy};
use crate::seaweed;
use crate::world::WORLD;

/// Opens the shared workspace with other settings.
fn refused(changes: &[(&str, &str)]) -> Failed {
    let abi = Abi::load();
    let endpoint = seaweed::endpoint();
    let mut all: Vec<(&str, &str)> = settings(&WORLD.url, &endpoint).to_vec();
    all.extend(changes);
    let daemon = abi.daemon(&all).unwrap();
    let failed = abi.authenticate(daemon, &WORLD.token).unwrap_err();
    abi.stop(daemon).unwrap();
    assert!(!failed.message.contains(seaweed::SECRET_KEY), "{}", failed.message);
    failed
}

/// Settings, the status that they lead to, and what its message names.
type Case<'a> = (&'a [(&'a str, &'a str)], Status, &'a str);

#[test]
fn each_mistake_is_named() {
    let cases: [Case<'_>; 7] = [
        (&[("s3.access_key_id", "NOBODY")], Status::AccessDenied, "s3.access_key_id"),
        (&[("s3.secret_access_key", "wrong")], Status::AccessDenied, "s3.secret_access_key"),
        (&[("workspace.url", "s3://no-such-bucket/a")], Status::NotFound, "no such bucket"),
        (
            &[("workspace.url", "s3://tests/nothing-here")],
            Status::NotFound,
            "there is no workspace at s3://tests/nothing-here",
        ),
        (&[("s3.endpoint", "http://127.0.0.1:9")], Status::Io, "s3.endpoint"),
        (&[("network.ca_file", "/nowhere.pem")], Status::InvalidValue, "network.ca_file"),
        (&[("network.ca_file", "/dev/null")], Status::InvalidValue, "network.ca_file"),
    ];
    for (changes, status, name) in cases {
        let failed = refused(changes);
        assert_eq!(failed.status, status.code(), "{changes:?}: {}", failed.message);
        assert!(failed.message.contains(name), "{changes:?}: {}", failed.message);
    }
}

#[test]
fn a_certificate_is_trusted_when_its_file_is_named() {
    let server = seaweed::server();
    let endpoint = format!("https://127.0.0.1:{}", server.tls_port);
    let failed = refused(&[("s3.endpoint", &endpoint)]);
    assert_eq!(failed.status, Status::InvalidValue.code(), "{}", failed.message);
    assert!(failed.message.contains("network.ca_file"), "{}", failed.message);

    let abi = Abi::load();
    let mut all: Vec<(&str, &str)> = settings(&WORLD.url, &endpoint).to_vec();
    all.push(("network.ca_file", server.certificate.to_str().unwrap()));
    let daemon = abi.daemon(&all).unwrap();
    abi.authenticate(daemon, &WORLD.token).unwrap();
    abi.stop(daemon).unwrap();
}

#[test]
fn no_credentials_at_all() {
    let args = ["filespace", "list"];
    let mut command = WORLD.command(&args);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && stderr.contains("AWS_PROFILE"), "{stderr}");
}

#[test]
fn keys_may_come_from_a_profile() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let (id, secret) = (seaweed::ACCESS_KEY, seaweed::SECRET_KEY);
    let profile = format!("[work]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    std::fs::write(home.path().join(".aws/credentials"), profile).unwrap();
    let mut command = WORLD.command(&["filespace", "list"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command.env("HOME", home.path()).env("AWS_PROFILE", "work");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Tries to make a workspace in a store that does this with requests.
fn create(rule: impl FnMut(&str) -> Fate + Send + 'static) -> (Error, Vec<String>) {
    let proxy = Proxy::new(seaweed::port());
    proxy.decide(rule);
    let prefix = seaweed::new_prefix();
    let settings = seaweed::settings(&proxy.endpoint());
    let location = Location::parse(&format!("s3://{}/{prefix}", seaweed::BUCKET)).unwrap();
    let location = location.reached_by(settings, lucidlink::database::Settings::default());
    let made = Workspace::create(&location, "studio", &Env::system(), Duration::from_secs(20));
    let settings: Settings = seaweed::settings(&seaweed::endpoint());
    let bucket = Bucket::new(seaweed::BUCKET, &prefix, &settings, Duration::from_secs(20), None).unwrap();
    let left = bucket.list_page("", None, bucket.deadline()).unwrap().keys;
    (made.expect_err("it must not be made"), left)
}

#[test]
fn a_store_that_does_not_keep_what_a_log_needs_is_refused() {
    // One in which more than one wins, and one that does not know conditions.
    for status in [200, 501] {
        let put = move |request: &str| {
            if request.starts_with("PUT probe") { Fate::Answer(status) } else { Fate::Pass }
        };
        let (error, left) = create(put);
        assert_eq!(error.status(), Status::StoreUnsuitable, "{error}");
        assert!(error.to_string().contains("PostgreSQL"), "{error}");
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_workspace_that_cannot_be_finished_leaves_nothing() {
    let mut appends = 0;
    let fail = move |request: &str| {
        appends += usize::from(request == "PUT log");
        if request == "PUT log" && appends > 1 { Fate::Answer(403) } else { Fate::Pass }
    };
    let (error, left) = create(fail);
    assert_eq!(error.status(), Status::AccessDenied, "{error}");
    let logs: Vec<&String> = left.iter().filter(|key| key.starts_with("log/")).collect();
    assert!(logs.is_empty(), "{logs:?}");
}

#[test]
fn a_prefix_with_something_else_in_it_is_refused() {
    let prefix = seaweed::new_prefix();
    let settings = seaweed::settings(&seaweed::endpoint());
    let bucket = Bucket::new(seaweed::BUCKET, &prefix, &settings, Duration::from_secs(20), None).unwrap();
    bucket.put_new("photos/1.jpg", b"jpg".to_vec().into(), bucket.deadline()).unwrap();
    let location = Location::parse(&format!("s3://{}/{prefix}", seaweed::BUCKET)).unwrap();
    let location = location.reached_by(settings, lucidlink::database::Settings::default());
    let made = Workspace::create(&location, "studio", &Env::system(), Duration::from_secs(20));
    let error = made.expect_err("it must not be made");
    assert_eq!(error.status(), Status::NotEmpty);
    assert!(error.to_string().contains("photos/1.jpg"), "{error}");
}
