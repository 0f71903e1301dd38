use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{Credentials, CredentialsError, FileFormat, MalformedCredentials};

/// The environment variable in which YARN names the token file of a container.
pub const TOKEN_FILE_VARIABLE: &str = "HADOOP_TOKEN_FILE_LOCATION";

/// The longest token file that is read, in bytes. Real ones have a few kilobytes.
pub const MAX_FILE_BYTES: u64 = 16 << 20;

impl Credentials {
    /// Reads the token file that YARN gave this process ([`TOKEN_FILE_VARIABLE`]); `None` outside a container.
    ///
    /// # Errors
    /// The file that the variable names cannot be read or is malformed.
    pub fn from_environment() -> Result<Option<Self>, CredentialsError> {
        std::env::var_os(TOKEN_FILE_VARIABLE).map(|path| Self::read_file(path.as_ref())).transpose()
    }

    /// Reads a token file in either format.
    ///
    /// # Errors
    /// The file cannot be read, is longer than [`MAX_FILE_BYTES`], or is malformed.
    pub fn read_file(path: &Path) -> Result<Self, CredentialsError> {
        let malformed = |source| CredentialsError::Malformed { path: path.into(), source };
        let bytes = read_capped(path).map_err(|source| CredentialsError::Io { path: path.into(), source })?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(malformed(MalformedCredentials::TooLong));
        }
        Self::from_bytes(&bytes).map_err(malformed)
    }

    /// Writes a token file that only its owner may read, and puts it in place at once: nobody sees half of it.
    ///
    /// # Errors
    /// The file cannot be written; then the old one, if any, is still there.
    pub fn write_file(&self, path: &Path, format: FileFormat) -> Result<(), CredentialsError> {
        let bytes = self.to_bytes(format);
        replace(path, &bytes).map_err(|source| CredentialsError::Io { path: path.into(), source })
    }
}

fn read_capped(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary: PathBuf = path.with_file_name(name);
    let written = create_private(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The error of the writing is the one to tell; that of the cleaning up would hide it.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
