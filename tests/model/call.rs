//! What clients are asked to do, and what they answer: one vocabulary for the model and everything that is held
//! against it.

use lucidlink::env::SeededRandom;

/// A failure, by its status code.
pub type Answer = Result<Reply, i32>;

/// A call of one client. `slot` numbers its open files.
#[derive(Clone, Debug)]
pub enum Call {
    CreateDir(String),
    Create(String, u32),
    DeleteDir(String, bool),
    Delete(String),
    Move(String, String, bool),
    Symlink(String, String),
    HardLink(String, String),
    /// From, to, replace, follow.
    Copy(String, String, bool, bool),
    SetMode(String, u32),
    /// Path, name, value, what is expected (0 nothing, 1 that it is missing, 2 that it is there), follow.
    SetXattr(String, String, Data, u32, bool),
    RemoveXattr(String, String, bool),
    GetXattr(String, String, bool),
    ListXattrs(String, bool),
    /// Bytes and entries.
    SetQuota(u64, u64),
    Truncate(String, u64),
    /// All or none of them.
    Batch(Vec<Call>),
    WriteFile(String, Data),
    AppendFile(String, Data),
    ReadFile(String),
    Stat(String, bool),
    List(String),
    IsFile(String),
    IsDir(String),
    ReadLink(String),
    Counts,
    Open(usize, String, &'static str),
    Read(usize, usize),
    Pread(usize, u64, usize),
    Write(usize, Data),
    Pwrite(usize, u64, Data),
    Seek(usize, i64, i32),
    Size(usize),
    SetSize(usize, u64),
    Punch(usize, u64, u64),
    Readv(usize, [usize; 3]),
    Writev(usize, [Data; 3]),
    Flush(usize),
    Refresh(usize),
    Close(usize),
    Free(usize),
}

impl Call {
    /// Whether it is about an open file.
    pub fn is_on_file(&self) -> bool {
        use Call::{
            Close, Flush, Free, Open, Pread, Punch, Pwrite, Read, Readv, Refresh, Seek, SetSize, Size, Write,
            Writev,
        };
        matches!(
            self,
            Open(..)
                | Read(..)
                | Pread(..)
                | Write(..)
                | Pwrite(..)
                | Seek(..)
                | Size(_)
                | SetSize(..)
                | Punch(..)
                | Readv(..)
                | Writev(..)
                | Flush(_)
                | Refresh(_)
                | Close(_)
                | Free(_)
        )
    }

    /// Whether it changes the tree, if it succeeds.
    pub fn changes(&self) -> bool {
        use Call::{
            AppendFile, Batch, Copy, Create, CreateDir, Delete, DeleteDir, HardLink, Move, RemoveXattr,
            SetMode, SetQuota, SetXattr, Symlink, Truncate, WriteFile,
        };
        matches!(
            self,
            CreateDir(_)
                | Create(..)
                | Copy(..)
                | SetXattr(..)
                | RemoveXattr(..)
                | SetQuota(..)
                | DeleteDir(..)
                | Delete(_)
                | Move(..)
                | Symlink(..)
                | HardLink(..)
                | SetMode(..)
                | Truncate(..)
                | Batch(_)
                | WriteFile(..)
                | AppendFile(..)
        )
    }

    /// Whether it can be a part of a batch.
    pub fn goes_into_a_batch(&self) -> bool {
        self.changes()
            && !matches!(self, Call::Create(..) | Call::SetQuota(..) | Call::AppendFile(..) | Call::Batch(_))
    }

    /// Whether it opens a file for `w`, which asks nothing of the log: what it sees may be old, and only
    /// publishing is the check. The model knows no old views.
    pub fn opens_blindly(&self) -> bool {
        match self {
            Call::WriteFile(..) => true,
            Call::Open(_, _, mode) => mode.starts_with('w'),
            _ => false,
        }
    }
}

/// Bytes, by how they are made: so that a call prints on one line.
#[derive(Clone, Copy, Debug)]
pub struct Data {
    pub seed: u64,
    pub len: usize,
}

impl Data {
    pub fn bytes(self) -> Vec<u8> {
        let random = SeededRandom::new(self.seed);
        // Every other one shrinks under compression.
        let byte = |i: usize, word: u64| {
            if self.seed.is_multiple_of(2) { (word >> (i % 8 * 8)) as u8 } else { word as u8 & 3 }
        };
        let mut bytes = Vec::with_capacity(self.len);
        while bytes.len() < self.len {
            let word = random.next_u64();
            bytes.extend((0..8.min(self.len - bytes.len())).map(|i| byte(i, word)));
        }
        bytes
    }
}

/// What a call that succeeded answers.
#[derive(Clone, PartialEq, Eq)]
pub enum Reply {
    Done,
    Yes(bool),
    Bytes(Vec<u8>),
    Number(u64),
    Text(String),
    Entry(Entry),
    Entries(Vec<(String, Entry)>),
    /// Names and bytes of the values.
    Xattrs(Vec<(String, u64)>),
    Counts([u64; 4]),
    /// The call of a batch that is to blame, and why.
    Failed(usize, i32),
}

/// What there is to see of a file. The number is compared only for what it is the same as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// 1 file, 2 directory, 3 symbolic link, as in the header.
    pub kind: u32,
    pub size: u64,
    pub mode: u32,
    pub links: u32,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reply::Done => f.write_str("done"),
            Reply::Yes(yes) => yes.fmt(f),
            Reply::Bytes(bytes) => {
                let shown = &bytes[..bytes.len().min(24)];
                write!(f, "{} bytes {shown:?}", bytes.len())
            }
            Reply::Number(n) => n.fmt(f),
            Reply::Text(text) => text.fmt(f),
            Reply::Entry(entry) => entry.fmt(f),
            Reply::Entries(entries) => f.debug_list().entries(entries).finish(),
            Reply::Xattrs(xattrs) => xattrs.fmt(f),
            Reply::Counts(counts) => counts.fmt(f),
            Reply::Failed(at, status) => write!(f, "call {at} failed: {status}"),
        }
    }
}

/// Whatever answers calls.
pub trait Client {
    fn call(&mut self, call: &Call) -> Answer;

    /// Ends the client's link and everything open, and starts anew.
    fn reopen(&mut self);
}

/// Files that a client has open at most.
pub const SLOTS: usize = 5;

/// A source of calls: few names, so that they meet.
pub struct Calls<'a> {
    pub random: &'a SeededRandom,
}

impl Calls<'_> {
    fn below(&self, n: usize) -> usize {
        (self.random.next_u64() % n as u64) as usize
    }

    fn one_in(&self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn path(&self) -> String {
        const NAMES: [&str; 6] = ["a", "b", "c", "d", "é", "long-long-long-name"];
        if self.one_in(60) {
            const ODD: [&str; 7] = ["/", "", "relative", "/a/../b", "//a/./b", "/a//", "/."];
            return ODD[self.below(ODD.len())].to_owned();
        }
        let depth = 1 + self.below(3);
        let mut path: String =
            (0..depth).map(|_| format!("/{}", NAMES[self.below(4 + depth.min(2))])).collect();
        if self.one_in(25) {
            path.push('/');
        }
        path
    }

    fn target(&self) -> String {
        match self.below(4) {
            0 => "..".to_owned(),
            1 => format!("../{}", &self.path().trim_start_matches('/')),
            2 => self.path().trim_start_matches('/').to_owned() + "x",
            _ => self.path(),
        }
    }

    fn data(&self) -> Data {
        let len = match self.below(40) {
            0 => self.below(1_200_000),
            1..4 => self.below(300_000),
            4..8 => 0,
            _ => 1 + self.below(90),
        };
        Data { seed: self.random.next_u64(), len }
    }

    fn offset(&self) -> u64 {
        match self.below(30) {
            0 => self.below(900_000) as u64,
            1 => self.below(300_000) as u64,
            _ => self.below(150) as u64,
        }
    }

    fn xattr(&self) -> String {
        match self.below(25) {
            0 => String::new(),
            1 => "n".repeat(256),
            _ => ["user.a", "user.b/c", "user.\u{e9}"][self.below(3)].to_owned(),
        }
    }

    /// Mostly none, so that files can be made.
    fn quota(&self) -> Call {
        let bytes = [0, 0, 0, self.below(2_000_000)][self.below(4)] as u64;
        let entries = [0, 0, 0, 1 + self.below(40)][self.below(4)] as u64;
        Call::SetQuota(bytes, entries)
    }

    /// Copies, attributes, quotas.
    fn further(&self) -> Call {
        match self.below(20) {
            0..3 => Call::Create(self.path(), self.below(0o7777) as u32),
            3..11 => Call::Copy(self.path(), self.path(), self.one_in(2), !self.one_in(4)),
            11..14 => {
                let data = Data { len: self.below(if self.one_in(3) { 65_540 } else { 20 }), ..self.data() };
                Call::SetXattr(self.path(), self.xattr(), data, [0, 0, 1, 2][self.below(4)], self.one_in(2))
            }
            14 => Call::RemoveXattr(self.path(), self.xattr(), self.one_in(2)),
            15..17 => Call::GetXattr(self.path(), self.xattr(), self.one_in(2)),
            17 => Call::ListXattrs(self.path(), self.one_in(2)),
            _ => self.quota(),
        }
    }

    /// Changes that are to be made together.
    fn batch(&self) -> Call {
        let count = 1 + self.below(6);
        let calls = std::iter::repeat_with(|| self.next()).filter(Call::goes_into_a_batch);
        Call::Batch(calls.take(count).collect())
    }

    pub fn next(&self) -> Call {
        let slot = self.below(SLOTS);
        match self.below(120) {
            0..8 => Call::CreateDir(self.path()),
            8..10 => Call::DeleteDir(self.path(), self.one_in(2)),
            10..14 => Call::Delete(self.path()),
            14..19 => Call::Move(self.path(), self.path(), self.one_in(2)),
            19..22 => Call::Symlink(self.target(), self.path()),
            22..24 => Call::HardLink(self.path(), self.path()),
            24 => Call::SetMode(self.path(), self.below(0o7777) as u32),
            25 => Call::Truncate(self.path(), self.offset()),
            26..31 => Call::WriteFile(self.path(), self.data()),
            31..34 => Call::AppendFile(self.path(), self.data()),
            34..38 => Call::ReadFile(self.path()),
            38..42 => Call::Stat(self.path(), self.one_in(2)),
            42..44 => Call::List(self.path()),
            44 => Call::IsFile(self.path()),
            45 => Call::IsDir(self.path()),
            46 => Call::ReadLink(self.path()),
            47 => Call::Counts,
            48..62 => {
                const MODES: [&str; 9] = ["r", "w", "a", "x", "r+", "w+", "a+", "x+", "rb+"];
                Call::Open(slot, self.path(), MODES[self.below(MODES.len())])
            }
            62..67 => Call::Read(slot, self.below(200)),
            67..71 => {
                Call::Pread(slot, self.offset(), self.below(if self.one_in(9) { 500_000 } else { 200 }))
            }
            71..79 => Call::Write(slot, self.data()),
            79..83 => Call::Pwrite(slot, self.offset(), self.data()),
            83..86 => Call::Seek(slot, self.offset() as i64 - 20, self.below(3) as i32),
            86 => Call::Size(slot),
            87 => Call::SetSize(slot, self.offset()),
            88 => match self.below(3) {
                0 => Call::Punch(slot, self.offset(), 1 + self.offset()),
                1 => Call::Readv(slot, [0; 3].map(|_| self.below(100))),
                _ => Call::Writev(slot, [(); 3].map(|()| self.data())),
            },
            89..91 => Call::Flush(slot),
            91 => Call::Refresh(slot),
            92..98 => Call::Close(slot),
            98..100 => Call::Free(slot),
            100..115 => self.further(),
            _ => self.batch(),
        }
    }
}
