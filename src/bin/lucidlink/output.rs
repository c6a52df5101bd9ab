//! What goes to stdout and stderr, and what the exit status is.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, StdoutLock, Write};
use std::path::Path;
use std::process::ExitCode;

use lucidlink::error::{Error, Status};
use serde_json::{Value, json};

/// Why a command did not do all it was asked to.
pub(crate) enum Failure {
    /// The command line is wrong.
    Usage(String),
    /// It failed.
    Failed(Error),
    /// Parts of it failed and were reported, one by one.
    Partly,
    /// Nobody reads stdout any more: what was wanted of it was read.
    NobodyReads,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Failed(error)
    }
}

impl Failure {
    /// Says what failed, and what the process ends with.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        match self {
            Failure::Usage(message) => {
                complain(json, Status::InvalidArgument, &format!("{message}; see lucidlink --help"));
                ExitCode::from(2)
            }
            Failure::Failed(error) => {
                complain(json, error.status(), &error.to_string());
                ExitCode::from(match error.status() {
                    Status::InvalidToken | Status::Authentication | Status::AccessDenied => 3,
                    Status::NotFound | Status::NoAttribute => 4,
                    _ => 1,
                })
            }
            Failure::Partly => ExitCode::FAILURE,
            Failure::NobodyReads => ExitCode::SUCCESS,
        }
    }
}

/// One error on stderr. There is nobody to tell if that does not work.
pub(crate) fn complain(json: bool, status: Status, message: &str) {
    let text = match json {
        true => {
            json!({"error": {"status": status.name(), "code": status.code(), "message": message}}).to_string()
        }
        false => format!("lucidlink: {message}"),
    };
    let _ = writeln!(io::stderr(), "{text}");
}

/// A wrong command line, or the help that was asked for.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|arg| arg == "--json");
    let text = error.to_string();
    if text.contains("sa_live:") {
        let what = "a token is where none belongs; set LUCIDLINK_TOKEN or give --token";
        complain(json, Status::InvalidArgument, what);
    } else if json && error.use_stderr() {
        complain(true, Status::InvalidArgument, text.trim_start_matches("error: ").trim_end());
    } else {
        // As above, or nobody reads the help.
        let _ = error.print();
    }
    ExitCode::from(error.exit_code() as u8)
}

/// A failure of the local file system.
pub(crate) fn local(what: &str, path: &Path, error: io::Error) -> Error {
    let status = match error.kind() {
        ErrorKind::NotFound => Status::NotFound,
        ErrorKind::IsADirectory => Status::IsADirectory,
        ErrorKind::NotADirectory => Status::NotADirectory,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Status::NoSpace,
        _ => Status::Io,
    };
    Error::new(status, format!("cannot {what} {path:?}")).caused_by(error)
}

/// Standard output, buffered; [`Output::finish`] brings out the rest.
pub(crate) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    is_terminal: bool,
}

impl Output {
    pub(crate) fn new() -> Output {
        let stdout = io::stdout();
        Output { is_terminal: stdout.is_terminal(), out: BufWriter::new(stdout.lock()) }
    }

    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())?;
        self.bytes(b"\n")
    }

    pub(crate) fn json(&mut self, value: &Value) -> Result<(), Failure> {
        self.line(&value.to_string())
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).map_err(failed)
    }

    /// A name as it is shown: on a terminal without characters that would control it.
    pub(crate) fn name(&self, name: &str) -> String {
        match self.is_terminal {
            true => name.replace(char::is_control, "?"),
            false => name.to_owned(),
        }
    }

    /// What is waited for must not be kept back.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(failed)
    }

    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.out.flush().map_err(failed)
    }
}

fn failed(error: io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::NobodyReads,
        _ => Error::new(Status::Io, "cannot write to standard output").caused_by(error).into(),
    }
}
