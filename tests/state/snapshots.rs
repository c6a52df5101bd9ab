//! Snapshots: the model's, random ones, and how many there may be.

use bytes::Bytes;
use lucidlink::ids::PackId;
use lucidlink::state::ops::{Checkpoint, Content, DropSnapshot, Extent, NewPack, Op, Snapshot};
use lucidlink::state::snapshots::{MAX_SNAPSHOTS, snapshots};
use lucidlink::state::value::SnapshotRecord;
use lucidlink::state::{Refusal, WINDOW};

use super::commits::Commits;
use super::judging::{ADMIN, ADMINS, WRITER, WRITERS, commit, refusals, world};
use super::model::{Commit, Judged, refuse_if};

const BAD_NAMES: [&str; 8] = ["", ".", "..", "a/b", "nul\0", "a:b", "a@b", "a\u{1f}"];

impl Commit<'_> {
    pub fn take_snapshot(&mut self, op: &Snapshot) -> Judged {
        let is_bad = BAD_NAMES.contains(&&op.name[..]) || op.name.len() > 255;
        refuse_if(is_bad, Refusal::Invalid)?;
        refuse_if(self.state.snapshots.keys().any(|(_, name)| *name == op.name), Refusal::Exists)?;
        let author = Bytes::copy_from_slice(&self.envelope.key_id.0);
        let record = SnapshotRecord { author, time: op.time, ..SnapshotRecord::default() };
        self.state.snapshots.insert((self.at, op.name.clone()), record);
        Ok(())
    }

    pub fn drop_snapshot(&mut self, op: &DropSnapshot) -> Judged {
        let mut all = self.state.snapshots.iter();
        let (key, record) = all.find(|((_, name), _)| *name == op.name).ok_or(Refusal::NotFound)?;
        let (key, is_own) = (key.clone(), record.author[..] == self.envelope.key_id.0);
        if !is_own {
            self.admins_only()?;
        }
        self.state.snapshots.remove(&key);
        Ok(())
    }

    /// Whether a checkpoint is the first of some snapshot.
    pub fn serve_snapshots(&mut self, op: &Checkpoint) -> bool {
        let mut any = false;
        for ((at, _), record) in &mut self.state.snapshots {
            if *at == op.position && record.manifest.is_empty() {
                (record.manifest, record.manifest_hash) = (op.manifest.clone(), op.manifest_hash.clone());
                any = true;
            }
        }
        any
    }
}

impl Commits {
    pub fn take_snapshot(&self, time: i64) -> Op {
        let name = match self.chance.below(10) {
            0 => self.chance.one(&BAD_NAMES).to_owned(),
            1 => "x".repeat(256),
            2 => "x".repeat(255),
            _ => self.chance.one(&["a", "b", "c", "d", "\u{e9}"]).to_owned(),
        };
        Op::Snapshot(Snapshot { name, time })
    }

    pub fn drop_snapshot(&self, commit: &Commit<'_>) -> Op {
        let known = self.chance.of(commit.state.snapshots.keys().map(|(_, name)| name.clone()));
        let name = known.filter(|_| !self.chance.once_in(6)).unwrap_or_else(|| "none".to_owned());
        Op::DropSnapshot(DropSnapshot { name })
    }

    /// Content in packs that there are, dead ones among them, and in new ones.
    pub fn restore(&self, commit: &Commit<'_>, packs: &[NewPack], time: i64) -> Op {
        let mut content = self.content(commit, packs, time);
        if !self.chance.once_in(4) {
            content.extents =
                (0..1 + self.chance.below(3)).filter_map(|n| self.stored(commit, 50 * n)).collect();
        }
        let end = content.extents.last().map_or(0, |e| e.offset.saturating_add(e.length));
        let size = match self.chance.below(20) {
            0 => end.wrapping_sub(1),
            _ => end.saturating_add(self.chance.below(9)),
        };
        Op::Restore(Content { size, ..content })
    }

    fn stored(&self, commit: &Commit<'_>, offset: u64) -> Option<Extent> {
        let pack: PackId = self.chance.of(commit.state.packs.keys().copied())?;
        Some(Extent {
            offset,
            length: 1 + self.chance.below(20),
            pack: Bytes::copy_from_slice(&pack.0),
            block: self.chance.below(2) as u32,
            block_length: 64,
            stored_offset: 1000,
            stored_lengths: vec![80],
            ..Extent::default()
        })
    }
}

fn take(name: &str) -> Op {
    Op::Snapshot(Snapshot { name: name.to_owned(), time: 1 })
}

#[test]
fn there_are_so_many_snapshots_and_no_more() {
    let mut replica = world();
    let all = (0..MAX_SNAPSHOTS).map(|n| take(&n.to_string())).collect();
    let slot = commit(&replica, WRITER, WRITERS, vec![all, vec![take("more")]]);
    assert_eq!(refusals(&mut replica, &slot), [0, Refusal::TooManySnapshots as u32]);
    let drop = Op::DropSnapshot(DropSnapshot { name: "7".to_owned() });
    let slot = commit(&replica, WRITER, WRITERS, vec![vec![drop, take("more")]]);
    assert_eq!(refusals(&mut replica, &slot), [0]);
    assert_eq!(snapshots(&replica).unwrap().len(), MAX_SNAPSHOTS);
}

#[test]
fn a_snapshot_gets_its_checkpoint_though_there_is_a_newer_one() {
    let mut replica = world();
    let slot = commit(&replica, WRITER, WRITERS, vec![vec![take("s")]]);
    assert_eq!(refusals(&mut replica, &slot), [0]);
    let at = replica.position();
    let checkpoint = |replica: &lucidlink::state::Replica, position: lucidlink::ids::Seq, id: u8| {
        let state_hash = Bytes::copy_from_slice(&replica.state_hash_at(position).unwrap().0);
        let (manifest, manifest_hash) = (vec![id; 16].into(), vec![id; 32].into());
        Op::Checkpoint(Checkpoint { position: position.0, state_hash, manifest, manifest_hash })
    };
    for n in 0..3 {
        let slot = commit(&replica, ADMIN, ADMINS, vec![vec![take(&n.to_string())]]);
        assert_eq!(refusals(&mut replica, &slot), [0]);
    }
    let newer = checkpoint(&replica, replica.position(), 1);
    let slot = commit(&replica, ADMIN, ADMINS, vec![vec![newer]]);
    assert_eq!(refusals(&mut replica, &slot), [0]);
    let of = |replica: &lucidlink::state::Replica, name: &str| {
        snapshots(replica).unwrap().into_iter().find(|s| s.name == name).unwrap().checkpoint.map(|(m, _)| m.0)
    };
    assert_eq!((of(&replica, "2"), of(&replica, "s")), (Some([1; 16]), None));
    let older = [checkpoint(&replica, at, 2), checkpoint(&replica, at, 3)];
    let slot = commit(&replica, ADMIN, ADMINS, older.map(|op| vec![op]).to_vec());
    assert_eq!(refusals(&mut replica, &slot), [0, Refusal::WrongCheckpoint as u32]);
    assert_eq!((of(&replica, "2"), of(&replica, "s")), (Some([1; 16]), Some([2; 16])));
    assert!(at.0 + WINDOW > replica.position().0);
}
