//! Files from the disk: found, capped, decoded, and with the files that they include.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ConfigError;
use super::xml::{self, Item};

/// The most that one file may have, in bytes. The largest of Hadoop's own has a quarter of a megabyte.
const MAX_FILE_BYTES: u64 = 8 << 20;
/// The most files that one may lead to, and how deep: files that include each other twice would multiply.
const MAX_FILES: usize = 200;
const MAX_DEPTH: usize = 16;

/// Reads the files of one configuration directory.
pub(super) struct Loader {
    directory: PathBuf,
    files: Vec<PathBuf>,
    /// The files that are being read, each included by the one before.
    open: Vec<PathBuf>,
}

impl Loader {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.into(), files: Vec::new(), open: Vec::new() }
    }

    /// The files that were read so far, included ones too.
    pub(super) fn into_files(self) -> Vec<PathBuf> {
        self.files
    }

    /// The properties of a file in the directory; `None` if there is no such file.
    pub(super) fn load(&mut self, name: &str) -> Result<Option<Vec<Item>>, ConfigError> {
        let path = self.directory.join(name);
        if path.is_file() { self.read(&path).map(Some) } else { Ok(None) }
    }

    /// The properties of what an `href` names: a file in the directory or beside the including one.
    ///
    /// Hadoop looks beside the outermost file instead; that is in the directory anyway.
    fn include(&mut self, href: &str, from: &Path) -> Result<Option<Vec<Item>>, ConfigError> {
        let href = href.strip_prefix("file://").or_else(|| href.strip_prefix("file:")).unwrap_or(href);
        let beside = from.parent().unwrap_or(Path::new("")).join(href);
        // Only plain files: reading a pipe might never end.
        let found = [self.directory.join(href), beside].into_iter().find(|path| path.is_file());
        found.map(|path| self.read(&path)).transpose()
    }

    fn read(&mut self, path: &Path) -> Result<Vec<Item>, ConfigError> {
        let io = |source| ConfigError::Io { path: path.into(), source };
        let malformed = |message| ConfigError::Malformed { path: path.into(), line: 1, message };
        let canonical = fs::canonicalize(path).map_err(io)?;
        if self.open.contains(&canonical) {
            return Err(malformed("it includes itself".into()));
        }
        if self.open.len() >= MAX_DEPTH || self.files.len() >= MAX_FILES {
            return Err(malformed(format!(
                "more than {MAX_FILES} files, or {MAX_DEPTH} deep, include each other"
            )));
        }
        let bytes = read_capped(path).map_err(io)?;
        let text = decode(bytes).map_err(malformed)?;
        self.files.push(path.into());
        self.open.push(canonical);
        let file: Arc<Path> = path.into();
        let items = xml::parse(&file, &text, |href| self.include(href, path));
        self.open.pop();
        items
    }
}

fn read_capped(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("longer than {MAX_FILE_BYTES} bytes"),
        ));
    }
    Ok(bytes)
}

/// UTF-8, or Latin-1 where the file says so.
fn decode(bytes: Vec<u8>) -> Result<String, String> {
    let header = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).to_ascii_lowercase();
    let header = header.split("?>").next().unwrap_or_default();
    if header.contains("encoding=\"iso-8859-1\"") || header.contains("encoding='iso-8859-1'") {
        return Ok(bytes.into_iter().map(char::from).collect());
    }
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    Ok(text.strip_prefix('\u{feff}').map(String::from).unwrap_or(text))
}
