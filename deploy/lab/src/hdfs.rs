//! HDFS as the lab itself uses it: over WebHDFS, which needs no JVM.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::plan::Plan;
use crate::{Role, http};

/// Folders that an administrator would make on the first day, open to users who have none of their own.
pub(crate) fn make_folders(plan: &Plan) -> Result<()> {
    let home = format!("/user/{}", plan.user);
    for (path, permission) in [("/tmp", "1777"), ("/tmp/logs", "1777"), ("/user", "1777"), (&home, "755")] {
        http::put(&address(plan, path, &format!("MKDIRS&permission={permission}")))?;
        // The first is subject to the umask.
        http::put(&address(plan, path, &format!("SETPERMISSION&permission={permission}")))?;
    }
    Ok(())
}

/// Copies a local file, or a folder with all that is in it, to a path in HDFS, over what is there.
pub(crate) fn put(plan: &Plan, local: &Path, remote: &str) -> Result<()> {
    if local.is_dir() {
        http::put(&address(plan, remote, "MKDIRS"))?;
        for entry in fs::read_dir(local)? {
            let entry = entry?;
            let name = entry.file_name();
            put(
                plan,
                &entry.path(),
                &format!("{}/{}", remote.trim_end_matches('/'), name.to_string_lossy()),
            )?;
        }
        return Ok(());
    }
    let file = File::open(local).with_context(|| format!("cannot open {}", local.display()))?;
    let length = file.metadata()?.len();
    // The NameNode names a DataNode, which takes the bytes and spreads the blocks.
    let place = http::put(&address(plan, remote, "CREATE&overwrite=true&noredirect=true"))?;
    http::upload(place["Location"].as_str().context("no DataNode takes the file")?, file)?;
    let status = http::get(&address(plan, remote, "GETFILESTATUS"))?;
    ensure!(status["FileStatus"]["length"] == length, "{remote} is not as long as {}", local.display());
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
    format!("http://{web}/webhdfs/v1{}?user.name={}&op={operation}", escaped(path), plan.user)
}

/// A path as part of an address: whatever is not plain becomes %XX.
fn escaped(path: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' | b'=' => {
            char::from(byte).into()
        }
        _ => format!("%{byte:02X}"),
    };
    path.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn odd_names_are_escaped() {
        assert_eq!(super::escaped("/a b/c%d=é"), "/a%20b/c%25d=%C3%A9");
    }
}
