//! The little HTTP that the lab speaks with its daemons.

use std::fs::File;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Reads a JSON document.
pub(crate) fn get(url: &str) -> Result<Value> {
    let mut response = agent().get(url).call().with_context(|| format!("no answer from {url}"))?;
    let text = response.body_mut().read_to_string()?;
    if !response.status().is_success() {
        bail!("{url} answers {}: {}", response.status(), text.trim())
    }
    serde_json::from_str(&text).with_context(|| format!("{url} does not answer JSON"))
}

/// Puts a command whose parameters are all in the address, and returns the answer if there is one.
pub(crate) fn put(url: &str) -> Result<Value> {
    let mut response = agent().put(url).send_empty().with_context(|| format!("no answer from {url}"))?;
    let text = response.body_mut().read_to_string()?;
    if !response.status().is_success() {
        bail!("{url} answers {}: {}", response.status(), text.trim())
    }
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

/// Puts a file.
pub(crate) fn upload(url: &str, file: File) -> Result<()> {
    let request = agent().put(url).config().timeout_global(None).build();
    let mut response = request.send(file).with_context(|| format!("no answer from {url}"))?;
    if !response.status().is_success() {
        bail!("{url} answers {}: {}", response.status(), response.body_mut().read_to_string()?.trim())
    }
    Ok(())
}

/// The attributes of the first management bean that matches.
pub(crate) fn bean(web: &str, query: &str) -> Result<Value> {
    let answer = get(&format!("http://{web}/jmx?qry={query}"))?;
    answer["beans"].get(0).cloned().with_context(|| format!("{web} has no bean {query}"))
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(30)))
        .http_status_as_error(false)
        // A proxy that the environment names has nothing to do with this machine's own addresses.
        .proxy(None)
        .build()
        .into()
}
