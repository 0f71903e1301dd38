use super::{Properties, put};
use crate::plan::Plan;
use crate::{Role, java};

pub(super) fn yarn(plan: &Plan, role: Option<Role>) -> Properties {
    let mut yarn = Properties::new();
    let p = &mut yarn;
    let rm = |service| plan.address(Role::ResourceManager, service);
    put(p, "yarn.resourcemanager.hostname", plan.host(Role::ResourceManager));
    put(p, "yarn.resourcemanager.address", rm("rpc"));
    put(p, "yarn.resourcemanager.scheduler.address", rm("scheduler"));
    put(p, "yarn.resourcemanager.resource-tracker.address", rm("tracker"));
    put(p, "yarn.resourcemanager.admin.address", rm("admin"));
    put(p, "yarn.resourcemanager.webapp.address", rm("web"));
    put(p, "yarn.resourcemanager.am.max-attempts", 4);
    // A restarted ResourceManager goes on with the applications it had.
    put(p, "yarn.resourcemanager.recovery.enabled", true);
    let store = "org.apache.hadoop.yarn.server.resourcemanager.recovery.FileSystemRMStateStore";
    put(p, "yarn.resourcemanager.store.class", store);
    let store = plan.home(Role::ResourceManager).join("store");
    put(p, "yarn.resourcemanager.fs.state-store.uri", format!("file://{}", store.display()));
    // By default these are the same folders for all of a user's clusters.
    for what in ["node-attribute", "node-labels"] {
        let folder = plan.home(Role::ResourceManager).join(what);
        put(p, &format!("yarn.{what}.fs-store.root-dir"), format!("file://{}", folder.display()));
    }
    // Losses show in 20 s, and whoever lost the ResourceManager looks for it every second.
    put(p, "yarn.nm.liveness-monitor.expiry-interval-ms", 20_000);
    put(p, "yarn.am.liveness-monitor.expiry-interval-ms", 20_000);
    put(p, "yarn.resourcemanager.connect.retry-interval.ms", 1000);
    put(p, "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms", plan.options.node_heartbeat_ms);
    put(p, "yarn.scheduler.minimum-allocation-mb", 128);
    put(p, "yarn.scheduler.maximum-allocation-mb", plan.options.node_memory_mb);
    put(p, "yarn.scheduler.maximum-allocation-vcores", plan.options.node_vcores);
    put(p, "yarn.acl.enable", true);
    put(p, "yarn.admin.acl", &plan.user);
    put(p, "yarn.application.classpath", format!("$HADOOP_CONF_DIR,{}/*", plan.jars.display()));
    put(p, "yarn.log-aggregation-enable", true);
    put(p, "yarn.nodemanager.remote-app-log-dir", "/tmp/logs");
    put(
        p,
        "yarn.log.server.url",
        format!("http://{}/jobhistory/logs", plan.address(Role::JobHistory, "web")),
    );
    let web_service = format!("http://{}/ws/v1/history", plan.address(Role::JobHistory, "web"));
    put(p, "yarn.log.server.web-service.url", web_service);
    if let Some(role @ Role::NodeManager(_)) = role {
        node_manager(p, plan, role);
    }
    yarn
}

pub(super) fn mapred(plan: &Plan, role: Option<Role>) -> Properties {
    let mut mapred = Properties::new();
    let p = &mut mapred;
    put(p, "mapreduce.framework.name", "yarn");
    put(p, "mapreduce.application.classpath", format!("{}/*", plan.jars.display()));
    put(p, "mapreduce.jobhistory.address", plan.address(Role::JobHistory, "rpc"));
    put(p, "mapreduce.jobhistory.admin.address", plan.address(Role::JobHistory, "admin"));
    put(p, "mapreduce.jobhistory.webapp.address", plan.address(Role::JobHistory, "web"));
    // Every user may run MapReduce: a folder of his own below /user, and one that all may write to for the histories.
    put(p, "yarn.app.mapreduce.am.staging-dir", "/user");
    put(p, "mapreduce.jobhistory.intermediate-done-dir", "/tmp/history-intermediate");
    put(p, "mapreduce.jobhistory.done-dir", "/tmp/history-done");
    put(p, "yarn.app.mapreduce.am.resource.mb", 512);
    put(p, "mapreduce.map.memory.mb", 512);
    put(p, "mapreduce.reduce.memory.mb", 512);
    let flags = java::flags(384).join(" ");
    // The master writes the history server's address into the application, by the machine's name: see `hosts`.
    let hosts = plan.home(Role::JobHistory).join("hosts");
    put(p, "yarn.app.mapreduce.am.command-opts", format!("{flags} -Djdk.net.hosts.file={}", hosts.display()));
    put(p, "mapreduce.map.java.opts", &flags);
    put(p, "mapreduce.reduce.java.opts", &flags);
    put(p, "mapreduce.task.io.sort.mb", 64);
    if let Some(role @ Role::NodeManager(_)) = role {
        // In yarn-site.xml it would be of no effect: mapred-default.xml is read after it.
        put(p, "mapreduce.shuffle.port", plan.port(role, "shuffle"));
    }
    mapred
}

/// Queues: `default` for everybody; `small`, which may use a fifth of the cluster; `stopped`, which takes nothing;
/// `closed`, to which nobody may submit, not even who runs the lab.
pub(super) fn queues(asynchronous: bool) -> Properties {
    let mut queues = Properties::new();
    let p = &mut queues;
    let mut set = |name: &str, value: &str| put(p, &format!("yarn.scheduler.capacity.{name}"), value);
    // On a small cluster the masters of a few applications already exceed the tenth that is usual.
    set("maximum-am-resource-percent", "0.8");
    set("schedule-asynchronously.enable", if asynchronous { "true" } else { "false" });
    set("root.queues", "default,small,stopped,closed");
    // A permission on a queue holds for all below it: the root gives none. One blank is the empty list.
    set("root.acl_submit_applications", " ");
    set("root.acl_administer_queue", " ");
    for (queue, capacity, most, state, users) in [
        ("default", "90", "100", "RUNNING", "*"),
        ("small", "10", "20", "RUNNING", "*"),
        ("stopped", "0", "100", "STOPPED", "*"),
        ("closed", "0", "100", "RUNNING", " "),
    ] {
        set(&format!("root.{queue}.capacity"), capacity);
        set(&format!("root.{queue}.maximum-capacity"), most);
        set(&format!("root.{queue}.state"), state);
        set(&format!("root.{queue}.acl_submit_applications"), users);
        set(&format!("root.{queue}.acl_administer_queue"), " ");
        // One user may take all that the queue may take, which is more than its capacity.
        set(&format!("root.{queue}.user-limit-factor"), "100");
    }
    queues
}

fn node_manager(p: &mut Properties, plan: &Plan, role: Role) {
    let home = plan.home(role);
    put(p, "yarn.nodemanager.hostname", plan.host(role));
    put(p, "yarn.nodemanager.address", plan.address(role, "rpc"));
    put(p, "yarn.nodemanager.localizer.address", plan.address(role, "localizer"));
    put(p, "yarn.nodemanager.collector-service.address", plan.address(role, "collector"));
    put(p, "yarn.nodemanager.webapp.address", plan.address(role, "web"));
    put(p, "yarn.nodemanager.local-dirs", home.join("local").display());
    put(p, "yarn.nodemanager.log-dirs", home.join("containers").display());
    put(p, "yarn.nodemanager.resource.memory-mb", plan.options.node_memory_mb);
    put(p, "yarn.nodemanager.resource.cpu-vcores", plan.options.node_vcores);
    put(p, "yarn.nodemanager.vmem-check-enabled", false);
    // Since 3.4 the monitor that kills a container over its limit rests unless this is off.
    put(p, "yarn.nodemanager.resource.memory.enforced", false);
    put(p, "yarn.nodemanager.container-monitor.interval-ms", 1000);
    put(p, "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage", 99.5);
    put(p, "yarn.nodemanager.delete.debug-delay-sec", 600);
    put(p, "yarn.nodemanager.aux-services", "mapreduce_shuffle");
    put(
        p,
        "yarn.nodemanager.aux-services.mapreduce_shuffle.class",
        "org.apache.hadoop.mapred.ShuffleHandler",
    );
    // By this mark containers are found and ended with the lab, also when their NodeManager was killed.
    let mark = format!("MALLOC_ARENA_MAX=1,{}={}", crate::process::MARK, plan.id);
    put(p, "yarn.nodemanager.admin-env", mark);
}
