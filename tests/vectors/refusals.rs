//! Transactions that apply refuses, at least one for each rule: slot 3 of the vectors. They follow one that makes
//! `/d`, `/d/e`, `/d/f` (a file), `/empty`, `/s` (a symbolic link) and `/copy` (of `/hello`, with an attribute), sets a
//! quota, and stands on the state after slot 2, which has the file `/hello`. (Refusals 19 and 20 take more than vectors
//! should have.)

use bytes::Bytes;
use lucidlink::ids::{Ino, PackId, SessionNo};
use lucidlink::state::ops::{
    Checkpoint, CloseSession, Content, Copy, Create, Extent, Hop, Link, MakeDir, Op, OpenSession, Operation,
    Punch, Remove, RemoveXattr, Rename, RevokeMember, SetAttributes, SetMember, SetQuota, SetXattr, Symlink,
    Transaction, Truncate, XattrMode,
};

/// A transaction, and what it is called in the document.
pub type Case = (&'static str, Transaction);

const SESSION: SessionNo = SessionNo(1);
const TIME: i64 = super::CREATED + 2;
const ROOT: u64 = Ino::ROOT.0;
/// No inode has it.
const GONE: u64 = 99;

fn ino(n: u32) -> u64 {
    Ino::new(SESSION, n).0
}

const HELLO: u32 = 1;
const D: u32 = 2;
const E: u32 = 3;
const F: u32 = 4;
const EMPTY: u32 = 5;
const S: u32 = 6;
pub const COPY: u32 = 7;
/// Given to nothing.
const NEW: u32 = 8;

fn make_dir(parent: u64, name: &str, ino: u64, existing_ok: bool) -> Op {
    let name = name.to_owned();
    Op::MakeDir(MakeDir { parent, name, ino, mode: 0o755, uid: 0, gid: 0, time: TIME, existing_ok })
}

fn create(name: &str, exclusive: bool) -> Op {
    let name = name.to_owned();
    Op::Create(Create { parent: ROOT, name, ino: ino(NEW), mode: 0, uid: 0, gid: 0, time: TIME, exclusive })
}

fn symlink(name: &str, number: u32, target: &str) -> Op {
    let (name, target) = (name.to_owned(), target.to_owned());
    Op::Symlink(Symlink { parent: ROOT, name, ino: ino(number), target, uid: 0, gid: 0, time: TIME })
}

fn link(ino: u64, name: &str) -> Op {
    Op::Link(Link { parent: ROOT, name: name.to_owned(), ino, time: TIME })
}

fn remove(parent: u64, name: &str, ino: u64) -> Remove {
    Remove { parent, name: name.to_owned(), ino, time: TIME }
}

fn rename(from: (&str, u32), to_parent: u64, to_name: &str, replace: bool) -> Op {
    Op::Rename(Rename {
        from_parent: ROOT,
        from_name: from.0.to_owned(),
        ino: ino(from.1),
        to_parent,
        to_name: to_name.to_owned(),
        replace,
        time: TIME,
    })
}

fn set_xattr(ino: u64, name: &str, mode: XattrMode) -> Op {
    let (name, value) = (name.to_owned(), Bytes::from_static(b"blue"));
    Op::SetXattr(SetXattr { ino, name, value, mode: mode.into(), time: TIME })
}

fn copy(from: u64, name: &str, number: u32, replace: bool) -> Op {
    let name = name.to_owned();
    Op::Copy(Copy { from, parent: ROOT, name, ino: ino(number), replace, time: TIME })
}

/// One byte in a pack of the session that this commit does not register.
fn byte(offset: u64, length: u64) -> Extent {
    let pack = PackId::new(SESSION, [0xcc; 12]);
    Extent {
        offset,
        length,
        pack: Bytes::copy_from_slice(&pack.0),
        block_length: 1,
        stored_lengths: vec![26],
        ..Extent::default()
    }
}

/// The same in a block of this commit.
fn own(extent: Extent) -> Extent {
    Extent { pack: Bytes::from_static(&PackId::INLINE.0), ..extent }
}

fn content(ino: u64, extents: Vec<Extent>, size: u64) -> Content {
    Content { ino, extents, size, time: TIME }
}

/// What the other transactions need.
fn setting() -> Transaction {
    let file = Create {
        parent: ino(D),
        name: "f".to_owned(),
        ino: ino(F),
        mode: 0o600,
        uid: 0,
        gid: 0,
        time: TIME,
        exclusive: true,
    };
    let ops = [
        make_dir(ROOT, "d", ino(D), false),
        make_dir(ino(D), "e", ino(E), false),
        Op::Create(file),
        make_dir(ROOT, "empty", ino(EMPTY), false),
        symlink("s", S, "hello"),
        set_xattr(ino(HELLO), "user.colour", XattrMode::Either),
        copy(ino(HELLO), "copy", COPY, false),
        Op::SetQuota(SetQuota { bytes: 100, entries: 20 }),
    ];
    Transaction { hops: vec![], ops: ops.map(Op::wrap).into() }
}

/// All of them, in the order in which slot 3 has them. `admin` has the keys of the only admin.
pub fn cases(admin: ([u8; 32], [u8; 32], [u8; 16]), session: [u8; 16]) -> Vec<Case> {
    let id = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
    let (sign, kem, key_id) = admin;
    let member =
        |sign: &[u8], role| Op::SetMember(SetMember { sign: id(sign), kem: id(&kem), role, generation: 0 });
    let revoke = |key_id: &[u8]| Op::RevokeMember(RevokeMember { key_id: id(key_id) });
    let close = |session: &[u8], last_k| Op::CloseSession(CloseSession { session: id(session), last_k });
    let attributes = SetAttributes { ino: GONE, mode: Some(0), time: TIME, ..SetAttributes::default() };
    let checkpoint = Checkpoint {
        position: 2,
        state_hash: id(&[0; 32]),
        manifest: id(&[0; 16]),
        manifest_hash: id(&[0; 32]),
    };
    let unknown_mode = SetXattr { ino: ino(HELLO), name: "x".to_owned(), time: TIME, ..SetXattr::default() };
    let remove_xattr = |ino| Op::RemoveXattr(RemoveXattr { ino, name: "user.colour".to_owned(), time: TIME });
    let truncate = |size| Op::Truncate(Truncate { ino: ino(HELLO), size, time: TIME });
    let punch = |ino, offset, length| Op::Punch(Punch { ino, offset, length, time: TIME });
    let operations = [
        ("make_dir.exists", make_dir(ROOT, "d", ino(NEW), false)),
        ("make_dir.exists_ok", make_dir(ROOT, "d", ino(NEW), true)),
        ("make_dir.exists_ok_as_a_file", make_dir(ROOT, "hello", ino(NEW), true)),
        ("make_dir.bad_name", make_dir(ROOT, "a/b", ino(NEW), false)),
        ("make_dir.below_a_file", make_dir(ino(HELLO), "new", ino(NEW), false)),
        ("make_dir.below_nothing", make_dir(GONE, "new", ino(NEW), false)),
        ("make_dir.foreign_number", make_dir(ROOT, "new", Ino::new(SessionNo(2), 1).0, false)),
        ("make_dir.used_number", make_dir(ROOT, "new", ino(HELLO), false)),
        ("create.exclusive_exists", create("hello", true)),
        ("create.over_a_directory", create("d", false)),
        ("create.over_a_symlink", create("s", false)),
        ("symlink.without_target", symlink("hello", NEW, "")),
        ("symlink.exists", symlink("hello", NEW, "d")),
        ("link.of_a_directory", link(ino(D), "hello")),
        ("link.of_nothing", link(GONE, "hello")),
        ("link.exists", link(ino(HELLO), "d")),
        ("unlink.a_directory", Op::Unlink(remove(ROOT, "d", ino(D)))),
        ("unlink.another_inode", Op::Unlink(remove(ROOT, "hello", ino(F)))),
        ("remove_dir.a_file", Op::RemoveDir(remove(ROOT, "hello", ino(HELLO)))),
        ("remove_dir.with_entries", Op::RemoveDir(remove(ROOT, "d", ino(D)))),
        ("remove_tree.a_file", Op::RemoveTree(remove(ROOT, "hello", ino(HELLO)))),
        ("rename.exists", rename(("hello", HELLO), ROOT, "s", false)),
        ("rename.to_a_bad_name", rename(("hello", HELLO), ROOT, "..", false)),
        ("rename.below_itself", rename(("d", D), ino(E), "new", false)),
        ("rename.below_itself_exists", rename(("d", D), ino(D), "e", false)),
        ("rename.a_file_over_a_directory", rename(("hello", HELLO), ROOT, "empty", true)),
        ("rename.a_directory_over_a_file", rename(("empty", EMPTY), ROOT, "hello", true)),
        ("rename.over_a_full_directory", rename(("empty", EMPTY), ROOT, "d", true)),
        ("rename.to_itself", rename(("hello", HELLO), ROOT, "hello", true)),
        ("set_attributes.of_nothing", Op::SetAttributes(attributes)),
        ("replace.of_nothing", Op::Replace(content(GONE, vec![], u64::MAX))),
        ("replace.beyond_its_size", Op::Replace(content(ino(HELLO), vec![byte(0, 2)], 1))),
        ("write.of_a_directory", Op::Write(content(ino(D), vec![], 0))),
        ("write.of_a_symlink", Op::Write(content(ino(S), vec![], 0))),
        ("write.of_no_bytes", Op::Write(content(ino(HELLO), vec![byte(0, 0)], 0))),
        ("write.out_of_order", Op::Write(content(ino(HELLO), vec![own(byte(1, 1)), own(byte(0, 1))], 0))),
        ("write.in_an_unknown_pack", Op::Write(content(ino(HELLO), vec![byte(0, 1)], 0))),
        ("append.too_far", Op::Append(content(ino(HELLO), vec![byte(i64::MAX as u64 - 1, 1)], 0))),
        ("truncate.too_large", truncate(1 << 63)),
        ("punch.of_a_directory", punch(ino(D), 0, 9)),
        ("punch.of_nothing", punch(GONE, 0, 9)),
        ("punch.behind_the_end", punch(ino(HELLO), u64::MAX, u64::MAX)),
        ("set_member.short_key", member(&sign[1..], 1)),
        ("set_member.no_role", member(&sign, 0)),
        ("set_member.the_last_admin", member(&sign, 2)),
        ("revoke_member.unknown", revoke(&[0; 16])),
        ("revoke_member.the_last_admin", revoke(&key_id)),
        ("close_session.unknown", close(&[0; 16], 1)),
        ("close_session.that_went_on", close(&session, 2)),
        ("checkpoint.of_another_state", Op::Checkpoint(checkpoint)),
        ("open_session.again", Op::OpenSession(OpenSession {})),
        ("set_xattr.of_nothing", set_xattr(GONE, "", XattrMode::Either)),
        ("set_xattr.of_a_mode_that_is_none", Op::SetXattr(SetXattr { mode: 3, ..unknown_mode })),
        ("set_xattr.without_a_name", set_xattr(ino(HELLO), "", XattrMode::Either)),
        ("set_xattr.exists", set_xattr(ino(HELLO), "user.colour", XattrMode::Create)),
        ("set_xattr.missing", set_xattr(ino(D), "user.colour", XattrMode::Replace)),
        ("remove_xattr.of_nothing", remove_xattr(GONE)),
        ("remove_xattr.missing", remove_xattr(ino(D))),
        ("copy.of_nothing", copy(GONE, "hello", NEW, false)),
        ("copy.of_a_directory", copy(ino(D), "hello", NEW, false)),
        ("copy.exists", copy(ino(HELLO), "hello", HELLO, false)),
        ("copy.over_a_directory", copy(ino(HELLO), "empty", HELLO, true)),
        ("copy.used_number", copy(ino(HELLO), "new", HELLO, false)),
        ("truncate.beyond_the_quota", truncate(100)),
    ];
    let mut cases = vec![("setting", setting())];
    let alone = |(name, op): (_, Op)| (name, Transaction { hops: vec![], ops: vec![op.wrap()] });
    cases.extend(operations.into_iter().map(alone));
    let hop = Hop { directory: ROOT, name: "hello".to_owned(), found: ino(F) };
    cases.push((
        "hop.elsewhere",
        Transaction { hops: vec![hop], ops: vec![truncate(0).wrap(), truncate(0).wrap()] },
    ));
    cases.push((
        "second.refused",
        Transaction { hops: vec![], ops: vec![truncate(0).wrap(), truncate(1 << 63).wrap()] },
    ));
    cases.push(("empty.operation", Transaction { hops: vec![], ops: vec![Operation { op: None }] }));
    cases
}
