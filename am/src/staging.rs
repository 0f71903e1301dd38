//! What a job's processes share: the staging directory with the checked job and its key, and the variables that tell a
//! process which role it has.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use lapwing_container::wire::handshake::{Key, nonce};

use crate::engine::Seat;
use crate::error::Failure;
use crate::job::Job;

const ROLE: &str = "LAPWING_ROLE";
const STAGING: &str = "LAPWING_STAGING";

/// What this process is, unless it is the user's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The application master.
    Master {
        /// From 1.
        attempt: u32,
    },
    /// A worker.
    Worker(Seat),
}

/// The variables that give a child its role; and memory that glibc gives back and takes again at every pass would have to be
/// cleared by the kernel each time, so it is told to keep it.
pub(crate) fn environment(staging: &Path, role: Role) -> BTreeMap<String, String> {
    let role = match role {
        Role::Master { attempt } => format!("master:{attempt}"),
        Role::Worker(Seat { worker, incarnation }) => format!("worker:{worker}:{incarnation}"),
    };
    let pairs = [
        (ROLE, role),
        (STAGING, staging.display().to_string()),
        ("MALLOC_MMAP_THRESHOLD_", (32u64 << 20).to_string()),
        ("MALLOC_TRIM_THRESHOLD_", (1u64 << 40).to_string()),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The role of this process and its staging directory; none for the user's own process.
pub(crate) fn role() -> Result<Option<(Role, PathBuf)>, Failure> {
    let Ok(text) = std::env::var(ROLE) else { return Ok(None) };
    let wrong =
        || Failure::cluster(format!("the environment variable {ROLE}"), format!("{text:?} is no role"));
    let parts: Vec<&str> = text.split(':').collect();
    let number = |part: &str| part.parse::<u32>().map_err(|_| wrong());
    let role = match parts[..] {
        ["master", attempt] => Role::Master { attempt: number(attempt)? },
        ["worker", worker, incarnation] => {
            Role::Worker(Seat { worker: number(worker)?, incarnation: number(incarnation)? })
        }
        _ => return Err(wrong()),
    };
    let staging = std::env::var_os(STAGING).ok_or_else(wrong)?;
    Ok(Some((role, PathBuf::from(staging))))
}

/// Writes the job and a fresh key; readable by this user alone.
pub(crate) fn write(staging: &Path, job: &Job) -> std::io::Result<()> {
    let put = |name: &str, bytes: &[u8]| {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(staging.join(name))?.write_all(bytes)
    };
    put("job.json", &serde_json::to_vec(job)?)?;
    put("key", &nonce()?)
}

/// Reads them back.
pub(crate) fn read(staging: &Path) -> Result<(Job, Key), Failure> {
    let read = |name: &str| {
        let path = staging.join(name);
        std::fs::read(&path).map_err(|error| Failure::cluster(path.display(), error))
    };
    let job = serde_json::from_slice(&read("job.json")?)
        .map_err(|error| Failure::cluster("the staged job", error))?;
    let key = read("key")?;
    let key = key.try_into().map_err(|_| Failure::cluster("the staged key", "expected 32 bytes"))?;
    Ok((job, key))
}
