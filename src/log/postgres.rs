//! A log in a PostgreSQL database, for many writers: one round trip for an append, wherever it lands.
//!
//! A log is a row with its head and a row for each slot (`docs/format.md`, "Log in a database"). A slot gets its
//! number while the row of the head is locked, and becomes visible together with it: so the slots that anybody sees
//! have no gap, and their order is the order of the commits.

use std::sync::{Arc, Once};
use std::time::Instant;

use bytes::Bytes;

use super::waiting::Waiting;
use super::{Append, CommitLog, DEAR_LOOKS, Life, LogError};
use crate::database::{Database, DatabaseError, Listener, Parameter};
use crate::ids::Seq;

/// The tables that this version knows.
const VERSION: i32 = 1;
/// Slots of one answer, at most.
const PAGE: usize = 1024;

/// Makes the tables, where there are none. Whoever comes at the same time waits.
const MAKE_TABLES: &str = "
    SELECT pg_advisory_xact_lock(5713219840021456);
    CREATE SCHEMA IF NOT EXISTS lucidlink;
    CREATE TABLE IF NOT EXISTS lucidlink.version (version int NOT NULL);
    INSERT INTO lucidlink.version SELECT 1 WHERE NOT EXISTS (SELECT FROM lucidlink.version);
    CREATE TABLE IF NOT EXISTS lucidlink.log (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL UNIQUE,
        head bigint NOT NULL
    );
    CREATE TABLE IF NOT EXISTS lucidlink.slot (
        log bigint NOT NULL REFERENCES lucidlink.log ON DELETE CASCADE,
        slot bigint NOT NULL,
        bytes bytea NOT NULL,
        PRIMARY KEY (log, slot)
    );
    ALTER TABLE lucidlink.slot ALTER bytes SET STORAGE EXTERNAL";

const CREATE: &str = "
    WITH made AS (
        INSERT INTO lucidlink.log (name, head) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING RETURNING id
    )
    INSERT INTO lucidlink.slot (log, slot, bytes) SELECT id, 0, $2 FROM made RETURNING log";

const FIND: &str =
    "SELECT id, (SELECT max(version) FROM lucidlink.version) FROM lucidlink.log WHERE name = $1";

const REMOVE: &str = "DELETE FROM lucidlink.log WHERE name = $1";

/// Who waits is told in the same transaction: nobody who dies in between leaves the others waiting.
const APPEND: &str = "
    WITH next AS (
        UPDATE lucidlink.log SET head = head + 1 WHERE id = $1 AND head >= $2 RETURNING head
    ), put AS (
        INSERT INTO lucidlink.slot (log, slot, bytes) SELECT $1, head, $3 FROM next RETURNING slot
    )
    SELECT slot, pg_notify('lucidlink', format('%s %s', $1::bigint, slot)) FROM put";

/// The sizes are known without the bytes.
const READ: &str = "
    SELECT slot, bytes FROM (
        SELECT slot, bytes, sum(octet_length(bytes)) OVER (ORDER BY slot) - octet_length(bytes) AS before
        FROM (SELECT slot, bytes FROM lucidlink.slot WHERE log = $1 AND slot >= $2 ORDER BY slot LIMIT $3) page
    ) sized
    WHERE before < $4 ORDER BY slot";

const READ_RANGE: &str = "
    SELECT substring(bytes FROM $3 FOR $4) FROM lucidlink.slot WHERE log = $1 AND slot = $2";

const HEAD: &str = "SELECT head FROM lucidlink.log WHERE id = $1";

/// A log in a database.
pub struct PostgresLog {
    database: Arc<Database>,
    id: i64,
    waiting: Arc<Told>,
    /// Whether the database tells what is new.
    listens: Once,
}

/// Those who wait for a log, as the database tells them.
struct Told {
    id: i64,
    waiting: Waiting,
}

impl Listener for Told {
    fn set_listening(&self, is_listening: bool) {
        self.waiting.set_told(is_listening);
    }

    fn hear(&self, payload: &str) {
        let told =
            payload.split_once(' ').and_then(|(id, slot)| Some((id.parse().ok()?, slot.parse().ok()?)));
        if let Some((id, slot)) = told
            && i64::eq(&id, &self.id)
        {
            self.waiting.reach(Seq(slot));
        }
    }
}

impl PostgresLog {
    /// Makes a log of a name that no other in the database has.
    pub fn create(database: Arc<Database>, name: &str, genesis: &[u8]) -> Result<PostgresLog, LogError> {
        let insert = || database.look(CREATE, vec![Box::new(name.to_owned()), Box::new(genesis.to_owned())]);
        let made = match insert() {
            Err(DatabaseError::Empty) => {
                database.look_at_all(MAKE_TABLES)?;
                insert()?
            }
            made => made?,
        };
        let log = PostgresLog::open(database, name)?;
        if !made.is_empty() {
            return Ok(log);
        }
        // Perhaps by this call: it was repeated if an answer was lost. No other genesis is like this one.
        match log.read(Seq(0), 1, usize::MAX)?.first() {
            Some((_, first)) if first[..] == *genesis => Ok(log),
            _ => Err(LogError::Exists(log.database.place().to_owned())),
        }
    }

    /// Opens a log.
    pub fn open(database: Arc<Database>, name: &str) -> Result<PostgresLog, LogError> {
        let none = || LogError::NotFound(database.place().to_owned());
        let rows = match database.look(FIND, vec![Box::new(name.to_owned())]) {
            Err(DatabaseError::Empty) => return Err(none()),
            rows => rows?,
        };
        let row = rows.first().ok_or_else(none)?;
        match row.get::<_, i32>(1) > VERSION {
            true => Err(DatabaseError::Newer.into()),
            false => {
                let id = row.get(0);
                let waiting = Arc::new(Told { id, waiting: Waiting::new(DEAR_LOOKS) });
                Ok(PostgresLog { database, id, waiting, listens: Once::new() })
            }
        }
    }

    /// Removes a log that nobody has seen, if that can be done.
    pub fn remove(database: &Database, name: &str) {
        // If it cannot be, the next attempt says that there is one.
        let _ = database.look(REMOVE, vec![Box::new(name.to_owned())]);
    }

    fn page(&self, from: Seq, limit: usize, max_bytes: usize) -> Result<Vec<(Seq, Bytes)>, LogError> {
        let max_bytes = i64::try_from(max_bytes.max(1)).unwrap_or(i64::MAX);
        let parameters: [i64; 4] = [self.id, number(from), limit as i64, max_bytes];
        let rows = self.database.look(READ, parameters.map(|n| Box::new(n) as Parameter).into())?;
        rows.iter().map(|row| Ok((seq(row.get(0))?, Bytes::from(row.get::<_, Vec<u8>>(1))))).collect()
    }
}

impl CommitLog for PostgresLog {
    fn append(&self, bytes: &[u8], after: Seq) -> Result<Append, LogError> {
        let parameters: Vec<Parameter> =
            vec![Box::new(self.id), Box::new(number(after)), Box::new(bytes.to_owned())];
        match self.database.change(APPEND, parameters) {
            Ok(rows) => match rows.first() {
                Some(row) => {
                    let slot = seq(row.get(0))?;
                    self.waiting.waiting.reach(slot);
                    Ok(Append::Landed(slot))
                }
                None => Ok(Append::Occupied),
            },
            Err(error) if error.is_without_effect() => Err(error.into()),
            Err(error) => Ok(Append::Unknown(error.into())),
        }
    }

    fn read(&self, from: Seq, limit: usize, max_bytes: usize) -> Result<Vec<(Seq, Bytes)>, LogError> {
        let (mut slots, mut bytes) = (Vec::new(), 0);
        while slots.len() < limit && (bytes < max_bytes || slots.is_empty()) {
            let next = Seq(from.0 + slots.len() as u64);
            let page = self.page(next, PAGE.min(limit - slots.len()), max_bytes - bytes)?;
            if page.is_empty() {
                break;
            }
            for (slot, content) in page {
                if slot.0 != from.0 + slots.len() as u64 {
                    let what =
                        format!("slot {} of the log in {} is missing", slots.len(), self.database.place());
                    return Err(LogError::Damaged(what.into()));
                }
                bytes = bytes.saturating_add(content.len());
                slots.push((slot, content));
            }
        }
        Ok(slots)
    }

    fn read_range(&self, slot: Seq, offset: u64, len: u32) -> Result<Bytes, LogError> {
        let none = || LogError::NoSuchRange { slot, offset, len };
        // The first byte is number 1.
        let start = i32::try_from(offset.saturating_add(1)).map_err(|_| none())?;
        let length = i32::try_from(len).map_err(|_| none())?;
        let parameters: Vec<Parameter> =
            vec![Box::new(self.id), Box::new(number(slot)), Box::new(start), Box::new(length)];
        match self.database.look(READ_RANGE, parameters)?.first().map(|row| row.get::<_, Vec<u8>>(0)) {
            Some(bytes) if bytes.len() == len as usize => Ok(bytes.into()),
            _ => Err(none()),
        }
    }

    fn head(&self) -> Result<Seq, LogError> {
        let rows = self.database.look(HEAD, vec![Box::new(self.id)])?;
        seq(rows.first().ok_or_else(|| LogError::NotFound(self.database.place().to_owned()))?.get(0))
    }

    /// What is visible survives a crash of the server.
    fn durable(&self) -> Result<Seq, LogError> {
        self.head()
    }

    /// What a server loses with its disks, it loses without a trace.
    fn life(&self) -> Result<Life, LogError> {
        Ok(Life::FIRST)
    }

    fn sync(&self, _: Seq) -> Result<(), LogError> {
        Ok(())
    }

    /// While the database tells what is new, it is not asked.
    fn wait_beyond(&self, position: Seq, deadline: Instant) -> Result<Option<Seq>, LogError> {
        self.listens.call_once(|| {
            let told: Arc<dyn Listener> = self.waiting.clone();
            self.database.listen(Arc::downgrade(&told));
        });
        self.waiting.waiting.wait_beyond(position, deadline, || self.head())
    }
}

fn number(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

fn seq(number: i64) -> Result<Seq, LogError> {
    match u64::try_from(number) {
        Ok(number) => Ok(Seq(number)),
        Err(error) => Err(LogError::Damaged(error.into())),
    }
}
