//! A program that uses the library on a bucket, through its C interface.

use lucidlink::ffi::workspace::LL_CONSISTENCY_STRICT;

use crate::abi::Abi;
use crate::proxy::Proxy;
use crate::seaweed;
use crate::world::WORLD;

/// A filespace of the shared workspace, linked, with a proxy between it and the server.
pub(crate) struct Program {
    pub(crate) abi: Abi,
    pub(crate) proxy: Proxy,
    pub(crate) daemon: u64,
    pub(crate) filespace: u64,
}

/// `network.timeout` of these programs, in seconds.
pub(crate) const TIMEOUT: u64 = 4;

impl Program {
    /// Makes the filespace, too.
    pub(crate) fn new(name: &str, consistency: u32) -> Program {
        WORLD.ok(&["filespace", "create", name]);
        Program::another(name, consistency)
    }

    pub(crate) fn another(name: &str, consistency: u32) -> Program {
        let (abi, proxy) = (Abi::load(), Proxy::new(seaweed::port()));
        let daemon = abi.daemon(&settings(&WORLD.url, &proxy.endpoint())).unwrap();
        let workspace = abi.authenticate(daemon, &WORLD.token).unwrap();
        let filespace = abi.link_as(workspace, name, consistency).unwrap();
        Program { abi, proxy, daemon, filespace }
    }

    pub(crate) fn stop(self) {
        self.proxy.pass_all();
        self.abi.stop(self.daemon).unwrap();
    }
}

pub(crate) fn settings<'a>(url: &'a str, endpoint: &'a str) -> [(&'a str, &'a str); 6] {
    [
        ("daemon.allow_multiple", "true"),
        ("network.timeout", "4"),
        ("s3.access_key_id", seaweed::ACCESS_KEY),
        ("s3.endpoint", endpoint),
        ("s3.secret_access_key", seaweed::SECRET_KEY),
        ("workspace.url", url),
    ]
}

#[test]
fn two_programs_see_each_other_at_once() {
    let one = Program::new("programs", LL_CONSISTENCY_STRICT);
    let other = Program::another("programs", LL_CONSISTENCY_STRICT);
    for n in 0..20u8 {
        let (from, to) = if n % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let (path, content) = (format!("/file-{n}"), vec![n; 20_000]);
        from.abi.write_file(from.filespace, &path, &content).unwrap();
        assert_eq!(to.abi.read_file(to.filespace, &path).unwrap(), content);
    }
    assert_eq!(one.abi.read_dir(one.filespace, "/").unwrap().len(), 20);
    one.stop();
    other.stop();
}

#[test]
fn a_proxy_is_used() {
    let (abi, proxy) = (Abi::load(), Proxy::new(seaweed::port()));
    let endpoint = seaweed::endpoint();
    let through = proxy.endpoint();
    let mut all = settings(&WORLD.url, &endpoint).to_vec();
    all.push(("network.proxy", &through));
    let daemon = abi.daemon(&all).unwrap();
    abi.authenticate(daemon, &WORLD.token).unwrap();
    assert!(!proxy.take_counts().is_empty());
    abi.stop(daemon).unwrap();
}
