//! Two copies of the library in one process, which know nothing of each other, use one workspace at the same time.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

#[path = "support/abi.rs"]
mod abi;

use abi::Abi;

const THREADS: usize = 2;
const FILES: usize = 800;

fn content(who: usize, n: usize) -> Vec<u8> {
    format!("{n} of {who} ").into_bytes().repeat(if n.is_multiple_of(100) { 20_000 } else { 1 })
}

#[test]
fn two_copies_of_the_library_in_one_process_share_a_workspace() {
    let folder = tempfile::tempdir().unwrap();
    let copies = [Abi::load(), Abi::load_copy(folder.path())];
    let url = format!("file://{}/ws", folder.path().display());
    let token = copies[0].workspace_create(&url, "studio").unwrap();
    // Both say that they are the only daemon: they do not share that either.
    let open = |abi: &Abi| {
        let daemon = abi.daemon(&[("workspace.url", &url)]).unwrap();
        (daemon, abi.authenticate(daemon, &token).unwrap())
    };
    let opened = [open(&copies[0]), open(&copies[1])];
    copies[1].create_filespace(opened[1].1, "projects").unwrap();
    let links = [0, 1].map(|n| copies[n].link(opened[n].1, "projects").unwrap());
    std::thread::scope(|scope| {
        for who in 0..2 * THREADS {
            let (abi, fs) = (&copies[who % 2], links[who % 2]);
            scope.spawn(move || {
                for n in 0..FILES {
                    abi.write_file(fs, &format!("/{n} of {who}"), &content(who, n)).unwrap();
                }
            });
        }
    });
    for (abi, fs) in copies.iter().zip(links) {
        for (who, n) in (0..2 * THREADS).flat_map(|who| (0..FILES).map(move |n| (who, n))) {
            assert!(abi.read_file(fs, &format!("/{n} of {who}")).unwrap() == content(who, n), "{n} of {who}");
        }
    }
    for (abi, (daemon, _)) in copies.iter().zip(opened) {
        abi.stop(daemon).unwrap();
    }
}
