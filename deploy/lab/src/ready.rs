//! Bringing the daemons up, and knowing that they are.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::plan::Plan;
use crate::{Role, daemon, hdfs, http};

/// Starts everything in the order that wastes least, and waits until it is of use.
pub(crate) fn bring_up(plan: &Plan, patience: Duration) -> Result<()> {
    let begin = Instant::now();
    // What does not need the NameNode starts while its folder is made; DataNodes look for it until it answers.
    thread::scope(|scope| {
        let namenode =
            scope.spawn(|| daemon::format(plan).and_then(|()| daemon::launch(plan, Role::NameNode)));
        for role in plan.roles() {
            if !matches!(role, Role::NameNode | Role::JobHistory) {
                daemon::launch(plan, role)?;
            }
        }
        namenode.join().unwrap_or_else(|_| bail!("starting the NameNode panicked"))
    })?;
    wait(plan, "the NameNode", patience, begin, || namenode_ready(plan))?;
    hdfs::make_folders(plan)?;
    // Without a NameNode the history server looks again only every ten seconds.
    daemon::launch(plan, Role::JobHistory)?;
    wait_all(plan, patience.saturating_sub(begin.elapsed()))
}

/// Waits until every daemon that should run does its work: HDFS writable, all nodes registered.
pub(crate) fn wait_all(plan: &Plan, patience: Duration) -> Result<()> {
    let begin = Instant::now();
    wait(plan, "the NameNode", patience, begin, || namenode_ready(plan))?;
    wait(plan, "the DataNodes", patience, begin, || datanodes_ready(plan))?;
    wait(plan, "the NodeManagers", patience, begin, || nodes_ready(plan))?;
    wait(plan, "the history server", patience, begin, || {
        http::get(&format!("http://{}/ws/v1/history/info", plan.address(Role::JobHistory, "web")))
            .map(|_| true)
    })
}

fn wait(
    plan: &Plan,
    what: &str,
    patience: Duration,
    begin: Instant,
    ready: impl Fn() -> Result<bool>,
) -> Result<()> {
    loop {
        let last = match ready() {
            Ok(true) => return Ok(()),
            Ok(false) => "not all are there".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        for role in plan.roles() {
            // One that was never started has no pid file, and is not missed.
            if plan.home(role).join("pid").exists() && daemon::pid(plan, role).is_none() {
                bail!("{role} has ended while the lab waited for {what}: {}", last_words(plan, role))
            }
        }
        if begin.elapsed() > patience {
            bail!("{what} took more than {} s: {last}", patience.as_secs())
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn namenode_ready(plan: &Plan) -> Result<bool> {
    let web = plan.address(Role::NameNode, "web");
    let info = http::bean(&web, "Hadoop:service=NameNode,name=NameNodeInfo")?;
    Ok(info["Safemode"] == "")
}

fn datanodes_ready(plan: &Plan) -> Result<bool> {
    let web = plan.address(Role::NameNode, "web");
    let state = http::bean(&web, "Hadoop:service=NameNode,name=FSNamesystemState")?;
    Ok(state["NumLiveDataNodes"] == plan.options.datanodes)
}

fn nodes_ready(plan: &Plan) -> Result<bool> {
    let metrics = http::get(&format!(
        "http://{}/ws/v1/cluster/nodes?states=RUNNING",
        plan.address(Role::ResourceManager, "web")
    ))?;
    let nodes = metrics["nodes"]["node"].as_array().map_or(0, Vec::len);
    Ok(nodes == plan.options.nodes)
}

/// The line of a dead daemon's log that most likely says why.
fn last_words(plan: &Plan, role: Role) -> String {
    let log = fs::read_to_string(plan.log(role)).unwrap_or_default();
    let telling =
        |line: &&str| line.contains("Exception") || line.contains("ERROR") || line.contains("FATAL");
    let line = log.lines().rev().find(telling).or_else(|| log.lines().next_back());
    format!("{} (all of it: {})", line.unwrap_or("it left no log"), plan.log(role).display())
}
