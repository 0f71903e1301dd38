//! Where the engines run: a lab of our own, or the cluster that `HADOOP_CONF_DIR` names.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use lapwing_lab::{Lab, Options};

/// A Hadoop.
pub(crate) struct Place {
    lab: Option<Lab>,
    conf: Option<PathBuf>,
    /// The command that runs Hadoop Streaming, if it is not the cluster's own.
    pub(crate) streaming: Option<String>,
}

impl Place {
    /// A lab of three nodes, with Hadoop's own pace, and blocks as large as a split.
    pub(crate) fn lab(block: u64) -> Result<Self> {
        let lab = Lab::start(Options::default().node_size(6144, 16).blocks(block, 1))?;
        let command = lab.jar_command("streaming")?;
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        Ok(Self { lab: Some(lab), conf: None, streaming: Some(words.join(" ")) })
    }

    /// The cluster of this configuration.
    pub(crate) fn cluster(conf: PathBuf) -> Self {
        Self { lab: None, conf: Some(conf), streaming: None }
    }

    /// A command that finds this Hadoop.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        match (&self.lab, &self.conf) {
            (Some(lab), _) => command.envs(lab.envs()),
            (None, Some(conf)) => command.env("HADOOP_CONF_DIR", conf).env("YARN_CONF_DIR", conf),
            _ => &mut command,
        };
        if let Some(streaming) = &self.streaming {
            command.env("LAPWING_STREAMING", streaming);
        }
        command
    }

    /// Copies a file or folder into HDFS, over what is there.
    pub(crate) fn put(&self, local: &Path, remote: &str) -> Result<()> {
        if let Some(lab) = &self.lab {
            return lab.put(local, remote);
        }
        self.hadoop(&["-mkdir", "-p", remote.rsplit_once('/').map_or("/", |(folder, _)| folder)])?;
        // A folder that is there would take the new one into it.
        self.hadoop(&["-rm", "-r", "-f", "-skipTrash", remote])?;
        self.hadoop(&["-put", "-f", &local.display().to_string(), remote])
    }

    /// A path as programs that know no `fs.defaultFS` want it.
    pub(crate) fn uri(&self, path: &str) -> String {
        self.lab.as_ref().map_or_else(|| path.to_owned(), |lab| format!("{}{path}", lab.default_fs()))
    }

    /// Bytes that the DataNodes have sent so far; none on a cluster that is not ours alone.
    pub(crate) fn bytes_read(&self) -> Option<u64> {
        let counters = self.lab.as_ref()?.datanode_counters().ok()?;
        Some(counters.iter().map(|node| node.bytes_read).sum())
    }

    /// Hosts of one machine cannot call each other by its name.
    pub(crate) fn is_lab(&self) -> bool {
        self.lab.is_some()
    }

    /// What it is, for the report.
    pub(crate) fn describe(&self) -> String {
        match &self.lab {
            Some(lab) => format!(
                "a lab: Hadoop {}, three NodeManagers and DataNodes on this one machine, node heartbeat 1000 ms",
                lab.options().hadoop_version
            ),
            None => "the cluster of HADOOP_CONF_DIR".to_owned(),
        }
    }

    fn hadoop(&self, words: &[&str]) -> Result<()> {
        let output =
            self.command("hadoop").arg("fs").args(words).output().context("`hadoop` does not run")?;
        ensure!(
            output.status.success(),
            "hadoop fs {}: {}",
            words.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}
