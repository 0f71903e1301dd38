//! The lab by hand: a real Hadoop on this machine, up and down.
#![allow(clippy::print_stderr, reason = "a command says there what went wrong")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use clap::{Parser, Subcommand, ValueEnum};
use lapwing_lab::{Lab, Options, Role, RpcProtection, Site};

/// A real Hadoop on this machine: NameNode, DataNodes, ResourceManager, NodeManagers, job history server.
#[derive(Parser)]
#[command(name = "lab", version)]
struct Args {
    /// Folder of the lab: its state, configuration, logs and data
    #[arg(long, global = true, default_value = ".lab")]
    dir: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start a lab, which runs until `lab down`
    Up(Up),
    /// End the lab with all its containers, and remove its folder
    Down,
    /// Show the daemons with their addresses
    Status,
    /// Hadoop's `hdfs dfs …`
    #[command(disable_help_flag = true)]
    Fs(Words),
    /// Hadoop's `yarn …`: application, applicationattempt, container, logs, node, queue, rmadmin, top
    #[command(disable_help_flag = true)]
    Yarn(Words),
    /// Hadoop's `hadoop jar …`; the jar may be a published one's name: mapreduce-examples, streaming
    #[command(disable_help_flag = true)]
    Jar(Words),
    /// Kill daemons (SIGKILL): nn, rm, jhs, nm2, dn1
    Kill(Roles),
    /// Stop daemons (SIGTERM)
    Stop(Roles),
    /// Start daemons that were killed or stopped
    Start(Roles),
    /// Kill a node: its NodeManager, its DataNode and its containers
    Crash {
        /// Number of the node, from 1
        node: usize,
    },
    /// Print the variables that point other programs at the lab: eval "$(lab env)"
    Env,
}

#[derive(clap::Args)]
struct Up {
    /// Nodes, each with a NodeManager
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// Nodes that have a DataNode too [default: up to 3]
    #[arg(long)]
    datanodes: Option<usize>,
    /// Megabytes that each node gives to containers
    #[arg(long, default_value_t = 4096)]
    memory: u32,
    /// Cores that each node gives to containers
    #[arg(long, default_value_t = 8)]
    vcores: u32,
    /// Copies of a block
    #[arg(long, default_value_t = 2)]
    replication: u32,
    /// Bytes of a block
    #[arg(long, default_value_t = 128 << 20)]
    block_size: u64,
    /// Milliseconds between a NodeManager's heartbeats; 100 makes containers start quickly
    #[arg(long, default_value_t = 1000)]
    heartbeat_ms: u32,
    /// Schedule between heartbeats, too
    #[arg(long)]
    async_scheduling: bool,
    /// What RPC connections with a token do to their bytes
    #[arg(long, value_enum, default_value = "authentication")]
    rpc_protection: Protection,
    /// Version of Hadoop [default: HADOOP_VERSION, or the one that the lab is tried with]
    #[arg(long)]
    hadoop_version: Option<String>,
    /// Put a property over the lab's own: yarn:yarn.nodemanager.recovery.enabled=true
    #[arg(short = 'D', value_name = "SITE:NAME=VALUE", value_parser = property)]
    properties: Vec<(Site, String, String)>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Protection {
    Authentication,
    Integrity,
    Privacy,
}

#[derive(clap::Args)]
struct Words {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    words: Vec<String>,
}

#[derive(clap::Args)]
struct Roles {
    #[arg(required = true)]
    roles: Vec<Role>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    run(&args.dir, args.verb).unwrap_or_else(|error| {
        eprintln!("lab: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(dir: &Path, verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Up(up) => say(&status(&Lab::up(dir, up.options())?)),
        Verb::Down => Lab::down(dir)?,
        Verb::Status => say(&status(&Lab::open(dir)?)),
        Verb::Fs(words) => return hand_over(Lab::open(dir)?.fs_command().args(words.words)),
        Verb::Yarn(words) => {
            return hand_over(Lab::open(dir)?.yarn_command(&words.words[0])?.args(&words.words[1..]));
        }
        Verb::Jar(words) => {
            return hand_over(Lab::open(dir)?.jar_command(&words.words[0])?.args(&words.words[1..]));
        }
        Verb::Kill(roles) => roles.each(dir, Lab::kill)?,
        Verb::Stop(roles) => roles.each(dir, Lab::stop)?,
        Verb::Start(roles) => roles.each(dir, Lab::launch)?,
        Verb::Crash { node } => Lab::open(dir)?.crash_node(node)?,
        Verb::Env => {
            let line = |(name, value)| format!("export {name}='{value}'\n");
            say(&Lab::open(dir)?.envs().into_iter().map(line).collect::<String>());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One line for each daemon, then what a person wants to copy.
fn status(lab: &Lab) -> String {
    let mut text = String::new();
    for role in lab.roles() {
        let pid = lab.pid(role).map_or("down".to_owned(), |pid| format!("process {pid}"));
        text += &format!("{:<5} {pid:<16} {}\n", role.to_string(), lab.log(role).display());
    }
    text += &format!("HDFS                   {}\n", lab.default_fs());
    text += &format!("NameNode, WebHDFS      {}\n", lab.namenode_web());
    text += &format!("ResourceManager        {}\n", lab.rm_web());
    text += &format!("job history            {}\n", lab.history_web());
    text + &format!("configuration          {}\n", lab.conf_dir().display())
}

/// Runs a command in this one's place and ends as it ends.
fn hand_over(command: &mut Command) -> Result<ExitCode> {
    let code = command.status()?.code();
    Ok(code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Prints; a reader that has gone away (`lab status | head -1`) has what it wanted.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn property(text: &str) -> Result<(Site, String, String)> {
    let Some((site, (name, value))) =
        text.split_once(':').and_then(|(site, rest)| Some((site, rest.split_once('=')?)))
    else {
        bail!("SITE:NAME=VALUE is expected")
    };
    Ok((site.parse()?, name.to_owned(), value.to_owned()))
}

impl Up {
    fn options(self) -> Options {
        let mut options = Options::default()
            .nodes(self.nodes)
            .node_size(self.memory, self.vcores)
            .blocks(self.block_size, self.replication)
            .rpc_protection(match self.rpc_protection {
                Protection::Authentication => RpcProtection::Authentication,
                Protection::Integrity => RpcProtection::Integrity,
                Protection::Privacy => RpcProtection::Privacy,
            });
        options.datanodes = self.datanodes.unwrap_or(options.datanodes);
        options.node_heartbeat_ms = self.heartbeat_ms;
        options.async_scheduling = self.async_scheduling;
        options.hadoop_version = self.hadoop_version.unwrap_or(options.hadoop_version);
        let put = |options: Options, (site, name, value): (Site, String, String)| {
            options.property(site, &name, &value)
        };
        self.properties.into_iter().fold(options, put)
    }
}

impl Roles {
    fn each(self, dir: &Path, act: impl Fn(&Lab, Role) -> Result<()>) -> Result<()> {
        let lab = Lab::open(dir)?;
        self.roles.into_iter().try_for_each(|role| act(&lab, role))
    }
}
