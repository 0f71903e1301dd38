//! Where the master is. Each attempt of the master tells the workers that it starts, and writes it to the job's staging
//! directory for those of the attempt before, who look there once their own connection is gone.

use std::io;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::files::Files;

const FILE: &str = "master.json";

/// An address is short; what is longer is none. Bytes.
const FILE_CAP: u64 = 4096;

/// Where a master listens. As text: `attempt@address`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Master {
    /// Its attempt, from 1.
    pub attempt: u32,
    /// Host and port, or the path of a socket of this machine.
    pub address: String,
}

impl Master {
    /// Writes it to the staging directory (a path or URI); by rename, so that nobody reads half of it.
    pub fn publish(&self, staging: &str) -> io::Result<()> {
        let (files, directory) = Files::of(staging)?;
        let temporary = format!("{directory}/{FILE}.{}", self.attempt);
        files.write(&temporary, &serde_json::to_vec(self)?, 0o600)?;
        files.rename(&temporary, &format!("{directory}/{FILE}"))
    }

    /// What the staging directory says.
    pub fn find(staging: &str) -> io::Result<Self> {
        let (files, directory) = Files::of(staging)?;
        let bytes = files.read(&format!("{directory}/{FILE}"), FILE_CAP)?;
        serde_json::from_slice(&bytes).map_err(io::Error::other)
    }
}

impl std::fmt::Display for Master {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.attempt, self.address)
    }
}

impl FromStr for Master {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.split_once('@').and_then(|(attempt, address)| Some((attempt.parse().ok()?, address)));
        let (attempt, address) = parts.ok_or_else(|| format!("{text:?} is not attempt@address"))?;
        Ok(Self { attempt, address: address.to_owned() })
    }
}
