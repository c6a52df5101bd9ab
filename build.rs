//! Writes `include/lucidlink.h` from `src/ffi` and sets what the linker must know of the shared library.

use std::path::Path;

/// The number in the soname: `ll_abi_version()`.
const ABI: u32 = 0;

/// In the order of the header's chapters.
const CHAPTERS: [&str; 17] = [
    "status",
    "error",
    "library",
    "config",
    "daemon",
    "workspace",
    "provision",
    "filespace",
    "snapshot",
    "fs",
    "dir",
    "xattr",
    "file",
    "lock",
    "late",
    "batch",
    "watch",
];

fn main() {
    println!("cargo:rerun-if-changed=src/ffi");
    println!("cargo:rerun-if-changed=cbindgen.toml");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=include/lucidlink.h");
    for arg in [&*format!("-soname,liblucidlink.so.{ABI}"), "-z,nodelete", "-z,defs", "-z,relro", "-z,now"] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{arg}");
    }
    // Only in the project's own checkout: a packaged crate carries its header and never changes itself.
    if Path::new(".git").exists() {
        header();
    }
}

fn header() {
    let config = match cbindgen::Config::from_file("cbindgen.toml") {
        Ok(config) => config,
        Err(error) => return println!("cargo:warning=cbindgen.toml: {error}"),
    };
    let chapters = CHAPTERS.iter().map(|name| format!("src/ffi/{name}.rs"));
    let builder = chapters.fold(cbindgen::Builder::new().with_config(config), |b, path| b.with_src(path));
    match builder.generate() {
        // Written only if it differs.
        Ok(bindings) => drop(bindings.write_to_file("include/lucidlink.h")),
        Err(error) => println!("cargo:warning=include/lucidlink.h was not written: {error}"),
    }
}
