//! What can be said on the command line.

use std::env::VarError;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use lucidlink::filespace::Position;
use lucidlink::state::value::Role;

use crate::output::Failure;
use crate::remote::{Remote, filespace_name};
use crate::size::{Limit, Size};

const AFTER_HELP: &str = "\
Files are written NAME:/path: the filespace's name and an absolute path in it. NAME@SNAPSHOT:/path is the
path as it was in a snapshot, for commands that read.

Environment:
  LUCIDLINK_WORKSPACE_URL  where the workspace is, unless --url says so. Without both: the folder
                           lucidlink/workspace in $XDG_DATA_HOME or ~/.local/share
  LUCIDLINK_TOKEN          the token, unless --token says so; other users cannot see it there
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL
                           how a workspace in an S3 bucket is reached, as for the AWS tools
  GOOGLE_APPLICATION_CREDENTIALS
                           the file with the key of a service account, for gs://
  AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_ENDPOINT
                           the account, and its key or a shared access signature, for az://

Exit status:
  0  all was done
  1  it failed, or a part of it did
  2  the command line is wrong
  3  the account is unknown, revoked or expired, or its role does not allow this
  4  what was named does not exist

With --json, listings (ls, tree, du, df, watch, xattr list, snapshot list, account list, filespace list) print one object a line, other commands that
print something print one object; times are RFC 3339 in UTC, modes octal strings. An error is one line
on stderr: {\"error\":{\"status\":\"LL_ERR_NOT_FOUND\",\"code\":-401,\"message\":\"...\"}}. Commands that print
nothing print nothing then, but put, get and cp count what they copied.";

const GLOBAL: &str = "Global options";

/// A shared, end-to-end encrypted cloud file system, without mounting it
#[derive(Parser)]
#[command(name = "lucidlink", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(clap::Args)]
pub(crate) struct Common {
    /// Where the workspace is, for example file:///srv/workspace, s3://bucket/prefix, gs://... or az://... [env: LUCIDLINK_WORKSPACE_URL]
    #[arg(long, global = true, help_heading = GLOBAL)]
    url: Option<String>,
    /// The token of the account to work as [env: LUCIDLINK_TOKEN]
    #[arg(long, global = true, help_heading = GLOBAL)]
    token: Option<String>,
    /// Print JSON, also for errors
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    pub(crate) quiet: bool,
}

impl Common {
    /// Where the workspace is, if anybody says so.
    pub(crate) fn url(&self) -> Result<Option<String>, Failure> {
        given(self.url.as_ref(), "LUCIDLINK_WORKSPACE_URL")
    }

    pub(crate) fn token(&self) -> Result<Option<String>, Failure> {
        given(self.token.as_ref(), "LUCIDLINK_TOKEN")
    }
}

/// An option, or the variable that stands for it. clap would do it, but show in each usage line what the
/// environment gives as if it were to be typed.
fn given(option: Option<&String>, variable: &str) -> Result<Option<String>, Failure> {
    let given = match option {
        Some(text) => Some(text.clone()),
        None => match std::env::var(variable) {
            Ok(text) => Some(text),
            Err(VarError::NotPresent) => None,
            Err(VarError::NotUnicode(_)) => return Err(Failure::Usage(format!("{variable} is not UTF-8"))),
        },
    };
    Ok(given.filter(|text| !text.is_empty()))
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make workspaces
    #[command(subcommand)]
    Workspace(Workspace),
    /// Make, list, rename and delete filespaces; accept forks
    #[command(subcommand)]
    Filespace(Filespace),
    /// Make, list, rotate and revoke accounts
    #[command(subcommand)]
    Account(Account),
    /// Print the token of a new admin, to be kept where no other token is
    ///
    /// A token is the only copy of its secret: who loses the last one of an admin can grant nothing any more. This makes
    /// one more admin of the workspace and of all filespaces that this account has, whose token is stored nowhere: print
    /// it, and lock it away. It does not keep what is in the filespaces.
    Backup {
        /// The name of the account
        #[arg(long, default_value = "recovery")]
        name: String,
    },
    /// Give an account a role in a filespace, or take it away
    ///
    /// Admins of the filespace take roles away; those of them who are admins of the workspace too give them.
    #[command(override_usage = "lucidlink grant [OPTIONS] <FILESPACE> <ACCOUNT> <ROLE>\n       \
                                lucidlink grant [OPTIONS] --revoke <FILESPACE> <ACCOUNT>")]
    Grant(Grant),
    /// List a directory
    ///
    /// Names are printed as they are, and may hold line ends: only what --json prints is safe to parse. On a
    /// terminal control characters are shown as ?.
    Ls(Ls),
    /// Show what there is to know about a file, directory or symbolic link
    Stat(One),
    /// Print the content of a file
    Cat(One),
    /// Copy a local file or tree into a filespace
    ///
    /// The copy of LOCAL is NAME:/PATH itself, as with `cp -T`. A file there is replaced, a directory merged
    /// into; directories above it that are missing are made. Mode bits, modification times and extended
    /// attributes whose names begin with user. are kept, under the same names; holes stay holes. Symbolic
    /// links named on the command line are followed.
    Put(Put),
    /// Copy a file or tree out of a filespace
    ///
    /// The copy of NAME:/PATH is LOCAL itself, as with `cp -T`. A file there is replaced once the copy is
    /// whole, a directory merged into; directories above it that are missing are made. Mode bits, modification
    /// times and extended attributes are kept; holes stay holes. An attribute that the local file cannot have
    /// (its name must begin with user.) is reported and left out; the exit status is 1 then. Symbolic links
    /// named on the command line are followed.
    Get(Get),
    /// Copy a file or tree inside a filespace
    ///
    /// No content is read or written: a copy shares what is stored until one of the two is changed. The copy
    /// of NAME:/FROM is NAME:/TO itself, as with `cp -T`. A file or symbolic link there is replaced, a
    /// directory merged into; directories above it that are missing are made. Attributes and times are
    /// kept. Symbolic links named as NAME:/FROM are followed. Out of a snapshot it does what restore --replace
    /// does: links are copied as links, and nothing is counted.
    Cp(Cp),
    /// Make a directory, and those above it that are missing
    Mkdir(One),
    /// Remove a file, symbolic link or directory
    Rm(Rm),
    /// Rename a file, symbolic link or directory
    ///
    /// NAME:/TO is the new path itself, as with `mv -T`: a file or an empty directory there is replaced.
    Mv(Mv),
    /// Give a file one more name, or make a symbolic link
    Ln(Ln),
    /// Set the times of a file or directory to now; make an empty file if there is none
    Touch(One),
    /// Cut a file to a size, or extend it with zeros
    Truncate(Truncate),
    /// List a directory and all that is below it as a tree
    ///
    /// Names are printed as they are, and may hold line ends: only what --json prints is safe to parse. On a
    /// terminal control characters are shown as ?.
    Tree(One),
    /// Add up the sizes of the files in a directory and those below it
    ///
    /// A file with several names in it counts once.
    ///
    /// Names are printed as they are, and may hold line ends: only what --json prints is safe to parse. On a
    /// terminal control characters are shown as ?.
    Du(Du),
    /// Show how much there is in filespaces, and how much there may be
    ///
    /// Without a name, a filespace that cannot be read is reported and left out; the exit status is 1 then.
    Df {
        /// The filespace's name; without it: each that the account may use
        #[arg(value_parser = filespace_name)]
        filespace: Option<String>,
    },
    /// Show how much there may be in a filespace, or limit it
    Quota(Quota),
    /// Make what is in a filespace survive power loss
    Sync {
        /// The filespace's name
        #[arg(value_parser = filespace_name)]
        filespace: String,
    },
    /// Take, list and delete snapshots of filespaces
    #[command(subcommand)]
    Snapshot(Snapshot),
    /// Make a file or tree as it was in a snapshot
    ///
    /// Content, mode, owner, times and extended attributes are as they were; what is stored is shared, not
    /// copied. Directories above the target that are missing are made.
    Restore(Restore),
    /// Print what happens in a filespace, until Ctrl-C
    ///
    /// A line for each thing that happened: the number of the commit, what happened (created, changed, attributes, moved,
    /// deleted, tree-removed), who did it, and the path right after it, or ? if it is not below what is watched any more.
    /// overflow says that events up to there are lost, because nobody read them in time: look at the files as they are.
    /// With --json each says in "resume" what --from takes to go on behind it, also after this process died; the first
    /// line (start) only says where it starts.
    Watch(Watch),
    /// Write a checkpoint of a filespace, from which newcomers start
    ///
    /// Whoever writes does so when there is much behind the last one.
    Checkpoint {
        /// The filespace's name
        #[arg(value_parser = filespace_name)]
        filespace: String,
    },
    /// Delete what nobody can read any more
    ///
    /// Content that was overwritten or deleted longer ago than the grace, by the store's clock, and what writers that
    /// died have left. The first run leaves a mark from which time counts. It needs a writer's role, and what may delete in
    /// the store. With --dry-run nothing is deleted, and a reader's role is enough.
    Gc(Gc),
    /// Check a filespace as a whole: log, signatures, state, checkpoints, counters, and all content
    ///
    /// Each finding is a line: path, offset and length of what is lost in a file, separated by tabs, then the object
    /// that is damaged and what is wrong with it; without a path no file is concerned. The exit status is 1 if there is
    /// one. Nothing is changed, and others may go on meanwhile.
    Fsck(Fsck),
    /// Show, set and remove extended attributes; symbolic links are followed
    #[command(subcommand)]
    Xattr(Xattr),
    /// Print what makes a shell complete the command line
    ///
    /// For bash: source <(lucidlink completions bash)
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages, one for each command, into a folder
    Man {
        /// The folder; it must be there
        folder: PathBuf,
    },
}

#[derive(clap::Args)]
pub(crate) struct Watch {
    /// The filespace's name, or a path in it: then only what happens there and below
    #[arg(value_name = "NAME[:/PATH]", value_parser = Remote::or_all)]
    pub(crate) at: Remote,
    /// Print what happened behind this position first, as "resume" of --json says it
    #[arg(long, value_name = "POSITION")]
    pub(crate) from: Option<Position>,
}

#[derive(Subcommand)]
pub(crate) enum Workspace {
    /// Make a workspace and print the token of its admin: the only copy there is
    Create {
        /// The workspace's name
        #[arg(long)]
        name: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum Filespace {
    /// Make a filespace; every admin of the workspace is its admin
    Create {
        /// Its name: no control characters, '/', ':' or '@'
        name: String,
    },
    /// Print the names of the filespaces
    List,
    /// Give a filespace another name
    Rename {
        /// Its name
        #[arg(value_parser = filespace_name)]
        name: String,
        /// Its new name
        new_name: String,
    },
    /// Delete a filespace with everything in it
    ///
    /// Nothing can bring it back. One that is not empty is deleted only with --force.
    Delete {
        /// Its name
        #[arg(value_parser = filespace_name)]
        name: String,
        /// Also if there is something in it
        #[arg(long)]
        force: bool,
    },
    /// Print where the log of a filespace has a fork that nobody has accepted, or none
    ///
    /// Somebody wrote there who saw another log: what was stored before was changed, cut or exchanged.
    /// Nothing takes effect behind it.
    Fork {
        /// Its name
        #[arg(value_parser = filespace_name)]
        name: String,
    },
    /// Go on behind a fork, with what the log has now
    ///
    /// Look first at what is in the filespace now, and in its backup: what was written to the other log
    /// stays without effect.
    AcceptFork {
        /// The filespace's name
        #[arg(value_parser = filespace_name)]
        name: String,
        /// Where the fork is, as `filespace fork` prints it
        position: u64,
    },
}

#[derive(Subcommand)]
pub(crate) enum Snapshot {
    /// Take a snapshot: what is in the filespace now can be read later as NAME@SNAPSHOT:/path
    ///
    /// It costs nothing to take. What is in it takes room until it is deleted.
    Create {
        /// The filespace's name
        #[arg(value_parser = filespace_name)]
        filespace: String,
        /// The snapshot's name: no control characters, '/', ':' or '@'
        name: String,
    },
    /// Print when each was taken, by whom, and its name, separated by tabs
    List {
        /// The filespace's name
        #[arg(value_parser = filespace_name)]
        filespace: String,
    },
    /// Delete a snapshot; who took it may, and admins of the filespace
    Delete {
        /// The filespace's name
        #[arg(value_parser = filespace_name)]
        filespace: String,
        /// The snapshot's name
        name: String,
    },
}

#[derive(clap::Args)]
pub(crate) struct Restore {
    /// Replace a file or symbolic link that is there, merge into a directory that is there
    ///
    /// What is in the directory and was not in the snapshot stays.
    #[arg(long)]
    pub(crate) replace: bool,
    /// What to restore
    #[arg(value_name = "NAME@SNAPSHOT:/PATH")]
    pub(crate) from: Remote,
    /// The path that it gets, in the same filespace; without it: the one that it had
    #[arg(value_name = "/TARGET")]
    pub(crate) target: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum Account {
    /// Make an account and print its token: the only copy there is
    Create {
        /// The account's name
        name: String,
        /// An admin may make accounts and filespaces and grant them; others use what they are granted
        #[arg(long)]
        role: RoleName,
        /// When it ends: a time such as 2030-01-31T12:00:00Z, a day such as 2030-01-31 (as it begins, in UTC),
        /// or a span from now such as 30d or 12h
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
    },
    /// Print name, role, state, end and key id of the accounts, separated by tabs
    List,
    /// Print another token for an account, which keeps its name and roles, and end the old one
    ///
    /// It is printed before the old one ends: if the command fails, the one of the two that works is good.
    Rotate {
        /// Its name or key id
        name: String,
    },
    /// End an account, everywhere and for good
    Revoke {
        /// Its name or key id
        name: String,
    },
}

#[derive(clap::Args)]
pub(crate) struct Grant {
    /// The filespace's name
    #[arg(value_parser = filespace_name)]
    pub(crate) filespace: String,
    /// The account's name or key id
    pub(crate) account: String,
    /// What it may do there, in place of what it may do now
    #[arg(required_unless_present = "revoke", conflicts_with = "revoke")]
    pub(crate) role: Option<RoleName>,
    /// Take the account's role in the filespace away
    #[arg(long)]
    pub(crate) revoke: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum RoleName {
    Reader,
    Writer,
    Admin,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Role {
        match name {
            RoleName::Reader => Role::Reader,
            RoleName::Writer => Role::Writer,
            RoleName::Admin => Role::Admin,
        }
    }
}

/// A command about one path.
#[derive(clap::Args)]
pub(crate) struct One {
    /// A filespace's name and a path in it
    #[arg(value_name = "NAME:/PATH")]
    pub(crate) at: Remote,
}

#[derive(clap::Args)]
pub(crate) struct Ls {
    /// With mode, number of names, size and time of the last change
    #[arg(short)]
    pub(crate) long: bool,
    /// A filespace's name and a path in it
    #[arg(value_name = "NAME:/PATH")]
    pub(crate) at: Remote,
}

#[derive(clap::Args)]
pub(crate) struct Put {
    /// Copy a directory and all that is below it
    ///
    /// Symbolic links, also LOCAL itself, are copied as links; names of one file in the tree are names of
    /// one file again. What cannot be read, has a name that is not UTF-8, or is no file, directory or link,
    /// is reported and left out; the exit status is 1 then.
    #[arg(short)]
    pub(crate) recursive: bool,
    /// What to copy; - is standard input
    pub(crate) local: PathBuf,
    /// A filespace's name and a path in it
    #[arg(value_name = "NAME:/PATH")]
    pub(crate) remote: Remote,
}

#[derive(clap::Args)]
pub(crate) struct Get {
    /// Copy a directory and all that is below it
    ///
    /// Symbolic links, also NAME:/PATH itself, are copied as links, and those below LOCAL are never
    /// followed. Names of one file in the tree are names of one file again, where the file system can do
    /// that. What cannot be copied is reported and left out; the exit status is 1 then.
    #[arg(short)]
    pub(crate) recursive: bool,
    /// A filespace's name and a path in it
    #[arg(value_name = "NAME:/PATH")]
    pub(crate) remote: Remote,
    /// What to make; - is standard output
    pub(crate) local: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct Cp {
    /// Copy a directory and all that is below it
    ///
    /// Symbolic links, also NAME:/FROM itself, are copied as links; names of one file in the tree are names
    /// of one file again. What cannot be copied is reported and left out; the exit status is 1 then.
    #[arg(short)]
    pub(crate) recursive: bool,
    /// What to copy
    #[arg(value_name = "NAME:/FROM")]
    pub(crate) from: Remote,
    /// The path of the copy, in the same filespace
    #[arg(value_name = "NAME:/TO")]
    pub(crate) to: Remote,
}

#[derive(clap::Args)]
pub(crate) struct Rm {
    /// Also a directory with everything below it
    #[arg(short)]
    pub(crate) recursive: bool,
    /// A filespace's name and a path in it
    #[arg(value_name = "NAME:/PATH")]
    pub(crate) at: Remote,
}

#[derive(clap::Args)]
pub(crate) struct Mv {
    /// What to rename
    #[arg(value_name = "NAME:/FROM")]
    pub(crate) from: Remote,
    /// Its new path, in the same filespace
    #[arg(value_name = "NAME:/TO")]
    pub(crate) to: Remote,
}

#[derive(clap::Args)]
pub(crate) struct Ln {
    /// Make a symbolic link; TARGET is what it holds
    #[arg(short)]
    pub(crate) symbolic: bool,
    /// The file, as NAME:/PATH or /PATH in the same filespace
    pub(crate) target: String,
    /// The new name
    #[arg(value_name = "NAME:/PATH")]
    pub(crate) at: Remote,
}

#[derive(clap::Args)]
pub(crate) struct Truncate {
    /// Bytes; with the suffix K, M, G or T units of 1024, 1024^2, 1024^3 or 1024^4
    #[arg(short, allow_hyphen_values = true)]
    pub(crate) size: Size,
    /// A filespace's name and a path in it
    #[arg(value_name = "NAME:/PATH")]
    pub(crate) at: Remote,
}

#[derive(clap::Args)]
pub(crate) struct Du {
    /// Only the sum
    #[arg(short)]
    pub(crate) sum: bool,
    /// A filespace's name and a path in it
    #[arg(value_name = "NAME:/PATH")]
    pub(crate) at: Remote,
}

#[derive(clap::Args)]
pub(crate) struct Quota {
    /// The filespace's name
    #[arg(value_parser = filespace_name)]
    pub(crate) filespace: String,
    /// The most that the sizes of all files may add up to, with the suffix K, M, G or T if wanted, or none
    #[arg(long, value_name = "N|none", allow_hyphen_values = true)]
    pub(crate) bytes: Option<Limit>,
    /// The most files, directories and symbolic links, the root included, or none
    #[arg(long, value_name = "N|none", allow_hyphen_values = true)]
    pub(crate) entries: Option<Limit>,
}

#[derive(clap::Args)]
pub(crate) struct Gc {
    /// Only show what would be deleted
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How long what is dead is kept, for whoever reads an old version of a file: a span such as 7d, 12h or 0s
    #[arg(long, value_name = "SPAN", default_value = "24h")]
    pub(crate) grace: String,
    /// The filespace's name
    #[arg(value_parser = filespace_name)]
    pub(crate) filespace: String,
}

#[derive(clap::Args)]
pub(crate) struct Fsck {
    /// Do not read content, only what says where it is
    #[arg(long)]
    pub(crate) quick: bool,
    /// Check what a snapshot has
    #[arg(long, value_name = "NAME")]
    pub(crate) snapshot: Option<String>,
    /// The filespace's name
    #[arg(value_parser = filespace_name)]
    pub(crate) filespace: String,
}

#[derive(Subcommand)]
pub(crate) enum Xattr {
    /// Print the value of an attribute, byte for byte
    Get {
        /// A filespace's name and a path in it
        #[arg(value_name = "NAME:/PATH")]
        at: Remote,
        /// The attribute's name
        name: String,
    },
    /// Give an attribute a value
    Set {
        /// A filespace's name and a path in it
        #[arg(value_name = "NAME:/PATH")]
        at: Remote,
        /// The attribute's name
        name: String,
        /// Its value
        value: OsString,
    },
    /// Print the names of the attributes
    ///
    /// Names are printed as they are, and may hold line ends: only what --json prints is safe to parse. On a
    /// terminal control characters are shown as ?.
    List(One),
    /// Remove an attribute
    Rm {
        /// A filespace's name and a path in it
        #[arg(value_name = "NAME:/PATH")]
        at: Remote,
        /// The attribute's name
        name: String,
    },
}
