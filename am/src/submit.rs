//! A job on a cluster, from the client's side: stage, submit, follow (see [`crate::follow`]), and clean up, whatever the end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lapwing_container::files::Files;
use lapwing_container::wire::secure::{CERTIFICATE_NAME, Trust};
use sha2::{Digest, Sha256};
use yarn_client::rest::{LocalResource, NewApplication, Submission, Visibility};
use yarn_client::shell;
use yarn_client::types::{ApplicationId, Resource};

use crate::cluster::{Cluster, ClusterJob, resource, rest};
use crate::error::{Failure, Kind};
use crate::flags::JobArgs;
use crate::follow::follow;
use crate::job::Job;
use crate::parent::Signals;
use crate::progress::Progress;
use crate::report::JobReport;
use crate::staging::{JOB, Role, SECRET, environment};
use crate::{binary, output};

/// Variable with the files that the master's container got, for its workers' containers.
pub(crate) const RESOURCES: &str = "LAPWING_RESOURCES";

/// A master lost longer ago than this does not count against `--max-attempts`.
const FAILURES_COUNT_FOR: Duration = Duration::from_secs(3600);

/// Between the moment at which a silent master is replaced and the one at which the next calls its workers.
const REPLACING: Duration = Duration::from_secs(120);

/// What became of a submission.
pub(crate) enum Submitted {
    /// It ended well.
    Done(Box<JobReport>),
    /// It runs by itself.
    Detached(ApplicationId),
    /// It may still run, and needs its files: why it was lost sight of.
    OutOfSight(Failure),
}

/// Submits a job and sees it through.
pub(crate) fn run(
    mut job: Job,
    args: &JobArgs,
    arguments: &[OsString],
    cluster: &Cluster,
    progress: &mut Progress,
) -> Result<Submitted, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::cluster("the client's runtime", error))?;
    // From here on a signal is kept for `follow`, so that one that comes while files are staged leaves nothing behind.
    let mut signals = {
        let _inside = runtime.enter();
        Signals::new().map_err(|error| Failure::cluster("signals", error))?
    };
    let path = args.binary.clone().map_or_else(std::env::current_exe, Ok);
    let path = path.map_err(|error| Failure::cluster("finding this program", error))?;
    let program = std::fs::read(&path)
        .map_err(|error| Failure::new(Kind::Input, format!("{}: {error}", path.display())))?;
    binary::check(&path, &program)?;
    let (new, master_expiry, attempts) = runtime.block_on(async {
        let new = cluster.manager.new_application().await.map_err(|error| rest(&error))?;
        check_sizes(args, &new)?;
        check_queue(args, cluster).await?;
        Ok::<_, Failure>((new, cluster.master_expiry().await, cluster.most_attempts().await))
    })?;
    if attempts < job.max_attempts {
        let wanted = job.max_attempts;
        progress.note(&format!(
            "this cluster starts a master {attempts} times at the most, --max-attempts says {wanted}: yarn.resourcemanager.am.max-attempts is its administrator's"
        ));
        job.max_attempts = attempts;
    }
    let replaced = master_expiry + REPLACING;
    if args.master_timeout.is_none() {
        job.master_timeout = job.master_timeout.max(replaced);
    } else if job.master_timeout < replaced {
        let (given, expiry) = (job.master_timeout.as_secs(), master_expiry.as_secs());
        progress.note(&format!(
            "--master-timeout {given}s: this cluster replaces a master that has been silent for {expiry} s, the workers may be gone by then"
        ));
    }
    let home = cluster.qualify(&format!("/user/{}/.lapwing", cluster.user))?;
    let staging = Staging { root: format!("{home}/{}", new.id) };
    tidy(&home, cluster, &runtime);
    job.cluster = Some(ClusterJob {
        user: cluster.user.clone(),
        queue: args.queue.clone(),
        schedulers: cluster.schedulers()?,
        webs: cluster.webs()?,
        proxies: cluster.proxies()?,
        worker_memory_mb: resource(args.worker_memory.0, 1).memory_mb,
        node_label: args.node_label.clone(),
        ports: args.ports.map(|ports| (ports.0, ports.1)),
        master_expiry,
        staging: staging.root.clone(),
        detached: args.detach,
    });
    let outcome = stage(&job, &staging, &home, &path, &program, cluster)
        .and_then(|files| submission(&job, args, arguments, cluster, new.id, files))
        .and_then(|submission| runtime.block_on(send(&submission, cluster)))
        .and_then(|()| {
            if args.detach {
                return Ok(Submitted::Detached(new.id));
            }
            runtime.block_on(follow(&job, new.id, cluster, &staging.root, &mut signals, progress))
        });
    // What is left of one that was lost sight of, the next submission removes.
    if !matches!(outcome, Ok(Submitted::Detached(_) | Submitted::OutOfSight(_))) {
        staging.remove();
    }
    if outcome.is_err() {
        output::discard(&job);
    }
    // A thread that is still busy with HDFS is not waited for.
    runtime.shutdown_background();
    outcome
}

/// Folders of applications that one submission looks at.
const TIDIED: usize = 20;

/// Removes what applications that are over have left: their client or master was killed before it could do so itself.
fn tidy(home: &str, cluster: &Cluster, runtime: &tokio::runtime::Runtime) {
    let list = || {
        let (files, directory) = Files::of(home)?;
        files.list(directory)
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let yesterday = now.saturating_sub(Duration::from_secs(86_400)).as_millis() as u64;
    for folder in list().unwrap_or_default().into_iter().take(TIDIED) {
        let name = folder.path.rsplit('/').next().unwrap_or_default();
        let Ok(id) = name.parse::<ApplicationId>() else { continue };
        let over = match runtime.block_on(cluster.manager.state(id)) {
            Ok(state) => state.is_final(),
            // Forgotten by the ResourceManager; or about to be submitted by somebody else.
            Err(error) => error.is_not_found() && folder.modified_ms < yesterday,
        };
        if over {
            Staging { root: folder.path }.remove();
        }
    }
}

/// The job's folder in HDFS.
#[derive(Clone)]
struct Staging {
    root: String,
}

impl Staging {
    fn put(&self, name: &str, bytes: &[u8]) -> std::io::Result<LocalResource> {
        put(&format!("{}/{name}", self.root), bytes, 0o600)
    }

    fn remove(&self) {
        let _ = Files::remove_at(&self.root);
    }
}

/// Brings program, job and configuration into HDFS; each container gets a copy. A program is sent once: its place is named by
/// its content.
fn stage(
    job: &Job,
    staging: &Staging,
    home: &str,
    path: &std::path::Path,
    program: &[u8],
    cluster: &Cluster,
) -> Result<BTreeMap<String, LocalResource>, Failure> {
    let failed = |error: std::io::Error| Failure::cluster(format!("staging in {}", staging.root), error);
    let name = path.file_name().map_or("program".into(), |name| name.to_string_lossy().into_owned());
    let program = send_program(home, &staging.root, &name, program).map_err(failed)?;
    let job = staging.put(JOB, &serde_json::to_vec(job).expect("a job is plain data")).map_err(failed)?;
    let configuration =
        staging.put("core-site.xml", cluster.flat_configuration().as_bytes()).map_err(failed)?;
    let program = LocalResource { visibility: Visibility::Private, ..program };
    Ok([(name, program), (JOB.to_owned(), job), ("core-site.xml".to_owned(), configuration)].into())
}

/// Brings a program into HDFS unless it is there.
pub(crate) fn send_program(
    home: &str,
    staging: &str,
    name: &str,
    program: &[u8],
) -> std::io::Result<LocalResource> {
    let hash: String = Sha256::digest(program).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let place = format!("{home}/programs/{hash}/{name}");
    let (files, inside) = Files::of(&place)?;
    match files.status(inside)? {
        Some(status) if status.length == program.len() as u64 => Ok(local_resource(&place, &status)),
        _ => {
            // By rename, whole: somebody else may send the same program at the same time.
            let temporary = format!("{staging}/{name}");
            put(&temporary, program, 0o700)?;
            publish(&temporary, &place)
        }
    }
}

fn publish(temporary: &str, place: &str) -> std::io::Result<LocalResource> {
    let (files, from) = Files::of(temporary)?;
    let (_, to) = Files::of(place)?;
    files.create_directory(to.rsplit_once('/').map_or("/", |(directory, _)| directory))?;
    // Never over one that is there: a job that was submitted with it would find its time changed, and YARN refuses that.
    files.rename_if_free(from, to)?;
    let status = files.status(to)?.ok_or(std::io::ErrorKind::NotFound)?;
    Ok(local_resource(place, &status))
}

fn put(uri: &str, bytes: &[u8], mode: u32) -> std::io::Result<LocalResource> {
    let (files, path) = Files::of(uri)?;
    files.write(path, bytes, mode)?;
    let status = files.status(path)?.ok_or(std::io::ErrorKind::NotFound)?;
    Ok(local_resource(uri, &status))
}

fn local_resource(uri: &str, status: &lapwing_container::files::Status) -> LocalResource {
    LocalResource::file(uri, status.length, status.modified_ms as i64)
}

fn submission(
    job: &Job,
    args: &JobArgs,
    arguments: &[OsString],
    cluster: &Cluster,
    id: ApplicationId,
    files: BTreeMap<String, LocalResource>,
) -> Result<Submission, Failure> {
    let program =
        files.keys().find(|name| *name != JOB && !name.ends_with(".xml")).expect("the program was staged");
    let mut words = vec![format!("./{program}")];
    for argument in arguments.iter().skip(1) {
        let word =
            argument.to_str().ok_or_else(|| Failure::new(Kind::Usage, "an argument is not valid UTF-8"))?;
        words.push(word.to_owned());
    }
    let memory = resource(args.master_memory.0, 1);
    let mut submission = Submission::new(id, job.name.clone(), shell::command(&words), memory);
    submission.application_type = "LAPWING".to_owned();
    submission.queue = args.queue.clone();
    submission.priority = args.priority;
    submission.tags = args.tag.clone();
    submission.max_attempts = Some(job.max_attempts);
    submission.keep_containers = true;
    // A job may run for weeks; what happened last week is forgiven.
    submission.failures_validity = Some(FAILURES_COUNT_FOR);
    submission.node_label = args.node_label.clone();
    let list: BTreeMap<&String, (&String, u64, i64)> =
        files.iter().map(|(name, file)| (name, (&file.url, file.size, file.modified_ms))).collect();
    let list = serde_json::to_string(&list).expect("a list of files is plain data");
    let cluster_job = job.cluster.as_ref().expect("the job is for a cluster");
    let mut variables = environment(&cluster_job.staging, &Role::Master { attempt: 1 });
    variables.insert(RESOURCES.to_owned(), list);
    variables.insert("HADOOP_USER_NAME".to_owned(), cluster.user.clone());
    variables.insert("RUST_BACKTRACE".to_owned(), "0".to_owned());
    submission.environment =
        variables.into_iter().map(|(key, value)| (key, shell::literal(&value))).collect();
    submission.environment.insert("HADOOP_CONF_DIR".to_owned(), "{{PWD}}".to_owned());
    submission.local_resources = files;
    let trust = serde_json::to_vec(&authority()?).expect("a trust is plain data");
    submission.credentials.secrets.insert(SECRET.to_owned(), trust);
    Ok(submission)
}

/// An authority for this job alone, and the certificate that all its processes show. The authority's own key is forgotten here.
fn authority() -> Result<Trust, Failure> {
    let make = || {
        let authority_key = rcgen::KeyPair::generate()?;
        let mut parameters = rcgen::CertificateParams::new(Vec::<String>::new())?;
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        let authority = parameters.self_signed(&authority_key)?;
        let issuer = rcgen::Issuer::new(parameters, authority_key);
        let key = rcgen::KeyPair::generate()?;
        let leaf = rcgen::CertificateParams::new(vec![CERTIFICATE_NAME.to_owned()])?;
        let certificate = leaf.signed_by(&key, &issuer)?;
        Ok::<_, rcgen::Error>(Trust::Tls {
            authority: authority.der().to_vec(),
            certificate: certificate.der().to_vec(),
            private_key: key.serialize_der(),
        })
    };
    make().map_err(|error| Failure::cluster("making the job's certificates", error))
}

async fn send(submission: &Submission, cluster: &Cluster) -> Result<(), Failure> {
    cluster.manager.submit(submission).await.map_err(|error| rest(&error))
}

fn check_sizes(args: &JobArgs, new: &NewApplication) -> Result<(), Failure> {
    let largest = new.largest_container;
    for (what, wanted) in [
        ("--worker-memory", resource(args.worker_memory.0, args.worker_cores)),
        ("--master-memory", resource(args.master_memory.0, 1)),
    ] {
        let Resource { memory_mb, vcores } = wanted;
        if memory_mb > largest.memory_mb || vcores > largest.vcores {
            return Err(Failure::new(
                Kind::Cluster,
                format!(
                    "{what}: {memory_mb} MiB and {vcores} cores are asked for, the cluster's largest container has {} MiB and {} cores",
                    largest.memory_mb, largest.vcores
                ),
            ));
        }
    }
    Ok(())
}

/// Refuses a queue that does not exist or takes nothing.
pub(crate) async fn check_queue(args: &JobArgs, cluster: &Cluster) -> Result<(), Failure> {
    let queue = &args.queue;
    let queues = cluster.manager.queues().await.map_err(|error| rest(&error))?;
    let leaves = || queues.iter().filter(|report| report.is_leaf);
    let found = leaves().find(|report| report.name == *queue || report.path == *queue);
    let text = match found {
        // A scheduler that does not tell its queues decides by itself.
        _ if queues.is_empty() => return Ok(()),
        None => {
            let names: Vec<&str> = leaves().map(|report| report.name.as_str()).collect();
            format!("there is no queue {queue}; the cluster has {}", names.join(", "))
        }
        Some(report) if !report.is_running() => {
            format!("the queue {queue} is {}: it takes no applications", report.state)
        }
        Some(_) => return Ok(()),
    };
    Err(Failure::new(Kind::Cluster, text))
}
