//! The suite that every log must pass, and what only this one can get wrong.

use std::sync::Arc;
use std::time::Duration;

use lucidlink::database::{Database, DatabaseError, Settings};
use lucidlink::error::Status;
use lucidlink::ids::Seq;
use lucidlink::log::postgres::PostgresLog;
use lucidlink::log::{self, Append, CommitLog, LogError};

use crate::postgres::{self, PASSWORD};

fn database() -> Arc<Database> {
    Arc::new(Database::new(&postgres::url(), &Settings::default(), Duration::from_secs(30), None).unwrap())
}

#[test]
fn the_log_conforms() {
    log::conformance::check(|genesis| {
        let (database, name) = (database(), postgres::new_name());
        let made = PostgresLog::create(database.clone(), &name, genesis).unwrap();
        let open = move || Arc::new(PostgresLog::open(database.clone(), &name).unwrap()) as _;
        (Arc::new(made) as _, Box::new(open))
    });
}

#[test]
fn a_log_is_made_once_and_found_only_where_it_is() {
    let (database, name) = (database(), postgres::new_name());
    assert!(matches!(PostgresLog::open(database.clone(), &name).err(), Some(LogError::NotFound(_))));
    PostgresLog::create(database.clone(), &name, b"genesis").unwrap();
    PostgresLog::create(database.clone(), &name, b"genesis").unwrap();
    let other = PostgresLog::create(database.clone(), &name, b"other").err();
    assert!(matches!(other, Some(LogError::Exists(_))), "{other:?}");
    PostgresLog::remove(&database, &name);
    assert!(matches!(PostgresLog::open(database, &name).err(), Some(LogError::NotFound(_))));
}

#[test]
fn clients_that_make_the_tables_at_the_same_time_all_succeed() {
    let names: Vec<String> = (0..8).map(|_| postgres::new_name()).collect();
    std::thread::scope(|scope| {
        for name in &names {
            scope.spawn(move || PostgresLog::create(database(), name, b"genesis").map(drop).unwrap());
        }
    });
    assert!(names.iter().all(|name| PostgresLog::open(database(), name).is_ok()));
}

/// Slots of more than one answer, and bytes of any kind.
#[test]
fn a_long_log_is_read_in_order() {
    let log = PostgresLog::create(database(), &postgres::new_name(), b"").unwrap();
    let content = |n: u64| (0..n % 300).map(|i| (i * n) as u8).collect::<Vec<u8>>();
    for n in 1..=2500 {
        assert!(matches!(log.append(&content(n), Seq(n - 1)).unwrap(), Append::Landed(at) if at == Seq(n)));
    }
    let slots = log.read(Seq(0), usize::MAX, usize::MAX).unwrap();
    assert_eq!(slots.len(), 2501);
    assert!(slots.iter().zip(0..).all(|((at, bytes), n)| *at == Seq(n) && bytes[..] == content(n)));
}

#[test]
fn errors_say_what_to_change_and_no_password() {
    let open = |url: &str, timeout| {
        let database =
            Arc::new(Database::new(url, &Settings::default(), Duration::from_secs(timeout), None).unwrap());
        match PostgresLog::open(database, "none") {
            Err(LogError::Database(error)) => error,
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("{url} worked"),
        }
    };
    let url = postgres::url();
    let wrong = open(&url.replace(postgres::PASSWORD, "s3cret"), 10);
    assert!(
        matches!(&wrong, DatabaseError::Refused(what) if what.contains("password in log.url")),
        "{wrong}"
    );
    assert!(!wrong.to_string().contains("s3cret"), "{wrong}");
    let wrong = open(&url.replace("/postgres?", "/nowhere?"), 10);
    assert!(matches!(&wrong, DatabaseError::Settings(what) if what.contains("name in log.url")), "{wrong}");
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let wrong = open(&url.replace(&postgres::port().to_string(), &unused.to_string()), 1);
    assert!(matches!(&wrong, DatabaseError::Unreachable(what) if what.contains("host, port")), "{wrong}");
    // One that takes connections and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let wrong = open(&url.replace(&postgres::port().to_string(), &port.to_string()), 1);
    assert!(matches!(wrong, DatabaseError::Timeout), "{wrong}");
}

#[test]
fn a_user_that_may_only_select_reads_and_is_told_what_it_may_not() {
    let admin = database();
    let name = postgres::new_name();
    let log = PostgresLog::create(admin.clone(), &name, b"genesis").unwrap();
    assert!(matches!(log.append(b"slot", Seq(0)).unwrap(), Append::Landed(_)));
    admin
        .look_at_all(
            "CREATE ROLE reader LOGIN PASSWORD 'of-the-reader'; GRANT USAGE ON SCHEMA lucidlink TO reader; \
             GRANT SELECT ON ALL TABLES IN SCHEMA lucidlink TO reader",
        )
        .unwrap();
    let url = postgres::url().replace(&format!("tests:{PASSWORD}"), "reader:of-the-reader");
    let reader = Database::new(&url, &Settings::default(), Duration::from_secs(10), None).unwrap();
    let read = PostgresLog::open(reader.into(), &name).unwrap();
    assert_eq!(read.head().unwrap(), Seq(1));
    assert_eq!(read.read(Seq(0), 10, usize::MAX).unwrap().len(), 2);
    let refused = read.append(b"slot", Seq(1)).unwrap_err();
    assert!(refused.to_string().contains("must be allowed"), "{refused}");
    assert_eq!(lucidlink::error::Error::from(refused).status(), Status::AccessDenied);
}
