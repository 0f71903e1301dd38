//! Hadoop's defaults for the properties that this crate, and programs on it, look at.
//!
//! The values are those of `core-default.xml`, `hdfs-default.xml`, `mapred-default.xml` and `yarn-default.xml` of Hadoop
//! 3.4.2. They matter: most clusters set nothing but `yarn.resourcemanager.hostname` and rely on addresses made of it.

/// One layer: the site file, and the defaults that lie below it and above the layers before.
pub(super) type Layer = (&'static str, &'static [(&'static str, &'static str)]);

/// The layers, in the order in which Hadoop's clients lay them: a later one covers an earlier one.
pub(super) const LAYERS: [Layer; 4] =
    [("core-site.xml", CORE), ("hdfs-site.xml", HDFS), ("mapred-site.xml", MAPRED), ("yarn-site.xml", YARN)];

const CORE: &[(&str, &str)] = &[
    ("fs.defaultFS", "file:///"),
    ("hadoop.http.authentication.type", "simple"),
    ("hadoop.http.staticuser.user", "dr.who"),
    ("hadoop.rpc.protection", "authentication"),
    ("hadoop.security.authentication", "simple"),
    ("hadoop.security.authorization", "false"),
    ("hadoop.security.token.service.use_ip", "true"),
    ("hadoop.tmp.dir", "/tmp/hadoop-${user.name}"),
    ("ipc.client.connect.max.retries", "10"),
    ("ipc.client.connect.timeout", "20000"),
    ("ipc.maximum.data.length", "134217728"),
    ("ipc.maximum.response.length", "134217728"),
    ("ipc.ping.interval", "60000"),
];

const HDFS: &[(&str, &str)] = &[
    ("dfs.blocksize", "134217728"),
    ("dfs.client.use.datanode.hostname", "false"),
    ("dfs.encrypt.data.transfer", "false"),
    ("dfs.http.policy", "HTTP_ONLY"),
    ("dfs.namenode.http-address", "0.0.0.0:9870"),
    ("dfs.namenode.https-address", "0.0.0.0:9871"),
    ("dfs.replication", "3"),
    ("dfs.webhdfs.enabled", "true"),
];

const MAPRED: &[(&str, &str)] = &[
    ("mapreduce.jobhistory.address", "0.0.0.0:10020"),
    ("mapreduce.jobhistory.http.policy", "HTTP_ONLY"),
    ("mapreduce.jobhistory.webapp.address", "0.0.0.0:19888"),
    ("mapreduce.jobhistory.webapp.https.address", "0.0.0.0:19890"),
];

const YARN: &[(&str, &str)] = &[
    ("yarn.am.liveness-monitor.expiry-interval-ms", "900000"),
    ("yarn.app.mapreduce.am.staging-dir", "/tmp/hadoop-yarn/staging"),
    ("yarn.client.nodemanager-connect.max-wait-ms", "180000"),
    ("yarn.client.nodemanager-connect.retry-interval-ms", "10000"),
    ("yarn.http.policy", "HTTP_ONLY"),
    ("yarn.log-aggregation-enable", "false"),
    ("yarn.nm.liveness-monitor.expiry-interval-ms", "600000"),
    ("yarn.nodemanager.remote-app-log-dir", "/tmp/logs"),
    ("yarn.nodemanager.remote-app-log-dir-suffix", "logs"),
    ("yarn.resourcemanager.address", "${yarn.resourcemanager.hostname}:8032"),
    ("yarn.resourcemanager.admin.address", "${yarn.resourcemanager.hostname}:8033"),
    ("yarn.resourcemanager.am.max-attempts", "2"),
    ("yarn.resourcemanager.application-https.policy", "NONE"),
    ("yarn.resourcemanager.connect.max-wait.ms", "900000"),
    ("yarn.resourcemanager.connect.retry-interval.ms", "30000"),
    ("yarn.resourcemanager.ha.enabled", "false"),
    ("yarn.resourcemanager.hostname", "0.0.0.0"),
    ("yarn.resourcemanager.nodemanagers.heartbeat-interval-ms", "1000"),
    ("yarn.resourcemanager.recovery.enabled", "false"),
    ("yarn.resourcemanager.resource-tracker.address", "${yarn.resourcemanager.hostname}:8031"),
    ("yarn.resourcemanager.scheduler.address", "${yarn.resourcemanager.hostname}:8030"),
    ("yarn.resourcemanager.webapp.address", "${yarn.resourcemanager.hostname}:8088"),
    ("yarn.resourcemanager.webapp.https.address", "${yarn.resourcemanager.hostname}:8090"),
    ("yarn.resourcemanager.work-preserving-recovery.enabled", "true"),
    ("yarn.scheduler.maximum-allocation-mb", "8192"),
    ("yarn.scheduler.maximum-allocation-vcores", "4"),
    ("yarn.scheduler.minimum-allocation-mb", "1024"),
    ("yarn.scheduler.minimum-allocation-vcores", "1"),
    ("yarn.webapp.enable-rest-app-submissions", "true"),
];

/// The name that is used today for one that old files may still have.
pub(super) fn current_name(name: &str) -> &str {
    match name {
        "fs.default.name" => "fs.defaultFS",
        "dfs.block.size" => "dfs.blocksize",
        "dfs.federation.nameservices" => "dfs.nameservices",
        "dfs.federation.nameservice.id" => "dfs.nameservice.id",
        "dfs.http.address" => "dfs.namenode.http-address",
        "dfs.https.address" => "dfs.namenode.https-address",
        _ => name,
    }
}
