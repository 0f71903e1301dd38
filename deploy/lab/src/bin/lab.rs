//! The lab by hand: a real Hadoop on this machine, up and down.
#![allow(clippy::print_stdout, reason = "what it prints is its answer")]
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use lapwing_lab::{Lab, Options, Role};

/// A real Hadoop on this machine: NameNode, DataNodes, ResourceManager, NodeManagers, job history.
#[derive(Parser)]
struct Args {
    /// Folder of the lab
    #[arg(long, global = true, default_value = ".lab")]
    dir: PathBuf,
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start a lab
    Up(Up),
    /// End the lab and remove its folder
    Down,
    /// Show daemons and addresses
    Status,
    /// Hadoop's `hdfs dfs …`
    #[command(disable_help_flag = true)]
    Fs {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Hadoop's `yarn …`: application, logs, node, queue, rmadmin, jar
    #[command(disable_help_flag = true)]
    Yarn {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        args: Vec<String>,
    },
    /// Kill daemons (SIGKILL): rm, nn, jhs, nm2, dn1
    Kill { roles: Vec<Role> },
    /// Stop daemons (SIGTERM)
    Stop { roles: Vec<Role> },
    /// Start daemons again
    Start { roles: Vec<Role> },
    /// Print shell lines that point other programs at the lab
    Env,
}

#[derive(clap::Args)]
struct Up {
    /// Number of nodes
    #[arg(long, default_value_t = 3)]
    nodes: usize,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    if let Verb::Up(up) = args.command {
        let lab = Lab::up(&args.dir, Options::default().nodes(up.nodes))?;
        println!("{}", lab.rm_web());
        return Ok(ExitCode::SUCCESS);
    }
    let lab = Lab::open(&args.dir)?;
    match args.command {
        Verb::Up(_) => {}
        Verb::Down => lab.down()?,
        Verb::Status => {
            for role in lab.roles() {
                println!("{role} {:?}", lab.pid(role));
            }
        }
        Verb::Fs { args } => return code(lab.java("org.apache.hadoop.fs.FsShell").args(args).status()?),
        Verb::Yarn { args } => {
            return code(lab.yarn_command(&args[0])?.args(&args[1..]).status()?);
        }
        Verb::Kill { roles } => roles.into_iter().for_each(|role| lab.kill(role)),
        Verb::Stop { roles } => roles.into_iter().for_each(|role| lab.stop(role)),
        Verb::Start { roles } => roles.into_iter().try_for_each(|role| lab.launch(role))?,
        Verb::Env => lab.envs().iter().for_each(|(name, value)| println!("export {name}='{value}'")),
    }
    Ok(ExitCode::SUCCESS)
}

fn code(status: std::process::ExitStatus) -> Result<ExitCode> {
    Ok(status.code().map_or(ExitCode::FAILURE, |code| ExitCode::from(code as u8)))
}
