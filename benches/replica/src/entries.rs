//! What is stored: the state of a filespace with directories of a thousand files, about a million entries, and
//! commits that each make a file.

use lucidlink::ids::{Ino, SessionNo};
use lucidlink::state::key;
use lucidlink::state::value::{Dentry, Inode, Kind};
use prost::Message;

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

const PER_DIRECTORY: u32 = 1000;

/// A tree of files; each has a name and an inode.
#[derive(Clone, Copy)]
pub struct Tree {
    /// How many files.
    pub files: u32,
}

fn file(n: u32) -> Ino {
    Ino::new(SessionNo(1), n)
}

fn directory(n: u32) -> Ino {
    Ino::new(SessionNo(2), n)
}

fn inode(kind: Kind, n: u32, parent: Ino) -> Vec<u8> {
    let time = 1_764_000_000_000_000_000 + i64::from(n) * 1_000_003;
    let inode = Inode {
        kind: kind.into(),
        mode: 0o644,
        links: 1,
        size: u64::from(n) * 37 % 100_000,
        mtime: time,
        ctime: time,
        btime: time,
        atime: time,
        version: u64::from(n),
        parent: if kind == Kind::Directory { parent.0 } else { 0 },
        ..Inode::default()
    };
    inode.encode_to_vec()
}

fn name_of(n: u32, name: &str) -> Pair {
    let key = key::dentry(directory(n / PER_DIRECTORY), name);
    (key, Dentry::new(file(n), Kind::File).encode_to_vec())
}

fn inode_of(n: u32) -> Pair {
    let parent = directory(n / PER_DIRECTORY);
    (key::inode(file(n)), inode(Kind::File, n, parent))
}

fn old_name(n: u32) -> String {
    format!("file-{:04}.dat", n % PER_DIRECTORY)
}

impl Tree {
    /// Everything, in the order of the keys.
    pub fn pairs(self) -> Vec<Pair> {
        let mut pairs: Vec<Pair> =
            (0..self.files).flat_map(|n| [name_of(n, &old_name(n)), inode_of(n)]).collect();
        for n in 0..self.directories() {
            let name = format!("directory-{n:04}");
            let dentry = Dentry::new(directory(n), Kind::Directory).encode_to_vec();
            pairs.push((key::dentry(Ino::ROOT, &name), dentry));
            pairs.push((key::inode(directory(n)), inode(Kind::Directory, n, Ino::ROOT)));
        }
        pairs.sort();
        pairs
    }

    fn directories(self) -> u32 {
        self.files.div_ceil(PER_DIRECTORY)
    }

    /// A key that is there: of a name or an inode in turns; `n` may be any number.
    pub fn key(self, n: u64) -> Vec<u8> {
        let file = ((n >> 1) % u64::from(self.files)) as u32;
        if n & 1 == 0 { name_of(file, &old_name(file)).0 } else { inode_of(file).0 }
    }

    /// The key of the first name in a directory.
    pub fn first_name(self, n: u64) -> Vec<u8> {
        key::dentry(directory((n % u64::from(self.directories())) as u32), "")
    }

    /// The changes of a commit that makes a file: its name, its inode, its directory's times.
    pub fn commit(self, number: u32, n: u64) -> [Pair; 3] {
        let parent = (n % u64::from(self.directories())) as u32;
        let (new, in_parent) = (self.files + number, parent * PER_DIRECTORY);
        let (name, _) = name_of(in_parent, &format!("new-{number:06}.dat"));
        [
            (name, Dentry::new(file(new), Kind::File).encode_to_vec()),
            inode_of(new),
            (key::inode(directory(parent)), inode(Kind::Directory, number, Ino::ROOT)),
        ]
    }
}

/// Numbers in no order, the same ones every time.
pub fn scattered(seed: u64) -> impl Iterator<Item = u64> {
    let next = |x: &u64| Some(x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407));
    std::iter::successors(Some(seed), next).map(|x| x >> 31)
}
