//! A PostgreSQL database: the one module that knows of its protocol. It knows nothing of logs.
//!
//! - [`error`](DatabaseError): why it cannot be used.
//! - `tls`: whom a connection trusts.
//!
//! Calls block the calling thread, until their deadline at the latest; the connections are the runtime's. Each call has
//! a connection to itself, so that none waits behind another's locks. What only looks is repeated while the server
//! fails, for some seconds; what changes something is sent once.

mod error;
mod tls;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::runner::Runner;

pub use error::DatabaseError;

/// Connections kept open while nobody uses them.
const IDLE_CONNECTIONS: usize = 4;
/// Attempts of what may be repeated, and the pauses between them.
const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_secs(1);
/// How long connecting may take, unless calls may wait even less.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How a database is reached.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Its URL, such as `postgres://user:password@host/name`. None: the environment variable `LUCIDLINK_LOG_URL`; if
    /// that says nothing either, there is none.
    pub url: Option<String>,
    /// A file with certificates that are trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("ca_file", &self.ca_file).finish_non_exhaustive()
    }
}

impl Settings {
    /// The URL, if there is one.
    pub fn url(&self) -> Option<String> {
        let said = || std::env::var("LUCIDLINK_LOG_URL").ok();
        self.url.clone().or_else(said).filter(|url| !url.is_empty())
    }
}

/// A database.
pub struct Database {
    connections: Arc<Connections>,
    runner: Runner,
    timeout: Duration,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.connections.place)
    }
}

struct Connections {
    config: Config,
    tls: MakeRustlsConnect,
    /// Whose database this is, without the password.
    place: String,
    /// What each connection is told first.
    greeting: String,
    idle: Mutex<Vec<Arc<Connection>>>,
}

impl Database {
    /// A client of the database at a URL; nothing is asked of it yet. Without a runtime it has one of its own.
    pub fn new(
        url: &str,
        settings: &Settings,
        timeout: Duration,
        runtime: Option<Handle>,
    ) -> Result<Database, DatabaseError> {
        let mut config = parse(url)?;
        config.connect_timeout(CONNECT_TIMEOUT.min(timeout)).application_name("lucidlink");
        // A statement whose caller has given up is to end too. What was acknowledged survives a crash of the server.
        let greeting = format!(
            "SET statement_timeout = {}; SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') = 'off'",
            timeout.as_millis().clamp(1, i32::MAX as u128)
        );
        let tls = tls::connector(settings.ca_file.as_deref(), config.get_ssl_mode() != SslMode::Disable)?;
        let connections =
            Connections { place: place(&config), config, tls, greeting, idle: Mutex::default() };
        let runner = Runner::new(runtime)
            .map_err(|e| DatabaseError::Failed(format!("threads cannot be started: {e}")))?;
        Ok(Database { connections: Arc::new(connections), runner, timeout })
    }

    /// Which database this is, without the password.
    pub fn place(&self) -> &str {
        &self.connections.place
    }

    /// Looks, as often as it takes until the deadline.
    pub fn look<T, F>(
        &self,
        work: impl Fn(Arc<Connection>) -> F + Send + Sync + 'static,
    ) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, tokio_postgres::Error>> + Send + 'static,
    {
        self.repeat(work, DatabaseError::is_transient)
    }

    /// Changes something: what was sent is not sent again. After an error that is not
    /// [without effect](DatabaseError::is_without_effect) it may have happened, or happen still.
    pub fn change<T, F>(
        &self,
        work: impl Fn(Arc<Connection>) -> F + Send + Sync + 'static,
    ) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, tokio_postgres::Error>> + Send + 'static,
    {
        self.repeat(work, |error| matches!(error, DatabaseError::Unreachable(_)))
    }

    fn repeat<T, F>(
        &self,
        work: impl Fn(Arc<Connection>) -> F + Send + Sync + 'static,
        may_repeat: fn(&DatabaseError) -> bool,
    ) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, tokio_postgres::Error>> + Send + 'static,
    {
        let deadline = Instant::now() + self.timeout;
        let connections = self.connections.clone();
        let attempts = async move {
            let (mut pause, mut attempts) = (FIRST_PAUSE, 1);
            loop {
                let error = match connections.with_one(&work).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
                if !may_repeat(&error) || attempts == ATTEMPTS || Instant::now() + pause >= deadline {
                    return Err(error);
                }
                tokio::time::sleep(pause).await;
                (pause, attempts) = ((2 * pause).min(LAST_PAUSE), attempts + 1);
            }
        };
        self.runner.wait(deadline, attempts)?
    }
}

impl Connections {
    /// Does something with a connection that nobody else uses meanwhile.
    async fn with_one<T, F>(&self, work: impl Fn(Arc<Connection>) -> F) -> Result<T, DatabaseError>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>>,
    {
        let connection = match self.idle_one() {
            Some(connection) => connection,
            None => Arc::new(self.connect().await.map_err(|e| DatabaseError::of_connect(&e))?),
        };
        // One whose work is given up is not kept: what it was asked is still on its way.
        let done = work(connection.clone()).await.map_err(|e| DatabaseError::of_statement(&e));
        if !connection.client.is_closed() {
            let mut idle = self.idle.lock();
            if idle.len() < IDLE_CONNECTIONS {
                idle.push(connection);
            }
        }
        done
    }

    fn idle_one(&self) -> Option<Arc<Connection>> {
        let mut idle = self.idle.lock();
        idle.retain(|connection| !connection.client.is_closed());
        idle.pop()
    }

    async fn connect(&self) -> Result<Connection, tokio_postgres::Error> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        // It ends with the client; its errors reach who waits for an answer.
        tokio::spawn(connection);
        client.batch_execute(&self.greeting).await?;
        Ok(Connection { client, prepared: Mutex::default() })
    }
}

/// A connection that one piece of work has to itself.
pub struct Connection {
    client: Client,
    /// What the server has prepared for it.
    prepared: Mutex<HashMap<&'static str, Statement>>,
}

impl Connection {
    /// One statement and its rows, in one round trip from its second time on.
    pub async fn query(
        &self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let known = self.prepared.lock().get(sql).cloned();
        let statement = match known {
            Some(statement) => statement,
            None => {
                let statement = self.client.prepare(sql).await?;
                self.prepared.lock().insert(sql, statement.clone());
                statement
            }
        };
        self.client.query(&statement, parameters).await
    }

    /// Several statements in one transaction.
    pub async fn execute_all(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(sql).await
    }
}

/// Whether a text is the URL of a database.
pub fn check_url(url: &str) -> Result<(), &'static str> {
    parse(url).map(drop).map_err(|_| "a URL such as postgres://user:password@host/name")
}

fn parse(url: &str) -> Result<Config, DatabaseError> {
    // The parser's own errors quote what they do not understand: there could be a password in it.
    let wrong = || {
        let what = "log.url is no URL of a database: write postgres://user:password@host/name";
        DatabaseError::Settings(what.to_owned())
    };
    let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let config: Config = if is_url { url.parse().map_err(|_| wrong())? } else { return Err(wrong()) };
    match config.get_hosts().is_empty() {
        true => Err(wrong()),
        false => Ok(config),
    }
}

fn place(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => path.display().to_string(),
        None => String::new(),
    };
    let name = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("postgres://{host}/{name}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_url_is_checked_and_its_password_is_never_shown() {
        for bad in ["", "host=a password=s3cret", "postgres://", "postgres://u:s3cret@h:port/d", "http://h/d"]
        {
            let error = Database::new(bad, &Settings::default(), Duration::from_secs(1), None).unwrap_err();
            assert!(
                error.to_string().contains("log.url") && !error.to_string().contains("s3cret"),
                "{error}"
            );
        }
        let url = "postgres://user:s3cret@db.example:5433/files?sslmode=require";
        let database = Database::new(url, &Settings::default(), Duration::from_secs(1), None).unwrap();
        assert_eq!(format!("{database:?}"), "postgres://db.example/files");
    }
}
