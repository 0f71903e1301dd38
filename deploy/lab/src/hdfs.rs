//! HDFS as the lab itself uses it: over WebHDFS, which needs no JVM.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::plan::Plan;
use crate::{Role, http};

/// Folders that an administrator would make on the first day, open to users who have none of their own.
pub(crate) fn make_folders(plan: &Plan) -> Result<()> {
    let home = format!("/user/{}", plan.user);
    for (path, permission) in [
        ("/tmp", "1777"),
        ("/tmp/logs", "1777"),
        ("/tmp/hadoop-yarn", "755"),
        ("/tmp/hadoop-yarn/staging", "1777"),
        ("/user", "1777"),
        (&home, "755"),
    ] {
        http::put(&address(plan, path, &format!("MKDIRS&permission={permission}")))?;
        // The first is subject to the umask.
        http::put(&address(plan, path, &format!("SETPERMISSION&permission={permission}")))?;
    }
    Ok(())
}

/// Hosts of each block of a file.
pub(crate) fn block_hosts(plan: &Plan, path: &str) -> Result<Vec<Vec<String>>> {
    let length = i64::MAX;
    let answer = http::get(&address(plan, path, &format!("GETFILEBLOCKLOCATIONS&offset=0&length={length}")))?;
    let blocks = answer["BlockLocations"]["BlockLocation"].as_array().context("no list of blocks")?;
    let hosts = |block: &Value| {
        let hosts = block["hosts"].as_array().into_iter().flatten();
        hosts.filter_map(|host| host.as_str().map(str::to_owned)).collect()
    };
    Ok(blocks.iter().map(hosts).collect())
}

fn address(plan: &Plan, path: &str, operation: &str) -> String {
    let web = plan.address(Role::NameNode, "web");
    format!("http://{web}/webhdfs/v1{path}?user.name={}&op={operation}", plan.user)
}
