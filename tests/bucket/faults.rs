//! A store and a network that fail: what was acknowledged is there, once; no call waits beyond its deadline.

use std::time::{Duration, Instant};

use lucidlink::error::Status;
use lucidlink::ffi::workspace::{LL_CONSISTENCY_RELAXED, LL_CONSISTENCY_STRICT};

use crate::program::{Program, TIMEOUT};
use crate::proxy::Fate;

/// The first requests of a kind meet with a fate, one each; later ones pass.
fn first(kind: &'static str, fates: Vec<Fate>) -> impl FnMut(&str) -> Fate + Send {
    let mut left = fates.into_iter();
    move |request| if request == kind { left.next().unwrap_or(Fate::Pass) } else { Fate::Pass }
}

#[test]
fn an_append_without_an_answer_is_neither_lost_nor_doubled() {
    let program = Program::new("answers", LL_CONSISTENCY_STRICT);
    let (abi, filespace) = (&program.abi, program.filespace);
    abi.create_dir(filespace, "/first").unwrap();
    let fates = [
        Fate::LoseAnswer,
        Fate::Lose,
        Fate::CutAnswer,
        Fate::Answer(503),
        Fate::Answer(500),
        Fate::Answer(409),
    ];
    for (n, fate) in fates.into_iter().enumerate() {
        program.proxy.decide(first("PUT log", vec![fate]));
        let name = format!("/dir-{n}");
        // Done twice it would exist already.
        abi.create_dir(filespace, &name).unwrap_or_else(|e| panic!("{fate:?}: {e:?}"));
        assert_eq!(abi.create_dir(filespace, &name).unwrap_err().status, Status::Exists.code());
    }
    program.proxy.pass_all();
    let other = Program::another("answers", LL_CONSISTENCY_STRICT);
    assert_eq!(other.abi.read_dir(other.filespace, "/").unwrap().len(), 1 + fates.len());
    other.stop();
    program.stop();
}

#[test]
fn a_store_that_fails_for_a_while_delays_and_loses_nothing() {
    let program = Program::new("a-while", LL_CONSISTENCY_STRICT);
    let (abi, filespace) = (&program.abi, program.filespace);
    let content: Vec<u8> = (0..2_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    let fates = [Fate::Answer(503), Fate::LoseAnswer, Fate::CutAnswer, Fate::Answer(500), Fate::Lose];
    program.proxy.decide(first("PUT packs", fates.to_vec()));
    abi.write_file(filespace, "/large", &content).unwrap();
    program.proxy.pass_all();
    let other = Program::another("a-while", LL_CONSISTENCY_STRICT);
    for kind in ["GET packs", "GET log"] {
        other.proxy.decide(first(kind, fates.to_vec()));
        assert!(other.abi.read_file(other.filespace, "/large").unwrap() == content, "{kind}");
    }
    other.stop();
    program.stop();
}

#[test]
fn no_call_waits_beyond_its_deadline() {
    let program = Program::new("hang", LL_CONSISTENCY_STRICT);
    let (abi, filespace) = (&program.abi, program.filespace);
    abi.write_file(filespace, "/file", b"before").unwrap();
    let bound = Duration::from_secs(TIMEOUT + TIMEOUT / 2);
    let timed = |what: &str, call: &dyn Fn() -> i32| {
        let begun = Instant::now();
        assert_eq!(call(), Status::Timeout.code(), "{what}");
        assert!(begun.elapsed() < bound, "{what} took {:?}", begun.elapsed());
    };
    program.proxy.decide(|_| Fate::Hang);
    timed("a listing", &|| abi.read_dir(filespace, "/").err().unwrap().status);
    timed("a read", &|| abi.read_file(filespace, "/file").unwrap_err().status);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                timed("one of many reads", &|| abi.read_file(filespace, "/file").unwrap_err().status)
            });
        }
    });
    timed("a write", &|| {
        let failed = abi.write_file(filespace, "/file", b"after").unwrap_err();
        assert!(failed.maybe_applied, "nobody knows: {failed:?}");
        failed.status
    });
    program.proxy.pass_all();
    // The next call finds out what became of it.
    abi.write_file(filespace, "/other", b"x").unwrap();
    assert_eq!(abi.read_file(filespace, "/file").unwrap(), b"after");
    program.stop();
}

#[test]
fn in_relaxed_mode_what_was_acknowledged_arrives_when_the_store_is_back() {
    let program = Program::new("relaxed", LL_CONSISTENCY_RELAXED);
    let (abi, filespace) = (&program.abi, program.filespace);
    abi.write_file(filespace, "/before", b"x").unwrap();
    abi.sync_all(filespace).unwrap();
    program.proxy.decide(|request| if request.starts_with("PUT") { Fate::Answer(503) } else { Fate::Pass });
    for n in 0..50 {
        abi.write_file(filespace, &format!("/file-{n}"), b"a small file").unwrap();
    }
    program.proxy.pass_all();
    abi.sync_all(filespace).unwrap();
    let other = Program::another("relaxed", LL_CONSISTENCY_STRICT);
    assert_eq!(other.abi.read_dir(other.filespace, "/").unwrap().len(), 51);
    other.stop();
    program.stop();
}
