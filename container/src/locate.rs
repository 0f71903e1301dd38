//! Where the master is: a small file in the job's staging directory that each attempt of the master writes anew.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

const FILE: &str = "master.json";

/// Where a master listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Master {
    /// Its attempt, from 1.
    pub attempt: u32,
    /// Host and port.
    pub address: String,
}

impl Master {
    /// Tells the workers; by rename, so that nobody reads half of it.
    pub fn publish(&self, staging: &Path) -> io::Result<()> {
        let temporary = staging.join(format!("{FILE}.{}", self.attempt));
        std::fs::write(&temporary, serde_json::to_vec(self)?)?;
        std::fs::rename(temporary, staging.join(FILE))
    }

    /// Looks until a master of at least this attempt is there, or the time is up.
    pub async fn find(staging: &Path, attempt: u32, patience: Duration) -> io::Result<Self> {
        let start = Instant::now();
        loop {
            let read = std::fs::read(staging.join(FILE));
            if let Some(master) = read.ok().and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok())
                && master.attempt >= attempt
            {
                return Ok(master);
            }
            if start.elapsed() > patience {
                let text = format!("no master of attempt {attempt} or later within {} s", patience.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
