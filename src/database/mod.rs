//! A PostgreSQL database: the one module that knows of its protocol. It knows nothing of logs.
//!
//! - [`error`](DatabaseError): why it cannot be used.
//! - `listen`: a connection on which the server tells what others notify.
//! - `tls`: whom a connection trusts.
//!
//! Calls block the calling thread, until their deadline at the latest; the connections are the runtime's. Each call has
//! a connection to itself, so that none waits behind another's locks. What only looks is repeated while the server
//! fails, for some seconds; what changes something is sent once.

mod error;
mod listen;
mod tls;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::runner::Runner;

pub use error::DatabaseError;
pub use listen::Listener;
use listen::Listeners;

/// The channel on which logs say what is new (`log::postgres`).
const CHANNEL: &str = "lucidlink";
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
    idle: Mutex<Vec<Connection>>,
    listeners: Arc<Listeners>,
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
        let connections = Connections {
            place: place(&config),
            config,
            tls,
            greeting,
            idle: Mutex::default(),
            listeners: Arc::default(),
        };
        let runner = Runner::new(runtime)
            .map_err(|e| DatabaseError::Failed(format!("threads cannot be started: {e}")))?;
        Ok(Database { connections: Arc::new(connections), runner, timeout })
    }

    /// Which database this is, without the password.
    pub fn place(&self) -> &str {
        &self.connections.place
    }

    /// The rows of a statement that only looks, or does no harm when it is repeated: asked as often as it takes until
    /// the deadline.
    pub fn look(&self, sql: &'static str, parameters: Vec<Parameter>) -> Result<Vec<Row>, DatabaseError> {
        self.repeat(Work::One(sql, parameters), DatabaseError::is_transient)
    }

    /// Several statements in one transaction, that do no harm when they are repeated.
    pub fn look_at_all(&self, sql: &'static str) -> Result<(), DatabaseError> {
        self.repeat(Work::Several(sql), DatabaseError::is_transient).map(drop)
    }

    /// The rows of a statement that changes something: what was sent is not sent again. After an error that is not
    /// [without effect](DatabaseError::is_without_effect) it may have happened, or happen still.
    pub fn change(&self, sql: &'static str, parameters: Vec<Parameter>) -> Result<Vec<Row>, DatabaseError> {
        self.repeat(Work::One(sql, parameters), |error| matches!(error, DatabaseError::Unreachable(_)))
    }

    /// From now on a listener hears what is notified on the channel, whenever the database can be reached. There is one
    /// connection for all of them; it lasts as long as the database is used.
    pub fn listen(&self, listener: Weak<dyn Listener>) {
        if self.connections.listeners.add(listener)
            && let Some(runtime) = self.runner.handle()
        {
            runtime.spawn(listen::keep(Arc::downgrade(&self.connections), CHANNEL));
        }
    }

    fn repeat(&self, work: Work, may_repeat: fn(&DatabaseError) -> bool) -> Result<Vec<Row>, DatabaseError> {
        let deadline = Instant::now() + self.timeout;
        let connections = self.connections.clone();
        let attempts = async move {
            let (mut pause, mut attempts) = (FIRST_PAUSE, 1);
            loop {
                let error = match connections.carry_out(&work).await {
                    Ok(rows) => return Ok(rows),
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

/// A parameter of a statement.
pub type Parameter = Box<dyn ToSql + Send + Sync>;

enum Work {
    One(&'static str, Vec<Parameter>),
    Several(&'static str),
}

impl Connections {
    /// With a connection that nobody else uses meanwhile.
    async fn carry_out(&self, work: &Work) -> Result<Vec<Row>, DatabaseError> {
        let connection = match self.idle_one() {
            Some(connection) => connection,
            None => self.connect().await.map_err(|e| DatabaseError::of_connect(&e))?,
        };
        // One whose work is given up is not kept: what it was asked is still on its way.
        let (connection, done) = connection.carry_out(work).await;
        if !connection.client.is_closed() {
            let mut idle = self.idle.lock();
            if idle.len() < IDLE_CONNECTIONS {
                idle.push(connection);
            }
        }
        done.map_err(|e| DatabaseError::of_statement(&e))
    }

    fn idle_one(&self) -> Option<Connection> {
        let mut idle = self.idle.lock();
        idle.retain(|connection| !connection.client.is_closed());
        idle.pop()
    }

    async fn connect(&self) -> Result<Connection, tokio_postgres::Error> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        // It ends with the client; its errors reach who waits for an answer.
        tokio::spawn(connection);
        client.batch_execute(&self.greeting).await?;
        Ok(Connection { client, prepared: HashMap::new() })
    }
}

/// A connection.
struct Connection {
    client: Client,
    /// What the server has prepared for it: from its second time on, a statement is one round trip.
    prepared: HashMap<&'static str, Statement>,
}

impl Connection {
    async fn carry_out(mut self, work: &Work) -> (Connection, Result<Vec<Row>, tokio_postgres::Error>) {
        let done = match work {
            Work::One(sql, parameters) => self.query(sql, parameters).await,
            Work::Several(sql) => self.client.batch_execute(sql).await.map(|()| Vec::new()),
        };
        (self, done)
    }

    async fn query(
        &mut self,
        sql: &'static str,
        parameters: &[Parameter],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let statement = match self.prepared.get(sql) {
            Some(statement) => statement.clone(),
            None => {
                let statement = self.client.prepare(sql).await?;
                self.prepared.insert(sql, statement.clone());
                statement
            }
        };
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|p| p.as_ref() as _).collect();
        self.client.query(&statement, &parameters).await
    }
}

/// Whether a text is the URL of a database.
pub fn check_url(url: &str) -> Result<(), String> {
    parse(url).map(drop).map_err(|_| "a URL such as postgres://user:password@host/name".to_owned())
}

fn parse(url: &str) -> Result<Config, DatabaseError> {
    // The parser's own errors quote what they do not understand: there could be a password in it.
    let wrong = || {
        let what = "log.url is no URL of a database: write postgres://user:password@host/name";
        DatabaseError::Settings(what.to_owned())
    };
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(wrong());
    }
    let (place, options) = url.split_once('?').unwrap_or((url, ""));
    // What other clients call so: here a certificate is checked, with the host in it, whenever TLS is used.
    let options = options.replace("sslmode=verify-full", "sslmode=require");
    let config: Config = format!("{place}?{options}").parse().map_err(|_| wrong())?;
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
