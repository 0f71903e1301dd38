//! Files on this machine or in HDFS, by what their path says: a URI with the scheme `hdfs`, or a local path.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, UNIX_EPOCH};

use hdfs_native::sync::{Client, ClientBuilder};
use hdfs_native::{HdfsError, WriteOptions};

/// The file system that a path belongs to. Its calls block; an event loop makes them on another thread.
#[derive(Clone)]
pub enum Files {
    /// This machine's.
    Local,
    /// HDFS, with the beginning of its URIs (`hdfs://host:port`).
    Hdfs(Arc<Client>, String),
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its path as a URI or local path.
    pub path: String,
    /// Whether it is a directory.
    pub directory: bool,
    /// Bytes.
    pub length: u64,
    /// Milliseconds since 1970.
    pub modified_ms: u64,
}

/// So long a file that could not be written is begun anew.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);

impl Files {
    /// The file system of a path, and the path inside it. HDFS is reached as `HADOOP_CONF_DIR` says.
    pub fn of(path: &str) -> io::Result<(Self, &str)> {
        if let Some(rest) = path.strip_prefix("hdfs://") {
            let at = rest.find('/').ok_or_else(|| unsupported(path, "an absolute path behind the host"))?;
            let root = &path[.."hdfs://".len() + at];
            return Ok((Self::Hdfs(client(root)?, root.to_owned()), &rest[at..]));
        }
        if let Some(rest) = path.strip_prefix("file:") {
            let rest =
                rest.strip_prefix("//").map_or(rest, |rest| rest.strip_prefix("localhost").unwrap_or(rest));
            return Ok((Self::Local, rest));
        }
        match path.split_once("://") {
            Some((scheme, _)) if !scheme.contains('/') => {
                Err(unsupported(path, "a local path, file: or hdfs:"))
            }
            _ => Ok((Self::Local, path)),
        }
    }

    /// What is at a path; none if nothing is.
    pub fn status(&self, path: &str) -> io::Result<Option<Status>> {
        match self {
            Self::Local => match fs::metadata(path) {
                Ok(metadata) => local_status(path, &metadata).map(Some),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
            Self::Hdfs(client, root) => match client.get_file_info(path) {
                Ok(status) => Ok(Some(hdfs_status(root, &status))),
                Err(HdfsError::FileNotFound(_)) => Ok(None),
                Err(error) => Err(hdfs(error)),
            },
        }
    }

    /// What a directory holds, by name.
    pub fn list(&self, path: &str) -> io::Result<Vec<Status>> {
        let mut entries = match self {
            Self::Local => {
                let entry = |entry: io::Result<fs::DirEntry>| {
                    let path = entry?.path();
                    let text = path
                        .to_str()
                        .ok_or_else(|| unsupported(&path.display().to_string(), "valid UTF-8"))?;
                    local_status(text, &fs::metadata(&path)?)
                };
                fs::read_dir(path)?.map(entry).collect::<io::Result<Vec<_>>>()?
            }
            Self::Hdfs(client, root) => {
                let entries = client.list_status(path, false).map_err(hdfs)?;
                entries.iter().map(|status| hdfs_status(root, status)).collect()
            }
        };
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    /// What matches a pattern with `*`, `?` and `[..]`, by name.
    pub fn glob(&self, pattern: &str) -> io::Result<Vec<Status>> {
        match self {
            Self::Local => {
                let entries = glob::glob(pattern).map_err(io::Error::other)?;
                let status = |entry: Result<std::path::PathBuf, glob::GlobError>| {
                    let path = entry.map_err(io::Error::other)?;
                    let text = path
                        .to_str()
                        .ok_or_else(|| unsupported(&path.display().to_string(), "valid UTF-8"))?;
                    local_status(text, &fs::metadata(&path)?)
                };
                entries.map(status).collect()
            }
            Self::Hdfs(client, root) => {
                let mut matches = client.glob_status(pattern).map_err(hdfs)?;
                matches.sort_by(|a, b| a.path.cmp(&b.path));
                Ok(matches.iter().map(|status| hdfs_status(root, status)).collect())
            }
        }
    }

    /// A small file whole; one over `cap` bytes is refused before memory is taken for it.
    pub fn read(&self, path: &str, cap: u64) -> io::Result<Vec<u8>> {
        let length = self.status(path)?.ok_or(io::ErrorKind::NotFound)?.length;
        if length > cap {
            return Err(io::Error::other(format!("{length} bytes are more than the {cap} allowed")));
        }
        let mut bytes = Vec::new();
        match self {
            Self::Local => fs::File::open(path)?.take(cap).read_to_end(&mut bytes)?,
            Self::Hdfs(client, _) => client.read(path).map_err(hdfs)?.take(cap).read_to_end(&mut bytes)?,
        };
        Ok(bytes)
    }

    /// Writes a file, its directories too, in place of one that is there. In HDFS its access is `mode` (octal).
    pub fn write(&self, path: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
        match self {
            Self::Local => {
                if let Some(parent) = Path::new(path).parent() {
                    fs::create_dir_all(parent)?;
                }
                let mut file = fs::File::create(path)?;
                file.write_all(bytes)?;
                file.sync_all()
            }
            Self::Hdfs(client, _) => {
                let began = Instant::now();
                loop {
                    let error = match write_hdfs(client, path, bytes, mode) {
                        Err(error) if error.kind() != io::ErrorKind::PermissionDenied => error,
                        done => return done,
                    };
                    // Until a DataNode's death is known, the NameNode may send a writer to it, and to others the next time.
                    if began.elapsed() > WRITE_PATIENCE {
                        return Err(error);
                    }
                    std::thread::sleep(Duration::from_millis(500));
                }
            }
        }
    }

    /// Makes a directory and those above it.
    pub fn create_directory(&self, path: &str) -> io::Result<()> {
        match self {
            Self::Local => fs::create_dir_all(path),
            Self::Hdfs(client, _) => client.mkdirs(path, 0o755, true).map_err(hdfs),
        }
    }

    /// Renames a file over another, or a directory to a name that is free.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        match self {
            Self::Local => fs::rename(from, to),
            Self::Hdfs(client, _) => client.rename(from, to, true).map_err(hdfs),
        }
    }

    /// Gives a file a name unless another has it already, which then stays as it is, its time included.
    pub fn rename_if_free(&self, from: &str, to: &str) -> io::Result<()> {
        let renamed = match self {
            Self::Local => fs::hard_link(from, to).and_then(|()| fs::remove_file(from)),
            Self::Hdfs(client, _) => client.rename(from, to, false).map_err(hdfs),
        };
        match renamed {
            Err(_) if self.status(to)?.is_some() => Ok(()),
            done => done,
        }
    }

    /// Removes what is at this path or URI; nothing there is no error.
    pub fn remove_at(uri: &str) -> io::Result<()> {
        let (files, path) = Self::of(uri)?;
        files.remove(path)
    }

    /// Removes a file or a directory with all in it; nothing to remove is no error.
    pub fn remove(&self, path: &str) -> io::Result<()> {
        match self {
            Self::Local => {
                let directory = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
                let removed = if directory { fs::remove_dir_all(path) } else { fs::remove_file(path) };
                removed.or_else(
                    |error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) },
                )
            }
            Self::Hdfs(client, _) => client.delete(path, true).map(|_| ()).map_err(hdfs),
        }
    }
}

fn write_hdfs(client: &Client, path: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    let options = WriteOptions { permission: mode, overwrite: true, ..WriteOptions::default() };
    let mut writer = client.create(path, options).map_err(hdfs)?;
    for chunk in bytes.chunks(1 << 20) {
        writer.write_all(chunk)?;
    }
    writer.close().map_err(hdfs)
}

/// An error of HDFS with its kind, in the words of one line.
pub(crate) fn hdfs(error: HdfsError) -> io::Error {
    let class = match &error {
        HdfsError::RPCError(class, _) | HdfsError::FatalRPCError(class, _) => class.as_str(),
        _ => "",
    };
    let kind = match &error {
        HdfsError::IOError(error) => error.kind(),
        HdfsError::FileNotFound(_) => io::ErrorKind::NotFound,
        _ if class.ends_with("AccessControlException") => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    let text = error.to_string();
    io::Error::new(kind, text.lines().next().unwrap_or_default().to_owned())
}

/// One client for each HDFS: it keeps its connections.
fn client(root: &str) -> io::Result<Arc<Client>> {
    static CLIENTS: Mutex<BTreeMap<String, Arc<Client>>> = Mutex::new(BTreeMap::new());
    let mut clients = CLIENTS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(client) = clients.get(root) {
        return Ok(client.clone());
    }
    let client = Arc::new(ClientBuilder::new().with_url(root).build().map_err(hdfs)?);
    clients.insert(root.to_owned(), client.clone());
    Ok(client)
}

fn local_status(path: &str, metadata: &fs::Metadata) -> io::Result<Status> {
    let modified =
        metadata.modified()?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    Ok(Status {
        path: path.to_owned(),
        directory: metadata.is_dir(),
        length: metadata.len(),
        modified_ms: modified,
    })
}

fn hdfs_status(root: &str, status: &hdfs_native::client::FileStatus) -> Status {
    Status {
        path: format!("{root}{}", status.path),
        directory: status.isdir,
        length: status.length as u64,
        modified_ms: status.modification_time,
    }
}

fn unsupported(path: &str, expected: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("expected {expected}, found {path}"))
}
