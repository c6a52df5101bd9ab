//! A position in a filespace's history, in a form that another program can wait for: it names the commit, and the log
//! that the commit is in.

use std::fmt;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use super::link::Link;
use crate::error::{Error, Result, Status};
use crate::ids::{Hash, Incarnation, Seq};
use crate::state::Tables;

/// The file in a filespace's folder that holds the last position that a barrier gave.
const SEEN: &str = "seen";
/// How long a wait for the log goes on before the link is asked whether it goes on. It costs nothing to begin another.
pub(super) const SLICE: Duration = Duration::from_millis(100);

/// A position: the number of a commit, the life of the log, and the chain up to there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The commit.
    pub seq: Seq,
    /// The life of the log that it is in.
    pub incarnation: Incarnation,
    /// The chain at the commit.
    pub chain: Hash,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.seq, self.incarnation, self.chain)
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Position> {
        let parse = || {
            let (seq, rest) = text.split_once(':')?;
            let (incarnation, chain) = rest.split_once(':')?;
            let is_plain = seq.bytes().all(|b| b.is_ascii_digit());
            Some(Position {
                seq: Seq(seq.parse().ok().filter(|_| is_plain)?),
                incarnation: Incarnation::from_hex(incarnation)?,
                chain: Hash::from_hex(chain)?,
            })
        };
        parse().ok_or_else(|| {
            let what =
                "it is not the text of a position: number, 32 and 64 hexadecimal digits, with ':' between";
            Error::new(Status::InvalidArgument, what)
        })
    }
}

impl Link {
    /// What makes a position one of this log: its chain and the log's life.
    pub fn describe(&self, at: Seq) -> Result<Position> {
        if at > self.position() {
            self.catch_up(None)?;
        }
        self.read_committed(|state| {
            // The log may be beyond the window by now; then its current position says the same and more.
            let (seq, chain) = match state.chain_at(at) {
                Some(chain) => (at, chain),
                None => (state.position(), state.chain()),
            };
            Ok(Position { seq, incarnation: state.incarnation()?, chain })
        })
    }

    /// Waits until this link has applied the log up to a position of it.
    pub fn wait_for(&self, position: &Position, deadline: Instant) -> Result<()> {
        self.refresh()?;
        loop {
            self.check_usable()?;
            if self.position() >= position.seq {
                return self.check_has(position);
            }
            if self.is_snapshot() {
                let what = format!("position: a snapshot does not go on, and {} is behind it", position.seq);
                return Err(Error::new(Status::InvalidArgument, what));
            }
            if self.end_of_life(position.incarnation)?.is_some_and(|end| position.seq > end) {
                return Err(self.does_not_have(position));
            }
            let now = Instant::now();
            if now >= deadline {
                let what = format!("the log did not reach position {} in time", position.seq);
                return Err(Error::new(Status::Timeout, what));
            }
            self.wait_for_more(deadline.min(now + SLICE))?;
        }
    }

    /// Remembers the position of a barrier where files outlive the process.
    pub(super) fn remember(&self, at: Seq) -> Result<()> {
        let Some(folder) = self.folder().filter(|_| !self.is_snapshot()) else { return Ok(()) };
        let new = folder.join(format!("{SEEN}.new"));
        let written = std::fs::write(&new, self.describe(at)?.to_string());
        let written = written.and_then(|()| std::fs::set_permissions(&new, Permissions::from_mode(0o600)));
        written.and_then(|()| std::fs::rename(&new, folder.join(SEEN))).map_err(|error| {
            let what = format!("cannot remember the position in {}", folder.display());
            Error::new(Status::Io, what).caused_by(error)
        })
    }

    /// Whether the log still has the position that was remembered, if one was.
    pub(super) fn check_remembered(&self) -> Result<()> {
        let Some(file) = self.folder().map(|folder| folder.join(SEEN)) else { return Ok(()) };
        let advice = format!("if the log was restored on purpose, remove {}", file.display());
        let text = match crate::files::read(&file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            text => text.map_err(|error| Error::new(Status::Io, advice.clone()).caused_by(error))?,
        };
        let position =
            text.parse().map_err(|e: Error| Error::new(Status::Integrity, &*advice).caused_by(e))?;
        self.check_has(&position).map_err(|error| Error::new(error.status(), advice).caused_by(error))
    }

    /// Whether the log has a position, and is the one that it is of.
    pub(super) fn check_has(&self, position: &Position) -> Result<()> {
        let (reached, chain, incarnation) = self.read_committed(|state| {
            Ok((state.position() >= position.seq, state.chain_at(position.seq), state.incarnation()?))
        })?;
        let is_same = match (reached, chain) {
            (false, _) => false,
            (true, Some(chain)) => chain == position.chain,
            // What lies behind the window cannot be compared; the lives of the log can.
            (true, None) => {
                incarnation == position.incarnation
                    || self.end_of_life(position.incarnation)?.is_some_and(|end| position.seq <= end)
            }
        };
        match is_same {
            true => Ok(()),
            false => Err(self.does_not_have(position)),
        }
    }

    pub(super) fn does_not_have(&self, position: &Position) -> Error {
        let what = format!(
            "the log of filespace {} does not have position {}: it was set back, or lost its end with the power, or \
             is another one",
            self.id, position.seq
        );
        Error::new(Status::LogRolledBack, what)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn text_is_exact() {
        let position = Position { seq: Seq(7), incarnation: Incarnation([1; 16]), chain: Hash([2; 32]) };
        let text = position.to_string();
        assert_eq!(text.parse::<Position>().unwrap(), position);
        for bad in ["", "7", "+7:01:02", &text[1..], &text[..text.len() - 1], &format!("{text}0")] {
            assert!(bad.parse::<Position>().is_err(), "{bad}");
        }
    }
}
