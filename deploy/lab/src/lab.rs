use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::guard::Guard;
use crate::plan::Plan;
use crate::{Options, Role, daemon, hdfs, http, net, process, ready, site};

/// Time for the whole lab to come up. A loaded machine with two cores needs a minute.
const PATIENCE: Duration = Duration::from_secs(240);

/// A running Hadoop. Dropping it ends all its processes and removes its folder.
///
/// It also ends when the process that holds it is killed: see the crate's documentation.
#[derive(Debug)]
pub struct Lab {
    plan: Plan,
    conf: PathBuf,
    nodes: Vec<Node>,
    guard: Option<Guard>,
}

/// A node: one host name with a NodeManager and, on the first nodes, a DataNode.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// Host name of both daemons, as in block locations and in the ResourceManager's list.
    pub host: String,
    /// `host:port` by which YARN names the node.
    pub address: String,
    /// `host:port` of the NodeManager's web services.
    pub web: String,
    /// `host:port` of the DataNode's web server, if the node has one.
    pub datanode_web: Option<String>,
}

/// What a DataNode has done since it started.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataNodeCounters {
    /// Host name of its node.
    pub host: String,
    /// Bytes sent to readers.
    pub bytes_read: u64,
    /// Read requests for a block or a part of one.
    pub blocks_read: u64,
    /// Bytes received from writers.
    pub bytes_written: u64,
}

impl Lab {
    /// Starts a lab for the caller alone and waits until it is of use.
    pub fn start(options: Options) -> Result<Self> {
        Self::start_guarded(options, None)
    }

    pub(crate) fn start_guarded(options: Options, run: Option<u32>) -> Result<Self> {
        let (guard, dir, id) = Guard::found(run)?;
        let lab = Plan::new(&dir, id, options).map(|plan| Self::of(plan, Some(guard)))?;
        lab.bring_up()?;
        Ok(lab)
    }

    /// Starts a lab in a folder of the caller's choice. It outlives the caller and ends by [`Lab::down`].
    pub fn up(dir: &Path, options: Options) -> Result<Self> {
        ensure!(!dir.join("lab.json").exists(), "there is a lab in {} already: end it first", dir.display());
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let lab = Self::of(Plan::new(dir, format!("{:016x}", net::random()), options)?, None);
        let up = lab.bring_up();
        if up.is_err() {
            process::sweep(&lab.plan.id)?;
        }
        up.map(|()| lab)
    }

    /// The lab in a folder, started by [`Lab::up`] in whatever process.
    pub fn open(dir: &Path) -> Result<Self> {
        Ok(Self::of(Plan::read(dir)?, None))
    }

    pub(crate) fn join(dir: &Path) -> Option<Self> {
        let guard = Guard::join(dir)?;
        Some(Self::of(Plan::read(dir).ok()?, Some(guard)))
    }

    /// Ends a lab and removes its folder. Containers end with it.
    pub fn down(mut self) -> Result<()> {
        process::sweep(&self.plan.id)?;
        if self.guard.take().is_some_and(|mut guard| {
            guard.release();
            true
        }) {
            return Ok(());
        }
        let dir = &self.plan.dir;
        fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))
    }

    /// Folder of the clients' configuration: what `HADOOP_CONF_DIR` should name.
    pub fn conf_dir(&self) -> &Path {
        &self.conf
    }

    /// Folder with all that the lab has written.
    pub fn dir(&self) -> &Path {
        &self.plan.dir
    }

    /// Folder with Hadoop's jars.
    pub fn jars(&self) -> &Path {
        &self.plan.jars
    }

    /// What it was started with.
    pub fn options(&self) -> &Options {
        &self.plan.options
    }

    /// `hdfs://host:port`
    pub fn default_fs(&self) -> String {
        format!("hdfs://{}", self.plan.address(Role::NameNode, "rpc"))
    }

    /// `http://host:port` of the NameNode: WebHDFS and its pages.
    pub fn namenode_web(&self) -> String {
        format!("http://{}", self.plan.address(Role::NameNode, "web"))
    }

    /// `http://host:port` of the ResourceManager: REST and its pages.
    pub fn rm_web(&self) -> String {
        format!("http://{}", self.plan.address(Role::ResourceManager, "web"))
    }

    /// `host:port` where application masters register.
    pub fn rm_scheduler(&self) -> String {
        self.plan.address(Role::ResourceManager, "scheduler")
    }

    /// `http://host:port` of the job history server, which also shows the logs of finished applications.
    pub fn history_web(&self) -> String {
        format!("http://{}", self.plan.address(Role::JobHistory, "web"))
    }

    /// The nodes; the first is that of `nm1` and `dn1`.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// All daemons, running or not.
    pub fn roles(&self) -> Vec<Role> {
        self.plan.roles()
    }

    /// The process of a daemon, if it runs.
    pub fn pid(&self, role: Role) -> Option<u32> {
        daemon::pid(&self.plan, role)
    }

    /// All processes of the lab: daemons, containers and what those started.
    pub fn processes(&self) -> Vec<u32> {
        process::all(&self.plan.id)
    }

    /// `hdfs dfs …`: waits for its end, which may be a failure.
    pub fn fs(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output> {
        run(self.java("org.apache.hadoop.fs.FsShell").args(args))
    }

    /// `yarn application …`, `yarn logs …`, and all that [`Lab::yarn_command`] knows: waits for its end, which may be
    /// a failure.
    pub fn yarn(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output> {
        let args: Vec<_> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let (first, rest) = args.split_first().context("yarn needs a command")?;
        run(self.yarn_command(&first.to_string_lossy())?.args(rest))
    }

    /// One of Hadoop's own `yarn` commands, ready for its arguments: `application`, `applicationattempt`,
    /// `container`, `logs`, `node`, `queue`, `rmadmin`, `top`, `jar`.
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
            "jar" => "org.apache.hadoop.util.RunJar",
            _ => bail!("yarn {command} is not among the commands of the lab"),
        }))
    }

    /// Any Java program of Hadoop's, with the lab's class path and configuration, ready for its arguments.
    pub fn java(&self, main_class: &str) -> Command {
        let mut command = daemon::jvm(&self.plan, None, 384);
        command.arg(main_class);
        command
    }

    /// A published jar by the middle of its name: `mapreduce-examples`, `streaming`.
    pub fn jar(&self, name: &str) -> Result<PathBuf> {
        let jar = self.plan.jars.join(format!("hadoop-{name}-{}.jar", self.plan.options.hadoop_version));
        ensure!(jar.exists(), "there is no {}", jar.display());
        Ok(jar)
    }

    /// Copies a local file or folder into HDFS, over what is there.
    pub fn put(&self, local: impl AsRef<Path>, remote: &str) -> Result<()> {
        let local = local.as_ref();
        let output = self.fs([OsStr::new("-put"), OsStr::new("-f"), local.as_ref(), OsStr::new(remote)])?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} was not put to {remote}: {}", local.display(), said.trim());
        Ok(())
    }

    /// Hosts of each block of a file in HDFS.
    pub fn block_hosts(&self, path: &str) -> Result<Vec<Vec<String>>> {
        hdfs::block_hosts(&self.plan, path)
    }

    /// Kills a daemon, as a failing machine would. Its containers go on: see [`Lab::crash_node`].
    pub fn kill(&self, role: Role) {
        daemon::end(&self.plan, role, Signal::KILL, Duration::ZERO);
    }

    /// Asks a daemon to end and waits until it has; after ten seconds it is killed.
    pub fn stop(&self, role: Role) {
        daemon::end(&self.plan, role, Signal::TERM, Duration::from_secs(10));
    }

    /// Starts a daemon that was killed or stopped, and returns at once.
    pub fn launch(&self, role: Role) -> Result<()> {
        ensure!(self.plan.roles().contains(&role), "this lab has no {role}");
        daemon::launch(&self.plan, role)
    }

    /// Kills all that runs on a node (counted from 1): NodeManager, DataNode, containers. The machine is gone.
    pub fn crash_node(&self, node: usize) {
        self.kill(Role::NodeManager(node));
        self.kill(Role::DataNode(node));
        let host = self.plan.host(Role::NodeManager(node)).to_string();
        for pid in process::all(&self.plan.id) {
            if process::has_variable(pid, "NM_HOST", &host) {
                process::signal(pid, Signal::KILL);
            }
        }
    }

    /// Waits until every daemon does its work: HDFS out of safe mode, all DataNodes live, all NodeManagers running.
    pub fn wait_ready(&self) -> Result<()> {
        ready::wait_all(&self.plan, PATIENCE)
    }

    /// What each DataNode has done since it started.
    pub fn datanode_counters(&self) -> Result<Vec<DataNodeCounters>> {
        // Counters are published every 100 ms: wait, so that they hold all that was done before this call.
        std::thread::sleep(Duration::from_millis(250));
        let datanodes = self.nodes.iter().filter_map(|node| Some((&node.host, node.datanode_web.as_ref()?)));
        let counters = |(host, web): (&String, &String)| {
            let bean = http::bean(web, "Hadoop:service=DataNode,name=DataNodeActivity-*")?;
            let counter = |name: &str| bean[name].as_u64().with_context(|| format!("{web} has no {name}"));
            Ok(DataNodeCounters {
                host: host.clone(),
                bytes_read: counter("BytesRead")?,
                blocks_read: counter("BlocksRead")?,
                bytes_written: counter("BytesWritten")?,
            })
        };
        datanodes.map(counters).collect()
    }

    /// The NameNode's audit log: one line per operation, with user, command and path.
    pub fn audit_log(&self) -> PathBuf {
        self.plan.dir.join("logs/audit.log")
    }

    /// A daemon's log.
    pub fn log(&self, role: Role) -> PathBuf {
        self.plan.log(role)
    }

    /// Folder with the logs of a node's containers (counted from 1), by application and container. Once an
    /// application has ended they are in HDFS as well: `yarn logs`.
    pub fn container_logs(&self, node: usize) -> PathBuf {
        self.plan.home(Role::NodeManager(node)).join("containers")
    }

    /// Sets the variables by which other programs find the lab.
    pub fn envs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("HADOOP_CONF_DIR", self.conf.display().to_string()),
            ("YARN_CONF_DIR", self.conf.display().to_string()),
            ("JAVA_HOME", self.plan.java_home.display().to_string()),
        ]
    }

    fn of(plan: Plan, guard: Option<Guard>) -> Self {
        let node = |index: usize| {
            let role = Role::NodeManager(index);
            Node {
                host: plan.host(role).to_string(),
                address: plan.address(role, "rpc"),
                web: plan.address(role, "web"),
                datanode_web: (index <= plan.options.datanodes)
                    .then(|| plan.address(Role::DataNode(index), "web")),
            }
        };
        let nodes = (1..=plan.options.nodes).map(node).collect();
        Self { conf: plan.conf(), nodes, plan, guard }
    }

    fn bring_up(&self) -> Result<()> {
        fs::create_dir_all(self.plan.dir.join("logs"))?;
        site::write_all(&self.plan)?;
        self.plan.write()?;
        ready::bring_up(&self.plan, PATIENCE)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let Some(guard) = &mut self.guard else { return };
        if std::thread::panicking() {
            let _ = fs::write(self.plan.dir.join("keep"), "");
        }
        guard.release();
    }
}

fn run(command: &mut Command) -> Result<Output> {
    command.output().context("Java does not run")
}
