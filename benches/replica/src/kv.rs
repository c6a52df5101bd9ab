//! Embedded key-value stores, each as it is best for this: nothing is synced, caches are large.

use std::fs;
use std::ops::Bound;
use std::path::Path;

use heed::types::Bytes;
use lucidlink::state::hash::StateHash;
use redb::{ReadableDatabase, ReadableTable};
use rusqlite::{Connection, OptionalExtension, params};

use crate::entries::Pair;
use crate::store::{Store, rehash};

/// LMDB: a copy-on-write B+ tree in a memory map.
pub struct Lmdb {
    env: heed::Env,
    table: heed::Database<Bytes, Bytes>,
    hash: StateHash,
}

impl Lmdb {
    /// Opens the store in a folder, or makes it.
    pub fn open(folder: &Path) -> Lmdb {
        let mut options = heed::EnvOpenOptions::new();
        options.map_size(4 << 30);
        // SAFETY: the folder belongs to this benchmark, so nobody else changes the files under the map; what
        // is not synced is lost with the machine only.
        let env = unsafe {
            options.flags(heed::EnvFlags::NO_SYNC);
            options.open(folder).expect("open LMDB")
        };
        let mut txn = env.write_txn().expect("begin");
        let table = env.create_database(&mut txn, None).expect("a table");
        txn.commit().expect("commit");
        Lmdb { env, table, hash: StateHash::default() }
    }

    /// Fills it.
    pub fn build(folder: &Path, pairs: Vec<Pair>) {
        let store = Lmdb::open(folder);
        let mut txn = store.env.write_txn().expect("begin");
        pairs.iter().for_each(|(k, v)| store.table.put(&mut txn, k, v).expect("put"));
        txn.commit().expect("commit");
        store.env.force_sync().expect("sync");
    }
}

impl Store for Lmdb {
    fn get(&self, keys: &mut dyn Iterator<Item = Vec<u8>>) -> usize {
        let txn = self.env.read_txn().expect("begin");
        keys.map(|key| self.table.get(&txn, &key).expect("get").expect("it is there").len()).sum()
    }

    fn scan(&self, from: &mut dyn Iterator<Item = Vec<u8>>, count: usize) -> usize {
        let txn = self.env.read_txn().expect("begin");
        let one = |from: Vec<u8>| {
            let range: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Included(&from), Bound::Unbounded);
            let pairs = self.table.range(&txn, &range).expect("range").take(count);
            pairs.map(|pair| pair.map(|(k, v)| k.len() + v.len()).expect("next")).sum::<usize>()
        };
        from.map(one).sum()
    }

    fn commit(&mut self, changes: &[Pair; 3]) {
        let mut txn = self.env.write_txn().expect("begin");
        for (key, value) in changes {
            rehash(&mut self.hash, key, self.table.get(&txn, key).expect("get"), value);
            self.table.put(&mut txn, key, value).expect("put");
        }
        txn.commit().expect("commit");
    }
}

const TABLE: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("state");

/// redb: a copy-on-write B+ tree with its own cache.
pub struct Redb {
    db: redb::Database,
    hash: StateHash,
}

impl Redb {
    /// Opens the store in a folder, or makes it.
    pub fn open(folder: &Path) -> Redb {
        let db = redb::Database::create(folder.join("redb")).expect("open redb");
        Redb { db, hash: StateHash::default() }
    }

    /// Fills it.
    pub fn build(folder: &Path, pairs: Vec<Pair>) {
        let mut store = Redb::open(folder);
        let txn = store.db.begin_write().expect("begin");
        let mut table = txn.open_table(TABLE).expect("a table");
        for (key, value) in &pairs {
            table.insert(&key[..], &value[..]).expect("put");
        }
        drop(table);
        txn.commit().expect("commit");
        store.db.compact().expect("compact");
    }
}

impl Store for Redb {
    fn get(&self, keys: &mut dyn Iterator<Item = Vec<u8>>) -> usize {
        let table = self.db.begin_read().expect("begin").open_table(TABLE).expect("a table");
        keys.map(|key| table.get(&key[..]).expect("get").expect("it is there").value().len()).sum()
    }

    fn scan(&self, from: &mut dyn Iterator<Item = Vec<u8>>, count: usize) -> usize {
        let table = self.db.begin_read().expect("begin").open_table(TABLE).expect("a table");
        let one = |from: Vec<u8>| {
            let pairs = table.range(&from[..]..).expect("range").take(count);
            pairs.map(|p| p.map(|(k, v)| k.value().len() + v.value().len()).expect("next")).sum::<usize>()
        };
        from.map(one).sum()
    }

    fn commit(&mut self, changes: &[Pair; 3]) {
        let mut txn = self.db.begin_write().expect("begin");
        txn.set_durability(redb::Durability::None).expect("durability");
        let mut table = txn.open_table(TABLE).expect("a table");
        for (key, value) in changes {
            let before = table.get(&key[..]).expect("get").map(|v| v.value().to_vec());
            rehash(&mut self.hash, key, before.as_deref(), value);
            table.insert(&key[..], &value[..]).expect("put");
        }
        drop(table);
        txn.commit().expect("commit");
    }
}

/// SQLite as a key-value store: one table without row ids.
pub struct Sqlite {
    connection: Connection,
    hash: StateHash,
}

impl Sqlite {
    /// Opens the store in a folder, or makes it.
    pub fn open(folder: &Path) -> Sqlite {
        let connection = Connection::open(folder.join("sqlite")).expect("open SQLite");
        let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144;
             CREATE TABLE IF NOT EXISTS state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID";
        connection.execute_batch(settings).expect("settings");
        Sqlite { connection, hash: StateHash::default() }
    }

    /// Fills it.
    pub fn build(folder: &Path, pairs: Vec<Pair>) {
        let store = Sqlite::open(folder);
        store.run("BEGIN");
        pairs.iter().for_each(|pair| store.put(pair));
        store.run("COMMIT");
        store.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("checkpoint");
        assert!(fs::metadata(folder.join("sqlite")).is_ok_and(|m| m.len() > 0));
    }

    fn run(&self, sql: &str) {
        self.connection.prepare_cached(sql).expect("prepare").execute([]).expect(sql);
    }

    fn put(&self, (key, value): &Pair) {
        let mut put = self.connection.prepare_cached("REPLACE INTO state VALUES (?1, ?2)").expect("prepare");
        put.execute(params![key, value]).expect("put");
    }

    fn value<T>(&self, key: &[u8], f: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let sql = "SELECT value FROM state WHERE key = ?1";
        let mut get = self.connection.prepare_cached(sql).expect("prepare");
        get.query_row([key], |row| Ok(f(row.get_ref(0)?.as_blob()?))).optional().expect("get")
    }
}

impl Store for Sqlite {
    fn get(&self, keys: &mut dyn Iterator<Item = Vec<u8>>) -> usize {
        self.run("BEGIN");
        let sum = keys.map(|key| self.value(&key, <[u8]>::len).expect("it is there")).sum();
        self.run("COMMIT");
        sum
    }

    fn scan(&self, from: &mut dyn Iterator<Item = Vec<u8>>, count: usize) -> usize {
        self.run("BEGIN");
        let sql = "SELECT key, value FROM state WHERE key >= ?1 ORDER BY key LIMIT ?2";
        let mut range = self.connection.prepare_cached(sql).expect("prepare");
        let mut sum = 0;
        for from in from {
            let mut rows = range.query(params![from, count as i64]).expect("range");
            while let Some(row) = rows.next().expect("next") {
                for column in 0..2 {
                    sum += row.get_ref(column).expect("column").as_blob().expect("a blob").len();
                }
            }
        }
        drop(range);
        self.run("COMMIT");
        sum
    }

    fn commit(&mut self, changes: &[Pair; 3]) {
        self.run("BEGIN IMMEDIATE");
        for (key, value) in changes {
            let before = self.value(key, <[u8]>::to_vec);
            rehash(&mut self.hash, key, before.as_deref(), value);
        }
        changes.iter().for_each(|pair| self.put(pair));
        self.run("COMMIT");
    }
}
