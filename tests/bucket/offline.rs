//! A link in relaxed mode that is cut off from its bucket: reads go on, changes wait up to a bound, and all that was
//! acknowledged arrives when it is back.

use std::time::{Duration, Instant};

use lucidlink::error::Status;
use lucidlink::ffi::workspace::{LL_CONSISTENCY_RELAXED, LL_CONSISTENCY_STRICT};

use crate::program::{Program, TIMEOUT};
use crate::proxy::Fate;

/// As many changes as may wait, and a few more.
const MANY: usize = 9000;

fn is_cut_off_and_comes_back(name: &str, fate: Fate) {
    let program = Program::new(name, LL_CONSISTENCY_RELAXED);
    let (abi, filespace) = (&program.abi, program.filespace);
    abi.write_file(filespace, "/before", b"known").unwrap();
    abi.sync_all(filespace).unwrap();
    assert_eq!(abi.statistics(filespace).unwrap().silent_ms, 0);
    program.proxy.decide(move |_| fate);
    // As soon as what it knows is older than it may be.
    while abi.statistics(filespace).unwrap().silent_ms == 0 {}
    for _ in 0..500 {
        let begun = Instant::now();
        assert_eq!(abi.read_file(filespace, "/before").unwrap(), b"known");
        assert_eq!(abi.read_dir(filespace, "/").unwrap().len(), 1);
        assert!(!abi.exists(filespace, "/nothing", false).unwrap());
        assert!(begun.elapsed() < Duration::from_secs(TIMEOUT), "a read waited for the log");
    }
    let mut acknowledged = 0;
    let refused = (0..MANY).find_map(|n| {
        let begun = Instant::now();
        let written = abi.write_file(filespace, &format!("/file-{n}"), b"small");
        assert!(begun.elapsed() < Duration::from_secs(TIMEOUT), "a write waited for the log");
        acknowledged += usize::from(written.is_ok());
        written.err()
    });
    let refused = refused.expect("there is a bound");
    assert_eq!(refused.status, Status::Timeout.code(), "{refused:?}");
    assert!(!refused.maybe_applied && acknowledged > 4000, "{acknowledged}: {refused:?}");
    assert_eq!(abi.read_dir(filespace, "/").unwrap().len(), 1 + acknowledged);
    program.proxy.pass_all();
    // It may still wait for the answer to what it asked before.
    while abi.sync_all(filespace).is_err() {}
    while abi.statistics(filespace).unwrap().silent_ms != 0 {}
    let other = Program::another(name, LL_CONSISTENCY_STRICT);
    assert_eq!(other.abi.read_dir(other.filespace, "/").unwrap().len(), 1 + acknowledged);
    let last = format!("/file-{}", acknowledged - 1);
    assert_eq!(other.abi.read_file(other.filespace, &last).unwrap(), b"small");
    other.stop();
    program.stop();
}

#[test]
fn when_nothing_is_answered() {
    is_cut_off_and_comes_back("offline-hang", Fate::Hang);
}

#[test]
fn when_the_store_is_unwell() {
    is_cut_off_and_comes_back("offline-unwell", Fate::Answer(503));
}
