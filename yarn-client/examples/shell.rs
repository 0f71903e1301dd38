//! Runs a command in N containers, as Hadoop's distributed shell does:
//!
//! ```sh
//! HADOOP_CONF_DIR=/etc/hadoop/conf cargo run -p yarn-client --example shell -- 3 sh -c 'hostname; sleep 5'
//! ```
//!
//! The master is an *unmanaged* one: it is this process, not a container, so nothing has to be put into HDFS first. It needs
//! to reach the ResourceManager and the NodeManagers. A cluster with Kerberos would want a delegation token, not a name.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line program")]

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, Result, anyhow, bail, ensure};
use yarn_client::{
    ApplicationClient, Ask, Container, ExitStatus, FinalStatus, Identity, LaunchContext, NodeManagers,
    Scheduler,
    config::{Configuration, RmService},
    credentials::Token,
    rest::{ResourceManager, Submission},
    shell,
    types::{ApplicationId, Resource},
};

const SIZE: Resource = Resource::new(256, 1);
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [count, command @ ..] = &*arguments else { bail!("usage: shell CONTAINERS COMMAND [ARGUMENT...]") };
    let count: i64 = count.parse().context("CONTAINERS is a number")?;
    ensure!(count > 0 && !command.is_empty(), "there must be a container and a command");
    let configuration = Configuration::from_environment()?;
    let user = std::env::var("HADOOP_USER_NAME").or_else(|_| std::env::var("USER"))?;
    let id = submit(&configuration, &user).await?;
    println!("{id}");
    let token = master_token(&configuration, &user, id).await?;
    let mut scheduler = Scheduler::new(addresses(&configuration, RmService::Scheduler)?, &token)?;
    scheduler.register("", -1, "").await?;
    let outcome = tokio::select! {
        outcome = supervise(&mut scheduler, count, command) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
    };
    let status = match &outcome {
        Ok(true) => FinalStatus::Succeeded,
        Ok(false) => FinalStatus::Failed,
        Err(_) => FinalStatus::Killed,
    };
    scheduler.finish(status, "", "").await?;
    eprintln!("output: yarn logs -applicationId {id}");
    Ok(if outcome? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts the command in every container that is granted, until all have ended: whether all ended well.
async fn supervise(scheduler: &mut Scheduler, count: i64, command: &[String]) -> Result<bool> {
    let context = LaunchContext { command: shell::command(command), ..LaunchContext::default() };
    let nodes = NodeManagers::new();
    let mut running: Vec<Container> = Vec::new();
    let (mut ended, mut well) = (0, true);
    (1..=count).for_each(|key| scheduler.ask(Ask::new(key, SIZE)));
    while ended < count {
        let beat = scheduler.allocate(ended as f32 / count as f32).await?;
        // Before the launches: tokens come only once, with the first container of a node.
        nodes.add_tokens(beat.node_tokens);
        for container in beat.granted {
            nodes.start(&container, &context).await?;
            eprintln!("{} runs on {}", container.key, container.node);
            running.push(container);
        }
        for completed in beat.completed {
            let Some(at) = running.iter().position(|container| container.id == completed.id) else {
                continue;
            };
            let container = running.swap_remove(at);
            eprintln!("{} on {} {}", container.key, container.node, completed.explain());
            well &= completed.exit_status == ExitStatus::Success;
            ended += 1;
        }
        tokio::time::sleep(scheduler.pace()).await;
    }
    Ok(well)
}

async fn submit(configuration: &Configuration, user: &str) -> Result<ApplicationId> {
    let rest = ResourceManager::from_configuration(configuration)?.user(user);
    let id = rest.new_application().await?.id;
    rest.submit(&Submission { unmanaged: true, ..Submission::new(id, "shell", "none", SIZE) }).await?;
    Ok(id)
}

/// The ResourceManager gives it once the application has been accepted, and only by RPC.
async fn master_token(configuration: &Configuration, user: &str, id: ApplicationId) -> Result<Token> {
    let clients =
        ApplicationClient::new(addresses(configuration, RmService::Client)?, Identity::User(user.into()));
    let started = std::time::Instant::now();
    while started.elapsed() < PATIENCE {
        let report = clients.master(id).await?;
        if let Some(token) = report.am_rm_token {
            return Ok(token);
        }
        ensure!(!report.state.is_final(), "{id} is {}", report.state);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("{id} was not accepted in {} s: is its queue full?", PATIENCE.as_secs())
}

fn addresses(configuration: &Configuration, service: RmService) -> Result<Vec<String>> {
    Ok(configuration.resource_manager(service)?.iter().map(ToString::to_string).collect())
}
