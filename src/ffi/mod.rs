//! The C ABI, one file per noun; the only place with `unsafe`. What it promises is in
//! `docs/c-conventions.md`.
//!
//! The kit: [`handle`] (integers for objects), [`error`] (status and detail), `guard` (panic barrier, fork), `structs`
//! (structs that grow), `text` (strings and data). An export looks like this:
//!
//! ```ignore
//! #[unsafe(no_mangle)]
//! pub unsafe extern "C" fn ll_noun_verb(noun: ll_noun, path: *const c_char, out: *mut u64, err: *mut ll_error) -> ll_status {
//!     // SAFETY: the caller's pointers are as documented; each is checked for NULL where it is used.
//!     guard(noun, err, || unsafe {
//!         let noun = handle::get::<Noun>(noun)?;
//!         put(out, "out", noun.verb(text(path, "path")?)?)
//!     })
//! }
//! ```
// C names are what they are; every pointer argument has the same contract, stated once in the header.
#![allow(non_camel_case_types, clippy::missing_safety_doc)]

pub mod error;
mod guard;
pub mod handle;
pub mod status;
mod structs;
mod text;

pub mod batch;
pub mod config;
pub mod daemon;
pub mod dir;
pub mod file;
pub mod filespace;
pub mod fs;
pub mod late;
pub mod library;
pub mod lock;
pub mod provision;
pub mod snapshot;
pub mod watch;
pub mod workspace;
pub mod xattr;

pub use status::ll_status;
