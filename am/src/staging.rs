//! What a job's processes share: the checked job, the trust between them, and the variables that tell a process its role.
//!
//! On one machine the staging directory is a local folder; on a cluster it is in HDFS, YARN copies the job into each container's
//! working directory, and the trust travels in the application's credentials, never in arguments or environment.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use lapwing_container::locate::Master;
use lapwing_container::wire::secure::Trust;
use yarn_client::credentials::Credentials;

use crate::engine::Seat;
use crate::error::Failure;
use crate::job::Job;

const ROLE: &str = "LAPWING_ROLE";
const STAGING: &str = "LAPWING_STAGING";
/// Name of the staged job.
pub(crate) const JOB: &str = "job.json";
const TRUST: &str = "trust.json";
/// Name of the trust among an application's secrets.
pub(crate) const SECRET: &str = "lapwing.trust";

/// What this process is, unless it is the user's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// The application master.
    Master {
        /// From 1.
        attempt: u32,
    },
    /// A worker.
    Worker(Seat, Master),
}

/// A process's role and staging directory.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) role: Role,
    pub(crate) staging: String,
}

/// The variables that give a process its role, and [`tuning`].
pub(crate) fn environment(staging: &str, role: &Role) -> BTreeMap<String, String> {
    let role = match role {
        Role::Master { attempt } => format!("master:{attempt}"),
        Role::Worker(Seat { worker, incarnation }, master) => {
            format!("worker:{worker}:{incarnation}:{master}")
        }
    };
    let mut variables = tuning();
    variables.insert(ROLE.to_owned(), role);
    variables.insert(STAGING.to_owned(), staging.to_owned());
    variables
}

/// Memory that glibc gives back and takes again at every pass would have to be cleared by the kernel each time, so it is told
/// to keep it.
pub(crate) fn tuning() -> BTreeMap<String, String> {
    let huge = "glibc.malloc.hugetlb=1";
    let tunables = match std::env::var("GLIBC_TUNABLES") {
        Ok(own) if own.contains("hugetlb") => own,
        Ok(own) if !own.is_empty() => format!("{own}:{huge}"),
        _ => huge.to_owned(),
    };
    let pairs = [
        ("MALLOC_MMAP_THRESHOLD_", (32u64 << 20).to_string()),
        ("MALLOC_TRIM_THRESHOLD_", (1u64 << 40).to_string()),
        // Without it the heap of a thread, once empty, is unmapped and made anew at every pass.
        ("MALLOC_TOP_PAD_", (64u64 << 20).to_string()),
        ("GLIBC_TUNABLES", tunables),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

impl Start {
    /// As the environment says; none for the user's own process.
    pub(crate) fn of_process() -> Result<Option<Self>, Failure> {
        let Ok(text) = std::env::var(ROLE) else { return Ok(None) };
        let wrong =
            || Failure::cluster(format!("the environment variable {ROLE}"), format!("{text:?} is no role"));
        let parts: Vec<&str> = text.splitn(4, ':').collect();
        let number = |part: &str| part.parse::<u32>().map_err(|_| wrong());
        let role = match parts[..] {
            ["master", attempt] => Role::Master { attempt: number(attempt)? },
            ["worker", worker, incarnation, master] => {
                let seat = Seat { worker: number(worker)?, incarnation: number(incarnation)? };
                Role::Worker(seat, master.parse().map_err(|_| wrong())?)
            }
            _ => return Err(wrong()),
        };
        let staging = std::env::var(STAGING).map_err(|_| wrong())?;
        Ok(Some(Self { role, staging }))
    }

    /// Whether this process runs in a container of a cluster.
    pub(crate) fn on_cluster(&self) -> bool {
        self.staging.starts_with("hdfs://")
    }

    /// The job and the trust.
    pub(crate) fn read(&self) -> Result<(Job, Trust), Failure> {
        let directory = if self.on_cluster() { Path::new(".") } else { Path::new(&self.staging) };
        let read = |name: &str| {
            let path = directory.join(name);
            std::fs::read(&path).map_err(|error| Failure::cluster(path.display(), error))
        };
        let trust = if self.on_cluster() {
            let failed =
                |error: &dyn std::fmt::Display| Failure::cluster("the container's token file", error);
            let credentials = Credentials::from_environment().map_err(|error| failed(&error))?;
            let secret = credentials
                .and_then(|credentials| credentials.secrets.get(SECRET).map(|secret| secret.to_vec()));
            secret.ok_or_else(|| failed(&"it does not hold the job's secret"))?
        } else {
            read(TRUST)?
        };
        let failed = |error| Failure::cluster("the staged job", error);
        Ok((
            serde_json::from_slice(&read(JOB)?).map_err(failed)?,
            serde_json::from_slice(&trust).map_err(failed)?,
        ))
    }
}

/// Writes the job and the trust to a local folder, readable by this user alone.
pub(crate) fn write(staging: &Path, job: &Job, trust: &Trust) -> std::io::Result<()> {
    let put = |name: &str, bytes: &[u8]| {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(staging.join(name))?.write_all(bytes)
    };
    put(JOB, &serde_json::to_vec(job)?)?;
    put(TRUST, &serde_json::to_vec(trust)?)
}
