//! What an event says.

use lucidlink::env::SeededRandom;
use lucidlink::ffi::fs::{LL_TYPE_DIRECTORY, LL_TYPE_FILE};
use lucidlink::ffi::watch::{
    LL_EVENT_ATTRIBUTES, LL_EVENT_CHANGED, LL_EVENT_CREATED, LL_EVENT_DELETED, LL_EVENT_MOVED,
    LL_EVENT_OVERFLOW, LL_EVENT_TREE_REMOVED, LL_WATCH_OTHERS,
};

use crate::abi::Event;
use crate::tree::{Tree, take};
use crate::{Client, World};

/// What a watch has to tell of everything up to now.
fn told(client: &Client, watch: u64, writer: &Client) -> Vec<Event> {
    let upto = writer.abi.sync_all(writer.filespace).unwrap().seq;
    take(client, watch, upto, &SeededRandom::new(1))
}

fn short(events: &[Event]) -> Vec<(u32, &str, &str)> {
    events.iter().map(|event| (event.raw.kind, &event.from[..], &event.path[..])).collect()
}

#[test]
fn what_happens_is_told_with_its_names_at_that_place_and_by_whom() {
    let world = World::new();
    let (writer, watcher) = (world.client(), world.client());
    let (abi, fs) = (&writer.abi, writer.filespace);
    abi.create_dir(fs, "/a").unwrap();
    let start = abi.position_text(&abi.sync_all(fs).unwrap());
    let live = watcher.abi.watch(watcher.filespace, None, None, 0).unwrap();
    abi.write_file(fs, "/a/file", b"1").unwrap();
    let file = abi.open(fs, "/a/file", "a").unwrap();
    abi.write(file, b"2").unwrap();
    abi.flush(file).unwrap();
    abi.rename(fs, "/a", "/b", false).unwrap();
    // Through a handle: the commit names no path.
    abi.write(file, b"3").unwrap();
    abi.close(file).unwrap();
    abi.set_mode(fs, "/b/file", 0o600).unwrap();
    abi.hard_link(fs, "/b/file", "/other").unwrap();
    abi.write_file(fs, "/new", b"replaces").unwrap();
    abi.rename(fs, "/new", "/other", true).unwrap();
    // The name that it was given last is gone, and which one it has is not known.
    abi.truncate(fs, "/b/file", 0).unwrap();
    abi.delete(fs, "/other").unwrap();
    abi.delete_dir(fs, "/b", true).unwrap();
    let expected = [
        (LL_EVENT_CREATED, "", "/a/file"),
        (LL_EVENT_CHANGED, "", "/a/file"),
        (LL_EVENT_MOVED, "/a", "/b"),
        (LL_EVENT_CHANGED, "", "/b/file"),
        (LL_EVENT_ATTRIBUTES, "", "/b/file"),
        (LL_EVENT_CREATED, "", "/other"),
        (LL_EVENT_CREATED, "", "/new"),
        (LL_EVENT_DELETED, "", "/other"),
        (LL_EVENT_MOVED, "/new", "/other"),
        (LL_EVENT_CHANGED, "", ""),
        (LL_EVENT_DELETED, "", "/other"),
        (LL_EVENT_TREE_REMOVED, "", "/b"),
    ];
    let replayed = watcher.abi.watch(watcher.filespace, None, Some(&start), 0).unwrap();
    for watch in [live, replayed] {
        let events = told(&watcher, watch, &writer);
        assert_eq!(short(&events), expected);
        assert!(events.iter().all(|event| event.author == "admin" && event.raw.own == 0));
        assert_eq!((events[0].raw.r#type, events[2].raw.r#type), (LL_TYPE_FILE, LL_TYPE_DIRECTORY));
        let ids: Vec<u64> = [0, 1, 3, 4, 5, 9].map(|n| events[n].raw.file_id).into();
        assert!(ids.iter().all(|id| *id == ids[0] && *id != 0), "one file: {ids:?}");
        assert_eq!((events[7].raw.position, events[7].raw.index), (events[8].raw.position, 0));
        assert_eq!(events[8].raw.index, 1, "one commit, in the order of what it did");
        assert!(events.windows(2).all(|pair| pair[0].raw.position <= pair[1].raw.position));
    }
    writer.stop();
    watcher.stop();
}

#[test]
fn own_changes_are_marked_or_left_out() {
    let world = World::new();
    let (one, other) = (world.client(), world.client());
    let all = one.abi.watch(one.filespace, None, None, 0).unwrap();
    let others = one.abi.watch(one.filespace, None, None, LL_WATCH_OTHERS).unwrap();
    one.abi.write_file(one.filespace, "/mine", b"").unwrap();
    other.abi.write_file(other.filespace, "/theirs", b"").unwrap();
    one.abi.write_file(one.filespace, "/mine too", b"").unwrap();
    let events = told(&one, all, &other);
    let marked: Vec<_> = events.iter().map(|event| (event.raw.own, &event.path[..])).collect();
    assert_eq!(marked, [(1, "/mine"), (0, "/theirs"), (1, "/mine too")]);
    assert_eq!(short(&told(&one, others, &other)), [(LL_EVENT_CREATED, "", "/theirs")]);
    one.stop();
    other.stop();
}

#[test]
fn a_part_of_the_tree_is_watched_as_its_own() {
    let world = World::new();
    let (writer, watcher) = (world.client(), world.client());
    let (abi, fs) = (&writer.abi, writer.filespace);
    for path in ["/top/in", "/out/deep"] {
        abi.create_dir(fs, path).unwrap();
    }
    abi.symlink(fs, "/top", "/link").unwrap();
    let start = abi.position_text(&abi.sync_all(fs).unwrap());
    let watch = |path| watcher.abi.watch(watcher.filespace, Some(path), None, 0).unwrap();
    let watches = [watch("/top"), watch("/link"), watch("/top/")];
    abi.write_file(fs, "/top/in/file", b"").unwrap();
    abi.write_file(fs, "/topmost", b"not below it").unwrap();
    abi.rename(fs, "/out/deep", "/top/deep", false).unwrap();
    abi.rename(fs, "/top/in", "/top/within", false).unwrap();
    abi.rename(fs, "/top/within", "/out/in", false).unwrap();
    abi.rename(fs, "/out", "/elsewhere", false).unwrap();
    abi.rename(fs, "/top", "/elsewhere/top", false).unwrap();
    abi.create_dir(fs, "/top").unwrap();
    abi.rename(fs, "/elsewhere/top", "/top", true).unwrap();
    abi.delete_dir(fs, "/top", true).unwrap();
    let expected = [
        (LL_EVENT_CREATED, "", "/in/file"),
        (LL_EVENT_MOVED, "", "/deep"),
        (LL_EVENT_MOVED, "/in", "/within"),
        (LL_EVENT_MOVED, "/within", ""),
        (LL_EVENT_MOVED, "/", ""),
        (LL_EVENT_CREATED, "", "/"),
        (LL_EVENT_DELETED, "", "/"),
        (LL_EVENT_MOVED, "", "/"),
        (LL_EVENT_TREE_REMOVED, "", "/"),
    ];
    for watch in watches {
        assert_eq!(short(&told(&watcher, watch, &writer)), expected);
    }
    let later = watcher.abi.watch(watcher.filespace, Some("/top"), Some(&start), 0).unwrap();
    assert_eq!(short(&told(&watcher, later, &writer)), expected);
    // What is above it takes it along.
    let deep = watcher.abi.watch(watcher.filespace, Some("/elsewhere/in"), None, 0).unwrap();
    abi.rename(fs, "/elsewhere", "/gone", false).unwrap();
    abi.rename(fs, "/gone", "/elsewhere", false).unwrap();
    abi.delete_dir(fs, "/elsewhere", true).unwrap();
    let expected = [(LL_EVENT_MOVED, "/", ""), (LL_EVENT_MOVED, "", "/"), (LL_EVENT_TREE_REMOVED, "", "/")];
    assert_eq!(short(&told(&watcher, deep, &writer)), expected);
    writer.stop();
    watcher.stop();
}

#[test]
fn who_is_slow_is_told_what_is_lost_and_can_start_before_it() {
    let world = World::new();
    let (writer, watcher) = (world.client(), world.client());
    let (abi, fs) = (&writer.abi, writer.filespace);
    let watch = watcher.abi.watch(watcher.filespace, None, None, 0).unwrap();
    let before = watcher.abi.watch_position(watch).unwrap();
    let batch = |first: usize, count: usize| {
        let batch = abi.batch(fs).unwrap();
        for n in first..first + count {
            abi.batch_write_file(batch, &format!("/file-{n}"), b"").unwrap();
        }
        abi.batch_commit(batch).0.unwrap();
        abi.batch_free(batch);
    };
    // What one commit did is told whole, however much it is.
    batch(0, 10_000);
    batch(10_000, 3);
    let upto = abi.sync_all(fs).unwrap();
    watcher.abi.wait_for(watcher.filespace, &upto, 10_000).unwrap();
    let mut events = Vec::new();
    while events.len() < 10_001 {
        events.extend(watcher.abi.next_events(watch, 3000, 10_000).unwrap());
    }
    assert_eq!(events.len(), 10_001);
    let last = events.last().unwrap();
    assert_eq!((last.raw.kind, last.raw.position), (LL_EVENT_OVERFLOW, upto.seq));
    assert_eq!(watcher.abi.watch_position(watch).unwrap().seq, upto.seq);
    batch(20_000, 1);
    let next = told(&watcher, watch, &writer);
    assert_eq!(short(&next), [(LL_EVENT_CREATED, "", "/file-20000")], "it goes on behind that");
    // The log has it all: who starts before it loses nothing, however slow it is.
    let from = watcher.abi.position_text(&before);
    let again = watcher.abi.watch(watcher.filespace, None, Some(&from), 0).unwrap();
    let mut tree = Tree::default();
    let events = told(&watcher, again, &writer);
    assert_eq!(events.len(), 10_004);
    events.iter().for_each(|event| tree.replay(event));
    assert_eq!(tree, Tree::listed(&watcher.abi, watcher.filespace));
    writer.stop();
    watcher.stop();
}
