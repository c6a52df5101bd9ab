//! A log in a folder, for all processes of one host: SQLite in WAL mode, one row a slot, and beside it a
//! file of 8 bytes with the last slot's number, so that "is there anything new" is one `pread`.
//!
//! Rules (`docs/format.md`, "Log in a folder"): the head is the largest slot number, read inside
//! `BEGIN IMMEDIATE`; the counter file is written while the write lock is held, before `COMMIT`: it may run ahead of
//! the log, never behind. Each opener rewrites it from the log under the write lock. The database is not mapped into
//! memory: an I/O error on a mapping would kill the host process.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::statfs;
use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};

use super::{Append, CommitLog, LogError};
use crate::crypto::sha256;
use crate::ids::Seq;

const DATABASE: &str = "log.sqlite";
const COUNTER: &str = "head";
const SCHEMA_VERSION: i64 = 1;
const SQLITE_IOERR_SHMSIZE: i32 = 4874;
/// Bytes in the write-ahead log after which upkeep is due, and what a commit adds to it beside its own.
const WAL_BYTES: u64 = 16 << 20;
const PAGES_A_COMMIT: u64 = 8 << 10;

/// A log in a folder.
pub struct SqliteLog {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    counter: File,
    durable: Mutex<Seq>,
    busy_timeout: Duration,
    folder: PathBuf,
    /// Does the upkeep.
    keeper: Mutex<Option<Connection>>,
    /// Bytes appended since the last upkeep.
    in_wal: AtomicU64,
}

impl SqliteLog {
    /// Makes a log whose slot 0 is `genesis`. The folder is made if it is missing.
    pub fn create(folder: &Path, genesis: &[u8], busy_timeout: Duration) -> Result<SqliteLog, LogError> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| LogError::Folder { place: folder.display().to_string(), source })?;
        let path = folder.join(DATABASE);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(LogError::Exists(folder.display().to_string()));
            }
            created => created?,
        };
        SqliteLog::fill(folder, genesis, busy_timeout).inspect_err(|_| SqliteLog::remove(folder))
    }

    /// Removes a log that was not finished.
    pub fn remove(folder: &Path) {
        for name in [DATABASE, "log.sqlite-wal", "log.sqlite-shm", COUNTER] {
            let _ = std::fs::remove_file(folder.join(name));
        }
    }

    fn fill(folder: &Path, genesis: &[u8], busy_timeout: Duration) -> Result<SqliteLog, LogError> {
        let connection = connect(folder, busy_timeout)?;
        connection.execute_batch(
            "CREATE TABLE slot (n INTEGER PRIMARY KEY, sum INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
             CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;",
        )?;
        connection.execute("INSERT INTO slot VALUES (0, ?1, ?2)", params![sum(genesis), genesis])?;
        connection.execute("INSERT INTO meta VALUES ('durable', 0), ('boot', ?1)", [boot_id()])?;
        connection.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        drop(connection);
        SqliteLog::open(folder, busy_timeout)
    }

    /// Opens the log in a folder. `busy_timeout` bounds how long any call waits for other processes.
    pub fn open(folder: &Path, busy_timeout: Duration) -> Result<SqliteLog, LogError> {
        match std::fs::metadata(folder.join(DATABASE)) {
            Ok(there) if there.is_file() => {}
            Ok(_) => return Err(LogError::NotFound(folder.display().to_string())),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(LogError::NotFound(folder.display().to_string()));
            }
            Err(e) => return Err(LogError::Folder { place: folder.display().to_string(), source: e }),
        }
        let writer = connect(folder, busy_timeout)?;
        // What others left there is folded too.
        let wal = std::fs::metadata(folder.join(format!("{DATABASE}-wal")));
        let version: i64 = writer.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version != SCHEMA_VERSION {
            let why = "its schema is not version 1; it is damaged or was made by a newer library";
            return Err(LogError::Unsuitable { place: folder.display().to_string(), why });
        }
        let counter = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join(COUNTER))?;
        let reader = connect(folder, busy_timeout)?;
        let log = SqliteLog {
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
            busy_timeout,
            counter,
            durable: Mutex::new(Seq(0)),
            folder: folder.to_owned(),
            keeper: Mutex::new(None),
            in_wal: AtomicU64::new(wal.map_or(0, |m| m.len())),
        };
        log.put_counter_right()?;
        Ok(log)
    }

    /// It may have run ahead, when a process died.
    fn put_counter_right(&self) -> Result<(), LogError> {
        let mut writer = self.writer.lock();
        let _alone = self.lock()?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        write_counter(&self.counter, last_slot(&transaction)?)?;
        Ok(transaction.commit()?)
    }
}

impl CommitLog for SqliteLog {
    fn append(&self, bytes: &[u8], after: Seq) -> Result<Append, LogError> {
        let writer = self.writer.lock();
        let _alone = self.lock()?;
        run(&writer, "BEGIN IMMEDIATE")?;
        let answer = match self.put(&writer, after, bytes) {
            Ok(Some(slot)) => match run(&writer, "COMMIT") {
                Ok(()) => {
                    self.in_wal.fetch_add(bytes.len() as u64 + PAGES_A_COMMIT, Ordering::Relaxed);
                    return Ok(Append::Landed(slot));
                }
                Err(error) => {
                    if !writer.is_autocommit() {
                        run(&writer, "ROLLBACK")?;
                    }
                    // Looked up under the lock: it is there, or never will be.
                    return match last_slot(&writer) {
                        Ok(last) if last < slot => Err(error),
                        Ok(_) => Ok(Append::Landed(slot)),
                        Err(_) => Ok(Append::Unknown(error)),
                    };
                }
            },
            Ok(None) => Ok(Append::Occupied),
            Err(error) => Err(error),
        };
        if !writer.is_autocommit() {
            run(&writer, "ROLLBACK")?;
        }
        answer
    }

    fn read(&self, from: Seq, limit: usize, max_bytes: usize) -> Result<Vec<(Seq, Bytes)>, LogError> {
        let reader = self.reader.lock();
        let mut statement =
            reader.prepare_cached("SELECT n, sum, bytes FROM slot WHERE n >= ?1 ORDER BY n LIMIT ?2")?;
        let mut rows = statement.query(params![from.0 as i64, limit.min(i64::MAX as usize) as i64])?;
        let (mut slots, mut total, mut expected) = (Vec::new(), 0, from);
        while let Some(row) = rows.next()? {
            let n: i64 = row.get(0)?;
            let slot = Seq(n as u64);
            let bytes = Bytes::copy_from_slice(blob(row.get_ref(2)?)?);
            if slot != expected {
                return Err(LogError::Damaged(format!("slot {expected} is missing").into()));
            }
            if row.get::<_, i64>(1)? != sum(&bytes) {
                return Err(LogError::Damaged(format!("slot {slot} is not as it was written").into()));
            }
            expected = slot.next();
            total += bytes.len();
            slots.push((slot, bytes));
            if total >= max_bytes {
                break;
            }
        }
        Ok(slots)
    }

    fn read_range(&self, slot: Seq, offset: u64, len: u32) -> Result<Bytes, LogError> {
        let missing = || LogError::NoSuchRange { slot, offset, len };
        let reader = self.reader.lock();
        // SQLite counts from 1.
        let bytes = reader
            .prepare_cached("SELECT substr(bytes, ?2, ?3) FROM slot WHERE n = ?1")?
            .query_row(params![slot.0 as i64, offset as i64 + 1, len], |row| {
                Ok(row.get_ref(0)?.as_blob().map(Bytes::copy_from_slice))
            })
            .optional()?
            .ok_or_else(missing)?
            .map_err(|e| LogError::Damaged(e.into()))?;
        if bytes.len() != len as usize { Err(missing()) } else { Ok(bytes) }
    }

    fn upkeep_is_due(&self) -> bool {
        self.in_wal.load(Ordering::Relaxed) > WAL_BYTES
    }

    /// Moves the write-ahead log's content into the database; neither readers nor writers wait.
    fn upkeep(&self) -> Result<(), LogError> {
        self.in_wal.store(0, Ordering::Relaxed);
        let mut keeper = self.keeper.lock();
        let keeper = match &mut *keeper {
            Some(keeper) => keeper,
            none => none.insert(connect(&self.folder, Duration::ZERO)?),
        };
        Ok(keeper.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
    }

    fn head(&self) -> Result<Seq, LogError> {
        let mut bytes = [0; 8];
        self.counter.read_exact_at(&mut bytes, 0)?;
        Ok(Seq(u64::from_le_bytes(bytes)))
    }

    fn durable(&self) -> Result<Seq, LogError> {
        let reader = self.reader.lock();
        let n: i64 = reader
            .prepare_cached("SELECT value FROM meta WHERE key = 'durable'")?
            .query_row([], |row| row.get(0))?;
        Ok(Seq(n as u64))
    }

    fn sync(&self, upto: Seq) -> Result<(), LogError> {
        let mut durable = self.durable.lock();
        if upto <= *durable {
            return Ok(());
        }
        let mut writer = self.writer.lock();
        let _alone = self.lock()?;
        // A FULL commit syncs the write-ahead log, and with it every commit before.
        writer.pragma_update(None, "synchronous", "FULL")?;
        let recorded = record_durable(&mut writer, upto);
        writer.pragma_update(None, "synchronous", "NORMAL")?;
        recorded?;
        *durable = upto;
        Ok(())
    }
}

impl SqliteLog {
    /// Puts the next slot, inside a transaction; none if the log does not reach to `after`.
    fn put(&self, writer: &Connection, after: Seq, bytes: &[u8]) -> Result<Option<Seq>, LogError> {
        let last = last_slot(writer)?;
        if last < after {
            return Ok(None);
        }
        let slot = last.next();
        let mut insert = writer.prepare_cached("INSERT INTO slot VALUES (?1, ?2, ?3)")?;
        insert.execute(params![slot.0 as i64, sum(bytes), bytes])?;
        write_counter(&self.counter, slot)?;
        Ok(Some(slot))
    }

    /// SQLite's own locks belong to the process: they do not keep two copies of it in one process apart, and any close
    /// of the file in the process drops them. This one belongs to the open counter file.
    fn lock(&self) -> Result<Locked<'_>, LogError> {
        let deadline = Instant::now() + self.busy_timeout;
        let mut pause = Duration::from_micros(20);
        loop {
            match set_lock(&self.counter, nix::libc::F_WRLCK) {
                Ok(()) => return Ok(Locked(&self.counter)),
                Err(Errno::EAGAIN | Errno::EACCES | Errno::EINTR) if Instant::now() < deadline => {
                    std::thread::sleep(pause);
                    pause = (2 * pause).min(Duration::from_millis(2));
                }
                Err(Errno::EAGAIN | Errno::EACCES) => {
                    return Err(LogError::Busy("another process holds its lock".into()));
                }
                Err(error) => return Err(std::io::Error::from(error).into()),
            }
        }
    }
}

/// The right to write, until it is dropped.
struct Locked<'a>(&'a File);

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let _ = set_lock(self.0, nix::libc::F_UNLCK);
    }
}

fn set_lock(file: &File, kind: nix::libc::c_int) -> Result<(), Errno> {
    let whole = nix::libc::flock {
        l_type: kind as nix::libc::c_short,
        l_whence: nix::libc::SEEK_SET as nix::libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_OFD_SETLK(&whole)).map(drop)
}

fn run(connection: &Connection, statement: &str) -> Result<(), LogError> {
    connection.prepare_cached(statement)?.execute([])?;
    Ok(())
}

fn record_durable(writer: &mut Connection, upto: Seq) -> Result<(), LogError> {
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(
        "UPDATE meta SET value = max(value, ?1) WHERE key = 'durable'",
        [upto.min(last_slot(&transaction)?).0 as i64],
    )?;
    transaction.execute("UPDATE meta SET value = ?1 WHERE key = 'boot'", [boot_id()])?;
    Ok(transaction.commit()?)
}

fn connect(folder: &Path, busy_timeout: Duration) -> Result<Connection, LogError> {
    refuse_network(folder)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(folder.join(DATABASE), flags)?;
    connection.busy_timeout(busy_timeout)?;
    // The last process to close a log would delete the write-ahead log, if it believes to be the last.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // Nothing in a hostile database is to run here.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // A commit is not to wait for that; see `upkeep`.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(16);
    Ok(connection)
}

/// WAL mode needs memory that all processes share, and locks that work: not there on network file
/// systems.
fn refuse_network(folder: &Path) -> Result<(), LogError> {
    const CIFS: i64 = 0xff53_4d42;
    const SMB2: i64 = 0xfe53_4d42;
    const CEPH: i64 = 0x00c3_6400;
    const V9FS: i64 = 0x0102_1997;
    let kind = statfs::statfs(folder).map_err(std::io::Error::from)?.filesystem_type();
    let network = [statfs::NFS_SUPER_MAGIC, statfs::SMB_SUPER_MAGIC, statfs::AFS_SUPER_MAGIC];
    if network.contains(&kind) || [CIFS, SMB2, CEPH, V9FS].contains(&(kind.0 as i64)) {
        let why = "it is on a network file system; use a local folder, or a bucket for several machines";
        return Err(LogError::Unsuitable { place: folder.display().to_string(), why });
    }
    Ok(())
}

fn last_slot(connection: &Connection) -> Result<Seq, LogError> {
    let n: Option<i64> =
        connection.prepare_cached("SELECT max(n) FROM slot")?.query_row([], |row| row.get(0))?;
    n.map(|n| Seq(n as u64)).ok_or_else(|| LogError::Damaged("the log has no slot".into()))
}

/// A checksum against accidents; against malice there are signatures and the chain.
fn sum(bytes: &[u8]) -> i64 {
    let hash = sha256(bytes).0;
    i64::from_le_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]])
}

fn write_counter(counter: &File, head: Seq) -> Result<(), LogError> {
    Ok(counter.write_all_at(&head.0.to_le_bytes(), 0)?)
}

fn blob(value: ValueRef<'_>) -> Result<&[u8], LogError> {
    value.as_blob().map_err(|e| LogError::Damaged(e.into()))
}

/// Which boot of the machine this is: after another one, what was not synced may be gone.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> LogError {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LogError::Busy(error.into()),
            Some(ErrorCode::DiskFull) => LogError::Full(error.into()),
            // The shared memory file could not be made as large as it must be.
            _ if error.sqlite_error().is_some_and(|e| e.extended_code == SQLITE_IOERR_SHMSIZE) => {
                LogError::Full(error.into())
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => LogError::Damaged(error.into()),
            _ => LogError::Io(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    const TIMEOUT: Duration = Duration::from_secs(10);

    #[test]
    fn conforms() {
        super::super::conformance::check(|genesis| {
            let folder = tempfile::tempdir().unwrap();
            let log = SqliteLog::create(folder.path(), genesis, TIMEOUT).unwrap();
            let path = folder.path().to_owned();
            let reopen = move || {
                let _keep = &folder;
                Arc::new(SqliteLog::open(&path, TIMEOUT).unwrap()) as Arc<dyn CommitLog>
            };
            (Arc::new(log) as Arc<dyn CommitLog>, Box::new(reopen))
        });
    }

    #[test]
    fn a_counter_that_ran_ahead_is_put_right_by_the_next_opener() {
        let folder = tempfile::tempdir().unwrap();
        let log = SqliteLog::create(folder.path(), b"genesis", TIMEOUT).unwrap();
        log.counter.write_all_at(&9u64.to_le_bytes(), 0).unwrap(); // a crash before COMMIT
        assert_eq!(log.head().unwrap(), Seq(9));
        assert!(log.read(Seq(1), 10, 1000).unwrap().is_empty());
        assert_eq!(SqliteLog::open(folder.path(), TIMEOUT).unwrap().head().unwrap(), Seq(0));
    }

    #[test]
    fn only_the_owner_can_read_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("log");
        let log = SqliteLog::create(&inner, b"genesis", TIMEOUT).unwrap();
        log.append(b"x", Seq(0)).unwrap();
        assert_eq!(inner.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        for file in std::fs::read_dir(&inner).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
        }
    }

    #[test]
    fn what_is_no_log_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(SqliteLog::open(folder.path(), TIMEOUT), Err(LogError::NotFound(_))));
        std::fs::write(folder.path().join(DATABASE), [7; 4096]).unwrap();
        assert!(matches!(SqliteLog::open(folder.path(), TIMEOUT), Err(LogError::Damaged(_))));
        assert!(matches!(SqliteLog::create(folder.path(), b"g", TIMEOUT), Err(LogError::Exists(_))));
    }
}
