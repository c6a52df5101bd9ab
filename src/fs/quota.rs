//! How much there is in a filespace, and how much there may be.

use super::FileSystem;
use crate::error::{Error, Result, Status};
use crate::filespace::{CommitError, Draft};
use crate::state::Refusal;
use crate::state::Tables;
use crate::state::ops::{Op, SetQuota};
use crate::state::value::Counters;

/// How much there is, and may be. A limit of 0 is none.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// What there is.
    pub counters: Counters,
    /// The most that the sizes of all files may add up to.
    pub quota_bytes: u64,
    /// The most files, directories and symbolic links, the root included.
    pub quota_entries: u64,
}

impl FileSystem {
    /// How much there is in the filespace and may be, kept by the state.
    pub fn usage(&self) -> Result<Usage> {
        self.link.read_fresh(|state| {
            let header = state.header()?;
            let (quota_bytes, quota_entries) = (header.quota_bytes, header.quota_entries);
            Ok(Usage { counters: state.counters()?, quota_bytes, quota_entries })
        })
    }

    /// Limits how much there may be; 0 is no limit. What is there already stays, and may shrink.
    pub fn set_quota(&self, bytes: u64, entries: u64) -> Result<()> {
        self.link.check_usable()?;
        let draft = Draft::of(Op::SetQuota(SetQuota { bytes, entries }));
        match self.link.commit(draft, self.link.deadline()) {
            Ok(_) => Ok(()),
            Err(CommitError::Failed(error) | CommitError::Unsettled(error, _)) => Err(error),
            Err(CommitError::Refused(Refusal::Denied)) => {
                Err(Error::new(Status::AccessDenied, "only an admin of the filespace sets its quota"))
            }
            Err(CommitError::Refused(refusal)) => {
                Err(Error::new(refusal.status(), format!("the quota was refused ({refusal:?})")))
            }
        }
    }
}
