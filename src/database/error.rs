//! Why a database could not be used, and what to do about it. Of what the server says only the code and the message
//! are kept, never what it was asked.

use std::error::Error as StdError;

use tokio_postgres::error::SqlState;

use crate::error::{Error, Status};
use crate::runner::NoAnswer;

/// Why a call failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It has no tables of ours.
    #[error("the database holds no workspace")]
    Empty,
    /// The server refuses.
    #[error("{0}")]
    Refused(String),
    /// The settings do not fit.
    #[error("{0}")]
    Settings(String),
    /// Its tables are those of a newer version.
    #[error("the tables in the database are of a newer version: update this library")]
    Newer,
    /// Its disk is full.
    #[error("the database server has no space left")]
    Full,
    /// The server was not reached: nothing was sent.
    #[error("{0}")]
    Unreachable(String),
    /// No answer until the deadline.
    #[error("the database did not answer until the deadline (network.timeout)")]
    Timeout,
    /// The server failed, or its answer was lost.
    #[error("{0}")]
    Failed(String),
}

impl DatabaseError {
    /// Whether the same call may succeed a moment later.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, DatabaseError::Unreachable(_) | DatabaseError::Failed(_))
    }

    /// Whether the call is known to have changed nothing.
    pub fn is_without_effect(&self) -> bool {
        !matches!(self, DatabaseError::Timeout | DatabaseError::Failed(_))
    }

    /// The status that a caller gets.
    pub fn status(&self) -> Status {
        match self {
            DatabaseError::Empty => Status::NotFound,
            DatabaseError::Refused(_) => Status::AccessDenied,
            DatabaseError::Settings(_) => Status::InvalidValue,
            DatabaseError::Newer => Status::UpgradeRequired,
            DatabaseError::Full => Status::NoSpace,
            DatabaseError::Timeout => Status::Timeout,
            DatabaseError::Unreachable(_) | DatabaseError::Failed(_) => Status::Io,
        }
    }

    pub(super) fn of_connect(error: &tokio_postgres::Error) -> DatabaseError {
        let why = deepest(error);
        match error.code() {
            Some(code) => of_code(code, &why, true),
            None if why.contains("certificate") => DatabaseError::Settings(format!(
                "the database's certificate is not trusted ({why}): check the host in log.url, or set network.ca_file"
            )),
            None => DatabaseError::Unreachable(format!(
                "the database cannot be reached ({why}): check host, port and sslmode in log.url"
            )),
        }
    }

    pub(super) fn of_statement(error: &tokio_postgres::Error) -> DatabaseError {
        let why = deepest(error);
        match error.code() {
            Some(code) => of_code(code, &why, false),
            None => DatabaseError::Failed(format!("the connection to the database failed: {why}")),
        }
    }
}

/// What the server says. While a connection is made, nothing was asked of it yet.
fn of_code(code: &SqlState, why: &str, is_connecting: bool) -> DatabaseError {
    let refused = |what: &str| DatabaseError::Refused(format!("the database refuses this ({why}): {what}"));
    match code {
        &SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            refused("check user and password in log.url")
        }
        &SqlState::INVALID_CATALOG_NAME => DatabaseError::Settings(
            "there is no such database: make it, or check its name in log.url".to_owned(),
        ),
        &SqlState::INSUFFICIENT_PRIVILEGE => refused(
            "the user of log.url must be allowed to use schema lucidlink and its tables, and to make them at first",
        ),
        &SqlState::READ_ONLY_SQL_TRANSACTION => {
            refused("this server is a read-only copy; name the primary in log.url")
        }
        &SqlState::UNDEFINED_TABLE | &SqlState::INVALID_SCHEMA_NAME => DatabaseError::Empty,
        &SqlState::DISK_FULL => DatabaseError::Full,
        &SqlState::QUERY_CANCELED => DatabaseError::Timeout,
        _ if is_connecting => DatabaseError::Unreachable(format!("the database takes no connection: {why}")),
        code => DatabaseError::Failed(format!("the database fails with {}: {why}", code.code())),
    }
}

impl From<DatabaseError> for Error {
    fn from(error: DatabaseError) -> Error {
        Error::new(error.status(), format!("the database cannot be used: {error}"))
    }
}

impl From<NoAnswer> for DatabaseError {
    fn from(none: NoAnswer) -> DatabaseError {
        match none {
            NoAnswer::Timeout => DatabaseError::Timeout,
            NoAnswer::Stopped => DatabaseError::Failed("the daemon was stopped meanwhile".to_owned()),
        }
    }
}

/// The text of the first cause; the layers above it say little.
fn deepest(error: &(dyn StdError + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
