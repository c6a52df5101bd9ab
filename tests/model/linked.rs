//! A client of the real thing: a filespace linked through the built library.

use std::rc::Rc;

use lucidlink::ffi::workspace::{LL_CONSISTENCY_RELAXED, LL_CONSISTENCY_STRICT};

use super::abi::{Abi, Failed};
use super::call::{Answer, Call, Client, Entry, Reply, SLOTS};

/// A filespace on some back end, and who uses it.
#[derive(Clone)]
pub struct Place {
    pub settings: Vec<(String, String)>,
    pub token: String,
    pub filespace: String,
}

impl Place {
    /// The filespace `model` of a workspace in a folder.
    pub fn folder(url: &str, token: &str) -> Place {
        let settings = [("workspace.url", url), ("daemon.allow_multiple", "true")];
        Place::new(&settings, token, "model")
    }

    pub fn new(settings: &[(&str, &str)], token: &str, filespace: &str) -> Place {
        let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Place { settings, token: token.to_owned(), filespace: filespace.to_owned() }
    }
}

pub struct Linked {
    abi: Rc<Abi>,
    place: Place,
    daemon: u64,
    filespace: u64,
    is_relaxed: bool,
    /// The snapshot that is linked, if it is one.
    snapshot: Option<String>,
    files: [u64; SLOTS],
}

impl Linked {
    pub fn new(abi: &Rc<Abi>, place: &Place, is_relaxed: bool) -> Linked {
        Linked::of(abi, place, is_relaxed, None)
    }

    /// A client that sees a snapshot.
    pub fn at_snapshot(abi: &Rc<Abi>, place: &Place, name: &str) -> Linked {
        Linked::of(abi, place, false, Some(name.to_owned()))
    }

    fn of(abi: &Rc<Abi>, place: &Place, is_relaxed: bool, snapshot: Option<String>) -> Linked {
        let (abi, place, files) = (abi.clone(), place.clone(), [0; SLOTS]);
        let mut linked = Linked { abi, place, daemon: 0, filespace: 0, is_relaxed, snapshot, files };
        linked.start();
        linked
    }

    pub fn take_snapshot(&self, name: &str) {
        self.abi.create_snapshot(self.filespace, name).expect("a snapshot");
    }

    fn start(&mut self) {
        let settings: Vec<_> =
            self.place.settings.iter().map(|(key, value)| (&key[..], &value[..])).collect();
        self.daemon = self.abi.daemon(&settings).expect("a daemon");
        let workspace = self.abi.authenticate(self.daemon, &self.place.token).expect("a workspace");
        let consistency = if self.is_relaxed { LL_CONSISTENCY_RELAXED } else { LL_CONSISTENCY_STRICT };
        self.filespace = match &self.snapshot {
            Some(name) => self.abi.link_snapshot(workspace, &self.place.filespace, name).expect("a snapshot"),
            None => self.abi.link_as(workspace, &self.place.filespace, consistency).expect("a filespace"),
        };
        self.files = [0; SLOTS];
    }

    /// What this client changed is there for another one, which looks.
    pub fn hand_over(&self, to: &Linked) {
        let position = self.abi.sync_all(self.filespace).expect("a position");
        self.abi.wait_for(to.filespace, &position, 10_000).expect("the position is reached");
    }

    /// Everything that this client did is there, or is a late failure.
    pub fn settle(&self) {
        let _ = self.abi.sync_all(self.filespace);
    }

    /// Walks a file's data and holes: they take turns until the end, and in holes there are zeros only.
    pub fn check_holes(&self, slot: usize) {
        let (abi, file) = (&self.abi, self.files[slot]);
        let Ok(size) = abi.size(file) else { return };
        let mut at = 0;
        while at < size {
            let data = abi.seek_data(file, at).unwrap_or(size);
            assert!(data >= at, "data before the offset");
            if let Ok(zeros) = abi.pread(file, at, (data - at) as usize) {
                assert!(zeros.iter().all(|byte| *byte == 0), "bytes of a hole");
            }
            if data == size {
                break;
            }
            at = abi.seek_hole(file, data).expect("a hole, or the end");
            assert!(at > data && at <= size);
            assert_eq!(abi.seek_data(file, at - 1).expect("data"), at - 1);
        }
        assert_eq!(abi.seek_hole(file, size).unwrap_err().status, -401);
        assert_eq!(abi.seek_data(file, size).unwrap_err().status, -401);
    }

    pub fn file_id(&self, path: &str) -> u64 {
        self.abi.entry(self.filespace, path, false).expect("it is in the model").file_id
    }

    /// Adds a call to a batch.
    fn add(&self, batch: u64, call: &Call) -> Result<(), Failed> {
        let abi = &self.abi;
        match call {
            Call::CreateDir(path) => abi.batch_create_dir(batch, path),
            Call::DeleteDir(path, recursive) => abi.batch_delete_dir(batch, path, *recursive),
            Call::Delete(path) => abi.batch_delete(batch, path),
            Call::Move(from, to, replace) => abi.batch_move(batch, from, to, *replace),
            Call::Symlink(target, path) => abi.batch_symlink(batch, target, path),
            Call::HardLink(existing, path) => abi.batch_hard_link(batch, existing, path),
            Call::Copy(from, to, replace, follow) => abi.batch_copy(batch, from, to, *replace, *follow),
            Call::SetMode(path, mode) => abi.batch_set_mode(batch, path, *mode),
            Call::SetXattr(path, name, value, mode, follow) => {
                abi.batch_set_xattr(batch, path, name, &value.bytes(), *mode, *follow)
            }
            Call::RemoveXattr(path, name, follow) => abi.batch_remove_xattr(batch, path, name, *follow),
            Call::Truncate(path, size) => abi.batch_truncate(batch, path, *size),
            Call::WriteFile(path, data) => abi.batch_write_file(batch, path, &data.bytes()),
            other => panic!("{other:?} does not go into a batch"),
        }
    }

    fn run(&mut self, call: &Call) -> Result<Reply, Failed> {
        let (abi, fs) = (&self.abi, self.filespace);
        let done = |()| Reply::Done;
        match call {
            Call::Batch(calls) => {
                let batch = abi.batch(fs)?;
                let added = calls.iter().try_for_each(|call| self.add(batch, call));
                let committed = added.and_then(|()| match abi.batch_commit(batch) {
                    (Ok(()), _) => Ok(Reply::Done),
                    (Err(failed), Some(at)) => Ok(Reply::Failed(at as usize, failed.status)),
                    (Err(failed), None) => Err(failed),
                });
                abi.batch_free(batch);
                committed
            }
            Call::CreateDir(path) => abi.create_dir(fs, path).map(done),
            Call::DeleteDir(path, recursive) => abi.delete_dir(fs, path, *recursive).map(done),
            Call::Delete(path) => abi.delete(fs, path).map(done),
            Call::Move(from, to, replace) => abi.rename(fs, from, to, *replace).map(done),
            Call::Symlink(target, path) => abi.symlink(fs, target, path).map(done),
            Call::HardLink(existing, path) => abi.hard_link(fs, existing, path).map(done),
            Call::Create(path, mode) => abi.create(fs, path, *mode).map(done),
            Call::Copy(from, to, replace, follow) => abi.copy(fs, from, to, *replace, *follow).map(done),
            Call::SetXattr(path, name, data, mode, follow) => {
                abi.set_xattr(fs, path, name, &data.bytes(), *mode, *follow).map(done)
            }
            Call::RemoveXattr(path, name, follow) => abi.remove_xattr(fs, path, name, *follow).map(done),
            Call::GetXattr(path, name, follow) => abi.get_xattr(fs, path, name, *follow).map(Reply::Bytes),
            Call::ListXattrs(path, follow) => abi.list_xattrs(fs, path, *follow).map(Reply::Xattrs),
            Call::SetQuota(bytes, entries) => abi.set_quota(fs, *bytes, *entries).map(done),
            Call::SetMode(path, mode) => abi.set_mode(fs, path, *mode).map(done),
            Call::Truncate(path, size) => abi.truncate(fs, path, *size).map(done),
            Call::WriteFile(path, data) => abi.write_file(fs, path, &data.bytes()).map(done),
            Call::AppendFile(path, data) => {
                let file = abi.open(fs, path, "a")?;
                abi.write(file, &data.bytes())?;
                abi.close(file).map(done)
            }
            Call::ReadFile(path) => abi.read_file(fs, path).map(Reply::Bytes),
            Call::Stat(path, follow) => abi.entry(fs, path, *follow).map(|e| Reply::Entry(entry(&e))),
            Call::List(path) => {
                let list = abi.read_dir(fs, path)?;
                Ok(Reply::Entries(list.iter().map(|(name, e)| (name.clone(), entry(e))).collect()))
            }
            Call::IsFile(path) => abi.exists(fs, path, false).map(Reply::Yes),
            Call::IsDir(path) => abi.exists(fs, path, true).map(Reply::Yes),
            Call::ReadLink(path) => abi.read_link(fs, path).map(Reply::Text),
            Call::Counts => {
                let s = abi.statistics(fs)?;
                Ok(Reply::Counts([s.files, s.directories, s.symlinks, s.content_bytes]))
            }
            Call::Open(slot, path, mode) => {
                abi.free(std::mem::take(&mut self.files[*slot]));
                self.files[*slot] = abi.open(fs, path, mode)?;
                Ok(Reply::Done)
            }
            Call::Read(slot, len) => abi.read(self.files[*slot], *len).map(Reply::Bytes),
            Call::Pread(slot, offset, len) => abi.pread(self.files[*slot], *offset, *len).map(Reply::Bytes),
            Call::Write(slot, data) => abi.write(self.files[*slot], &data.bytes()).map(Reply::Number),
            Call::Pwrite(slot, offset, data) => {
                abi.pwrite(self.files[*slot], *offset, &data.bytes()).map(Reply::Number)
            }
            Call::Seek(slot, offset, whence) => {
                abi.seek(self.files[*slot], *offset, *whence).map(Reply::Number)
            }
            Call::Size(slot) => abi.size(self.files[*slot]).map(Reply::Number),
            Call::SetSize(slot, size) => abi.set_size(self.files[*slot], *size).map(done),
            Call::Punch(slot, offset, length) => {
                abi.punch_hole(self.files[*slot], *offset, *length).map(done)
            }
            Call::Readv(slot, lens) => abi.readv(self.files[*slot], lens).map(Reply::Bytes),
            Call::Writev(slot, parts) => {
                let parts = parts.map(|part| part.bytes());
                abi.writev(self.files[*slot], &[&parts[0], &parts[1], &parts[2]]).map(Reply::Number)
            }
            Call::Flush(slot) => abi.flush(self.files[*slot]).map(done),
            Call::Refresh(slot) => abi.refresh(self.files[*slot]).map(done),
            Call::Close(slot) => abi.close(std::mem::take(&mut self.files[*slot])).map(done),
            Call::Free(slot) => {
                abi.free(std::mem::take(&mut self.files[*slot]));
                Ok(Reply::Done)
            }
        }
    }
}

fn entry(e: &lucidlink::ffi::fs::ll_entry) -> Entry {
    Entry { kind: e.r#type, size: e.size, mode: e.mode, links: e.link_count }
}

impl Client for Linked {
    fn call(&mut self, call: &Call) -> Answer {
        self.run(call).map_err(|failed| failed.status)
    }

    fn reopen(&mut self) {
        // What an open file cannot publish any more is reported, and the stop happens all the same.
        let _ = self.abi.stop(self.daemon);
        self.start();
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        let _ = self.abi.stop(self.daemon);
    }
}
