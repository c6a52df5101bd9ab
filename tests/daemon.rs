//! The main job through the Rust API: daemon, workspace, filespace, files.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use lucidlink::crypto::token::Token;
use lucidlink::daemon::Daemon;
use lucidlink::daemon::config::Config;
use lucidlink::daemon::filespace::{Filespace, LinkRequest};
use lucidlink::daemon::storage::StorageMode;
use lucidlink::env::{Env, ManualClock};
use lucidlink::error::Status;
use lucidlink::filespace::Draft;
use lucidlink::fs::{File, Mode, Path};
use lucidlink::state::ops::{End, Op};
use lucidlink::state::value::{Kind, Role};
use lucidlink::workspace::{Location, Workspace};

struct World {
    folder: tempfile::TempDir,
    admin: Token,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::from(folder.path().join("ws"));
        let timeout = std::time::Duration::from_secs(20);
        let admin = Workspace::create(&location, "studio", &Env::system(), timeout).unwrap();
        World { folder, admin }
    }

    fn daemon(&self) -> Daemon {
        self.daemon_with(StorageMode::Sandboxed { parent: self.folder.path().to_owned() })
    }

    fn daemon_with(&self, storage: StorageMode) -> Daemon {
        let mut config = Config::default();
        config.set("daemon.allow_multiple", "true").unwrap();
        config.set("workspace.url", &format!("file://{}/ws", self.folder.path().display())).unwrap();
        let daemon = Daemon::new(config, storage, Env::system());
        daemon.start().unwrap();
        daemon
    }

    fn open(&self, token: &Token) -> (Daemon, Arc<Workspace>) {
        let daemon = self.daemon();
        let workspace = daemon.authenticate(token).unwrap();
        (daemon, workspace)
    }
}

fn request() -> LinkRequest {
    LinkRequest::strict()
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn link(daemon: &Daemon, workspace: &Arc<Workspace>, name: &str) -> Arc<Filespace> {
    let id = workspace.filespace_named(name).unwrap().id;
    daemon.link(workspace, id, request()).unwrap()
}

fn write(filespace: &Filespace, at: &str, data: &[u8]) {
    let file = filespace.fs().open(&path(at), Mode::parse("w").unwrap(), 0o644).unwrap();
    file.write(data).unwrap();
    file.close().unwrap();
}

fn read(filespace: &Filespace, at: &str) -> Vec<u8> {
    let file = filespace.fs().open(&path(at), Mode::parse("r").unwrap(), 0).unwrap();
    let mut data = vec![0; file.size().unwrap() as usize];
    let mut done = 0;
    while done < data.len() {
        done += file.read(&mut data[done..]).unwrap();
    }
    data
}

#[test]
fn what_one_daemon_writes_another_reads_at_once() {
    let world = World::new();
    let (a, ws_a) = world.open(&world.admin);
    ws_a.create_filespace("projects").unwrap();
    let fs_a = link(&a, &ws_a, "projects");
    let (b, ws_b) = world.open(&world.admin);
    let fs_b = link(&b, &ws_b, "projects");

    fs_a.fs().create_dir(&path("/shots/010"), 0o755).unwrap();
    for (name, len) in [("small", 5), ("block", 256 << 10), ("large", 3_000_001)] {
        let data: Vec<u8> = (0..len).map(|i: u32| (i.wrapping_mul(2654435761) >> 13) as u8).collect();
        let at = format!("/shots/010/{name}");
        write(&fs_a, &at, &data);
        assert_eq!(read(&fs_b, &at), data, "{name}");
        assert_eq!(read(&fs_a, &at), data, "{name}");
    }
    let names: Vec<_> =
        fs_b.fs().read_dir(&path("/shots/010")).unwrap().into_iter().map(|e| (e.name, e.size)).collect();
    assert_eq!(names, [("block".into(), 256 << 10), ("large".into(), 3_000_001), ("small".into(), 5)]);
    fs_b.fs().rename(&path("/shots"), &path("/takes"), false).unwrap();
    assert!(!fs_a.fs().exists(&path("/shots"), Kind::Directory).unwrap());
    write(&fs_a, "/takes/010/small", b"again");
    assert_eq!(read(&fs_b, "/takes/010/small"), b"again");
    fs_b.fs().delete_dir(&path("/takes"), true).unwrap();
    let counters = fs_a.fs().usage().unwrap().counters;
    assert_eq!((counters.files, counters.directories, counters.bytes(), counters.live()), (0, 1, 0, 0));
    a.stop().unwrap();
    b.stop().unwrap();
}

#[test]
fn accounts_come_and_go() {
    let world = World::new();
    let (a, ws) = world.open(&world.admin);
    ws.create_filespace("projects").unwrap();
    let fs = link(&a, &ws, "projects");
    write(&fs, "/file", b"content");

    let reader = ws.create_account("render", Role::Writer, 0).unwrap();
    let (b, ws_b) = world.open(&reader);
    let info = ws_b.filespace_named("projects").unwrap();
    assert!(!info.accessible);
    assert_eq!(b.link(&ws_b, info.id, request()).err().unwrap().status(), Status::AccessDenied);
    ws.grant("projects", "render", Role::Reader).unwrap();
    let fs_b = link(&b, &ws_b, "projects");
    assert_eq!(read(&fs_b, "/file"), b"content");
    assert_eq!(fs_b.fs().create_dir(&path("/d"), 0o755).unwrap_err().status(), Status::AccessDenied);
    ws.grant("projects", "render", Role::Writer).unwrap();
    fs_b.fs().create_dir(&path("/d"), 0o755).unwrap();
    assert_eq!(ws_b.create_filespace("other").unwrap_err().status(), Status::AccessDenied);
    ws.revoke_account("render").unwrap();
    assert_eq!(fs_b.fs().create_dir(&path("/e"), 0o755).unwrap_err().status(), Status::AccessDenied);
    assert_eq!(b.authenticate(&reader).err().unwrap().status(), Status::Authentication);
    assert!(b.authenticate(&reader).err().unwrap().to_string().contains("revoked"));

    let second = ws.create_account("spare", Role::Admin, 0).unwrap();
    let (c, ws_c) = world.open(&second);
    let fs_c = link(&c, &ws_c, "projects");
    assert_eq!(read(&fs_c, "/file"), b"content");
    ws_c.revoke_account("admin").unwrap();
    assert_eq!(ws_c.revoke_account("spare").unwrap_err().status(), Status::AccessDenied);
    assert!(ws.create_filespace("late").is_err());
}

#[test]
fn a_checkpoint_carries_the_state() {
    let world = World::new();
    let (a, ws) = world.open(&world.admin);
    ws.create_filespace("projects").unwrap();
    let fs = link(&a, &ws, "projects");
    for n in 0..300 {
        write(&fs, &format!("/file{n:04}"), format!("content {n}").as_bytes());
    }
    fs.fs().link().write_checkpoint().unwrap();
    for n in 300..400 {
        write(&fs, &format!("/file{n:04}"), format!("content {n}").as_bytes());
    }
    fs.fs().link().write_checkpoint().unwrap();
    for n in 0..10 {
        fs.fs().delete(&path(&format!("/file{n:04}"))).unwrap();
    }
    let (b, ws_b) = world.open(&world.admin);
    let fs_b = link(&b, &ws_b, "projects");
    for n in 10..400 {
        assert_eq!(read(&fs_b, &format!("/file{n:04}")), format!("content {n}").as_bytes());
    }
    assert_eq!(fs_b.fs().list_dir(&path("/")).unwrap().len(), 390);
    assert_eq!(fs_b.fs().link().state_hash(), fs.fs().link().state_hash());
}

#[test]
fn handles_that_make_one_name_at_once_all_publish() {
    let world = World::new();
    let (a, ws_a) = world.open(&world.admin);
    ws_a.create_filespace("projects").unwrap();
    let (b, ws_b) = world.open(&world.admin);
    let links = [link(&a, &ws_a, "projects"), link(&b, &ws_b, "projects")];
    for round in 0..150 {
        let at = format!("/round{round}");
        std::thread::scope(|scope| {
            for n in 0..6 {
                let (filespace, at) = (&links[usize::from(n == 5)], &at);
                scope.spawn(move || write(filespace, at, format!("content {n}").as_bytes()));
            }
        });
        let content = String::from_utf8(read(&links[0], &at)).unwrap();
        assert!(content.starts_with("content ") && content.len() == 9, "{content}");
        assert_eq!(read(&links[1], &at), content.as_bytes());
    }
}

#[test]
fn only_admins_of_the_workspace_grant_and_delete() {
    let world = World::new();
    let (a, ws) = world.open(&world.admin);
    ws.create_filespace("projects").unwrap();
    for name in ["lead", "guest"] {
        ws.create_account(name, Role::Writer, 0).unwrap();
    }
    let lead = ws.create_account("lead2", Role::Writer, 0).unwrap();
    ws.grant("projects", "lead2", Role::Admin).unwrap();
    let (_b, ws_lead) = world.open(&lead);
    for refused in [
        ws_lead.grant("projects", "guest", Role::Reader),
        ws_lead.delete_filespace("projects"),
        ws_lead.rename_filespace("projects", "other"),
        ws_lead.revoke_account("guest"),
    ] {
        assert_eq!(refused.unwrap_err().status(), Status::AccessDenied);
    }
    assert_eq!(read_or_make(&a, &ws), b"content");
}

fn read_or_make(daemon: &Daemon, workspace: &Arc<Workspace>) -> Vec<u8> {
    let filespace = link(daemon, workspace, "projects");
    write(&filespace, "/file", b"content");
    read(&filespace, "/file")
}

#[test]
fn deleting_a_filespace_can_be_finished_later() {
    let world = World::new();
    let (a, ws) = world.open(&world.admin);
    ws.create_filespace("projects").unwrap();
    let filespace = link(&a, &ws, "projects");
    // The first half of it, before the workspace knew.
    let end = Draft::of(Op::End(End {}));
    filespace.fs().link().commit(end, filespace.fs().link().deadline()).unwrap();
    assert_eq!(filespace.fs().list_dir(&path("/")).unwrap_err().status(), Status::FilespaceDeleted);
    let info = ws.filespace_named("projects").unwrap();
    ws.delete_filespace("projects").unwrap();
    assert_eq!(ws.filespace_named("projects").unwrap_err().status(), Status::NotFound);
    let again = ws.create_filespace("projects").unwrap();
    assert_ne!(again.id, info.id);
}

#[test]
fn an_expired_account_is_told_apart() {
    let world = World::new();
    let (_a, ws) = world.open(&world.admin);
    let expiry = Env::system().clock.now() + 3_600_000_000_000;
    let token = ws.create_account("guest", Role::Reader, expiry).unwrap();
    let clock = Arc::new(ManualClock::new(expiry - 1_000_000));
    let later = Env { clock: clock.clone(), ..Env::system() };
    let mut config = Config::default();
    config.set("daemon.allow_multiple", "true").unwrap();
    config.set("workspace.url", &format!("file://{}/ws", world.folder.path().display())).unwrap();
    let storage = StorageMode::Sandboxed { parent: world.folder.path().to_owned() };
    let daemon = Daemon::new(config, storage, later);
    daemon.start().unwrap();
    daemon.authenticate(&token).unwrap();
    let admins = daemon.authenticate(&world.admin).unwrap();
    let other = admins.create_account("other", Role::Admin, expiry).unwrap();
    clock.advance(1_000_000);
    // The other admin is none any more.
    let error = admins.revoke_account("admin").unwrap_err();
    assert_eq!(error.status(), Status::AccessDenied);
    assert!(error.to_string().contains("last admin"), "{error}");
    admins.revoke_account(&other.key_id.to_string()).unwrap();
    let error = daemon.authenticate(&token).err().unwrap();
    assert_eq!(error.status(), Status::Authentication);
    assert!(error.to_string().contains("expired"), "{error}");
    assert_eq!(ws.create_account("late", Role::Reader, 1).unwrap_err().status(), Status::InvalidArgument);
}

fn open(filespace: &Filespace, at: &str, mode: &str) -> File {
    filespace.fs().open(&path(at), Mode::parse(mode).unwrap(), 0o644).unwrap()
}

#[test]
fn a_handle_stays_with_the_file_it_opened() {
    let world = World::new();
    let (a, ws) = world.open(&world.admin);
    ws.create_filespace("projects").unwrap();
    let filespace = link(&a, &ws, "projects");
    write(&filespace, "/a", b"original");
    let (replacing, changing) = (open(&filespace, "/a", "w"), open(&filespace, "/a", "r+"));
    filespace.fs().rename(&path("/a"), &path("/b"), false).unwrap();
    replacing.write(b"new").unwrap();
    replacing.close().unwrap();
    changing.pwrite(0, b"ORIG").unwrap();
    changing.close().unwrap();
    assert_eq!((&read(&filespace, "/a")[..], &read(&filespace, "/b")[..]), (&b"new"[..], &b"ORIGinal"[..]));

    let (replacing, appending) = (open(&filespace, "/b", "w"), open(&filespace, "/b", "a"));
    filespace.fs().delete(&path("/b")).unwrap();
    replacing.close().unwrap();
    appending.write(b"lost").unwrap();
    assert_eq!(appending.close().unwrap_err().status(), Status::Deleted);
    assert_eq!(read(&filespace, "/b"), b"");
}

#[test]
fn a_barrier_sees_every_open_file() {
    let world = World::new();
    let (a, ws) = world.open(&world.admin);
    ws.create_filespace("projects").unwrap();
    let filespace = link(&a, &ws, "projects");
    write(&filespace, "/f", b"before");
    let first = open(&filespace, "/f", "w");
    filespace.fs().delete(&path("/f")).unwrap();
    let _second = open(&filespace, "/f", "x");
    first.write(b"first").unwrap();
    first.flush().unwrap();
    first.write(b"SECOND").unwrap();
    filespace.sync_all().unwrap();
    assert_eq!(read(&filespace, "/f"), b"firstSECOND");
}

#[test]
fn more_ranges_than_a_pack_has_blocks() {
    let world = World::new();
    let (a, ws) = world.open(&world.admin);
    ws.create_filespace("projects").unwrap();
    let filespace = link(&a, &ws, "projects");
    let file = open(&filespace, "/dots", "w");
    for n in 0..70_000 {
        file.pwrite(2 * n, b"x").unwrap();
    }
    file.close().unwrap();
    let expected: Vec<u8> = b"x\0".iter().copied().cycle().take(2 * 70_000 - 1).collect();
    assert!(read(&filespace, "/dots") == expected);
}

/// A workspace folder as it was, put in the place of the one that is.
fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

#[test]
fn a_log_that_was_set_back_is_noticed_where_a_position_is_remembered() {
    let world = World::new();
    let root = world.folder.path().join("storage");
    std::fs::create_dir(&root).unwrap();
    let persistent = || world.daemon_with(StorageMode::Physical { root: root.clone(), persist: true });
    let relink = |daemon: &Daemon, request: LinkRequest| {
        let workspace = daemon.authenticate(&world.admin).unwrap();
        let id = workspace.filespace_named("projects").unwrap().id;
        daemon.link(&workspace, id, request)
    };
    let (first, workspace) = world.open(&world.admin);
    workspace.create_filespace("projects").unwrap();
    first.stop().unwrap();
    copy_folder(&world.folder.path().join("ws"), &world.folder.path().join("backup"));

    let daemon = persistent();
    let filespace = relink(&daemon, request()).unwrap();
    write(&filespace, "/f", b"x");
    let seq = filespace.sync_all().unwrap();
    let position = filespace.fs().link().describe(seq).unwrap();
    daemon.stop().unwrap();
    let daemon = persistent();
    relink(&daemon, request()).unwrap();
    daemon.stop().unwrap();

    std::fs::remove_dir_all(world.folder.path().join("ws")).unwrap();
    copy_folder(&world.folder.path().join("backup"), &world.folder.path().join("ws"));
    let daemon = persistent();
    let error = relink(&daemon, request()).err().unwrap();
    assert_eq!(error.status(), Status::LogRolledBack);
    let seen = std::fs::read_dir(root.join(".lucid")).unwrap().flatten();
    let seen = seen.map(|entry| entry.path().join("seen")).find(|file| file.exists()).unwrap();
    assert!(error.to_string().contains(&*seen.to_string_lossy()), "{error}");
    let (without, _) = world.open(&world.admin);
    let asking = LinkRequest { at_least: Some(position), ..request() };
    assert_eq!(relink(&without, asking).err().unwrap().status(), Status::LogRolledBack);
    relink(&without, request()).unwrap();
    std::fs::remove_file(seen).unwrap();
    relink(&daemon, request()).unwrap();
    daemon.stop().unwrap();
    without.stop().unwrap();
}
