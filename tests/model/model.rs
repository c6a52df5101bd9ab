//! A plain file system in memory with the semantics of `docs/semantics.md`: bytes in vectors, no log, no cache.
//! What is committed is one tree; each client adds what its open files have not published.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use lucidlink::error::Status;

use super::call::{Answer, Call, Client, Entry, Reply};

const FILE: u32 = 1;
const DIRECTORY: u32 = 2;
const SYMLINK: u32 = 3;
const ROOT: u64 = 1;
const MAX_SIZE: u64 = i64::MAX as u64;

type Res<T> = Result<T, Status>;

/// The committed tree.
#[derive(Clone)]
pub struct Tree {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    /// The most bytes and nodes; 0: no limit.
    quota: (u64, u64),
}

#[derive(Clone)]
struct Node {
    kind: u32,
    mode: u32,
    links: u32,
    parent: u64,
    content: Vec<u8>,
    entries: BTreeMap<String, u64>,
    target: String,
    xattrs: BTreeMap<String, Vec<u8>>,
}

impl Node {
    fn new(kind: u32, mode: u32, parent: u64) -> Node {
        let (content, entries, target, xattrs) = Default::default();
        Node { kind, mode, links: 1, parent, content, entries, target, xattrs }
    }
}

/// A client's part: its open files.
#[derive(Clone, Default)]
pub struct Opened {
    handles: BTreeMap<usize, Handle>,
    /// By number of the file: handles of one group see each other.
    groups: BTreeMap<u64, u64>,
    order: u64,
}

#[derive(Clone)]
struct Handle {
    /// In the order of opening.
    opened: u64,
    /// The name that it makes, if it makes one.
    place: (u64, String),
    path: Path,
    kind: char,
    reads: bool,
    writes: bool,
    position: u64,
    file: u64,
    /// Those with which it was open at first.
    first_group: u64,
    group: u64,
    /// The group that it was opened in: files are published in the order in which they were opened first.
    shared: u64,
    base: Vec<u8>,
    unnamed: bool,
    replaces: Option<u64>,
    dirty: bool,
    /// Order, offset, bytes.
    written: Vec<(u64, u64, Vec<u8>)>,
    min_size: u64,
}

/// What is done to a file when it is published.
#[derive(Clone, Copy)]
enum Also {
    Truncate(usize),
    Punch((u64, u64)),
}

#[derive(Clone)]
struct Path {
    names: Vec<String>,
    slash: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Last {
    Follow,
    NoFollow,
    Name,
}

struct Resolved {
    parent: u64,
    name: String,
    found: Option<u64>,
    slash: bool,
}

/// What a call says without looking at the tree.
fn check_arguments(call: &Call) -> Res<()> {
    let is_name = |name: &String| (1..=255).contains(&name.len());
    match call {
        Call::CreateDir(path)
        | Call::DeleteDir(path, _)
        | Call::Delete(path)
        | Call::SetMode(path, _)
        | Call::Truncate(path, _)
        | Call::WriteFile(path, _) => parse(path).map(drop),
        Call::Move(from, to, _) | Call::HardLink(from, to) | Call::Copy(from, to, ..) => {
            parse(from).and(parse(to)).map(drop)
        }
        Call::Symlink(target, path) => {
            parse(path)?;
            if (1..=4096).contains(&target.len()) { Ok(()) } else { Err(Status::InvalidArgument) }
        }
        Call::SetXattr(path, name, data, ..) => {
            parse(path)?;
            if is_name(name) && data.len <= 65536 { Ok(()) } else { Err(Status::InvalidArgument) }
        }
        Call::RemoveXattr(path, name, _) => {
            parse(path)?;
            if is_name(name) { Ok(()) } else { Err(Status::InvalidArgument) }
        }
        _ => Ok(()),
    }
}

fn parse(text: &str) -> Res<Path> {
    if !text.starts_with('/') {
        return Err(Status::InvalidPath);
    }
    let names: Vec<String> =
        text.split('/').filter(|n| !n.is_empty() && *n != ".").map(str::to_owned).collect();
    if names.iter().any(|n| n == "..") {
        return Err(Status::InvalidPath);
    }
    Ok(Path { names, slash: text.ends_with('/') || text.ends_with("/.") })
}

impl Resolved {
    fn existing(self, tree: &Tree) -> Res<(u64, String, u64)> {
        match self.found {
            Some(node) if self.slash && tree.nodes[&node].kind != DIRECTORY => Err(Status::NotADirectory),
            Some(node) => Ok((self.parent, self.name, node)),
            None => Err(Status::NotFound),
        }
    }

    fn vacant(self, for_dir: bool) -> Res<(u64, String)> {
        match self.found {
            Some(_) => Err(Status::Exists),
            None if self.slash && !for_dir => Err(Status::IsADirectory),
            None => Ok((self.parent, self.name)),
        }
    }
}

impl Default for Tree {
    fn default() -> Tree {
        Tree { nodes: BTreeMap::from([(ROOT, Node::new(DIRECTORY, 0o755, ROOT))]), next: 2, quota: (0, 0) }
    }
}

impl Tree {
    fn node(&mut self, id: u64) -> &mut Node {
        self.nodes.get_mut(&id).expect("a node of the model")
    }

    fn resolve(&self, path: &Path, last: Last) -> Res<Resolved> {
        let mut pending: Vec<String> = path.names.iter().rev().cloned().collect();
        let mut walked = vec![(ROOT, String::new())];
        let (mut slash, mut symlinks) = (path.slash, 0);
        while let Some(name) = pending.pop() {
            let directory = walked.last().expect("the root").0;
            if name == ".." {
                if walked.len() > 1 {
                    walked.pop();
                }
                continue;
            }
            let is_last = pending.is_empty();
            let Some(node) = self.nodes[&directory].entries.get(&name).copied() else {
                let vacant = Resolved { parent: directory, name, found: None, slash };
                return if is_last { Ok(vacant) } else { Err(Status::NotFound) };
            };
            match self.nodes[&node].kind {
                SYMLINK if !is_last || last == Last::Follow || slash && last != Last::Name => {
                    symlinks += 1;
                    if symlinks > 40 {
                        return Err(Status::TooManySymlinks);
                    }
                    let target = &self.nodes[&node].target;
                    slash |= is_last && target.ends_with('/');
                    if target.starts_with('/') {
                        walked.truncate(1);
                    }
                    let steps = target.split('/').rev().filter(|c| !c.is_empty() && *c != ".");
                    pending.extend(steps.map(str::to_owned));
                }
                DIRECTORY => walked.push((node, name)),
                _ if is_last => return Ok(Resolved { parent: directory, name, found: Some(node), slash }),
                _ => return Err(Status::NotADirectory),
            }
        }
        let (node, name) = walked.pop().expect("at least the root");
        let parent = walked.last().map_or(ROOT, |w| w.0);
        Ok(Resolved { parent, name, found: Some(node), slash })
    }

    fn add(&mut self, parent: u64, name: &str, node: Node) -> u64 {
        let id = self.next;
        self.next += 1;
        self.nodes.insert(id, Node { parent, ..node });
        self.node(parent).entries.insert(name.to_owned(), id);
        id
    }

    fn drop_name(&mut self, id: u64) {
        self.node(id).links -= 1;
        if self.nodes[&id].links == 0 {
            self.nodes.remove(&id);
        }
    }

    fn remove_tree(&mut self, id: u64) {
        for child in std::mem::take(&mut self.node(id).entries).into_values() {
            match self.nodes[&child].kind {
                DIRECTORY => self.remove_tree(child),
                _ => self.drop_name(child),
            }
        }
        self.nodes.remove(&id);
    }

    fn is_inside(&self, mut directory: u64, ancestor: u64) -> bool {
        loop {
            if directory == ancestor {
                return true;
            }
            if directory == ROOT {
                return false;
            }
            directory = self.nodes[&directory].parent;
        }
    }

    fn entry(&self, id: u64) -> Entry {
        let node = &self.nodes[&id];
        let size = match node.kind {
            SYMLINK => node.target.len(),
            _ => node.content.len(),
        };
        Entry { kind: node.kind, size: size as u64, mode: node.mode, links: node.links }
    }

    fn file_at(&self, path: &Path) -> Res<u64> {
        let (_, _, node) = self.resolve(path, Last::Follow)?.existing(self)?;
        if self.nodes[&node].kind == FILE { Ok(node) } else { Err(Status::IsADirectory) }
    }

    /// A number that is the same for trees that nobody can tell apart.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for path in self.paths() {
            let node = &self.nodes[&self.number(&path).expect("a path of the tree")];
            (path, node.kind, node.mode, node.links, &node.target, &node.content).hash(&mut hasher);
            node.xattrs.hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Every path there is, for walking.
    pub fn paths(&self) -> Vec<String> {
        fn walk(tree: &Tree, id: u64, path: &str, all: &mut Vec<String>) {
            for (name, child) in &tree.nodes[&id].entries {
                let below = format!("{path}/{name}");
                all.push(below.clone());
                walk(tree, *child, &below, all);
            }
        }
        let mut all = vec!["/".to_owned()];
        walk(self, ROOT, "", &mut all);
        all
    }

    /// The number of what a path leads to, links not followed.
    pub fn number(&self, path: &str) -> Option<u64> {
        self.resolve(&parse(path).ok()?, Last::NoFollow).ok()?.found
    }

    /// What a quota limits.
    fn weight(&self) -> (u64, u64) {
        let bytes = self.nodes.values().map(|n| n.content.len() as u64).sum();
        (bytes, self.nodes.len() as u64)
    }

    /// Fails if the tree has grown since it had this weight, and beyond its quota.
    fn check_quota(&self, before: (u64, u64)) -> Res<()> {
        let (bytes, nodes) = self.weight();
        let over = |now: u64, before: u64, most: u64| most > 0 && now > before && now > most;
        match over(bytes, before.0, self.quota.0) || over(nodes, before.1, self.quota.1) {
            true => Err(Status::NoSpace),
            false => Ok(()),
        }
    }

    fn counts(&self) -> [u64; 4] {
        let count = |kind| self.nodes.values().filter(|n| n.kind == kind).count() as u64;
        let bytes = self.nodes.values().map(|n| n.content.len() as u64).sum();
        [count(FILE), count(DIRECTORY), count(SYMLINK), bytes]
    }
}

/// The tree and one client in it.
pub struct Model<'a> {
    pub tree: &'a mut Tree,
    pub opened: &'a mut Opened,
}

impl Client for Model<'_> {
    fn call(&mut self, call: &Call) -> Answer {
        self.run(call).map_err(|s| s.code())
    }

    fn reopen(&mut self) {
        // Unlinking publishes what can be published.
        self.publish_all();
        *self.opened = Opened::default();
    }
}

impl Model<'_> {
    fn run(&mut self, call: &Call) -> Res<Reply> {
        match call {
            Call::Batch(calls) => {
                calls.iter().try_for_each(check_arguments)?;
                let before = (self.tree.clone(), self.opened.clone());
                for (n, call) in calls.iter().enumerate() {
                    if let Err(status) = self.run(call) {
                        (*self.tree, *self.opened) = before;
                        return Ok(Reply::Failed(n, status.code()));
                    }
                }
                Ok(Reply::Done)
            }
            Call::CreateDir(path) => {
                let path = parse(path)?;
                self.within_quota(|model| model.create_dir(&path))
            }
            Call::Create(path, mode) => {
                let (parent, name) = self.tree.resolve(&parse(path)?, Last::Name)?.vacant(false)?;
                self.within_quota(|model| {
                    model.tree.add(parent, &name, Node::new(FILE, *mode, parent));
                    Ok(Reply::Done)
                })
            }
            Call::Copy(from, to, replace, follow) => {
                let (from, to) = (parse(from)?, parse(to)?);
                self.publish_at(&from, last(*follow), false)?;
                let last = last(*follow);
                if let Ok((_, _, node)) =
                    self.tree.resolve(&from, last).and_then(|found| found.existing(self.tree))
                {
                    self.publish_written(node)?;
                }
                self.within_quota(|model| model.copy(&from, &to, *replace, last))
            }
            Call::SetXattr(path, name, data, mode, follow) => {
                let (path, value) = (parse(path)?, data.bytes());
                if name.is_empty() || name.len() > 255 || value.len() > 65536 {
                    return Err(Status::InvalidArgument);
                }
                self.publish_at(&path, last(*follow), false)?;
                let (_, _, node) = self.tree.resolve(&path, last(*follow))?.existing(self.tree)?;
                let xattrs = &mut self.tree.node(node).xattrs;
                match mode {
                    1 if xattrs.contains_key(name) => return Err(Status::Exists),
                    2 if !xattrs.contains_key(name) => return Err(Status::NoAttribute),
                    _ => {}
                }
                // The names are so few that no limit is met.
                xattrs.insert(name.clone(), value);
                Ok(Reply::Done)
            }
            Call::RemoveXattr(path, name, follow) => {
                let path = parse(path)?;
                if name.is_empty() || name.len() > 255 {
                    return Err(Status::InvalidArgument);
                }
                self.publish_at(&path, last(*follow), false)?;
                let (_, _, node) = self.tree.resolve(&path, last(*follow))?.existing(self.tree)?;
                let removed = self.tree.node(node).xattrs.remove(name);
                removed.map(|_| Reply::Done).ok_or(Status::NoAttribute)
            }
            Call::GetXattr(path, name, follow) => {
                let path = parse(path)?;
                if name.is_empty() || name.len() > 255 {
                    return Err(Status::InvalidArgument);
                }
                let (_, _, node) = self.tree.resolve(&path, last(*follow))?.existing(self.tree)?;
                let value = self.tree.nodes[&node].xattrs.get(name).ok_or(Status::NoAttribute)?;
                Ok(Reply::Bytes(value.clone()))
            }
            Call::ListXattrs(path, follow) => {
                let (_, _, node) = self.tree.resolve(&parse(path)?, last(*follow))?.existing(self.tree)?;
                let xattrs = self.tree.nodes[&node].xattrs.iter();
                Ok(Reply::Xattrs(xattrs.map(|(name, value)| (name.clone(), value.len() as u64)).collect()))
            }
            Call::SetQuota(bytes, entries) => {
                self.tree.quota = (*bytes, *entries);
                Ok(Reply::Done)
            }
            Call::DeleteDir(path, recursive) => self.delete_dir(&parse(path)?, *recursive),
            Call::Delete(path) => self.delete(&parse(path)?),
            Call::Move(from, to, replace) => self.rename(&parse(from)?, &parse(to)?, *replace),
            Call::Symlink(target, path) => {
                let path = parse(path)?;
                if target.is_empty() {
                    return Err(Status::InvalidArgument);
                }
                let (parent, name) = self.tree.resolve(&path, Last::Name)?.vacant(false)?;
                let node = Node { target: target.clone(), ..Node::new(SYMLINK, 0o777, parent) };
                self.within_quota(|model| {
                    model.tree.add(parent, &name, node);
                    Ok(Reply::Done)
                })
            }
            Call::HardLink(existing, path) => {
                let (existing, path) = (parse(existing)?, parse(path)?);
                self.publish_at(&existing, Last::Name, false)?;
                let (_, _, node) = self.tree.resolve(&existing, Last::Name)?.existing(self.tree)?;
                if self.tree.nodes[&node].kind == DIRECTORY {
                    return Err(Status::IsADirectory);
                }
                let (parent, name) = self.tree.resolve(&path, Last::Name)?.vacant(false)?;
                self.tree.node(node).links += 1;
                self.tree.node(parent).entries.insert(name, node);
                Ok(Reply::Done)
            }
            Call::SetMode(path, mode) => {
                let path = parse(path)?;
                self.publish_at(&path, Last::Follow, false)?;
                let (_, _, node) = self.tree.resolve(&path, Last::Follow)?.existing(self.tree)?;
                self.tree.node(node).mode = *mode;
                Ok(Reply::Done)
            }
            Call::Truncate(path, size) => {
                let path = parse(path)?;
                self.publish_at(&path, Last::Follow, false)?;
                let node = self.tree.file_at(&path)?;
                self.within_quota(|model| {
                    model.tree.node(node).content.resize(*size as usize, 0);
                    Ok(Reply::Done)
                })
            }
            Call::WriteFile(path, data) | Call::AppendFile(path, data) => {
                let slot = usize::MAX;
                self.open(slot, path, if matches!(call, Call::WriteFile(..)) { "w" } else { "a" })?;
                self.write(slot, None, &data.bytes())?;
                self.close(slot)
            }
            Call::ReadFile(path) => {
                let slot = usize::MAX;
                self.open(slot, path, "r")?;
                let content = self.view(&self.opened.handles[&slot].clone());
                self.opened.handles.remove(&slot);
                Ok(Reply::Bytes(content))
            }
            Call::Stat(path, follow) => {
                let (_, _, node) = self.tree.resolve(&parse(path)?, last(*follow))?.existing(self.tree)?;
                Ok(Reply::Entry(self.tree.entry(node)))
            }
            Call::List(path) => {
                let (_, _, node) = self.tree.resolve(&parse(path)?, Last::Follow)?.existing(self.tree)?;
                let node = &self.tree.nodes[&node];
                if node.kind != DIRECTORY {
                    return Err(Status::NotADirectory);
                }
                let entries = node.entries.iter().map(|(name, id)| (name.clone(), self.tree.entry(*id)));
                Ok(Reply::Entries(entries.collect()))
            }
            Call::IsFile(path) => self.exists(path, FILE),
            Call::IsDir(path) => self.exists(path, DIRECTORY),
            Call::ReadLink(path) => {
                let (_, _, node) = self.tree.resolve(&parse(path)?, Last::NoFollow)?.existing(self.tree)?;
                let node = &self.tree.nodes[&node];
                if node.kind == SYMLINK {
                    Ok(Reply::Text(node.target.clone()))
                } else {
                    Err(Status::NotASymlink)
                }
            }
            Call::Counts => Ok(Reply::Counts(self.tree.counts())),
            Call::Open(slot, path, mode) => {
                self.opened.handles.remove(slot);
                self.open(*slot, path, mode)
            }
            Call::Read(slot, len) => {
                let handle = self.readable(*slot)?.clone();
                let bytes = slice(&self.view(&handle), handle.position, *len);
                self.handle(*slot)?.position += bytes.len() as u64;
                Ok(Reply::Bytes(bytes))
            }
            Call::Pread(slot, offset, len) => {
                let handle = self.readable(*slot)?.clone();
                Ok(Reply::Bytes(slice(&self.view(&handle), *offset, *len)))
            }
            Call::Write(slot, data) => self.write(*slot, None, &data.bytes()),
            Call::Pwrite(slot, offset, data) => self.write(*slot, Some(*offset), &data.bytes()),
            Call::Seek(slot, offset, whence) => {
                let handle = self.handle(*slot)?.clone();
                let from = match whence {
                    0 => 0,
                    1 => handle.position,
                    _ => self.view(&handle).len() as u64,
                };
                let to = from.checked_add_signed(*offset).filter(|to| *to <= MAX_SIZE);
                let to = to.ok_or(Status::InvalidArgument)?;
                self.handle(*slot)?.position = to;
                Ok(Reply::Number(to))
            }
            Call::Size(slot) => {
                let handle = self.handle(*slot)?.clone();
                Ok(Reply::Number(self.view(&handle).len() as u64))
            }
            Call::SetSize(slot, size) => self.set_size(*slot, *size),
            Call::Punch(slot, offset, length) => self.punch(*slot, *offset, *length),
            Call::Readv(slot, lens) => self.run(&Call::Read(*slot, lens.iter().sum())),
            Call::Writev(slot, parts) => {
                self.write(*slot, None, &parts.iter().flat_map(|part| part.bytes()).collect::<Vec<u8>>())
            }
            Call::Flush(slot) => {
                self.handle(*slot)?;
                self.publish(*slot, None).map(|()| Reply::Done)
            }
            Call::Refresh(slot) => {
                let handle = self.handle(*slot)?.clone();
                match self.tree.nodes.get(&handle.file) {
                    Some(node) => {
                        self.opened.handles.get_mut(slot).expect("open").base = node.content.clone()
                    }
                    None if handle.unnamed => {}
                    None => return Err(Status::Deleted),
                }
                Ok(Reply::Done)
            }
            Call::Close(slot) => {
                self.handle(*slot)?;
                self.close(*slot)
            }
            Call::Free(slot) => {
                self.opened.handles.remove(slot);
                Ok(Reply::Done)
            }
        }
    }

    /// Does something that is one commit: if it grows beyond the quota, nothing has happened.
    fn within_quota<T>(&mut self, change: impl FnOnce(&mut Model<'_>) -> Res<T>) -> Res<T> {
        if self.tree.quota == (0, 0) {
            return change(self);
        }
        let (tree, opened, weight) = (self.tree.clone(), self.opened.clone(), self.tree.weight());
        let done = change(self).and_then(|done| self.tree.check_quota(weight).map(|()| done));
        if matches!(done, Err(Status::NoSpace)) {
            (*self.tree, *self.opened) = (tree, opened);
        }
        done
    }

    fn copy(&mut self, from: &Path, to: &Path, replace: bool, last: Last) -> Res<Reply> {
        let (_, _, node) = self.tree.resolve(from, last)?.existing(self.tree)?;
        let source = self.tree.nodes[&node].clone();
        if source.kind == DIRECTORY {
            return Err(Status::IsADirectory);
        }
        let target = self.tree.resolve(to, Last::Name)?;
        let (parent, name, replaced) = match target.found {
            Some(_) if !replace || target.name.is_empty() => return Err(Status::Exists),
            Some(found) if self.tree.nodes[&found].kind == DIRECTORY => return Err(Status::IsADirectory),
            Some(_) if target.slash => return Err(Status::NotADirectory),
            Some(found) => (target.parent, target.name, Some(found)),
            None => {
                let (parent, name) = target.vacant(false)?;
                (parent, name, None)
            }
        };
        if let Some(replaced) = replaced {
            self.tree.drop_name(replaced);
        }
        self.tree.add(parent, &name, Node { links: 1, ..source });
        Ok(Reply::Done)
    }

    fn exists(&self, path: &str, kind: u32) -> Res<Reply> {
        let found = self.tree.resolve(&parse(path)?, Last::Follow).and_then(|r| r.existing(self.tree));
        match found {
            Ok((_, _, node)) => Ok(Reply::Yes(self.tree.nodes[&node].kind == kind)),
            Err(Status::NotFound | Status::NotADirectory) => Ok(Reply::Yes(false)),
            Err(status) => Err(status),
        }
    }

    fn create_dir(&mut self, path: &Path) -> Res<Reply> {
        let depth = path.names.len();
        for have in 1..=depth {
            let prefix = Path { names: path.names[..have].to_vec(), slash: false };
            let here = self.tree.resolve(&prefix, Last::Name)?;
            match here.found {
                Some(_) if have == depth => break,
                Some(_) => {
                    let (_, _, node) = self.tree.resolve(&prefix, Last::Follow)?.existing(self.tree)?;
                    if self.tree.nodes[&node].kind != DIRECTORY {
                        return Err(Status::NotADirectory);
                    }
                }
                None => {
                    let mut parent = here.parent;
                    for name in &path.names[have - 1..] {
                        parent = self.tree.add(parent, name, Node::new(DIRECTORY, 0o755, parent));
                    }
                    return Ok(Reply::Done);
                }
            }
        }
        Err(Status::Exists)
    }

    fn delete_dir(&mut self, path: &Path, recursive: bool) -> Res<Reply> {
        self.publish_at(path, Last::Name, recursive)?;
        let (parent, name, node) = self.tree.resolve(path, Last::Name)?.existing(self.tree)?;
        if self.tree.nodes[&node].kind != DIRECTORY {
            return Err(Status::NotADirectory);
        }
        if name.is_empty() {
            return Err(Status::InvalidArgument);
        }
        if !recursive && !self.tree.nodes[&node].entries.is_empty() {
            return Err(Status::NotEmpty);
        }
        self.tree.node(parent).entries.remove(&name);
        self.tree.remove_tree(node);
        Ok(Reply::Done)
    }

    fn delete(&mut self, path: &Path) -> Res<Reply> {
        self.publish_at(path, Last::Name, false)?;
        let (parent, name, node) = self.tree.resolve(path, Last::Name)?.existing(self.tree)?;
        if self.tree.nodes[&node].kind == DIRECTORY {
            return Err(Status::IsADirectory);
        }
        self.tree.node(parent).entries.remove(&name);
        self.tree.drop_name(node);
        Ok(Reply::Done)
    }

    fn rename(&mut self, from: &Path, to: &Path, replace: bool) -> Res<Reply> {
        self.publish_at(from, Last::Name, true)?;
        let (old, name, node) = self.tree.resolve(from, Last::Name)?.existing(self.tree)?;
        let is_dir = self.tree.nodes[&node].kind == DIRECTORY;
        if name.is_empty() {
            return Err(Status::InvalidArgument);
        }
        let target = self.tree.resolve(to, Last::Name)?;
        let (new, new_name, found) = match target.found {
            Some(_) if !replace || target.name.is_empty() => return Err(Status::Exists),
            Some(found) if target.slash && self.tree.nodes[&found].kind != DIRECTORY => {
                return Err(Status::NotADirectory);
            }
            Some(_) if target.slash && !is_dir => return Err(Status::IsADirectory),
            Some(found) => (target.parent, target.name, Some(found)),
            None => {
                let (parent, name) = target.vacant(is_dir)?;
                (parent, name, None)
            }
        };
        if is_dir && self.tree.is_inside(new, node) {
            return Err(Status::MoveIntoItself);
        }
        if let Some(found) = found {
            if found == node {
                return Ok(Reply::Done);
            }
            match (is_dir, self.tree.nodes[&found].kind == DIRECTORY) {
                (true, false) => return Err(Status::NotADirectory),
                (false, true) => return Err(Status::IsADirectory),
                (true, true) if !self.tree.nodes[&found].entries.is_empty() => return Err(Status::NotEmpty),
                (true, true) => self.tree.remove_tree(found),
                (false, false) => self.tree.drop_name(found),
            }
        }
        self.tree.node(old).entries.remove(&name);
        self.tree.node(new).entries.insert(new_name, node);
        if is_dir {
            self.tree.node(node).parent = new;
        }
        Ok(Reply::Done)
    }

    fn handle(&mut self, slot: usize) -> Res<&mut Handle> {
        self.opened.handles.get_mut(&slot).ok_or(Status::InvalidHandle)
    }

    fn readable(&mut self, slot: usize) -> Res<&mut Handle> {
        let handle = self.handle(slot)?;
        if handle.reads { Ok(handle) } else { Err(Status::WrongMode) }
    }

    fn group_of(&mut self, file: u64) -> u64 {
        let alive = |group: u64, o: &Opened| o.handles.values().any(|h| h.group == group);
        if let Some(group) = self.opened.groups.get(&file).copied()
            && alive(group, self.opened)
        {
            return group;
        }
        self.opened.order += 1;
        self.opened.groups.insert(file, self.opened.order);
        self.opened.order
    }

    fn open(&mut self, slot: usize, path: &str, mode: &str) -> Res<Reply> {
        let path = parse(path)?;
        let kind = mode.chars().next().expect("a mode");
        let plus = mode.contains('+');
        let (file, mut unnamed, mut base);
        (unnamed, base) = (false, Vec::new());
        let mut place = (0, String::new());
        if kind == 'x' {
            let (parent, name) = self.tree.resolve(&path, Last::Name)?.vacant(false)?;
            file =
                self.within_quota(|model| Ok(model.tree.add(parent, &name, Node::new(FILE, 0o644, parent))))?;
        } else {
            let resolved = self.tree.resolve(&path, Last::Follow)?;
            match resolved.found {
                Some(node) if self.tree.nodes[&node].kind != FILE => return Err(Status::IsADirectory),
                Some(_) if resolved.slash => return Err(Status::NotADirectory),
                Some(node) => {
                    file = node;
                    if kind != 'w' {
                        base.clone_from(&self.tree.nodes[&node].content);
                    }
                }
                None => {
                    place = resolved.vacant(false)?;
                    let promised = self.opened.handles.values().find(|h| h.unnamed && h.place == place);
                    let promised = promised.map(|h| h.file);
                    unnamed = kind != 'r';
                    file = match promised {
                        Some(file) => file,
                        None if unnamed => {
                            self.tree.next += 1;
                            self.tree.next - 1
                        }
                        None => return Err(Status::NotFound),
                    };
                }
            }
        }
        let group = self.group_of(file);
        self.opened.order += 1;
        let replaces = (kind == 'w').then_some(self.opened.order);
        let handle = Handle {
            opened: self.opened.order,
            place,
            path,
            kind,
            reads: kind == 'r' || plus,
            writes: kind != 'r' || plus,
            position: 0,
            file,
            first_group: group,
            group,
            shared: group,
            base,
            unnamed,
            replaces,
            dirty: unnamed || kind == 'w',
            written: Vec::new(),
            min_size: 0,
        };
        self.opened.handles.insert(slot, handle);
        Ok(Reply::Done)
    }

    /// The content as a handle sees it.
    fn view(&self, of: &Handle) -> Vec<u8> {
        let group: Vec<&Handle> = self.opened.handles.values().filter(|h| h.group == of.group).collect();
        let replaced = group.iter().filter_map(|h| h.replaces).max();
        let mut content = if replaced.is_some() { Vec::new() } else { of.base.clone() };
        let mut writes: Vec<&(u64, u64, Vec<u8>)> = group.iter().flat_map(|h| &h.written).collect();
        writes.retain(|(order, _, _)| replaced.is_none_or(|r| *order >= r));
        writes.sort_by_key(|(order, _, _)| *order);
        for (_, offset, bytes) in writes {
            put(&mut content, *offset, bytes);
        }
        let min = group.iter().filter(|h| replaced.is_none_or(|r| h.replaces.is_some_and(|own| own >= r)));
        let min = min.map(|h| h.min_size).max().unwrap_or(0);
        if (content.len() as u64) < min {
            content.resize(min as usize, 0);
        }
        content
    }

    fn write(&mut self, slot: usize, at: Option<u64>, bytes: &[u8]) -> Res<Reply> {
        let handle = self.handle(slot)?.clone();
        if !handle.writes || at.is_some() && handle.kind == 'a' {
            return Err(Status::WrongMode);
        }
        let offset = match at {
            Some(offset) => offset,
            None if handle.kind == 'a' => {
                let own_end = handle.written.iter().map(|(_, o, b)| o + b.len() as u64).max().unwrap_or(0);
                own_end.max(self.view(&handle).len() as u64)
            }
            None => handle.position,
        };
        self.opened.order += 1;
        let order = self.opened.order;
        let handle = self.handle(slot)?;
        if !bytes.is_empty() {
            handle.dirty = true;
            handle.written.push((order, offset, bytes.to_vec()));
        }
        if at.is_none() {
            handle.position = offset + bytes.len() as u64;
        }
        Ok(Reply::Number(bytes.len() as u64))
    }

    fn set_size(&mut self, slot: usize, size: u64) -> Res<Reply> {
        let handle = self.handle(slot)?;
        if !handle.writes || handle.kind == 'a' {
            return Err(Status::WrongMode);
        }
        if handle.replaces.is_some() {
            for (_, offset, bytes) in &mut handle.written {
                bytes.truncate(size.saturating_sub(*offset) as usize);
            }
            handle.written.retain(|(_, _, bytes)| !bytes.is_empty());
            handle.min_size = size;
            return Ok(Reply::Done);
        }
        self.publish(slot, Some(Also::Truncate(size as usize))).map(|()| Reply::Done)
    }

    fn punch(&mut self, slot: usize, offset: u64, length: u64) -> Res<Reply> {
        let handle = self.handle(slot)?;
        if !handle.writes || handle.kind == 'a' {
            return Err(Status::WrongMode);
        }
        if length == 0 {
            return Err(Status::InvalidArgument);
        }
        let hole = (offset, offset.saturating_add(length));
        if handle.replaces.is_some() {
            let end = handle.written.iter().map(|(_, at, bytes)| at + bytes.len() as u64).max();
            handle.min_size = handle.min_size.max(end.unwrap_or(0));
            let without = |(order, at, bytes): (u64, u64, Vec<u8>)| {
                let cut = |place: u64| place.clamp(at, at + bytes.len() as u64) - at;
                let (left, right) = (cut(hole.0) as usize, cut(hole.1) as usize);
                [(order, at, bytes[..left].to_vec()), (order, at + right as u64, bytes[right..].to_vec())]
            };
            handle.written = std::mem::take(&mut handle.written).into_iter().flat_map(without).collect();
            handle.written.retain(|(_, _, bytes)| !bytes.is_empty());
            return Ok(Reply::Done);
        }
        self.publish(slot, Some(Also::Punch(hole))).map(|()| Reply::Done)
    }

    fn close(&mut self, slot: usize) -> Res<Reply> {
        let published = self.publish(slot, None);
        self.opened.handles.remove(&slot);
        published.map(|()| Reply::Done)
    }

    fn publish_all(&mut self) {
        let mut found: Vec<_> = self.opened.handles.iter().collect();
        found.sort_by_key(|(_, h)| (h.shared, h.opened));
        let slots: Vec<usize> = found.into_iter().map(|(slot, _)| *slot).collect();
        for slot in slots {
            let _ = self.publish(slot, None);
        }
    }

    fn publish_at(&mut self, path: &Path, last: Last, below: bool) -> Res<()> {
        let Ok(there) = self.tree.resolve(path, last) else { return Ok(()) };
        let directory = there.found.filter(|node| below && self.tree.nodes[node].kind == DIRECTORY);
        let concerned = |h: &Handle| {
            h.unnamed
                && ((h.place.0, &h.place.1) == (there.parent, &there.name)
                    || self.tree.nodes.contains_key(&h.place.0)
                        && directory.is_some_and(|top| self.tree.is_inside(h.place.0, top)))
        };
        let mut found: Vec<_> = self.opened.handles.iter().filter(|(_, h)| concerned(h)).collect();
        found.sort_by_key(|(_, h)| (h.file, h.opened));
        let slots: Vec<usize> = found.into_iter().map(|(slot, _)| *slot).collect();
        for slot in slots {
            // Publishing one may name the others.
            if self.opened.handles[&slot].unnamed {
                self.publish(slot, None)?;
            }
        }
        Ok(())
    }

    /// Publishes what handles wrote to a file.
    fn publish_written(&mut self, file: u64) -> Res<()> {
        let Some(group) = self.opened.groups.get(&file).copied() else { return Ok(()) };
        let concerned = |h: &Handle| h.group == group && h.file == file && h.dirty;
        let mut found: Vec<_> = self.opened.handles.iter().filter(|(_, h)| concerned(h)).collect();
        found.sort_by_key(|(_, h)| h.opened);
        let slots: Vec<usize> = found.into_iter().map(|(slot, _)| *slot).collect();
        slots.into_iter().try_for_each(|slot| self.publish(slot, None))
    }

    fn publish(&mut self, slot: usize, also: Option<Also>) -> Res<()> {
        self.within_quota(|model| model.publish_freely(slot, also))
    }

    fn publish_freely(&mut self, slot: usize, also: Option<Also>) -> Res<()> {
        let handle = self.handle(slot)?.clone();
        if !handle.dirty && also.is_none() {
            return Ok(());
        }
        let weight = self.tree.weight();
        let mut node = handle.file;
        if handle.unnamed || handle.replaces.is_some() {
            let place = self.tree.resolve(&handle.path, Last::Follow)?;
            node = match place.found {
                Some(node) if self.tree.nodes[&node].kind != FILE => return Err(Status::IsADirectory),
                Some(node) => node,
                None => self.tree.add(place.parent, &place.name, Node::new(FILE, 0o644, place.parent)),
            };
        } else if !self.tree.nodes.contains_key(&node) {
            return Err(Status::Deleted);
        }
        let content = &mut self.tree.node(node).content;
        let mut written = handle.written.clone();
        let mut ranges = Vec::new();
        let mut appended = None;
        if handle.replaces.is_some() {
            content.clear();
            content.resize(handle.min_size as usize, 0);
        }
        if handle.kind == 'a' {
            let start = content.len() as u64;
            written.iter().for_each(|(_, _, bytes)| content.extend(bytes));
            ranges.push((start, content.len() as u64));
            if !written.is_empty() {
                appended = Some(content.len() as u64);
            }
        } else {
            written.sort_by_key(|(order, _, _)| *order);
            for (_, offset, bytes) in &written {
                put(content, *offset, bytes);
                ranges.push((*offset, offset + bytes.len() as u64));
            }
        }
        // Each operation of the commit is judged by itself.
        self.tree.check_quota(weight)?;
        let weight = self.tree.weight();
        let content = &mut self.tree.node(node).content;
        match also {
            Some(Also::Truncate(size)) => content.resize(size, 0),
            Some(Also::Punch((from, to))) => {
                let clip = |at: u64| at.min(content.len() as u64);
                let (from, to) = (clip(from), clip(to));
                content[from as usize..to as usize].fill(0);
                ranges.push((from, to));
            }
            None => {}
        }
        let content = content.clone();
        self.tree.check_quota(weight)?;
        let own_end = handle.written.iter().map(|(_, o, b)| o + b.len() as u64).max().unwrap_or(0);
        if node != handle.file && !handle.unnamed {
            // Its name leads to another file by now; other handles stay with the one that they opened, but for those
            // that came the same way.
            let came = |h: &&Handle| h.first_group == handle.first_group && h.file == node;
            let group = self.opened.handles.values().find(came).map(|h| h.group);
            self.opened.order += 1;
            let alone = self.opened.order;
            let moved = self.handle(slot)?;
            (moved.file, moved.group) = (node, group.unwrap_or(alone));
        } else if node != handle.file {
            let group = self.opened.groups.remove(&handle.file).unwrap_or(handle.group);
            let alive = |o: &Opened, g: u64| o.handles.values().any(|h| h.group == g);
            match self.opened.groups.get(&node).copied() {
                Some(other) if alive(self.opened, other) => {}
                _ => drop(self.opened.groups.insert(node, group)),
            }
        }
        let group = self.handle(slot)?.group;
        let whole = handle.replaces.is_some() || matches!(also, Some(Also::Truncate(_)));
        for (other, h) in &mut self.opened.handles {
            if h.group != group {
                continue;
            }
            h.file = node;
            if std::mem::take(&mut h.unnamed) {
                h.dirty = h.replaces.is_some() || !h.written.is_empty();
            }
            if *other == slot {
                if let Some(end) = appended
                    && h.position == own_end
                {
                    h.position = end;
                }
                h.base.clone_from(&content);
                (h.written, h.replaces, h.dirty, h.min_size) = (Vec::new(), None, false, 0);
            } else if whole {
                h.base.clone_from(&content);
            } else {
                for (from, to) in &ranges {
                    put(&mut h.base, *from, &content[*from as usize..*to as usize]);
                }
            }
        }
        Ok(())
    }
}

fn last(follow: bool) -> Last {
    if follow { Last::Follow } else { Last::NoFollow }
}

fn put(content: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let end = offset as usize + bytes.len();
    if bytes.is_empty() {
        return;
    }
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset as usize..end].copy_from_slice(bytes);
}

fn slice(content: &[u8], offset: u64, len: usize) -> Vec<u8> {
    let from = (offset as usize).min(content.len());
    content[from..(from + len).min(content.len())].to_vec()
}
