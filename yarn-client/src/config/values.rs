use std::time::Duration;

use super::{ConfigError, Configuration, Place};

/// How a cluster knows its users (`hadoop.security.authentication`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// It believes what they say.
    Simple,
    /// Kerberos.
    Kerberos,
}

/// What protects an RPC connection after its login (`hadoop.rpc.protection`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Nothing further.
    Authentication,
    /// Checksums that only the two ends can make.
    Integrity,
    /// Encryption.
    Privacy,
}

/// Which web servers daemons run (`yarn.http.policy`, `dfs.http.policy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpPolicy {
    /// HTTP alone.
    HttpOnly,
    /// HTTPS alone.
    HttpsOnly,
    /// Both, on different ports.
    HttpAndHttps,
}

impl Configuration {
    /// A property without the blanks around it; `None` if it is not set or blank.
    ///
    /// # Errors
    /// [`ConfigError::TooManyVariables`], as in all accessors here.
    pub fn text(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let value = self.get(name)?;
        Ok(value.map(|value| value.trim().to_string()).filter(|value| !value.is_empty()))
    }

    /// A property as a list: parts between commas, without the blanks around them and without empty ones.
    ///
    /// # Errors
    /// [`ConfigError::TooManyVariables`].
    pub fn list(&self, name: &str) -> Result<Vec<String>, ConfigError> {
        let value = self.text(name)?.unwrap_or_default();
        Ok(value.split(',').map(str::trim).filter(|part| !part.is_empty()).map(String::from).collect())
    }

    /// `true` or `false` in any case; `None` if it is not set or anything else (Hadoop falls back to the default then).
    ///
    /// # Errors
    /// [`ConfigError::TooManyVariables`].
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, ConfigError> {
        Ok(match self.text(name)? {
            Some(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        })
    }

    /// A whole number, in decimal or after `0x`.
    ///
    /// # Errors
    /// It is set and is no such number.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, ConfigError> {
        self.parsed(name, "a whole number", |text| {
            match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                Some(digits) => i64::from_str_radix(digits, 16).ok(),
                None => text.parse().ok(),
            }
        })
    }

    /// A number of bytes: a number alone, or with `k`, `m`, `g`, `t`, `p` or `e` (powers of 1024): `128m`.
    ///
    /// # Errors
    /// It is set and is no such number, or is 2^63 or more.
    pub fn bytes(&self, name: &str) -> Result<Option<u64>, ConfigError> {
        self.parsed(name, "a number of bytes (134217728, 128m)", bytes)
    }

    /// A time: a number of milliseconds, or a number with `ns`, `us`, `ms`, `s`, `m`, `h` or `d`: `90s`.
    ///
    /// # Errors
    /// It is set and is no such time, or is negative.
    pub fn milliseconds(&self, name: &str) -> Result<Option<Duration>, ConfigError> {
        self.parsed(name, "a time (90000 for milliseconds, or 90s)", duration)
    }

    /// How long the ResourceManager waits for an application master's heartbeat before it gives the attempt up.
    ///
    /// # Errors
    /// `yarn.am.liveness-monitor.expiry-interval-ms` is no time.
    pub fn master_expiry(&self) -> Result<Duration, ConfigError> {
        Ok(self
            .milliseconds("yarn.am.liveness-monitor.expiry-interval-ms")?
            .unwrap_or(Duration::from_secs(900)))
    }

    /// How long the ResourceManager waits for a NodeManager's heartbeat before it gives the node's containers up.
    ///
    /// # Errors
    /// `yarn.nm.liveness-monitor.expiry-interval-ms` is no time.
    pub fn node_expiry(&self) -> Result<Duration, ConfigError> {
        Ok(self
            .milliseconds("yarn.nm.liveness-monitor.expiry-interval-ms")?
            .unwrap_or(Duration::from_secs(600)))
    }

    /// How often an application's master is started at most (`yarn.resourcemanager.am.max-attempts`).
    ///
    /// # Errors
    /// It is no positive number.
    pub fn max_attempts(&self) -> Result<u32, ConfigError> {
        let positive = |text: &str| text.parse().ok().filter(|attempts| *attempts > 0);
        Ok(self.parsed("yarn.resourcemanager.am.max-attempts", "a positive number", positive)?.unwrap_or(2))
    }

    /// How the cluster knows its users.
    ///
    /// # Errors
    /// `hadoop.security.authentication` is neither `simple` nor `kerberos`.
    pub fn security(&self) -> Result<Security, ConfigError> {
        let security = self.parsed("hadoop.security.authentication", "simple or kerberos", |text| {
            Some(match text.to_ascii_lowercase().as_str() {
                "simple" => Security::Simple,
                "kerberos" => Security::Kerberos,
                _ => return None,
            })
        });
        Ok(security?.unwrap_or(Security::Simple))
    }

    /// What protects RPC connections: what a client may agree to, the most wanted first.
    ///
    /// # Errors
    /// `hadoop.rpc.protection` names something unknown.
    pub fn rpc_protection(&self) -> Result<Vec<Protection>, ConfigError> {
        let name = "hadoop.rpc.protection";
        let protection = self.parsed(name, "a list of authentication, integrity, privacy", |text| {
            let known = |part: &str| match part.trim().to_ascii_lowercase().as_str() {
                "authentication" => Some(Protection::Authentication),
                "integrity" => Some(Protection::Integrity),
                "privacy" => Some(Protection::Privacy),
                _ => None,
            };
            text.split(',').map(known).collect()
        });
        Ok(protection?.unwrap_or_else(|| vec![Protection::Authentication]))
    }

    /// Which web servers a set of daemons runs, by the property that says so.
    ///
    /// # Errors
    /// The property has none of the three known values.
    pub fn http_policy(&self, name: &str) -> Result<HttpPolicy, ConfigError> {
        let policy = self.parsed(name, "HTTP_ONLY, HTTPS_ONLY or HTTP_AND_HTTPS", |text| {
            Some(match text.to_ascii_uppercase().as_str() {
                "HTTP_ONLY" => HttpPolicy::HttpOnly,
                "HTTPS_ONLY" => HttpPolicy::HttpsOnly,
                "HTTP_AND_HTTPS" => HttpPolicy::HttpAndHttps,
                _ => return None,
            })
        });
        Ok(policy?.unwrap_or(HttpPolicy::HttpOnly))
    }

    /// Reads the trimmed value, and on failure says where it stands and what it should be.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.text(name)? else { return Ok(None) };
        let place = self.place(name).cloned().unwrap_or(Place::Default);
        let bad = || ConfigError::BadValue { name: name.into(), value: value.clone(), expected, place };
        parse(&value).map(Some).ok_or_else(bad)
    }
}

fn bytes(text: &str) -> Option<u64> {
    let (digits, unit) = split_unit(text);
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        "e" => 60,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift).filter(|bytes| i64::try_from(*bytes).is_ok())
}

fn duration(text: &str) -> Option<Duration> {
    let (digits, unit) = split_unit(text);
    let count: u64 = digits.parse().ok()?;
    let seconds = |seconds: u64| count.checked_mul(seconds).map(Duration::from_secs);
    match unit.to_ascii_lowercase().as_str() {
        "ns" => Some(Duration::from_nanos(count)),
        "us" => Some(Duration::from_micros(count)),
        "" | "ms" => Some(Duration::from_millis(count)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        "d" => seconds(86_400),
        _ => None,
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}
