//! Making a log: whole under another name, then renamed, so that it is there as a whole or not at all.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use nix::sys::statfs;

use super::durable::boot;
use super::records::{COPIES, Durability, Entry, HEAD_FILE, Head, SLOTS_HEADER};
use super::{FOLDER, FolderLog, HEAD, INDEX, SLOTS};
use crate::ids::Seq;
use crate::log::{Life, LogError};

/// What a workspace has that was made before the log had files of its own.
const OLD: &str = "log.sqlite";

impl FolderLog {
    /// Makes a log whose slot 0 is `genesis`. The folder is made if it is missing.
    pub fn create(folder: &Path, genesis: &[u8], timeout: Duration) -> Result<FolderLog, LogError> {
        let unusable = |source: io::Error| match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => LogError::Full(source.into()),
            _ => LogError::Folder { place: folder.display().to_string(), source },
        };
        let above = folder.ancestors().find(|f| f.exists()).unwrap_or(folder);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        refuse_old(folder)?;
        refuse_network(folder)?;
        let private = Permissions::from_mode(0o700);
        let made = tempfile::Builder::new().prefix(".log-").permissions(private).tempdir_in(folder);
        let made = made.map_err(unusable)?;
        write_files(made.path(), genesis)?;
        // An empty folder of that name is replaced; one with anything in it, or a file, is not.
        match std::fs::rename(made.path(), folder.join(FOLDER)) {
            Ok(()) => drop(made.keep()),
            Err(e) if is_taken(&e) => return Err(LogError::Exists(folder.display().to_string())),
            Err(e) => return Err(e.into()),
        }
        let finish = || {
            // The names, too, are to be on the disk before anybody relies on them.
            folder.ancestors().take_while(|f| f.starts_with(above)).try_for_each(sync_folder)?;
            FolderLog::open(folder, timeout, |_| Ok(true))
        };
        finish().inspect_err(|_| FolderLog::remove(folder))
    }

    /// Removes a log that nobody has seen.
    pub fn remove(folder: &Path) {
        let _ = std::fs::remove_dir_all(folder.join(FOLDER));
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder) {
        // One that others gave, to be written to and not listed.
        Err(e) if e.kind() == ErrorKind::PermissionDenied => Ok(()),
        opened => opened?.sync_all(),
    }
}

fn is_taken(error: &io::Error) -> bool {
    let kinds = [ErrorKind::AlreadyExists, ErrorKind::DirectoryNotEmpty, ErrorKind::NotADirectory];
    kinds.contains(&error.kind())
}

fn write_files(folder: &Path, genesis: &[u8]) -> Result<(), LogError> {
    let entry = Entry::of(Seq(0), SLOTS_HEADER.len() as u64, genesis);
    let head = Head { last: Seq(0), end: entry.end() };
    let record = Durability { serial: 1, position: Seq(0), boot: boot(), doubtful: false, life: Life::FIRST };
    write_file(&folder.join(SLOTS), &[&SLOTS_HEADER, genesis].concat())?;
    write_file(&folder.join(INDEX), &entry.encode())?;
    write_file(&folder.join(HEAD), &head_file(head, &record))?;
    File::open(folder)?.sync_all()?;
    Ok(())
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The whole head file.
pub(super) fn head_file(head: Head, record: &Durability) -> [u8; HEAD_FILE] {
    let mut bytes = [0; HEAD_FILE];
    bytes[..Head::LEN].copy_from_slice(&head.encode());
    for copy in COPIES {
        bytes[copy as usize..][..Durability::LEN].copy_from_slice(&record.encode());
    }
    bytes
}

/// A workspace that this version cannot read is not taken for none.
pub(super) fn refuse_old(folder: &Path) -> Result<(), LogError> {
    if folder.join(OLD).exists() {
        let why = "it holds a log.sqlite: its workspace was made by an earlier version, whose logs this one does not \
                   read; make a new workspace in another folder and copy the files with the earlier version's tool";
        return Err(LogError::Unsuitable { place: folder.display().to_string(), why });
    }
    Ok(())
}

/// Locks and writes must be seen by all processes at once: not so on network file systems.
pub(super) fn refuse_network(folder: &Path) -> Result<(), LogError> {
    const CIFS: i64 = 0xff53_4d42;
    const SMB2: i64 = 0xfe53_4d42;
    const CEPH: i64 = 0x00c3_6400;
    const V9FS: i64 = 0x0102_1997;
    let kind = statfs::statfs(folder).map_err(io::Error::from)?.filesystem_type();
    let network = [statfs::NFS_SUPER_MAGIC, statfs::SMB_SUPER_MAGIC, statfs::AFS_SUPER_MAGIC];
    if network.contains(&kind) || [CIFS, SMB2, CEPH, V9FS].contains(&(kind.0 as i64)) {
        let why = "it is on a network file system; use a local folder, or a bucket for several machines";
        return Err(LogError::Unsuitable { place: folder.display().to_string(), why });
    }
    Ok(())
}
