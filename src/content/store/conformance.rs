//! What every store must do, as one suite that each implementation runs.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use super::{Store, StoreError};

/// Runs the suite on an empty store.
pub fn check(store: &dyn Store) {
    check_in_races(store, 20);
}

/// The same with another number of races.
pub fn check_in_races(store: &dyn Store, races: usize) {
    assert!(matches!(store.get("packs/00/aa"), Err(StoreError::NotFound { .. })));
    assert!(matches!(store.get_range("packs/00/aa", 0, 1), Err(StoreError::NotFound { .. })));
    assert!(store.list("packs/").unwrap().is_empty());

    store.put("packs/00/aa", b"0123456789").unwrap();
    store.put("packs/00/ab", b"").unwrap();
    store.put("parts/cc", b"part").unwrap();
    assert_eq!(&store.get("packs/00/aa").unwrap()[..], b"0123456789");
    assert_eq!(&store.get_range("packs/00/aa", 2, 3).unwrap()[..], b"234");
    assert_eq!(store.get("packs/00/ab").unwrap().len(), 0);
    assert!(matches!(store.get_range("packs/00/aa", 8, 3), Err(StoreError::Short { .. })));
    assert!(matches!(
        store.get_range("packs/00/aa", u64::MAX, 3),
        Err(StoreError::Short { .. } | StoreError::Io { .. })
    ));

    store.put("packs/00/aa", b"0123456789").unwrap();
    assert!(matches!(store.put("packs/00/aa", b"other"), Err(StoreError::Exists { .. })));
    assert_eq!(&store.get("packs/00/aa").unwrap()[..], b"0123456789");

    let mut keys = store.list("packs/").unwrap();
    keys.sort();
    assert_eq!(keys, ["packs/00/aa", "packs/00/ab"]);
    store.sync(&["packs/00/aa".to_owned()]).unwrap();
    store.sync_all().unwrap();

    let mut aged = Vec::new();
    store.list_aged("packs/", &mut |key, age| aged.push((key.to_owned(), age))).unwrap();
    aged.sort();
    assert_eq!(aged.iter().map(|(key, _)| &key[..]).collect::<Vec<_>>(), ["packs/00/aa", "packs/00/ab"]);
    assert!(aged.iter().all(|(_, age)| age.as_secs() < 600), "{aged:?}");
    store.delete("packs/00/ab").unwrap();
    store.delete("packs/00/ab").unwrap();
    assert!(matches!(store.get("packs/00/ab"), Err(StoreError::NotFound { .. })));
    assert_eq!(store.list("packs/").unwrap(), ["packs/00/aa"]);
    store.put("packs/00/ab", b"another").unwrap();
    assert_eq!(&store.get_range("packs/00/ab", 0, 7).unwrap()[..], b"another", "not what was there before");

    one_of_many_puts_wins(store, races);
}

fn one_of_many_puts_wins(store: &dyn Store, races: usize) {
    for round in 0..races {
        let key = format!("race/{round}");
        let winners: usize = std::thread::scope(|scope| {
            let put = |n: u8| {
                let key = &key;
                scope.spawn(move || usize::from(store.put(key, &[n; 1000]).is_ok()))
            };
            let threads: Vec<_> = (0..4).map(put).collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(winners, 1, "round {round}");
        let bytes = store.get(&key).unwrap();
        assert_eq!(bytes.len(), 1000);
        assert!(bytes.iter().all(|b| *b == bytes[0]));
    }
}
