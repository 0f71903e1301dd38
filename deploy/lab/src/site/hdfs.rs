use super::{Properties, put};
use crate::Role;
use crate::plan::Plan;

pub(super) fn core(plan: &Plan) -> Properties {
    let mut core = Properties::new();
    put(&mut core, "fs.defaultFS", format!("hdfs://{}", plan.address(Role::NameNode, "rpc")));
    put(&mut core, "hadoop.tmp.dir", plan.dir.join("tmp").display());
    put(&mut core, "hadoop.rpc.protection", plan.options.rpc_protection.word());
    core
}

pub(super) fn hdfs(plan: &Plan, role: Option<Role>) -> Properties {
    let mut hdfs = Properties::new();
    let p = &mut hdfs;
    put(p, "dfs.namenode.rpc-address", plan.address(Role::NameNode, "rpc"));
    put(p, "dfs.namenode.http-address", plan.address(Role::NameNode, "web"));
    put(p, "dfs.replication", plan.options.replication);
    put(p, "dfs.blocksize", plan.options.block_size);
    put(p, "dfs.namenode.fs-limits.min-block-size", 1024);
    put(p, "dfs.namenode.name.dir", format!("file://{}", plan.home(Role::NameNode).join("name").display()));
    put(p, "dfs.namenode.datanode.registration.ip-hostname-check", false);
    // A restarted NameNode is of use as soon as it knows its blocks, not half a minute later.
    put(p, "dfs.namenode.safemode.extension", 0);
    // A lost DataNode is known to be dead after 2 x recheck + 10 x heartbeat = 20 s, as with NodeManagers.
    put(p, "dfs.heartbeat.interval", 1);
    put(p, "dfs.namenode.heartbeat.recheck-interval", 5000);
    // A nearly full disk is the developer's own business.
    put(p, "dfs.namenode.resource.du.reserved", 1 << 20);
    if let Some(role @ Role::DataNode(_)) = role {
        put(p, "dfs.datanode.hostname", plan.host(role));
        put(p, "dfs.datanode.address", plan.address(role, "data"));
        put(p, "dfs.datanode.ipc.address", plan.address(role, "ipc"));
        put(p, "dfs.datanode.http.address", plan.address(role, "web"));
        put(p, "dfs.datanode.data.dir", format!("file://{}", plan.home(role).join("data").display()));
    }
    hdfs
}
