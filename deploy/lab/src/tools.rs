//! Hadoop's own commands, run against the lab.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail, ensure};

use crate::{Lab, daemon};

impl Lab {
    /// `hdfs dfs …`: waits for its end, which may be a failure.
    pub fn fs(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output> {
        run(self.fs_command().args(args))
    }

    /// `hdfs dfs`, ready for its arguments.
    pub fn fs_command(&self) -> Command {
        self.java("org.apache.hadoop.fs.FsShell")
    }

    /// `yarn application …`, `yarn logs …`, and all that [`Lab::yarn_command`] knows: waits for its end, which may be
    /// a failure.
    pub fn yarn(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output> {
        let args: Vec<_> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let (first, rest) = args.split_first().context("yarn needs a command")?;
        run(self.yarn_command(&first.to_string_lossy())?.args(rest))
    }

    /// One of Hadoop's own `yarn` commands, ready for its arguments: `application`, `applicationattempt`,
    /// `container`, `logs`, `node`, `queue`, `rmadmin`, `top`.
    pub fn yarn_command(&self, command: &str) -> Result<Command> {
        Ok(self.java(match command {
            "application" | "app" | "applicationattempt" | "container" => {
                let mut cli = self.java("org.apache.hadoop.yarn.client.cli.ApplicationCLI");
                cli.arg(if command == "app" { "application" } else { command });
                return Ok(cli);
            }
            "logs" => "org.apache.hadoop.yarn.client.cli.LogsCLI",
            "node" => "org.apache.hadoop.yarn.client.cli.NodeCLI",
            "queue" => "org.apache.hadoop.yarn.client.cli.QueueCLI",
            "rmadmin" => "org.apache.hadoop.yarn.client.cli.RMAdminCLI",
            "top" => "org.apache.hadoop.yarn.client.cli.TopCLI",
            _ => bail!("yarn {command} is not among the commands of the lab"),
        }))
    }

    /// Any Java program of Hadoop's, with the lab's class path and configuration, ready for its arguments.
    pub fn java(&self, main_class: &str) -> Command {
        let mut command = daemon::jvm(&self.plan, None, 384);
        command.arg(main_class);
        command
    }

    /// `hadoop jar`, ready for the arguments of the jar's program. The jar is a path, or the middle of a published
    /// one's name: `mapreduce-examples`, `streaming`, `yarn-applications-distributedshell`.
    pub fn jar_command(&self, jar: &str) -> Result<Command> {
        let path = if Path::new(jar).exists() { jar.into() } else { self.jar(jar)? };
        let mut command = self.java("org.apache.hadoop.util.RunJar");
        command.arg(path);
        Ok(command)
    }

    /// A published jar by the middle of its name: `streaming`.
    pub fn jar(&self, name: &str) -> Result<PathBuf> {
        let jar = self.plan.jars.join(format!("hadoop-{name}-{}.jar", self.plan.options.hadoop_version));
        ensure!(jar.exists(), "there is no {name} among Hadoop's jars");
        Ok(jar)
    }
}

fn run(command: &mut Command) -> Result<Output> {
    command.output().context("Java does not run")
}
