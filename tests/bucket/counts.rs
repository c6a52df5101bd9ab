//! Requests, counted in front of the server: each is paid for, in money and in time.

use lucidlink::ffi::workspace::{LL_CONSISTENCY_RELAXED, LL_CONSISTENCY_STRICT};

use crate::program::Program;

fn counts(program: &Program) -> Vec<(String, usize)> {
    program.proxy.take_counts()
}

fn only(kind: &str, count: usize) -> Vec<(String, usize)> {
    vec![(kind.to_owned(), count)]
}

#[test]
fn a_strict_small_file_is_one_put() {
    let program = Program::new("one-put", LL_CONSISTENCY_STRICT);
    let (abi, filespace) = (&program.abi, program.filespace);
    abi.write_file(filespace, "/first", b"opens the session").unwrap();
    counts(&program);
    for n in 0..5 {
        let file = abi.open(filespace, &format!("/file-{n}"), "w").unwrap();
        abi.write(file, &[7; 4096]).unwrap();
        abi.close(file).unwrap();
        assert_eq!(counts(&program), only("PUT log", 1), "file {n}");
    }
    assert_eq!(abi.read_dir(filespace, "/").unwrap().len(), 6);
    assert_eq!(counts(&program), only("GET log", 1), "a listing with attributes is one look");
    assert_eq!(abi.read_file(filespace, "/file-3").unwrap(), vec![7; 4096]);
    assert_eq!(
        counts(&program),
        only("GET log", 2),
        "a look for the size, one for the content, which is in memory"
    );
    program.stop();
}

#[test]
fn what_another_wrote_is_fetched_once() {
    let program = Program::new("news", LL_CONSISTENCY_STRICT);
    let other = Program::another("news", LL_CONSISTENCY_STRICT);
    program.abi.read_dir(program.filespace, "/").unwrap();
    other.abi.write_file(other.filespace, "/a", b"x").unwrap();
    program.abi.read_dir(program.filespace, "/").unwrap();
    counts(&program);
    other.abi.write_file(other.filespace, "/b", b"x").unwrap();
    assert_eq!(program.abi.read_dir(program.filespace, "/").unwrap().len(), 2);
    // The slot, and that there is none behind it.
    assert_eq!(counts(&program), only("GET log", 2));
    program.stop();
    other.stop();
}

#[test]
fn many_small_files_share_their_requests() {
    let program = Program::new("many", LL_CONSISTENCY_RELAXED);
    let (abi, filespace) = (&program.abi, program.filespace);
    counts(&program);
    for n in 0..10_000 {
        abi.write_file(filespace, &format!("/file-{n}"), b"a small file").unwrap();
    }
    abi.sync_all(filespace).unwrap();
    let counted = counts(&program);
    let puts: usize = counted.iter().filter(|(kind, _)| kind.starts_with("PUT")).map(|(_, n)| n).sum();
    assert!(puts <= 50, "{counted:?}");
    let all: usize = counted.iter().map(|(_, n)| n).sum();
    assert!(all <= 100, "{counted:?}");
    program.stop();
}

#[test]
fn who_waits_for_a_position_does_not_ask_all_the_time() {
    let program = Program::new("waiting", LL_CONSISTENCY_STRICT);
    let (abi, filespace) = (&program.abi, program.filespace);
    abi.write_file(filespace, "/first", b"x").unwrap();
    let mut position = abi.sync_all(filespace).unwrap();
    position.seq += 1;
    counts(&program);
    assert!(abi.wait_for(filespace, &position, 1000).is_err(), "nobody writes");
    // After 0, 50, 150, 350 and 750 ms.
    assert!(counts(&program).iter().map(|(_, n)| n).sum::<usize>() <= 6);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(abi.wait_for(filespace, &position, 1000).is_err()));
        }
    });
    // Each looks once, and then one of them for all.
    assert!(counts(&program).iter().map(|(_, n)| n).sum::<usize>() <= 4 + 5);
    program.stop();
}
