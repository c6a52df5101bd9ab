//! Listing behind a key, in a store that starts with the first all the same.

use std::time::Duration;

use lucidlink::bucket::{Bucket, LIST_PAGE};

use crate::proxy::{Fate, Proxy};
use crate::server;

#[test]
fn a_store_that_cannot_start_behind_a_key_is_listed_from_the_first() {
    let proxy = Proxy::new(server::port());
    let settings = server::settings_that_sign_no_url(&proxy.endpoint());
    let prefix = server::new_prefix();
    let bucket = Bucket::new(server::BUCKET, &prefix, &settings, Duration::from_secs(30), None).unwrap();
    // More than a page before the key.
    let count = LIST_PAGE + 200;
    let key = |n: usize| format!("log/{n:06}");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (bucket, key) = (&bucket, &key);
            scope.spawn(move || {
                for n in (0..count).filter(|n| n % 8 == thread) {
                    bucket.put_new(&key(n), "x".into(), bucket.deadline()).unwrap();
                }
            });
        }
    });
    let pages = |after: usize| {
        proxy.take_counts();
        let page = bucket.list_page("log/", Some(&key(after)), bucket.deadline()).unwrap();
        assert!(page.is_last);
        assert_eq!(page.keys, (after + 1..count).map(key).collect::<Vec<_>>(), "behind {after}");
        proxy.take_counts()
    };
    let listings = |count| vec![("GET list".to_owned(), count)];
    assert_eq!(pages(count - 3), listings(1), "it can start there");
    proxy.decide(|_| Fate::Forget(server::START_AFTER));
    assert_eq!(pages(count - 3), listings(2));
    assert_eq!(pages(count - 1), listings(2));
    assert_eq!(pages(LIST_PAGE - 1), listings(2));
}
