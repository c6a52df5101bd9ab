//! The suites that every store and every log must pass, and the probe.

use std::sync::Arc;
use std::time::Duration;

use lucidlink::bucket::{Bucket, BucketError, Probe, Put};
use lucidlink::content::store;
use lucidlink::content::store::bucket::BucketStore;
use lucidlink::env::Env;
use lucidlink::ids::Seq;
use lucidlink::log::bucket::BucketLog;
use lucidlink::log::{self, CommitLog, LogError};

use crate::proxy::{Fate, Proxy};
use crate::server;

/// The server lets who is late in a race wait for a second.
const RACES: usize = 3;

fn bucket() -> Arc<Bucket> {
    let settings = server::settings(&server::endpoint());
    let prefix = server::new_prefix();
    Arc::new(Bucket::new(server::BUCKET, &prefix, &settings, Duration::from_secs(30), None).unwrap())
}

#[test]
fn the_store_conforms() {
    store::conformance::check_in_races(&BucketStore::new(bucket(), "store"), RACES);
}

/// Told from the `Date` of its answers: whatever this machine's clock says.
#[test]
fn ages_are_those_of_the_stores_clock() {
    let bucket = bucket();
    let bytes = bytes::Bytes::from_static(b"x");
    assert_eq!(bucket.put_surely("old", bytes, bucket.deadline()).unwrap(), Put::Made);
    let start = std::time::Instant::now();
    let age = loop {
        let page = bucket.list_page("", None, bucket.deadline()).unwrap();
        assert!(start.elapsed() < Duration::from_secs(30), "the object grows no older");
        if let Some(age) = page.ages.first().filter(|age| !age.is_zero()) {
            break *age;
        }
    };
    assert!(age <= start.elapsed() + Duration::from_secs(2), "{age:?}");
}

#[test]
fn the_probe_takes_a_store_that_is_atomic() {
    let bucket = bucket();
    assert_eq!(bucket.probe(&Env::system()).unwrap(), Probe { writers: 16, rounds: 4 });
    assert!(
        bucket.list_page("", None, bucket.deadline()).unwrap().keys.is_empty(),
        "it leaves nothing behind"
    );
}

/// Google wants less than one write a second of an object.
#[test]
fn the_probe_takes_a_store_that_wants_fewer_requests() {
    let proxy = Proxy::new(server::port());
    let settings = server::settings(&proxy.endpoint());
    let timeout = Duration::from_secs(30);
    let bucket = Bucket::new(server::BUCKET, &server::new_prefix(), &settings, timeout, None).unwrap();
    let mut puts = 0;
    // One of each race, and the first try of the last PUT, which comes alone.
    proxy.decide(move |request| {
        puts += usize::from(request == "PUT probe");
        if request == "PUT probe" && puts % 16 == 1 { Fate::Answer(429) } else { Fate::Pass }
    });
    assert_eq!(Arc::new(bucket).probe(&Env::system()).unwrap(), Probe { writers: 16, rounds: 4 });
}

#[test]
fn the_log_conforms() {
    log::conformance::check_in_races(
        |genesis| {
            let bucket = bucket();
            let made = BucketLog::create(bucket.clone(), "filespaces/f", genesis).unwrap();
            let open = move || Arc::new(BucketLog::open(bucket.clone(), "filespaces/f").unwrap()) as _;
            (Arc::new(made) as _, Box::new(open))
        },
        RACES,
    );
}

#[test]
fn a_log_is_made_once_and_found_only_where_it_is() {
    let bucket = bucket();
    assert!(matches!(BucketLog::open(bucket.clone(), "").err(), Some(LogError::NotFound(_))));
    BucketLog::create(bucket.clone(), "", b"genesis").unwrap();
    BucketLog::create(bucket.clone(), "", b"genesis").unwrap();
    let other = BucketLog::create(bucket.clone(), "", b"other").err();
    assert!(matches!(other, Some(LogError::Exists(_))), "{other:?}");
    BucketLog::remove(&bucket, "");
    assert!(bucket.list_page("", None, bucket.deadline()).unwrap().keys.is_empty());
}

/// More slots than a listing gives at once, and than are fetched at once.
#[test]
fn a_newcomer_finds_the_end_of_a_long_log() {
    const SLOTS: u64 = 3300;
    let bucket = bucket();
    let log = BucketLog::create(bucket.clone(), "", b"0").unwrap();
    // Slots as other clients would have left them.
    let put =
        |slot: u64| bucket.put_new(&format!("log/{slot:020}"), slot.to_string().into(), bucket.deadline());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                (1..=SLOTS).filter(|n| n % 8 == thread).for_each(|n| assert_eq!(put(n).unwrap(), Put::Made))
            });
        }
    });
    assert_eq!(log.head().unwrap(), Seq(SLOTS), "one that knows of slot 0 only");
    let newcomer = BucketLog::open(bucket.clone(), "").unwrap();
    assert_eq!(newcomer.head().unwrap(), Seq(SLOTS));
    let slots = newcomer.read(Seq(3000), usize::MAX, usize::MAX).unwrap();
    assert_eq!(slots.len() as u64, SLOTS + 1 - 3000);
    assert!(slots.iter().zip(3000..).all(|((at, bytes), n)| *at == Seq(n) && *bytes == n.to_string()));

    bucket.delete(&format!("log/{:020}", 3100), bucket.deadline()).unwrap();
    let newcomer = BucketLog::open(bucket, "").unwrap();
    let before = newcomer.read(Seq(3050), usize::MAX, usize::MAX).unwrap();
    assert_eq!(before.len(), 50, "the log ends before a slot that is missing");
}

/// Uploads and reads ahead take the threads for what blocks, and wait for requests.
#[test]
fn the_host_is_looked_up_while_all_threads_are_busy() {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).max_blocking_threads(1).enable_all().build().unwrap();
    let (free, busy) = std::sync::mpsc::channel::<()>();
    runtime.spawn_blocking(move || busy.recv());
    let settings = server::settings(&server::endpoint().replace("127.0.0.1", "localhost"));
    let (prefix, handle) = (server::new_prefix(), runtime.handle().clone());
    let timeout = Duration::from_secs(10);
    let bucket = Bucket::new(server::BUCKET, &prefix, &settings, timeout, Some(handle)).unwrap();
    assert!(!bucket.has("anything", bucket.deadline()).unwrap());
    drop(free);
    runtime.shutdown_background();
    let error = bucket.has("anything", bucket.deadline()).unwrap_err();
    assert!(matches!(&error, BucketError::Failed(why) if why.contains("stopped")), "{error:?}");
}

#[test]
fn a_host_that_is_not_there_is_named() {
    let settings = server::settings("http://no-such-host.invalid:1");
    let bucket = Bucket::new(server::BUCKET, "", &settings, Duration::from_secs(10), None).unwrap();
    let error = bucket.has("anything", bucket.deadline()).unwrap_err();
    assert!(matches!(&error, BucketError::Unreachable(why) if why.contains(server::ENDPOINT)), "{error:?}");
}
