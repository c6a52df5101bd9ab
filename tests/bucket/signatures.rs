//! Shared access signatures: what they allow, and that they are not shown.

use lucidlink::error::Status;
use lucidlink::ffi::workspace::LL_CONSISTENCY_STRICT;

use crate::abi::{Abi, Failed};
use crate::program::{Program, pairs, settings};
use crate::server;
use crate::world::WORLD;

/// Settings with a signature in place of the key.
fn signed(permissions: &str) -> (Vec<(&'static str, String)>, String) {
    let signature = server::signature(permissions);
    let mut all = settings(&WORLD.url, &server::endpoint());
    all.retain(|(key, _)| *key != "az.access_key");
    all.push(("az.sas_token", signature.clone()));
    let (_, secret) = signature.split_once("sig=").unwrap();
    (all, secret.to_owned())
}

fn assert_names(failed: &Failed, name: &str, secret: &str) {
    assert!(failed.message.contains(name), "{}", failed.message);
    let plain = secret.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
    for shown in [secret, &plain, &plain.replace('+', " ")] {
        assert!(!failed.message.contains(shown), "{}", failed.message);
    }
}

#[test]
fn to_read_list_and_write_is_enough() {
    let program = Program::new("signatures", LL_CONSISTENCY_STRICT);
    let content = vec![7; 300_000];
    let (all, _) = signed("rlw");
    let abi = Abi::load();
    let daemon = abi.daemon(&pairs(&all)).unwrap();
    let workspace = abi.authenticate(daemon, &WORLD.token).unwrap();
    let filespace = abi.link(workspace, "signatures").unwrap();
    abi.write_file(filespace, "/large", &content).unwrap();
    abi.write_file(filespace, "/small", b"small").unwrap();
    abi.stop(daemon).unwrap();
    assert!(program.abi.read_file(program.filespace, "/large").unwrap() == content);
    program.stop();
}

#[test]
fn who_may_only_read_is_told_so_when_writing() {
    let program = Program::new("readers", LL_CONSISTENCY_STRICT);
    program.abi.write_file(program.filespace, "/file", b"content").unwrap();
    let (all, secret) = signed("rl");
    let abi = Abi::load();
    let daemon = abi.daemon(&pairs(&all)).unwrap();
    let workspace = abi.authenticate(daemon, &WORLD.token).unwrap();
    let filespace = abi.link(workspace, "readers").unwrap();
    assert_eq!(abi.read_file(filespace, "/file").unwrap(), b"content");
    let failed = abi.write_file(filespace, "/other", b"x").unwrap_err();
    assert_eq!(failed.status, Status::AccessDenied.code(), "{}", failed.message);
    assert!(!failed.maybe_applied);
    assert_names(&failed, "az.sas_token must allow", &secret);
    abi.stop(daemon).unwrap();
    program.stop();
}

#[test]
fn a_signature_is_in_no_message() {
    let cases = [
        ("az.endpoint", "http://127.0.0.1:9/llaccount".to_owned(), "az.endpoint"),
        ("workspace.url", "az://no-such-bucket/a".to_owned(), "no such bucket"),
        ("network.proxy", "http://127.0.0.1:9".to_owned(), "network.proxy"),
    ];
    for (key, value, name) in cases {
        let (mut all, secret) = signed("rl");
        all.push((key, value));
        let abi = Abi::load();
        let daemon = abi.daemon(&pairs(&all)).unwrap();
        let failed = abi.authenticate(daemon, &WORLD.token).unwrap_err();
        assert_names(&failed, name, &secret);
        abi.stop(daemon).unwrap();
    }
}
