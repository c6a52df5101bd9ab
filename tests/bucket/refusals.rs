//! What cannot work is refused with an error that names what to change.

use std::time::Duration;

use lucidlink::bucket::{Bucket, Settings};
use lucidlink::env::Env;
use lucidlink::error::{Error, Status};
use lucidlink::workspace::{Location, Workspace};

use crate::abi::{Abi, Failed};
use crate::program::{pairs, settings};
use crate::proxy::{Fate, Proxy};
use crate::server;
use crate::world::WORLD;

/// Opens the shared workspace with other settings.
fn refused(changes: &[(&'static str, String)]) -> Failed {
    let abi = Abi::load();
    let mut all = settings(&WORLD.url, &server::endpoint());
    all.extend_from_slice(changes);
    let daemon = abi.daemon(&pairs(&all)).unwrap();
    let failed = abi.authenticate(daemon, &WORLD.token).unwrap_err();
    abi.stop(daemon).unwrap();
    assert!(!failed.message.contains(&server::secret()), "{}", failed.message);
    failed
}

#[test]
fn each_mistake_is_named() {
    let of_every_service = [
        (
            "workspace.url",
            format!("{}://no-such-bucket/a", server::SCHEME),
            Status::NotFound,
            "no such bucket",
        ),
        (
            "workspace.url",
            format!("{}://{}/nothing-here", server::SCHEME, server::BUCKET),
            Status::NotFound,
            "there is no workspace at",
        ),
        (server::ENDPOINT, "http://127.0.0.1:9".to_owned(), Status::Io, server::ENDPOINT),
        ("network.ca_file", "/nowhere.pem".to_owned(), Status::InvalidValue, "network.ca_file"),
        ("network.ca_file", "/dev/null".to_owned(), Status::InvalidValue, "network.ca_file"),
    ];
    let of_every_service =
        of_every_service.map(|(key, value, status, name)| (vec![(key, value)], status, name));
    for (changes, status, name) in of_every_service.into_iter().chain(server::mistakes()) {
        let failed = refused(&changes);
        assert_eq!(failed.status, status.code(), "{changes:?}: {}", failed.message);
        assert!(failed.message.contains(name), "{changes:?}: {}", failed.message);
    }
}

#[test]
fn a_certificate_is_trusted_when_its_file_is_named() {
    let server = server::server();
    let mut over_tls = server::configuration(&format!("https://127.0.0.1:{}", server.tls_port));
    let failed = refused(&over_tls);
    assert_eq!(failed.status, Status::InvalidValue.code(), "{}", failed.message);
    assert!(failed.message.contains("network.ca_file"), "{}", failed.message);

    over_tls.push(("network.ca_file", server.certificate.to_str().unwrap().to_owned()));
    let abi = Abi::load();
    let all = [settings(&WORLD.url, &server::endpoint()), over_tls].concat();
    let daemon = abi.daemon(&pairs(&all)).unwrap();
    // What answers over TLS may be another server, without the bucket.
    if let Err(failed) = abi.authenticate(daemon, &WORLD.token) {
        assert!(failed.message.contains("there is no such bucket"), "{}", failed.message);
    }
    abi.stop(daemon).unwrap();
}

/// Tries to make a workspace in a store that does this with requests.
fn create(rule: impl FnMut(&str) -> Fate + Send + 'static) -> (Error, Vec<String>) {
    let proxy = Proxy::new(server::port());
    proxy.decide(rule);
    let prefix = server::new_prefix();
    let settings = server::settings(&proxy.endpoint());
    let location = Location::parse(&format!("{}://{}/{prefix}", server::SCHEME, server::BUCKET)).unwrap();
    let location = location.reached_by(settings, lucidlink::database::Settings::default());
    let made = Workspace::create(&location, "studio", &Env::system(), Duration::from_secs(20));
    let settings: Settings = server::settings(&server::endpoint());
    let bucket = Bucket::new(server::BUCKET, &prefix, &settings, Duration::from_secs(20), None).unwrap();
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
    let prefix = server::new_prefix();
    let settings = server::settings(&server::endpoint());
    let bucket = Bucket::new(server::BUCKET, &prefix, &settings, Duration::from_secs(20), None).unwrap();
    bucket.put_new("photos/1.jpg", b"jpg".to_vec().into(), bucket.deadline()).unwrap();
    let location = Location::parse(&format!("{}://{}/{prefix}", server::SCHEME, server::BUCKET)).unwrap();
    let location = location.reached_by(settings, lucidlink::database::Settings::default());
    let made = Workspace::create(&location, "studio", &Env::system(), Duration::from_secs(20));
    let error = made.expect_err("it must not be made");
    assert_eq!(error.status(), Status::NotEmpty);
    assert!(error.to_string().contains("photos/1.jpg"), "{error}");
}
