//! The test vectors of `docs/format.md`, which are in `docs/vectors.txt`: the code makes exactly these bytes, and
//! reads them. So neither the document nor the format can change unnoticed. When the format is changed on purpose,
//! `LUCIDLINK_WRITE_VECTORS=1 cargo test --test vectors` writes them anew.
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub)]

mod branch;
mod forgotten;
mod keys;
mod locks;
mod refusals;
mod snapshots;
mod verdicts;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use bytes::Bytes;
use lucidlink::codec;
use lucidlink::content::pack::{PackWriter, SealedPack};
use lucidlink::content::store::Store;
use lucidlink::content::store::folder::FolderStore;
use lucidlink::crypto::account::{AccountKeys, SigningKey};
use lucidlink::crypto::grant::GrantScope;
use lucidlink::crypto::seal::{Codec, Kind, ObjectKey};
use lucidlink::crypto::token::Token;
use lucidlink::crypto::{Key32, hash, sha256};
use lucidlink::env::Env;
use lucidlink::filespace::genesis::{Genesis, log_id};
use lucidlink::filespace::{block_extent, inline_extent};
use lucidlink::ids::{Hash, Incarnation, Ino, LogId, PackId, Seq, SessionId, SessionNo};
use lucidlink::log::chain;
use lucidlink::log::envelope::{Envelope, InlineLayout, SlotView, body_len, open_body, seal_payload};
use lucidlink::state::apply::{self, InlineArea, Judgement, Void, consume, judge};
use lucidlink::state::hash::StateHash;
use lucidlink::state::ops::{
    AcceptFork, Body, Content, Create, Extent, Hop, NewIncarnation, NewPack, Op, OpenSession, Remove,
    Transaction, Truncate,
};
use lucidlink::state::part::BlockBuilder;
use lucidlink::state::value::Outcome;
use lucidlink::state::{Replica, Source};
use lucidlink::workspace::ops::{Probe, WorkspaceBody, WorkspaceGenesis, WorkspaceOp};
use lucidlink::workspace::state::workspace_id;
use lucidlink::workspace::{Location, Workspace};
use prost::Message;

const CREATED: i64 = 1_700_000_000_000_000_000;
const HELLO: &[u8] = b"Hello, world.\n";

/// The vectors of the document, by name.
fn document() -> BTreeMap<&'static str, &'static str> {
    let lines =
        include_str!("../../docs/vectors.txt").lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines.map(|line| line.split_once(" = ").unwrap_or_else(|| panic!("not NAME = VALUE: {line}"))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// `N` bytes that count up from `first`.
fn counting<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|i| first + i as u8)
}

/// What the vectors are made from, as the document says at the head of each group.
struct World {
    secret: Key32,
    workspace_genesis: Vec<u8>,
    /// The same in a bucket.
    bucket_genesis: Vec<u8>,
    workspace: LogId,
    account: AccountKeys,
    key: Key32,
    genesis: Genesis,
    filespace: LogId,
}

impl World {
    fn new() -> World {
        let secret = Key32::new(counting(0x00));
        let root = SigningKey::root(&secret).unwrap();
        let workspace_genesis = WorkspaceGenesis {
            format_version: 1,
            random: Bytes::copy_from_slice(&counting::<32>(0x20)),
            created: CREATED,
            root: Bytes::copy_from_slice(&root.public()),
            probe: None,
            signature: Bytes::new(),
        };
        let signed = |mut genesis: WorkspaceGenesis| {
            genesis.signature = Bytes::copy_from_slice(&root.sign(&genesis.signed_part()));
            genesis.encode_to_vec()
        };
        let probe = Some(Probe { writers: 16, rounds: 4 });
        let bucket_genesis = signed(WorkspaceGenesis { probe, ..workspace_genesis.clone() });
        let workspace_genesis = signed(workspace_genesis);
        let workspace = workspace_id(&workspace_genesis);
        let account = AccountKeys::derive(&secret, &workspace).unwrap();
        let key = Key32::new(counting(0x40));
        let genesis = Genesis::new(workspace, counting(0x60), CREATED, &account, &key, 256 << 10);
        let filespace = log_id(&genesis.encode_to_vec());
        World { secret, workspace_genesis, bucket_genesis, workspace, account, key, genesis, filespace }
    }

    /// A commit of the account in the session `a0 a1 ...`, as it is stored.
    fn commit(&self, replica: &Replica, k: u64, body: &Body, inline: &[&[u8]]) -> Vec<u8> {
        self.commit_in(SessionId(counting(0xa0)), replica, k, body, inline)
    }

    fn commit_in(
        &self,
        session: SessionId,
        replica: &Replica,
        k: u64,
        body: &Body,
        inline: &[&[u8]],
    ) -> Vec<u8> {
        let salt = counting(0x80 + k as u8);
        let object: Vec<u8> = session.0.iter().copied().chain(k.to_le_bytes()).collect();
        let key = ObjectKey::derive(&self.key, &salt, Kind::Commit, &self.filespace, &object);
        let inline = inline.iter().map(|b| (Codec::None, b.len() as u32, *b));
        let payload = seal_payload(&key, &body.encode_to_vec(), inline).unwrap();
        let envelope = Envelope { session, ..self.envelope(replica, k, &payload, salt) };
        envelope.encode_signed(&payload, |m| self.account.sign(m))
    }

    /// The envelope of commit k of the session `a0 a1 ...`.
    fn envelope(&self, replica: &Replica, k: u64, payload: &[u8], salt: [u8; 32]) -> Envelope {
        Envelope {
            incarnation: Incarnation([0; 16]),
            session: SessionId(counting(0xa0)),
            k,
            seen: replica.position(),
            chain_at_seen: replica.chain(),
            key_id: self.account.key_id(),
            generation: 0,
            salt,
            clear: Bytes::new(),
            payload_len: payload.len() as u32,
            payload_hash: sha256(payload),
            out_of_line: false,
        }
    }

    /// Applies a slot as any client does, and returns its body and its outcomes.
    fn apply(&self, replica: &mut Replica, slot: &[u8]) -> (Body, Vec<Outcome>) {
        let view = SlotView::parse(slot).unwrap();
        let envelope = view.envelope();
        let at = replica.position().next();
        let judgement =
            judge(replica, at, Some(envelope), |s| replica.chain_at(s), |public| view.verify(public))
                .unwrap();
        let Judgement::Consume(author) = judgement else { panic!("{judgement:?}") };
        let object: Vec<u8> = envelope.session.0.iter().copied().chain(envelope.k.to_le_bytes()).collect();
        let key = ObjectKey::derive(&self.key, &envelope.salt, Kind::Commit, &self.filespace, &object);
        let payload = view.payload().unwrap();
        let body = Body::decode_canonical(&open_body(&key, payload).unwrap().0).unwrap();
        let base = (view.payload_offset() + body_len(payload).unwrap()) as u64;
        let hash_at = |s| replica.state_hash_at(s);
        let inline = InlineArea { base };
        let changes = consume(replica, at, envelope, &author, Some(&body), inline, hash_at).unwrap();
        let prepared = replica.prepare(&changes).unwrap();
        replica.advance(chain::next(&replica.chain(), at, slot), prepared);
        (body, changes.outcomes)
    }
}

/// The vectors as the code makes them. What the code makes anew each time, or differently with another version
/// of a compressor, is taken from the document and read.
fn computed() -> Vec<(String, String)> {
    let world = World::new();
    let mut vectors = Vectors(Vec::new());
    accounts(&world, &mut vectors);
    seals(&world, &mut vectors);
    log(&world, &mut vectors);
    snapshots::snapshots(&world, &mut vectors);
    keys::keys(&world, &mut vectors);
    locks::locks(&world, &mut vectors);
    forgotten::forgotten(&world, &mut vectors);
    grants(&world, &mut vectors);
    vectors.0
}

struct Vectors(Vec<(String, String)>);

impl Vectors {
    fn text(&mut self, name: &str, text: &str) {
        self.0.push((name.to_owned(), text.to_owned()));
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) {
        self.text(name, &hex(bytes));
    }

    /// A vector that was made before.
    fn find(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| &value[..]).unwrap()
    }

    /// A slot that the document gives.
    fn slot(&mut self, name: &str, make: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
        if is_written_anew() {
            let made = make();
            self.bytes(name, &made);
            return made;
        }
        self.given(name)
    }

    /// Bytes that the document gives.
    fn given(&mut self, name: &str) -> Vec<u8> {
        let text = document().get(name).copied().unwrap_or_else(|| panic!("docs/vectors.txt has no {name}"));
        self.text(name, text);
        unhex(text)
    }
}

fn accounts(world: &World, out: &mut Vectors) {
    let token = Token { key_id: world.account.key_id(), secret: world.secret.clone() };
    out.text("token.text", &token.reveal());
    out.bytes("token.secret", token.secret.as_bytes());
    out.bytes("root.seed", world.secret.derive(b"", &[b"lucidlink/root/v1"]).as_bytes());
    out.bytes("root.public", &SigningKey::root(&world.secret).unwrap().public());
    out.bytes("workspace.genesis", &world.workspace_genesis);
    out.bytes("bucket.genesis", &world.bucket_genesis);
    out.bytes("workspace.id", &world.workspace.0);
    let salt = &world.workspace.0;
    out.bytes("account.sign_seed", world.secret.derive(salt, &[b"lucidlink/sign/v1"]).as_bytes());
    out.bytes("account.sign_public", &world.account.public().sign);
    out.bytes("account.kem_seed", world.secret.derive(salt, &[b"lucidlink/kem/v1"]).as_bytes());
    out.bytes("account.kem_public", &world.account.public().kem);
    out.bytes("account.key_id", &world.account.key_id().0);
    out.bytes("name.tag", world.key.derive(b"", &[b"lucidlink/name-tag/v1", b"projects"]).as_bytes());
    out.bytes("filespace.key", world.key.as_bytes());
    out.bytes("filespace.genesis", &world.genesis.encode_to_vec());
    out.bytes("filespace.id", &world.filespace.0);
}

fn seals(world: &World, out: &mut Vectors) {
    let id = PackId::new(SessionNo(1), counting(0xb0));
    let salt = counting(0x80);
    let key = ObjectKey::derive(&world.key, &salt, Kind::Pack, &world.filespace, &id.0);

    // By the words of the document, without the code.
    let identity = [&[2][..], &world.filespace.0, &[16], &id.0].concat();
    let object_key = world.key.derive(&salt, &[b"lucidlink/seal/v1", &identity]);
    let aad =
        [&[1, 0][..], &identity, &1u64.to_le_bytes(), &(HELLO.len() as u32).to_le_bytes(), &[0]].concat();
    let nonce = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let mut chunk = Vec::new();
    key.seal_chunk(1, Codec::None, HELLO.len() as u32, HELLO, &mut chunk).unwrap();
    let aes = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, object_key.as_bytes()).unwrap());
    let mut sealed = chunk[9..].to_vec();
    let nonce_value = Nonce::assume_unique_for_key(nonce);
    assert_eq!(aes.open_in_place(nonce_value, Aad::from(&aad), &mut sealed).unwrap(), HELLO);

    out.bytes("seal.salt", &salt);
    out.bytes("seal.object_id", &id.0);
    out.bytes("seal.object_key", object_key.as_bytes());
    out.bytes("seal.nonce", &nonce);
    out.bytes("seal.aad", &aad);
    out.bytes("seal.plain", HELLO);
    out.bytes("seal.chunk", &chunk);

    let packed = out.given("seal.lz4_chunk");
    let (header, data) = key.open_chunk(2, &packed).unwrap();
    assert_eq!(header.codec, Codec::Lz4);
    let plain = codec::decompress(header.codec, data, header.plain_len, 1 << 20).unwrap();
    out.bytes("seal.lz4_plain", &plain);

    let mut pack = PackWriter::new(key, id.0, 0, salt);
    let place = pack.add(Codec::None, HELLO.len() as u32, HELLO).unwrap();
    let pack = pack.finish().unwrap();
    out.bytes("pack.object", &pack.bytes);
    out.bytes("pack.index_hash", &pack.index_hash.0);
    out.bytes("pack.offered", &offered(id, &pack).encode_to_vec());
    out.bytes("pack.extent", &block_extent(0, HELLO.len() as u32, id, place).encode_to_vec());
}

/// How a commit offers a pack.
fn offered(id: PackId, pack: &SealedPack) -> NewPack {
    NewPack {
        id: Bytes::copy_from_slice(&id.0),
        generation: pack.generation,
        salt: Bytes::copy_from_slice(&pack.salt),
        size: pack.bytes.len() as u64,
        blocks: pack.blocks,
        index_hash: Bytes::copy_from_slice(&pack.index_hash.0),
    }
}

fn log(world: &World, out: &mut Vectors) {
    let mut sum = StateHash::default();
    sum.add(b"ab", b"c");
    out.bytes("state_hash.one_pair", &sum.to_hash().0);
    sum.add(b"a", b"bc");
    out.bytes("state_hash.two_pairs", &sum.to_hash().0);

    let mut block = BlockBuilder::default();
    block.push(&Bytes::from_static(b"a"), b"bc");
    block.push(&Bytes::from_static(b"ab"), b"");
    out.bytes("part.block", &block.finish().0);

    let mut replica = Replica::new(&world.genesis.birth().unwrap());
    state(&replica, out);

    let open = Transaction { hops: vec![], ops: vec![Op::OpenSession(OpenSession {}).wrap()] };
    let body = Body { state_hash: hash_of(&replica), packs: vec![], transactions: vec![open] };
    let slot = world.commit(&replica, 1, &body, &[]);
    out.bytes("slot.1.body", &body.encode_to_vec());
    out.bytes("slot.1", &slot);
    assert_eq!(world.apply(&mut replica, &slot), (body, vec![Outcome::default()]));
    state(&replica, out);

    let ino = Ino::new(SessionNo(1), 1);
    let create = Create {
        parent: Ino::ROOT.0,
        name: "hello".to_owned(),
        ino: ino.0,
        mode: 0o644,
        uid: 0,
        gid: 0,
        time: CREATED + 1,
        exclusive: false,
    };
    let place = InlineLayout::default().add(HELLO.len());
    let mut extent = inline_extent(0, HELLO.len() as u32, place.number as usize);
    extent.stored_lengths = vec![place.length];
    let content = Content { ino: ino.0, extents: vec![extent], size: HELLO.len() as u64, time: CREATED + 1 };
    let ops = vec![Op::Create(create).wrap(), Op::Replace(content).wrap()];
    let write = Transaction { hops: vec![], ops };
    let body = Body { state_hash: hash_of(&replica), packs: vec![], transactions: vec![write] };
    let slot = world.commit(&replica, 2, &body, &[HELLO]);
    out.bytes("slot.2.body", &body.encode_to_vec());
    out.bytes("slot.2", &slot);
    assert_eq!(world.apply(&mut replica, &slot), (body, vec![Outcome::default()]));
    state(&replica, out);

    let (public, key_id) = (world.account.public(), world.account.key_id());
    let cases = refusals::cases((public.sign, public.kem, key_id.0), counting(0xa0));
    let transactions = cases.iter().map(|(_, transaction)| transaction.clone()).collect();
    let body = Body { state_hash: hash_of(&replica), packs: vec![], transactions };
    out.bytes("slot.3.body", &body.encode_to_vec());
    let slot = out.slot("slot.3", || world.commit(&replica, 3, &body, &[]));
    let (opened, outcomes) = world.apply(&mut replica, &slot);
    assert_eq!(opened, body);
    for ((name, _), outcome) in cases.iter().zip(&outcomes) {
        out.text(&format!("outcome.{name}"), &format!("{} {}", outcome.refusal, outcome.op));
    }
    state(&replica, out);

    let pack = NewPack::decode(&unhex(out.find("pack.offered"))[..]).unwrap();
    let unused =
        NewPack { id: Bytes::copy_from_slice(&PackId::new(SessionNo(1), counting(0xc0)).0), ..pack.clone() };
    let extents = vec![Extent::decode(&unhex(out.find("pack.extent"))[..]).unwrap()];
    let content = Content { ino: ino.0, extents, size: HELLO.len() as u64, time: CREATED + 3 };
    let stale = Hop::new(Ino::ROOT, "gone", ino);
    let replace = |hops| Transaction { hops, ops: vec![Op::Replace(content.clone()).wrap()] };
    let (name, copy) = ("copy".to_owned(), Ino::new(SessionNo(1), refusals::COPY).0);
    let unlink = Op::Unlink(Remove { parent: Ino::ROOT.0, name, ino: copy, time: CREATED + 3 });
    let unlink = Transaction { hops: vec![], ops: vec![unlink.wrap()] };
    let transactions = vec![replace(vec![stale]), replace(vec![]), unlink];
    let body = Body { state_hash: hash_of(&replica), packs: vec![pack, unused], transactions };
    out.bytes("slot.4.body", &body.encode_to_vec());
    let slot = out.slot("slot.4", || world.commit(&replica, 4, &body, &[]));
    let (opened, outcomes) = world.apply(&mut replica, &slot);
    let refused: Vec<u32> = outcomes.iter().map(|outcome| outcome.refusal).collect();
    assert_eq!((opened, refused), (body, vec![1, 0, 0]));
    state(&replica, out);

    let next = world.envelope(&replica, 5, b"", counting(0x85));
    for (name, slot, verdict) in verdicts::verdicts(&replica, &next, &world.account) {
        out.bytes(&format!("slot.5.{name}"), &slot);
        out.text(&format!("verdict.{name}"), verdict);
    }
    lives(world, &mut replica, out);
}

/// A fork at position 5, its acceptance, and a new life.
fn lives(world: &World, replica: &mut Replica, out: &mut Vectors) {
    let fork = unhex(out.find("slot.5.other_chain"));
    let changes = apply::void(replica, Seq(5), Void::Fork).unwrap();
    let prepared = replica.prepare(&changes).unwrap();
    replica.advance(chain::next(&replica.chain(), Seq(5), &fork), prepared);
    state(replica, out);

    let alone = |op: Op| Transaction { hops: vec![], ops: vec![op.wrap()] };
    let truncate = || Op::Truncate(Truncate { ino: Ino::new(SessionNo(1), 1).0, size: 3, time: CREATED + 4 });
    let accept = |position| Op::AcceptFork(AcceptFork { position });
    let transactions = [truncate(), accept(4), accept(5), accept(5), truncate()].map(alone).into();
    let body = Body { state_hash: hash_of(replica), packs: vec![], transactions };
    out.bytes("slot.6.body", &body.encode_to_vec());
    let slot = out.slot("slot.6", || world.commit(replica, 5, &body, &[]));
    let (opened, outcomes) = world.apply(replica, &slot);
    let refused: Vec<u32> = outcomes.iter().map(|outcome| outcome.refusal).collect();
    assert_eq!((opened, refused), (body, vec![21, 3, 0, 3, 0]));
    state(replica, out);

    let life = |incarnation: &[u8], survived| {
        Op::NewIncarnation(NewIncarnation { incarnation: Bytes::copy_from_slice(incarnation), survived })
    };
    let (short, new) = (counting::<15>(0xd0), counting::<16>(0xd0));
    let open = Op::OpenSession(OpenSession {});
    let transactions =
        [open, life(&short, 6), life(&new, 7), life(&[0; 16], 6), life(&new, 6), life(&new, 6)]
            .map(alone)
            .into();
    let body = Body { state_hash: hash_of(replica), packs: vec![], transactions };
    out.bytes("slot.7.body", &body.encode_to_vec());
    let session = SessionId(counting(0xb0));
    let slot = out.slot("slot.7", || world.commit_in(session, replica, 1, &body, &[]));
    let (opened, outcomes) = world.apply(replica, &slot);
    let refused: Vec<u32> = outcomes.iter().map(|outcome| outcome.refusal).collect();
    assert_eq!((opened, refused), (body, vec![0, 12, 12, 2, 0, 2]));
    state(replica, out);
}

fn hash_of(replica: &Replica) -> Bytes {
    Bytes::copy_from_slice(&replica.state_hash().0)
}

/// Chain, state hash and every pair of the state.
fn state(replica: &Replica, out: &mut Vectors) {
    let at = replica.position();
    out.bytes(&format!("state.{at}.chain"), &replica.chain().0);
    out.bytes(&format!("state.{at}.hash"), &replica.state_hash().0);
    for pair in replica.range(&[], &[0xff]) {
        let (key, value) = pair.unwrap();
        out.bytes(&format!("state.{at}.pair.{}", hex(&key)), &value);
    }
}

fn grants(world: &World, out: &mut Vectors) {
    let (workspace, log) = (world.workspace, world.filespace);
    let scope = GrantScope { workspace, log, generation: 0, recipient: world.account.key_id() };
    let stored = out.given("grant.object");
    let admin = |id| (id == world.account.key_id()).then_some(world.account.public().sign);
    let opened = scope.open(&stored, &world.account, admin).unwrap();
    assert_eq!(opened.as_bytes(), world.key.as_bytes());
}

/// Whether the format is being changed: then the slots, too, are made anew, and all is written into the document.
fn is_written_anew() -> bool {
    std::env::var_os("LUCIDLINK_WRITE_VECTORS").is_some()
}

fn write(vectors: &[(String, String)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/vectors.txt");
    let made: BTreeMap<&str, &str> = vectors.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    let anew = |line: &str| match line.split_once(" = ").map(|(name, _)| (name, made.get(name))) {
        Some((name, Some(value))) => format!("{name} = {value}\n"),
        _ => format!("{line}\n"),
    };
    let text: String = std::fs::read_to_string(&path).unwrap().lines().map(anew).collect();
    std::fs::write(path, text).unwrap();
}

#[test]
fn the_code_makes_the_bytes_of_the_document() {
    let computed = computed();
    if is_written_anew() {
        return write(&computed);
    }
    let mut document = document();
    for (name, value) in computed {
        match document.remove(&name[..]) {
            Some(there) => assert_eq!(there, value, "{name} of docs/vectors.txt"),
            None => panic!("docs/vectors.txt has no\n{name} = {value}"),
        }
    }
    assert!(document.is_empty(), "nothing makes {:?}", document.keys());
}

/// The slots of the log in a folder, read by the rules of the document.
fn slots(folder: &Path) -> Vec<Vec<u8>> {
    let file = |name: &str| std::fs::read(folder.join("log").join(name)).unwrap();
    let (head, index, bytes) = (file("head"), file("index"), file("slots"));
    let number = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let short = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!((&bytes[..8], head.len()), (&b"LLSL\x01\0\0\0"[..], 1536));
    assert_eq!(short(&head, 16), crc32fast::hash(&head[..16]));
    let (last, end) = (number(&head, 0), number(&head, 8));
    assert_eq!((index.len() as u64, bytes.len() as u64), (16 * (last + 1), end));
    let mut expected = 8;
    let slots = (0..=last).map(|slot| {
        let entry = &index[16 * slot as usize..][..16];
        let (offset, length) = (number(entry, 0), short(entry, 8));
        assert_eq!(offset, expected);
        expected += u64::from(length);
        let own = &bytes[offset as usize..][..length as usize];
        let summed = [&slot.to_le_bytes()[..], &offset.to_le_bytes(), &length.to_le_bytes(), own].concat();
        assert_eq!(short(entry, 12), crc32fast::hash(&summed));
        own.to_vec()
    });
    let slots = slots.collect();
    assert_eq!(expected, end);
    let boot = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap();
    let records = [512, 1024].map(|at| &head[at..at + 84]);
    let record = records.into_iter().max_by_key(|record| number(record, 0)).unwrap();
    assert_eq!(short(record, 80), crc32fast::hash(&record[..80]));
    assert_eq!((number(record, 8), &record[16..44], &record[44..80]), (last, &[0; 28][..], &boot[..36]));
    slots
}

/// The workspace's log and names, read by the rules of the document.
#[test]
fn a_workspace_is_read_by_the_rules_of_the_document() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::from(folder.path().to_owned());
    let timeout = Duration::from_secs(20);
    let token = Workspace::create(&location, "studio", &Env::system(), timeout).unwrap();
    let [genesis, first] = &slots(folder.path())[..] else { panic!("not two slots") };
    let id = LogId(hash("lucidlink/workspace-genesis/v1", &[genesis]).0);
    let account = AccountKeys::derive(&token.secret, &id).unwrap();
    assert_eq!(account.key_id(), token.key_id);

    let slot = SlotView::parse(first).unwrap();
    let envelope = slot.envelope();
    assert_eq!((envelope.k, envelope.seen, envelope.chain_at_seen), (1, Seq(0), Hash(id.0)));
    assert!(slot.verify(&SigningKey::root(&token.secret).unwrap().public()));
    let body = WorkspaceBody::decode_canonical(slot.payload().unwrap()).unwrap();
    let Some(WorkspaceOp::SetName(name)) = &body.ops[0].op else { panic!("{body:?}") };

    let stored = FolderStore::new(folder.path()).get(&format!("grants/{}/0", token.key_id)).unwrap();
    let scope = GrantScope { workspace: id, log: id, generation: 0, recipient: token.key_id };
    let key = scope.open(&stored, &account, |_| Some(account.public().sign)).unwrap();
    let tag = key.derive(b"", &[b"lucidlink/name-tag/v1", b"studio"]);
    assert_eq!(name.tag[..], tag.as_bytes()[..]);
    let (salt, chunk) = name.sealed.split_first_chunk::<32>().unwrap();
    let sealed = ObjectKey::derive(&key, salt, Kind::Name, &id, b"workspace");
    let mut padded = b"studio".to_vec();
    padded.resize(64, 0);
    assert_eq!(sealed.open_chunk(0, chunk).unwrap().1, padded);
}
