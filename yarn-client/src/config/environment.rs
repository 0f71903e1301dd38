use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The variables that `${env.X}` in a configuration may refer to.
///
/// A value of its own, so that tests and programs can give other ones than the process has. `Debug` prints only names.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// The environment of this process, as it is now. Variables that are not UTF-8 are left out.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The directory that holds Hadoop's configuration: `HADOOP_CONF_DIR`, else `YARN_CONF_DIR`, else `etc/hadoop` below
    /// `HADOOP_HOME`. Variables set to nothing count as unset. Whether it exists is not checked.
    pub fn configuration_directory(&self) -> Option<PathBuf> {
        let set = |name| self.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let below_home = || set("HADOOP_HOME").map(|home| home.join("etc/hadoop"));
        set("HADOOP_CONF_DIR").or_else(|| set("YARN_CONF_DIR")).or_else(below_home)
    }

    /// The few Java system properties that configurations use in `${...}`.
    pub(super) fn system_property(&self, name: &str) -> Option<&str> {
        match name {
            "user.name" => self.get("USER").or_else(|| self.get("LOGNAME")),
            "user.home" => self.get("HOME"),
            "java.io.tmpdir" => Some("/tmp"),
            _ => None,
        }
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_looked_for_in_order() {
        let directory = |variables: &[(&str, &str)]| {
            variables.iter().copied().collect::<Environment>().configuration_directory()
        };
        let all = [("HADOOP_CONF_DIR", "/a"), ("YARN_CONF_DIR", "/b"), ("HADOOP_HOME", "/c")];
        assert_eq!(directory(&all), Some("/a".into()));
        assert_eq!(directory(&all[1..]), Some("/b".into()));
        assert_eq!(directory(&all[2..]), Some("/c/etc/hadoop".into()));
        assert_eq!(directory(&[("HADOOP_CONF_DIR", ""), ("YARN_CONF_DIR", "/b")]), Some("/b".into()));
        assert_eq!(directory(&[]), None);
    }

    #[test]
    fn debug_tells_no_value() {
        let environment = Environment::from_iter([("KEY", "hush")]);
        assert_eq!(format!("{environment:?}"), "{\"KEY\"}");
    }
}
