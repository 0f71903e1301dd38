//! Bringing the daemons up, and knowing that they are.

use std::fs;
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

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
    wait(plan, &[Role::NameNode], Role::NameNode, patience, begin, &|| namenode_ready(plan))?;
    hdfs::make_folders(plan)?;
    // Without a NameNode the history server looks again only every ten seconds.
    daemon::launch(plan, Role::JobHistory)?;
    wait_all(plan, patience.saturating_sub(begin.elapsed()))
}

/// Waits until every daemon that runs now does its work: HDFS writable, all nodes registered.
pub(crate) fn wait_all(plan: &Plan, patience: Duration) -> Result<()> {
    let begin = Instant::now();
    let running: Vec<Role> =
        plan.roles().into_iter().filter(|role| daemon::pid(plan, *role).is_some()).collect();
    let wait = |role: Role, ready: &dyn Fn() -> Result<bool>| {
        if running.contains(&role) { wait(plan, &running, role, patience, begin, ready) } else { Ok(()) }
    };
    wait(Role::NameNode, &|| namenode_ready(plan))?;
    for node in 1..=plan.options.nodes {
        if running.contains(&Role::NameNode) {
            wait(Role::DataNode(node), &|| datanode_ready(plan, node))?;
        }
        if running.contains(&Role::ResourceManager) {
            wait(Role::NodeManager(node), &|| node_manager_ready(plan, node))?;
        }
    }
    wait(Role::JobHistory, &|| {
        http::get(&format!("http://{}/ws/v1/history/info", plan.address(Role::JobHistory, "web")))
            .map(|_| true)
    })
}

fn wait(
    plan: &Plan,
    running: &[Role],
    role: Role,
    patience: Duration,
    begin: Instant,
    ready: &dyn Fn() -> Result<bool>,
) -> Result<()> {
    loop {
        let last = match ready() {
            Ok(true) => return Ok(()),
            Ok(false) => "it runs, but does not serve yet".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        if let Some(dead) = running.iter().find(|role| daemon::pid(plan, **role).is_none()) {
            bail!("{dead} has ended while the lab waited for {role}: {}", last_words(plan, *dead))
        }
        if begin.elapsed() > patience {
            bail!("{role} took more than {} s: {last}", patience.as_secs())
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn namenode_ready(plan: &Plan) -> Result<bool> {
    let web = plan.address(Role::NameNode, "web");
    let info = http::bean(&web, "Hadoop:service=NameNode,name=NameNodeInfo")?;
    Ok(info["Safemode"] == "")
}

/// Whether the NameNode knows a DataNode and the DataNode, which may be a new process, has told it of itself.
fn datanode_ready(plan: &Plan, node: usize) -> Result<bool> {
    let role = Role::DataNode(node);
    let info = http::bean(&plan.address(role, "web"), "Hadoop:service=DataNode,name=DataNodeInfo")?;
    // A text that is JSON again, as is the list of live nodes.
    let registered = r#""ActorState":"RUNNING""#;
    if !info["BPServiceActorInfo"].as_str().is_some_and(|actors| actors.contains(registered)) {
        return Ok(false);
    }
    let web = plan.address(Role::NameNode, "web");
    let info = http::bean(&web, "Hadoop:service=NameNode,name=NameNodeInfo")?;
    let named = format!("\"{}:{}\"", plan.host(role), plan.port(role, "data"));
    Ok(info["LiveNodes"].as_str().is_some_and(|nodes| nodes.contains(&named)))
}

/// Whether a node is registered and healthy. For 20 s the ResourceManager believes in a NodeManager that was killed, so
/// the health it knows must be newer than the process.
fn node_manager_ready(plan: &Plan, node: usize) -> Result<bool> {
    let role = Role::NodeManager(node);
    let rm = plan.address(Role::ResourceManager, "web");
    let info = http::get(&format!("http://{rm}/ws/v1/cluster/nodes/{}", plan.address(role, "rpc")))?;
    let started = fs::metadata(plan.home(role).join("pid"))?.modified()?.duration_since(UNIX_EPOCH)?;
    let known = Duration::from_millis(info["node"]["lastHealthUpdate"].as_u64().unwrap_or(0));
    Ok(info["node"]["state"] == "RUNNING" && known > started)
}

/// The line of a dead daemon's log that most likely says why.
fn last_words(plan: &Plan, role: Role) -> String {
    let log = fs::read_to_string(plan.log(role)).unwrap_or_default();
    let telling =
        |line: &&str| line.contains("Exception") || line.contains("ERROR") || line.contains("FATAL");
    let line = log.lines().rev().find(telling).or_else(|| log.lines().next_back());
    format!("{} (all of it: {})", line.unwrap_or("it left no log"), plan.log(role).display())
}
