//! The command line: making workspaces, accounts and filespaces, looking at files, copying them in and out.
//!
//! - [`args`]: what can be said, and the help; [`remote`]: `NAME:/path`; [`size`]: numbers of bytes;
//!   [`time`]: times as text.
//! - [`session`]: the daemon of one command.
//! - [`provision`]: workspaces, filespaces, accounts, grants.
//! - [`files`]: looking at files; making, moving and removing names.
//! - [`walk`]: looking at whole trees; [`usage`]: how much there is; [`xattr`]: extended attributes; [`watch`]: what
//!   happens.
//! - [`snapshot`]: snapshots, and what is restored from them.
//! - [`keep`]: what keeps a filespace in order.
//! - [`put`], [`get`], [`cp`]: copying; [`copy`] is what they share, [`work`] their threads, [`names`] files with
//!   several names, [`attributes`] extended attributes of local files, [`scratch`] local files that are not
//!   whole yet.
//! - [`manual`]: manual pages and what shells complete, both made of [`args`].
//! - [`output`]: what is printed, and the exit status.

mod args;
mod attributes;
mod copy;
mod cp;
mod files;
mod get;
mod keep;
mod manual;
mod names;
mod output;
mod provision;
mod put;
mod remote;
mod scratch;
mod session;
mod size;
mod snapshot;
mod time;
mod usage;
mod walk;
mod watch;
mod work;
mod xattr;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command, Workspace};

fn main() -> ExitCode {
    let Args { common, command } = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return output::usage(&error),
    };
    let common = &common;
    let done = match &command {
        Command::Workspace(Workspace::Create { name }) => provision::create_workspace(common, name),
        Command::Filespace(command) => provision::filespace(common, command),
        Command::Account(command) => provision::account(common, command),
        Command::Backup { name } => provision::backup(common, name),
        Command::Grant(grant) => provision::grant(common, grant),
        Command::Ls(ls) => files::ls(common, ls),
        Command::Stat(one) => files::stat(common, &one.at),
        Command::Cat(one) => files::cat(common, &one.at),
        Command::Put(put) => put::put(common, put),
        Command::Get(get) => get::get(common, get),
        Command::Cp(cp) => cp::cp(common, cp),
        Command::Mkdir(one) => files::mkdir(common, &one.at),
        Command::Rm(rm) => files::rm(common, rm),
        Command::Mv(mv) => files::mv(common, mv),
        Command::Ln(ln) => files::ln(common, ln),
        Command::Touch(one) => files::touch(common, &one.at),
        Command::Truncate(truncate) => files::truncate(common, truncate),
        Command::Tree(one) => walk::tree(common, &one.at),
        Command::Du(du) => walk::du(common, du),
        Command::Df { filespace } => usage::df(common, filespace.as_deref()),
        Command::Quota(quota) => usage::quota(common, quota),
        Command::Sync { filespace } => usage::sync(common, filespace),
        Command::Snapshot(command) => snapshot::snapshot(common, command),
        Command::Restore(restore) => snapshot::restore(common, restore),
        Command::Watch(watch) => watch::watch(common, watch),
        Command::Checkpoint { filespace } => keep::checkpoint(common, filespace),
        Command::Gc(gc) => keep::gc(common, gc),
        Command::Fsck(fsck) => keep::fsck(common, fsck),
        Command::Xattr(command) => xattr::xattr(common, command),
        Command::Completions { shell } => manual::completions(*shell),
        Command::Man { folder } => manual::pages(folder),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(common.json),
    }
}
