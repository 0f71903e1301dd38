//! One MapReduce job through Hadoop Streaming: the command that starts it, its settings, and a watch over it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use lapwing_container::files::Files;
use tokio::process::Command;
use yarn_client::rest::{ApplicationReport, ApplicationState};

use super::feed::{self, Feed};
use super::task::{FAILED, FOLDER, STATE, WORK, Work};
use crate::cluster::{Cluster, resource, room};
use crate::error::{Failure, Kind};
use crate::flags::JobArgs;
use crate::job::Job;
use crate::parent::Signals;
use crate::staging::tuning;

/// Variable with the command that runs Hadoop Streaming, if it is not to be looked for.
const COMMAND: &str = "LAPWING_STREAMING";
/// How often the client looks for failures that a task has written down.
const LOOK: Duration = Duration::from_millis(500);
/// Name of the program in a task's folder.
const PROGRAM: &str = "program";
/// Name of the file with one split's number per line.
pub(crate) const NUMBERS: &str = "splits.txt";

/// What all MapReduce jobs of a job have in common.
pub(crate) struct Streaming<'a> {
    pub(crate) job: &'a Job,
    pub(crate) args: &'a JobArgs,
    pub(crate) cluster: &'a Cluster,
    pub(crate) feed: Feed,
    /// URI of the job's folder in HDFS.
    pub(crate) staging: String,
    /// URI of the program.
    pub(crate) program: String,
    command: Vec<String>,
}

impl<'a> Streaming<'a> {
    /// Finds the command.
    pub(crate) fn new(
        job: &'a Job,
        args: &'a JobArgs,
        cluster: &'a Cluster,
        feed: Feed,
        staging: String,
        program: String,
    ) -> Result<Self, Failure> {
        Ok(Self { job, args, cluster, feed, staging, program, command: command(args)? })
    }

    /// Runs one job to its end. `state` is the URI of the round's state.
    pub(crate) async fn run(
        &self,
        work: Work,
        state: Option<&str>,
        signals: &mut Signals,
    ) -> Result<(), Failure> {
        let tag = format!("lapwing-{:016x}-{}", self.job.id, work.word().replace(':', "-"));
        let failed = |error: std::io::Error| Failure::cluster(format!("running {}", self.command[0]), error);
        let log = tempfile::NamedTempFile::new().map_err(failed)?;
        let mut child = Command::new(&self.command[0])
            .args(&self.command[1..])
            .args(self.words(work, state, &tag))
            .stdin(Stdio::null())
            .stdout(log.reopen().map_err(failed)?)
            .stderr(log.reopen().map_err(failed)?)
            // Ctrl-C is for this process alone.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let began = Instant::now();
        let mut ran = false;
        loop {
            tokio::select! {
                status = child.wait() => {
                    if status.map_err(failed)?.success() {
                        return Ok(());
                    }
                    return Err(self.blame(work, &tag, log.path()).await);
                }
                () = tokio::time::sleep(LOOK) => {}
                name = signals.next() => {
                    let what = self.kill(&tag).await;
                    return Err(Failure::new(Kind::Interrupted, format!("interrupted by {name}; {what}")));
                }
            }
            if let Some(failure) = self.told().await {
                self.kill(&tag).await;
                return Err(failure);
            }
            ran = ran || self.runs(&tag).await;
            if !ran && began.elapsed() > Duration::from_secs(self.job.start_timeout) {
                let why = room(&self.cluster.manager, &self.args.queue).await;
                let what = self.kill(&tag).await;
                let seconds = self.job.start_timeout;
                let text = format!(
                    "no container for MapReduce's master was granted within {seconds} s: {why}; {what}"
                );
                return Err(Failure::new(Kind::Cluster, text));
            }
        }
    }

    /// The settings of every job, each with its reason; those of `--mapreduce-property` come last and win.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let memory = |bytes: u64| resource(bytes, 1).memory_mb.to_string();
        let (map, reduce) = (memory(self.args.worker_memory.0), memory(self.args.master_memory.0));
        let mut settings: Vec<(&str, String)> = vec![
            ("mapreduce.job.queuename", self.args.queue.clone()),
            // The same memory as a worker of ours; a pass over one split uses one core.
            ("mapreduce.map.memory.mb", map),
            ("mapreduce.reduce.memory.mb", reduce),
            // The JVM only passes bytes on: most of a container is for the program, where the cluster does not say otherwise.
            ("mapreduce.job.heap.memory-mb.ratio", "0.25".to_owned()),
            ("mapreduce.job.reduces", "1".to_owned()),
            // One record per task: nothing to sort, so no buffer of 100 MB that is cleared first. Larger ones are spilled by themselves.
            ("mapreduce.task.io.sort.mb", "16".to_owned()),
            ("mapreduce.map.output.compress", "false".to_owned()),
            ("mapreduce.map.speculative", "false".to_owned()),
            ("mapreduce.reduce.speculative", "false".to_owned()),
            // The reduce task starts with the first map tasks, so that its JVM is up when they end.
            ("mapreduce.job.reduce.slowstart.completedmaps", "0".to_owned()),
            // Hadoop's own: the client looks every second and every five, the master asks for containers every second.
            ("mapreduce.client.progressmonitor.pollinterval", "100".to_owned()),
            ("mapreduce.client.completion.pollinterval", "100".to_owned()),
            ("yarn.app.mapreduce.am.scheduler.heartbeat.interval-ms", "100".to_owned()),
            // Raw bytes from map to reduce: no encoding, and no lines to look for.
            ("stream.map.input", "text".to_owned()),
            ("stream.map.output", "rawbytes".to_owned()),
            ("stream.reduce.input", "rawbytes".to_owned()),
            ("stream.map.input.ignoreKey", "true".to_owned()),
            // Streaming exports all properties, and the kernel refuses a longer environment.
            ("stream.jobconf.truncate.limit", "20000".to_owned()),
        ];
        match self.feed {
            // So many map tasks wanted make `FileInputFormat` cut by this size alone, whatever a block has.
            Feed::Hadoop { split_size } => settings.extend([
                ("mapreduce.input.fileinputformat.split.minsize", split_size.to_string()),
                ("mapreduce.job.maps", (1 << 24).to_string()),
            ]),
            Feed::Task => settings.push(("mapreduce.input.lineinputformat.linespermap", "1".to_owned())),
        }
        if let Some(workers) = self.args.workers {
            settings.push(("mapreduce.job.running.map.limit", workers.to_string()));
        }
        if let Some(priority) = self.args.priority {
            settings.push(("mapreduce.job.priority", priority.to_string()));
        }
        if let Some(label) = &self.args.node_label {
            settings.push(("mapreduce.job.node-label-expression", label.clone()));
        }
        let own = self.args.mapreduce_property.iter();
        let own = own.map(|property| (property.key.clone(), property.value.clone()));
        settings.into_iter().map(|(key, value)| (key.to_owned(), value)).chain(own).collect()
    }

    /// The command without its arguments, for people.
    pub(crate) fn shown(&self) -> String {
        self.command.join(" ")
    }

    /// The arguments of Hadoop Streaming.
    fn words(&self, work: Work, state: Option<&str>, tag: &str) -> Vec<String> {
        let staging = &self.staging;
        let mut words = Vec::new();
        let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
        let mut settings = self.settings();
        let tags: Vec<&str> = [tag].into_iter().chain(self.args.tag.iter().map(String::as_str)).collect();
        settings.insert(0, ("mapreduce.job.tags".to_owned(), tags.join(",")));
        settings.insert(0, ("mapreduce.job.name".to_owned(), format!("{} {}", self.job.name, work.word())));
        for (key, value) in settings {
            add("-D", format!("{key}={value}"));
        }
        let mut files = format!("{}#{PROGRAM}", self.program);
        if let Some(state) = state {
            files.push_str(&format!(",{state}#{STATE}"));
        }
        add("-files", files);
        add("-archives", format!("{staging}/{FOLDER}.zip#{FOLDER}"));
        match self.feed {
            Feed::Hadoop { .. } => {
                feed::files(self.job).into_iter().for_each(|file| add("-input", file.to_owned()));
                add("-inputformat", "org.apache.hadoop.mapred.TextInputFormat".to_owned());
            }
            Feed::Task => {
                add("-input", format!("{staging}/{NUMBERS}"));
                add("-inputformat", "org.apache.hadoop.mapred.lib.NLineInputFormat".to_owned());
            }
        }
        // Streaming wants a name, and nothing is written there.
        add("-output", format!("{staging}/none"));
        add("-outputformat", "org.apache.hadoop.mapred.lib.NullOutputFormat".to_owned());
        add("-mapper", format!("./{PROGRAM}"));
        add("-reducer", format!("./{PROGRAM}"));
        let mut variables = tuning();
        variables.insert(WORK.to_owned(), work.word());
        variables.insert("HADOOP_CONF_DIR".to_owned(), FOLDER.to_owned());
        variables.insert("HADOOP_USER_NAME".to_owned(), self.cluster.user.clone());
        variables.insert("RUST_BACKTRACE".to_owned(), "0".to_owned());
        for variable in &self.args.worker_env {
            variables.insert(variable.key.clone(), variable.value.clone());
        }
        for (key, value) in variables {
            add("-cmdenv", format!("{key}={value}"));
        }
        words
    }

    /// A failure of the user's that a task has written down.
    async fn told(&self) -> Option<Failure> {
        let staging = self.staging.clone();
        let look = move || {
            let (files, folder) = Files::of(&staging)?;
            let name = |path: &str| path.rsplit('/').next().is_some_and(|name| name.starts_with(FAILED));
            let Some(entry) = files.list(folder)?.into_iter().find(|entry| name(&entry.path)) else {
                return Ok(None);
            };
            files.read(Files::of(&entry.path)?.1, 1 << 20).map(Some)
        };
        let told: std::io::Result<Option<Vec<u8>>> = tokio::task::spawn_blocking(look).await.ok()?;
        serde_json::from_slice(&told.ok()??).ok()
    }

    /// Why a job has failed, in words.
    async fn blame(&self, work: Work, tag: &str, log: &Path) -> Failure {
        if let Some(failure) = self.told().await {
            return failure;
        }
        let what = format!("the MapReduce job {:?}", work.word());
        match self.application(tag).await {
            Some(report) => {
                let lines: Vec<&str> = report.diagnostics.lines().filter(|line| !line.is_empty()).collect();
                let why = lines[..lines.len().min(5)].join(" ");
                let id = report.id;
                let kind =
                    if report.state == ApplicationState::Killed { Kind::Interrupted } else { Kind::Lost };
                Failure::new(kind, format!("{what} failed: {why}; see `yarn logs -applicationId {id}`"))
            }
            None => {
                let text = std::fs::read(log).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
                let last = lines[lines.len().saturating_sub(8)..].join("\n");
                Failure::new(
                    Kind::Cluster,
                    format!("{what} was not submitted. {} says:\n{last}", self.command[0]),
                )
            }
        }
    }

    async fn runs(&self, tag: &str) -> bool {
        let states = [ApplicationState::Running, ApplicationState::Finished];
        self.application(tag).await.is_some_and(|report| states.contains(&report.state))
    }

    /// Kills what was submitted; what became of it, in words.
    async fn kill(&self, tag: &str) -> String {
        let Some(report) = self.application(tag).await else { return "nothing was submitted yet".to_owned() };
        match self.cluster.manager.kill(report.id, Duration::from_secs(10)).await {
            Ok(_) => format!("{} is killed", report.id),
            Err(error) => {
                format!("{id} may still run, try `yarn application -kill {id}`: {error}", id = report.id)
            }
        }
    }

    async fn application(&self, tag: &str) -> Option<ApplicationReport> {
        let reports = self.cluster.manager.tagged(tag).await.ok()?;
        reports.into_iter().max_by_key(|report| report.started_ms)
    }
}

/// What runs Hadoop Streaming: as the user says, or `hadoop jar` with the jar of that Hadoop.
fn command(args: &JobArgs) -> Result<Vec<String>, Failure> {
    let said = args.streaming.clone().or_else(|| std::env::var(COMMAND).ok());
    let missing = |what: &str| {
        let text = format!(
            "{what}: set HADOOP_HOME, put `hadoop` on the PATH, or name the whole command with --streaming, such as \"hadoop jar /path/hadoop-streaming.jar\""
        );
        Failure::new(Kind::Cluster, text)
    };
    if let Some(said) = said {
        let words: Vec<String> = said.split_whitespace().map(str::to_owned).collect();
        return if words.is_empty() {
            Err(missing("the command for Hadoop Streaming is empty"))
        } else {
            Ok(words)
        };
    }
    let home = std::env::var_os("HADOOP_HOME").map(|home| PathBuf::from(home).join("bin/hadoop"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = home.into_iter().chain(std::env::split_paths(&path).map(|folder| folder.join("hadoop")));
    let hadoop = candidates.into_iter().find(|path| path.is_file());
    let hadoop = hadoop.ok_or_else(|| missing("there is no command `hadoop`"))?;
    let real = hadoop.canonicalize().unwrap_or_else(|_| hadoop.clone());
    let home = real.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
    let jar = jar(home).ok_or_else(|| missing(&format!("{} has no hadoop-streaming jar", home.display())))?;
    Ok([&hadoop.display().to_string(), "jar", &jar.display().to_string()].map(str::to_owned).to_vec())
}

/// The jar as Hadoop's own distribution keeps it, and as the packages of distributors do.
fn jar(home: &Path) -> Option<PathBuf> {
    let folders = [
        home.join("share/hadoop/tools/lib"),
        home.join("../hadoop-mapreduce"),
        home.join("lib/hadoop-mapreduce"),
        PathBuf::from("/usr/lib/hadoop-mapreduce"),
    ];
    folders.iter().find_map(|folder| {
        let entries = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
        let ours = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with("hadoop-streaming") && name.ends_with(".jar") && !name.contains("-sources")
        };
        entries.filter(ours).min()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jar_of_a_distribution_is_found() {
        let home = tempfile::tempdir().unwrap();
        let lib = home.path().join("share/hadoop/tools/lib");
        std::fs::create_dir_all(&lib).unwrap();
        for name in ["hadoop-streaming-3.4.2-sources.jar", "hadoop-streaming-3.4.2.jar", "hadoop-aws.jar"] {
            std::fs::write(lib.join(name), "").unwrap();
        }
        assert_eq!(jar(home.path()), Some(lib.join("hadoop-streaming-3.4.2.jar")));
    }
}
