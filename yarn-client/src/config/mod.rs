//! Hadoop's configuration files, read as Hadoop's clients read them.
//!
//! [`Configuration`] is what `org.apache.hadoop.conf.Configuration` makes of `core-site.xml`, `hdfs-site.xml`,
//! `mapred-site.xml` and `yarn-site.xml` in one directory: Hadoop's defaults below them, later files over earlier ones unless
//! a property is final, XInclude, variables. Typed accessors stand on top of it: addresses in `addresses.rs`, single values
//! in `values.rs`.
//!
//! ```no_run
//! # fn main() -> Result<(), yarn_client::config::ConfigError> {
//! let configuration = yarn_client::config::Configuration::from_environment()?;
//! println!("{:?}", configuration.resource_manager_web()?);
//! # Ok(())
//! # }
//! ```

mod addresses;
mod defaults;
mod entities;
mod environment;
mod error;
mod expand;
mod load;
mod values;
mod xml;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

pub use addresses::{Address, RmService};
pub use environment::Environment;
pub use error::{ConfigError, Place};
pub use values::{HttpPolicy, Protection, Security};

/// The properties of a cluster.
///
/// `Debug` prints no values: some sites keep passwords in these files.
#[derive(Clone)]
pub struct Configuration {
    properties: BTreeMap<String, Property>,
    finals: BTreeSet<String>,
    environment: Environment,
    files: Vec<PathBuf>,
}

#[derive(Clone)]
struct Property {
    value: String,
    place: Place,
}

impl Configuration {
    /// The configuration that the environment of this process names
    /// ([`Environment::configuration_directory`]).
    ///
    /// # Errors
    /// The environment names none, or [`Configuration::load`] fails.
    pub fn from_environment() -> Result<Self, ConfigError> {
        let environment = Environment::of_process();
        let directory = environment.configuration_directory().ok_or(ConfigError::NoDirectory)?;
        Self::load(&directory, environment)
    }

    /// Reads the files of a directory; those that are not there are skipped, as in Hadoop.
    ///
    /// # Errors
    /// The directory is not there, or a file cannot be read or is malformed (file and line are told).
    pub fn load(directory: &Path, environment: Environment) -> Result<Self, ConfigError> {
        if let Err(source) = std::fs::read_dir(directory) {
            return Err(ConfigError::Io { path: directory.into(), source });
        }
        let mut loader = load::Loader::new(directory);
        let mut configuration = Self::empty(environment);
        for (file, defaults) in defaults::LAYERS {
            configuration.lay(defaults);
            for item in loader.load(file)?.unwrap_or_default() {
                configuration.take(item);
            }
        }
        configuration.files = loader.into_files();
        Ok(configuration)
    }

    /// Hadoop's defaults alone: a base for [`Configuration::set`] where there are no files.
    pub fn defaults(environment: Environment) -> Self {
        let mut configuration = Self::empty(environment);
        for (_, defaults) in defaults::LAYERS {
            configuration.lay(defaults);
        }
        configuration
    }

    /// The value of a property with its variables replaced; `None` if it is not set. Old names are known.
    ///
    /// # Errors
    /// [`ConfigError::TooManyVariables`].
    pub fn get(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let Some(property) = self.property(name) else { return Ok(None) };
        let other = |name: &str| self.property(name).map(|property| property.value.as_str());
        let too_many = |_| ConfigError::TooManyVariables { name: name.into(), place: property.place.clone() };
        expand::expand(&property.value, &self.environment, other).map(Some).map_err(too_many)
    }

    /// Sets a property, over everything that files say (final ones too).
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let property = Property { value: value.into(), place: Place::Program };
        self.properties.insert(defaults::current_name(name).into(), property);
    }

    /// Where a property was set; `None` if it was not.
    pub fn place(&self, name: &str) -> Option<&Place> {
        self.property(name).map(|property| &property.place)
    }

    /// The names of all properties that are set, defaults included, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.properties.keys().map(String::as_str)
    }

    /// The files that were read, included ones too. None at all usually means a wrong directory.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    fn empty(environment: Environment) -> Self {
        Self { properties: BTreeMap::new(), finals: BTreeSet::new(), environment, files: Vec::new() }
    }

    fn property(&self, name: &str) -> Option<&Property> {
        self.properties.get(defaults::current_name(name))
    }

    fn lay(&mut self, defaults: &[(&str, &str)]) {
        for (name, value) in defaults.iter().filter(|(name, _)| !self.finals.contains(*name)) {
            self.properties
                .insert((*name).into(), Property { value: (*value).into(), place: Place::Default });
        }
    }

    fn take(&mut self, item: xml::Item) {
        let name = defaults::current_name(&item.name).to_string();
        if let Some(value) = item.value.filter(|_| !self.finals.contains(&name)) {
            let place = Place::File(item.file, item.line);
            self.properties.insert(name.clone(), Property { value, place });
        }
        if item.is_final {
            self.finals.insert(name);
        }
    }
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configuration")
            .field("files", &self.files)
            .field("properties", &self.properties.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
