//! Key generations: who was sent away cannot open what is written later, and nobody else notices.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    clippy::print_stderr
)]

#[path = "support/abi.rs"]
mod abi;

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use abi::Abi;
use bytes::Bytes;
use lucidlink::content::pack::{open_block, parse_header};
use lucidlink::content::store::Store;
use lucidlink::content::store::memory::MemoryStore;
use lucidlink::crypto::Key32;
use lucidlink::crypto::account::AccountKeys;
use lucidlink::crypto::grant::GrantScope;
use lucidlink::crypto::seal::{Keyring, Kind, ObjectKey};
use lucidlink::crypto::token::Token;
use lucidlink::env::Env;
use lucidlink::ffi::workspace::{LL_CONSISTENCY_RELAXED, LL_CONSISTENCY_STRICT};
use lucidlink::filespace::genesis::{Genesis, key_hash, log_id};
use lucidlink::filespace::{CommitError, Draft, Link, LinkOptions, LinkParts};
use lucidlink::fs::{FileSystem, Mode, Path as RemotePath};
use lucidlink::ids::{LogId, Seq};
use lucidlink::log::CommitLog;
use lucidlink::log::envelope::{SlotView, open_body};
use lucidlink::log::faulty::FaultyLog;
use lucidlink::log::folder::FolderLog;
use lucidlink::log::memory::MemoryLog;
use lucidlink::state::Tables;
use lucidlink::state::ops::{NewGeneration, Op};
use lucidlink::workspace::{Location, Workspace};
use prost::Message;

const AUTHENTICATION: i32 = -302;
const ACCESS_DENIED: i32 = -303;
const WRITER: u32 = 2;
const ADMIN: u32 = 3;
const TIMEOUT: Duration = Duration::from_secs(30);

struct World {
    abi: Abi,
    url: String,
    token: String,
    daemon: u64,
    workspace: u64,
    fs: u64,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let (abi, folder) = (Abi::load(), tempfile::tempdir().unwrap());
        let url = format!("file://{}/ws", folder.path().display());
        let token = abi.workspace_create(&url, "keys").unwrap();
        let mut world = World { abi, url, token, daemon: 0, workspace: 0, fs: 0, folder };
        (world.daemon, world.workspace) = world.client(&world.token);
        world.abi.create_filespace(world.workspace, "demo").unwrap();
        world.fs = world.abi.link(world.workspace, "demo").unwrap();
        world
    }

    fn client(&self, token: &str) -> (u64, u64) {
        let daemon =
            self.abi.daemon(&[("workspace.url", &self.url), ("daemon.allow_multiple", "true")]).unwrap();
        (daemon, self.abi.authenticate(daemon, token).unwrap())
    }

    /// A member of the filespace; its token.
    fn member(&self, name: &str, role: u32) -> String {
        let token = self.abi.create_account(self.workspace, name, role).unwrap();
        if role != ADMIN {
            self.abi.grant(self.workspace, "demo", name, role).unwrap();
        }
        token
    }

    /// The folder of the only filespace.
    fn filespace(&self) -> PathBuf {
        self.folder.path().join("ws/filespaces").read_dir().unwrap().next().unwrap().unwrap().path()
    }

    /// The current generation, and whether somebody knows its key who is no member any more, as a newcomer sees it.
    fn generation(&self) -> (u32, bool) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (location, token) = (Location::parse(&self.url).unwrap(), Token::parse(&self.token).unwrap());
        let workspace =
            Workspace::open(&location, &token, &Env::system(), TIMEOUT, runtime.handle().clone()).unwrap();
        let id = workspace.filespace_named("demo").unwrap().id;
        let options = LinkOptions { read_only: true, ..LinkOptions::strict(TIMEOUT) };
        let link = workspace.link(id, options).unwrap();
        link.read(|state| {
            let generation = state.header()?.generation;
            Ok((generation, state.generation(generation)?.is_known_outside))
        })
        .unwrap()
    }

    fn child(&self, token: &str, kind: &str) -> (Child, Lines<BufReader<ChildStderr>>) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
            .envs([("KEYS_URL", &*self.url), ("KEYS_TOKEN", token), ("KEYS_KIND", kind)])
            .env("KEYS_FOLDER", self.folder.path())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        (child, lines)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.abi.stop(self.daemon);
    }
}

/// What the child says next that it did.
fn number(lines: &mut Lines<BufReader<ChildStderr>>) -> usize {
    loop {
        let line = lines.next().expect("the child is alive").unwrap();
        if let Some(number) = line.strip_prefix("did ") {
            return number.parse().unwrap();
        }
    }
}

/// What other tests run and kill.
#[test]
#[ignore = "it is run by other tests"]
fn child() {
    let (Ok(url), Ok(token)) = (std::env::var("KEYS_URL"), std::env::var("KEYS_TOKEN")) else { return };
    let kind = std::env::var("KEYS_KIND").unwrap();
    let abi = Abi::load();
    let settings = [("workspace.url", &url[..])];
    let daemon = match &kind[..] {
        "journal" => {
            abi.daemon_in(Path::new(&std::env::var("KEYS_FOLDER").unwrap()), true, &settings).unwrap()
        }
        _ => abi.daemon(&settings).unwrap(),
    };
    let workspace = abi.authenticate(daemon, &token).unwrap();
    if kind == "revoke" {
        for n in 0.. {
            let name = format!("guest {}-{n}", std::process::id());
            abi.create_account(workspace, &name, WRITER).unwrap();
            abi.grant(workspace, "demo", &name, WRITER).unwrap();
            eprintln!("did {n}");
            abi.revoke_account(workspace, &name).unwrap();
        }
    }
    if kind == "rotate" {
        // Through the crate, which gives the token before it is final; a program that takes it from the C interface has
        // it in its buffer by then.
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (location, token) = (Location::parse(&url).unwrap(), Token::parse(&token).unwrap());
        let handle = runtime.handle().clone();
        let workspace = Workspace::open(&location, &token, &Env::system(), TIMEOUT, handle).unwrap();
        let deliver = |token: &Token| {
            eprintln!("token {}", *token.reveal());
            Ok(())
        };
        return workspace.rotate_account("bob", deliver).unwrap();
    }
    let consistency = if kind == "strict" { LL_CONSISTENCY_STRICT } else { LL_CONSISTENCY_RELAXED };
    let fs = abi.link_as(workspace, "demo", consistency).unwrap();
    let first = abi.read_dir(fs, "/").unwrap().iter().filter(|(name, _)| name.starts_with(&kind)).count();
    for n in first.. {
        abi.write_file(fs, &format!("/{kind}-{n}"), &content(n)).unwrap();
        eprintln!("did {n}");
    }
}

fn content(n: usize) -> Vec<u8> {
    (0..100 + n % 7 * 50_000).map(|i| (i * 31 + n) as u8).collect()
}

/// Everything in a copy of a filespace's folder that some key of the first generation opens, and how much it does not.
fn opens_with(key: &Key32, id: LogId, folder: &Path) -> (Vec<String>, usize) {
    let (mut opened, mut closed) = (Vec::new(), 0);
    let log = FolderLog::open(folder, TIMEOUT, |_| Ok(true)).unwrap();
    for (at, slot) in &log.read(Seq(1), usize::MAX, usize::MAX).unwrap() {
        let view = SlotView::parse(slot).unwrap();
        let envelope = view.envelope();
        let object = [&envelope.session.0[..], &envelope.k.to_le_bytes()].concat();
        let sealing = ObjectKey::derive(key, &envelope.salt, Kind::Commit, &id, &object);
        match view.payload().is_some_and(|payload| open_body(&sealing, payload).is_ok()) {
            true => opened.push(format!("slot {at}")),
            false => closed += 1,
        }
    }
    for (kind, name) in [(Kind::Pack, "packs"), (Kind::Part, "parts"), (Kind::Manifest, "checkpoints")] {
        let mut pending = vec![folder.join(name)];
        while let Some(path) = pending.pop() {
            if path.is_dir() {
                pending.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
            } else if let Ok(bytes) = std::fs::read(&path) {
                let (_, object, salt) = parse_header(&bytes).unwrap();
                let sealing = ObjectKey::derive(key, &salt, kind, &id, &object);
                match open_block(&sealing, 0, &bytes[58..]).is_ok() {
                    true => opened.push(path.display().to_string()),
                    false => closed += 1,
                }
            }
        }
    }
    (opened, closed)
}

#[test]
fn who_was_sent_away_cannot_open_what_is_written_later() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    let token = Token::parse(&world.member("ann", WRITER)).unwrap();
    let bob = world.member("bob", WRITER);
    abi.write_file(fs, "/before", &content(1)).unwrap();
    let id = LogId::from_hex(world.filespace().file_name().unwrap().to_str().unwrap()).unwrap();

    // All that ann has: her token, and a copy of everything that there is.
    let location = Location::parse(&world.url).unwrap();
    let Location::Folder(root) = &location else { panic!("a folder") };
    let genesis = FolderLog::open(root, TIMEOUT, |_| Ok(true)).unwrap().read(Seq(0), 1, usize::MAX).unwrap();
    let workspace = lucidlink::workspace::state::workspace_id(&genesis[0].1);
    let account = AccountKeys::derive(&token.secret, &workspace).unwrap();
    let grant = std::fs::read(world.filespace().join(format!("grants/{}/0", account.key_id()))).unwrap();
    let scope = GrantScope { workspace, log: id, generation: 0, recipient: account.key_id() };
    let known = scope.open_unsigned(&grant, &account).unwrap();
    let (before, closed) = opens_with(&known, id, &world.filespace());
    assert!(!before.is_empty() && closed == 0, "she can open what there is");

    abi.revoke_account(world.workspace, "ann").unwrap();
    assert!(matches!(world.generation(), (1.., false)));
    let head = FolderLog::open(&world.filespace(), TIMEOUT, |_| Ok(true)).unwrap().head().unwrap();
    let (during, _) = opens_with(&known, id, &world.filespace());
    // What a link writes before it has heard of the new key is sealed under the old one: any look at the log tells it.
    abi.read_dir(fs, "/").unwrap();
    abi.write_file(fs, "/later", &content(2)).unwrap();
    abi.write_file(fs, "/larger", &content(6)).unwrap();
    for n in 0..3000 {
        abi.set_mode(fs, "/later", 0o600 + n % 8).unwrap();
    }
    // With a checkpoint.
    abi.unlink(fs).unwrap();
    let (after, closed) = opens_with(&known, id, &world.filespace());
    assert_eq!(after, during, "of what was written later she can open nothing");
    assert!(closed > 3000);
    assert!(world.filespace().join("checkpoints").read_dir().unwrap().count() > 0);
    let grants = world.filespace().join(format!("grants/{}", account.key_id()));
    assert_eq!(grants.read_dir().unwrap().count(), 1, "no other key was granted to her");
    assert!(head.0 > 0);

    // All others can, from the checkpoint, who came before and who comes now.
    let carol = world.member("carol", WRITER);
    for token in [&bob, &carol] {
        let (daemon, workspace) = world.client(token);
        let fs = abi.link(workspace, "demo").unwrap();
        assert_eq!(abi.read_file(fs, "/before").unwrap(), content(1));
        assert_eq!(abi.read_file(fs, "/later").unwrap(), content(2));
        assert_eq!(abi.read_file(fs, "/larger").unwrap(), content(6));
        abi.write_file(fs, "/more", &content(3)).unwrap();
        abi.stop(daemon).unwrap();
    }
}

#[test]
fn a_newcomer_opens_what_was_written_under_all_keys() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    for n in 0..4 {
        abi.write_file(fs, &format!("/{n}"), &content(n)).unwrap();
        let guest = format!("guest {n}");
        world.member(&guest, WRITER);
        abi.revoke(world.workspace, "demo", &guest).unwrap();
        assert!(!world.generation().1, "the key is another one at once");
    }
    // With a grant of the last key alone, and no checkpoint.
    let (daemon, workspace) = world.client(&world.member("ann", WRITER));
    let ann = abi.link(workspace, "demo").unwrap();
    for n in 0..4 {
        assert_eq!(abi.read_file(ann, &format!("/{n}")).unwrap(), content(n));
    }
    // A link that was there goes on, and ends when its account does.
    abi.revoke(world.workspace, "demo", "ann").unwrap();
    abi.write_file(fs, "/5", b"later").unwrap();
    assert_eq!(abi.read_file(ann, "/5").unwrap_err().status, ACCESS_DENIED);
    assert_eq!(abi.create_dir(ann, "/d").unwrap_err().status, ACCESS_DENIED);
    let _ = abi.stop(daemon);
    // Granted again, it opens what was written meanwhile.
    abi.grant(world.workspace, "demo", "ann", 1).unwrap();
}

#[test]
fn a_token_is_rotated_and_the_account_keeps_its_roles() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    abi.create_filespace(world.workspace, "other").unwrap();
    let old = world.member("ann", WRITER);
    abi.grant(world.workspace, "other", "ann", 1).unwrap();
    abi.write_file(fs, "/before", &content(1)).unwrap();
    let (daemon, workspace) = world.client(&old);
    let linked = abi.link(workspace, "demo").unwrap();
    assert_eq!(abi.rotate_account(workspace, "ann").unwrap_err().status, ACCESS_DENIED);
    let generation = world.generation().0;
    let new = abi.rotate_account(world.workspace, "ann").unwrap();
    assert_ne!(old, new);
    assert!(world.generation().0 > generation && !world.generation().1, "the old token's key is another one");
    abi.write_file(fs, "/after", &content(2)).unwrap();
    // The old token is out.
    assert_eq!(abi.authenticate(daemon, &old).unwrap_err().status, AUTHENTICATION);
    assert_eq!(abi.read_file(linked, "/after").unwrap_err().status, ACCESS_DENIED);
    let _ = abi.stop(daemon);
    // The new one is what it was.
    let (daemon, workspace) = world.client(&new);
    let demo = abi.link(workspace, "demo").unwrap();
    assert_eq!(abi.read_file(demo, "/before").unwrap(), content(1));
    assert_eq!(abi.read_file(demo, "/after").unwrap(), content(2));
    abi.write_file(demo, "/own", b"written").unwrap();
    let other = abi.link(workspace, "other").unwrap();
    assert_eq!(
        abi.create_dir(other, "/d").unwrap_err().status,
        ACCESS_DENIED,
        "it could read there, no more"
    );
    abi.stop(daemon).unwrap();
    // Again, and then it ends for good under its name.
    let third = abi.rotate_account(world.workspace, "ann").unwrap();
    abi.revoke_account(world.workspace, "ann").unwrap();
    let (daemon, _) = world.client(&world.token);
    for token in [&new, &third] {
        assert_eq!(abi.authenticate(daemon, token).unwrap_err().status, AUTHENTICATION);
    }
    abi.stop(daemon).unwrap();
    assert_eq!(abi.rotate_account(world.workspace, "ann").unwrap_err().status, AUTHENTICATION);
}

#[test]
fn the_only_admin_rotates_its_own_token() {
    let mut world = World::new();
    world.abi.write_file(world.fs, "/before", &content(1)).unwrap();
    let old = world.token.clone();
    let new = world.abi.rotate_account(world.workspace, "admin").unwrap();
    // This handle is the old account's.
    assert_eq!(world.abi.create_filespace(world.workspace, "x").unwrap_err().status, ACCESS_DENIED);
    let abi = Abi::load();
    let settings = [("workspace.url", &world.url[..]), ("daemon.allow_multiple", "true")];
    let daemon = abi.daemon(&settings).unwrap();
    assert_eq!(abi.authenticate(daemon, &old).unwrap_err().status, AUTHENTICATION);
    let workspace = abi.authenticate(daemon, &new).unwrap();
    let fs = abi.link(workspace, "demo").unwrap();
    assert_eq!(abi.read_file(fs, "/before").unwrap(), content(1));
    abi.write_file(fs, "/after", &content(2)).unwrap();
    abi.create_filespace(workspace, "more").unwrap();
    abi.create_account(workspace, "ann", WRITER).unwrap();
    abi.grant(workspace, "demo", "ann", WRITER).unwrap();
    abi.revoke(workspace, "demo", "ann").unwrap();
    abi.stop(daemon).unwrap();
    world.token = new;
    assert!(!world.generation().1);
}

#[test]
fn an_admin_that_is_no_member_of_a_filespace_does_its_work_in_the_others() {
    let world = World::new();
    let abi = &world.abi;
    let bob = abi.create_account(world.workspace, "bob", ADMIN).unwrap();
    abi.create_filespace(world.workspace, "more").unwrap();
    // It still has a key of what was written before.
    abi.revoke(world.workspace, "demo", "bob").unwrap();
    abi.create_filespace(world.workspace, "read").unwrap();
    abi.grant(world.workspace, "read", "bob", WRITER).unwrap();
    let settings = [("workspace.url", &world.url[..]), ("daemon.allow_multiple", "true")];
    let bobs = Abi::load();
    let daemon = bobs.daemon(&settings).unwrap();
    let workspace = bobs.authenticate(daemon, &bob).unwrap();
    let carl = bobs.create_account(workspace, "carl", ADMIN).unwrap();
    let other = bobs.daemon(&settings).unwrap();
    let carls = bobs.authenticate(other, &carl).unwrap();
    bobs.unlink(bobs.link(carls, "more").unwrap()).unwrap();
    assert_eq!(bobs.link(carls, "demo").unwrap_err().status, ACCESS_DENIED);
    bobs.stop(other).unwrap();
    bobs.revoke_account(workspace, "carl").unwrap();
    let new = bobs.rotate_account(workspace, "bob").unwrap();
    bobs.stop(daemon).unwrap();
    let daemon = bobs.daemon(&settings).unwrap();
    let workspace = bobs.authenticate(daemon, &new).unwrap();
    bobs.unlink(bobs.link(workspace, "more").unwrap()).unwrap();
    bobs.grant(workspace, "more", "bob", ADMIN).unwrap();
    // Where it is no admin, the link of one does it.
    abi.unlink(abi.link(world.workspace, "read").unwrap()).unwrap();
    bobs.unlink(bobs.link(workspace, "read").unwrap()).unwrap();
    bobs.stop(daemon).unwrap();
}

#[test]
fn no_filespace_is_lost_by_rotating_the_token_of_its_only_admin() {
    let world = World::new();
    let abi = &world.abi;
    let bob = abi.create_account(world.workspace, "bob", ADMIN).unwrap();
    let (daemon, workspace) = world.client(&bob);
    abi.create_filespace(workspace, "only").unwrap();
    abi.revoke(workspace, "only", "admin").unwrap();
    let refused = abi.rotate_account(world.workspace, "bob").unwrap_err();
    assert_eq!(refused.status, ACCESS_DENIED);
    assert!(refused.message.contains("only") && refused.message.contains("itself"), "{}", refused.message);
    let new = abi.rotate_account(workspace, "bob").unwrap();
    abi.stop(daemon).unwrap();
    let (daemon, workspace) = world.client(&new);
    abi.grant(workspace, "only", "admin", ADMIN).unwrap();
    abi.rotate_account(world.workspace, "bob").unwrap();
    abi.stop(daemon).unwrap();
}

#[test]
fn whoever_is_killed_while_a_token_is_rotated_one_of_both_is_good() {
    let world = World::new();
    let abi = &world.abi;
    let mut token = world.member("bob", WRITER);
    for round in 0..8usize {
        abi.write_file(world.fs, "/file", &content(round)).unwrap();
        let before = log_length(&world);
        let (mut child, lines) = world.child(&world.token, "rotate");
        // Somewhere between the token and the last commit.
        while log_length(&world) < before + 1 + round as u64 * 700 {
            if child.try_wait().unwrap().is_some() {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let delivered =
            lines.map_while(Result::ok).filter_map(|line| Some(line.strip_prefix("token ")?.to_owned()));
        // An admin's link finishes what is left, and both are tried.
        let (daemon, workspace) = world.client(&world.token);
        let fs = abi.link(workspace, "demo").unwrap();
        abi.write_file(fs, "/file", &content(round + 1)).unwrap();
        let tokens: Vec<String> = [token.clone()].into_iter().chain(delivered).collect();
        let good: Vec<&String> =
            tokens.iter().filter(|token| abi.authenticate(daemon, token).is_ok()).collect();
        assert_eq!(good.len(), 1, "of {}", tokens.len());
        token = good[0].clone();
        abi.stop(daemon).unwrap();
        let (daemon, workspace) = world.client(&token);
        let fs = abi.link(workspace, "demo").unwrap();
        assert_eq!(abi.read_file(fs, "/file").unwrap(), content(round + 1));
        abi.write_file(fs, "/own", &content(round)).unwrap();
        abi.stop(daemon).unwrap();
        assert!(!world.generation().1);
    }
}

/// Bytes of the workspace's log and the filespace's.
fn log_length(world: &World) -> u64 {
    let length = |path: PathBuf| std::fs::metadata(path.join("log/slots")).unwrap().len();
    length(world.folder.path().join("ws")) + length(world.filespace())
}

#[test]
fn links_go_on_while_the_key_changes() {
    let world = World::new();
    let abi = &world.abi;
    let bob = world.member("bob", WRITER);
    let mut writers = ["strict", "relaxed"].map(|kind| (kind, world.child(&bob, kind)));
    for round in 0..8 {
        for (_, (_, lines)) in &mut writers {
            let now = number(lines);
            while number(lines) < now + 5 {}
        }
        let guest = format!("guest {round}");
        world.member(&guest, WRITER);
        abi.revoke(world.workspace, "demo", &guest).unwrap();
    }
    for (kind, (child, lines)) in &mut writers {
        let upto = number(lines);
        child.kill().unwrap();
        child.wait().unwrap();
        // What relaxed mode acknowledged a moment ago went with the process.
        let sure = if *kind == "strict" { upto + 1 } else { 20 };
        for n in 0..sure {
            assert_eq!(abi.read_file(world.fs, &format!("/{kind}-{n}")).unwrap(), content(n), "{kind} {n}");
        }
    }
}

#[test]
fn a_link_that_fails_leaves_the_journal_to_the_next() {
    let world = World::new();
    let (abi, settings) = (&world.abi, [("workspace.url", &*world.url), ("daemon.allow_multiple", "true")]);
    let storage = tempfile::tempdir().unwrap();
    let link = |root: &str| {
        let daemon = abi.daemon_in(storage.path(), true, &settings).unwrap();
        let workspace = abi.authenticate(daemon, &world.token).unwrap();
        (daemon, workspace, abi.link_below(workspace, "demo", root, LL_CONSISTENCY_RELAXED))
    };
    for round in 0..5 {
        let (daemon, _, fs) = link("/");
        for n in 0..20 {
            abi.create_dir(*fs.as_ref().unwrap(), &format!("/{round}-{n}")).unwrap();
        }
        abi.free_daemon(daemon);
        let (daemon, workspace, failed) = link("/nowhere");
        assert!(failed.is_err());
        let fs = abi.link_below(workspace, "demo", "/", LL_CONSISTENCY_RELAXED).unwrap();
        abi.create_dir(fs, &format!("/{round}-more")).unwrap();
        abi.sync_all(fs).unwrap();
        abi.stop(daemon).unwrap();
        abi.delete_dir(world.fs, &format!("/{round}-19"), false).unwrap();
        abi.delete_dir(world.fs, &format!("/{round}-more"), false).unwrap();
    }
}

#[test]
fn what_a_journal_kept_under_an_older_key_is_taken_up() {
    let world = World::new();
    let abi = &world.abi;
    let bob = world.member("bob", WRITER);
    let mut acknowledged = 0;
    for round in 0..6 {
        let (mut child, mut lines) = world.child(&bob, "journal");
        (0..3 + 7 * round).for_each(|_| acknowledged = number(&mut lines) + 1);
        child.kill().unwrap();
        child.wait().unwrap();
        let guest = format!("guest {round}");
        world.member(&guest, WRITER);
        abi.revoke(world.workspace, "demo", &guest).unwrap();
        // The next link of the same storage takes it up, under the new key.
        let settings = [("workspace.url", &world.url[..]), ("daemon.allow_multiple", "true")];
        let daemon = abi.daemon_in(world.folder.path(), true, &settings).unwrap();
        let workspace = abi.authenticate(daemon, &bob).unwrap();
        let fs = abi.link_as(workspace, "demo", LL_CONSISTENCY_RELAXED).unwrap();
        abi.sync_all(fs).unwrap();
        abi.stop(daemon).unwrap();
        for n in 0..acknowledged {
            assert_eq!(abi.read_file(world.fs, &format!("/journal-{n}")).unwrap(), content(n), "{n}");
        }
    }
}

#[test]
fn whoever_is_killed_while_the_key_changes_others_finish_it() {
    let world = World::new();
    let abi = &world.abi;
    let members: Vec<String> = (0..12).map(|n| world.member(&format!("member {n}"), WRITER)).collect();
    let (mut unfinished, mut last) = (0, 0);
    for round in 0..12 {
        let (mut child, mut lines) = world.child(&world.token, "revoke");
        for _ in 0..=round % 3 {
            number(&mut lines);
        }
        // In the middle of the last one: its grants appear one by one.
        let grants = world.filespace().join("grants");
        let count = || {
            grants.read_dir().unwrap().flat_map(|member| member.unwrap().path().read_dir().unwrap()).count()
        };
        let before = count();
        while count() < before + 1 + round {
            assert!(child.try_wait().unwrap().is_none());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        unfinished += usize::from(world.generation().1);
        // An admin's link finishes it.
        let (daemon, workspace) = world.client(&world.token);
        let fs = abi.link(workspace, "demo").unwrap();
        abi.write_file(fs, "/file", &content(round)).unwrap();
        abi.stop(daemon).unwrap();
        let (generation, is_known_outside) = world.generation();
        assert!(!is_known_outside && generation > last, "{last}, then {generation}");
        last = generation;
    }
    assert!(unfinished > 0, "no kill came in time");
    for token in &members {
        let (daemon, workspace) = world.client(token);
        let fs = abi.link(workspace, "demo").unwrap();
        assert_eq!(abi.read_file(fs, "/file").unwrap(), content(11));
        abi.stop(daemon).unwrap();
    }
}

#[test]
fn two_admins_change_the_key_at_the_same_time() {
    let world = World::new();
    let abi = &world.abi;
    let admins = [world.token.clone(), world.member("second", ADMIN)];
    let bob = world.member("bob", WRITER);
    for round in 0..6 {
        let guests = [0, 1].map(|n| format!("guest {round}-{n}"));
        guests.iter().for_each(|guest| drop(world.member(guest, WRITER)));
        std::thread::scope(|scope| {
            for (token, guest) in admins.iter().zip(&guests) {
                scope.spawn(|| {
                    let (daemon, workspace) = world.client(token);
                    abi.revoke(workspace, "demo", guest).unwrap();
                    abi.stop(daemon).unwrap();
                });
            }
        });
        assert!(matches!(world.generation(), (1.., false)));
        abi.write_file(world.fs, &format!("/{round}"), &content(round)).unwrap();
    }
    let (daemon, workspace) = world.client(&bob);
    let fs = abi.link(workspace, "demo").unwrap();
    for round in 0..6 {
        assert_eq!(abi.read_file(fs, &format!("/{round}")).unwrap(), content(round));
    }
    abi.stop(daemon).unwrap();
}

#[test]
fn a_key_changes_once_though_answers_are_lost() {
    let env = Env::seeded(7);
    let workspace = LogId(env.random_bytes().unwrap());
    let account = Arc::new(AccountKeys::derive(&Key32::random(&env).unwrap(), &workspace).unwrap());
    let first = Key32::random(&env).unwrap();
    let genesis = Genesis::new(workspace, env.random_bytes().unwrap(), 0, &account, &first, 64 << 10);
    let genesis = genesis.encode_to_vec();
    let id = log_id(&genesis);
    let (log, store) = (Arc::new(MemoryLog::new(&genesis)), Arc::new(MemoryStore::default()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let open = |seed: u64, odds: u64, keys: &[(u32, Key32)]| {
        let faulty = Arc::new(FaultyLog::new(log.clone() as Arc<dyn CommitLog>, seed, 0));
        let keyring = Keyring::new(0, first.clone());
        keys.iter().for_each(|(generation, key)| keyring.insert(*generation, key.clone()));
        let parts = LinkParts {
            id,
            name: "demo".to_owned(),
            env: Env::seeded(seed),
            log: faulty.clone(),
            store: store.clone(),
            account: account.clone(),
            keyring: Arc::new(keyring),
            runtime: runtime.handle().clone(),
        };
        let link = Link::open(parts, LinkOptions::strict(TIMEOUT)).unwrap();
        faulty.set_odds(odds);
        (FileSystem::new(link, RemotePath::root()).unwrap(), faulty)
    };
    let clients: Vec<_> = (1..4).map(|seed| open(seed, 3, &[])).collect();
    let write = |fs: &Arc<FileSystem>, name: &str, n: usize| {
        let path = RemotePath::parse(name).unwrap();
        loop {
            let written = fs.open(&path, Mode::parse("w").unwrap(), 0o644).and_then(|file| {
                file.write(&content(n))?;
                file.close()
            });
            if written.is_ok() {
                return;
            }
        }
    };
    let mut keys: Vec<(u32, Key32)> = Vec::new();
    for round in 1..15u32 {
        let admin = clients[round as usize % 3].0.link();
        let (generation, key) = (round, Key32::random(&env).unwrap());
        let scope = GrantScope { workspace, log: id, generation, recipient: account.key_id() };
        let grant = scope.seal(&key, &account.public(), &account).unwrap().encode_to_vec();
        store.put(&format!("grants/{}/{generation}", account.key_id()), &grant).unwrap();
        admin.learn_key(generation, key.clone());
        let begin = NewGeneration {
            generation,
            previous: generation - 1,
            key_hash: Bytes::copy_from_slice(&key_hash(&key).0),
            members: vec![Bytes::copy_from_slice(&account.key_id().0)],
        };
        let mut committed = admin.commit(Draft::of(Op::NewGeneration(begin.clone())), admin.deadline());
        loop {
            committed = match committed {
                Ok(_) => break,
                Err(CommitError::Unsettled(_, open)) => admin.outcome(&open, admin.deadline()),
                Err(CommitError::Failed(_)) => {
                    admin.commit(Draft::of(Op::NewGeneration(begin.clone())), admin.deadline())
                }
                Err(CommitError::Refused(refusal)) => panic!("{refusal:?}"),
            };
        }
        keys.push((generation, key));
        for (n, (fs, _)) in clients.iter().enumerate() {
            write(fs, &format!("/{n}-{round}"), n + round as usize);
        }
    }
    clients.iter().for_each(|(_, log)| log.set_odds(0));
    let newcomer = open(9, 0, &keys).0;
    let hash = newcomer.link().state_hash();
    assert_eq!(newcomer.link().read(|state| Ok(state.header()?.generation)).unwrap(), 14);
    for (n, (fs, _)) in clients.iter().enumerate() {
        fs.link().refresh().unwrap();
        assert_eq!(fs.link().state_hash(), hash);
        for round in 1..15 {
            let path = RemotePath::parse(&format!("/{n}-{round}")).unwrap();
            let file = newcomer.open(&path, Mode::parse("r").unwrap(), 0).unwrap();
            let mut read = vec![0; file.size().unwrap() as usize];
            file.read(&mut read).unwrap();
            assert_eq!(read, content(n + round), "{n}-{round}");
        }
    }
}
