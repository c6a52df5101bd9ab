//! Connections over TLS: the server's certificate is always checked.

use std::path::PathBuf;
use std::time::Duration;

use lucidlink::database::{Database, DatabaseError, Settings};
use lucidlink::ids::Seq;
use lucidlink::log::postgres::PostgresLog;
use lucidlink::log::{Append, CommitLog};

use crate::postgres::{self, PASSWORD};

fn database(host: &str, mode: &str, ca_file: Option<PathBuf>) -> Result<Database, DatabaseError> {
    let url = format!("postgres://tests:{PASSWORD}@{host}:{}/postgres?sslmode={mode}", postgres::port());
    Database::new(&url, &Settings { url: None, ca_file }, Duration::from_secs(10), None)
}

fn is_encrypted(database: &Database) -> Result<bool, DatabaseError> {
    let rows = database.look("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", Vec::new())?;
    Ok(rows[0].get(0))
}

#[test]
fn a_log_over_tls() {
    let trusted = Some(postgres::server().certificate.clone());
    for mode in ["require", "verify-full", "prefer"] {
        let database = database("127.0.0.1", mode, trusted.clone()).unwrap();
        assert!(is_encrypted(&database).unwrap(), "{mode}");
        let log = PostgresLog::create(database.into(), &postgres::new_name(), b"genesis").unwrap();
        assert!(matches!(log.append(b"slot", Seq(0)).unwrap(), Append::Landed(Seq(1))));
    }
    assert!(!is_encrypted(&database("127.0.0.1", "disable", trusted).unwrap()).unwrap());
}

#[test]
fn a_certificate_that_is_not_trusted_is_refused() {
    let trusted = Some(postgres::server().certificate.clone());
    // Of nobody who is trusted; of another host.
    for (host, ca_file) in [("127.0.0.1", None), ("localhost", trusted)] {
        for mode in ["require", "verify-full", "prefer"] {
            let refused = is_encrypted(&database(host, mode, ca_file.clone()).unwrap()).unwrap_err();
            assert!(matches!(refused, DatabaseError::Settings(_)), "{host} {mode}: {refused:?}");
            assert!(refused.to_string().contains("network.ca_file"), "{refused}");
        }
    }
    for file in ["/nowhere.pem", "/dev/null"] {
        let refused = database("127.0.0.1", "require", Some(file.into())).unwrap_err();
        assert!(refused.to_string().contains("network.ca_file"), "{refused}");
    }
}
