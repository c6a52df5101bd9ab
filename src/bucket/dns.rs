//! Looking up the store's host, in a thread for each look-up. The runtime's threads for what blocks may all be taken by
//! work that waits for this very request.

use std::net::{IpAddr, ToSocketAddrs};

use nix::sys::signal::SigSet;
use object_store::client::{DnsFuture, DnsResolver};
use tokio::sync::oneshot;

/// Looks up hosts as the system does.
#[derive(Debug)]
pub(super) struct Lookup;

impl DnsResolver for Lookup {
    fn resolve(&self, host: &str) -> DnsFuture {
        let (sender, receiver) = oneshot::channel();
        let host = host.to_owned();
        let started = std::thread::Builder::new().name("lucidlink".to_owned()).spawn(move || {
            // The host's signals are the host's business.
            let _ = SigSet::all().thread_block();
            let found = (&host[..], 0).to_socket_addrs();
            // Nobody waits for it after the deadline.
            let _ =
                sender.send(found.map(|found| found.map(|address| address.ip()).collect::<Vec<IpAddr>>()));
        });
        Box::pin(async move {
            started?;
            Ok(receiver.await??)
        })
    }
}
