//! One lab for all the tests of a cargo run.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Seek, Write};
use std::sync::{LazyLock, Mutex, PoisonError};

use anyhow::Result;

use crate::{Lab, Options, guard};

static LABS: LazyLock<Mutex<BTreeMap<String, &'static Lab>>> = LazyLock::new(Mutex::default);

impl Lab {
    /// The lab with these options that all tests of this cargo run share: the first test that asks starts it.
    ///
    /// It ends with the run, or with the last program that holds it if cargo did not start these programs. A test that
    /// uses it leaves it as it was found: what it kills it starts again, and its files have names of their own.
    pub fn shared(options: Options) -> Result<&'static Self> {
        let text = serde_json::to_string(&options)?;
        let mut labs = LABS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lab) = labs.get(&text) {
            return Ok(lab);
        }
        let lab: &'static Self = Box::leak(Box::new(find_or_start(&text, options)?));
        labs.insert(text, lab);
        Ok(lab)
    }
}

/// Joins the run's lab, or starts it. The file in which labs are looked up is locked meanwhile, so that of two programs
/// which begin at once one waits for the other's lab.
fn find_or_start(text: &str, options: Options) -> Result<Lab> {
    let root = guard::root()?;
    let run = cargo_run();
    let mut hasher = DefaultHasher::new();
    (text, run, run.is_none().then(std::env::current_exe).transpose()?).hash(&mut hasher);
    let path = root.join(format!("shared-{:016x}", hasher.finish()));
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    file.lock()?;
    let mut id = String::new();
    file.read_to_string(&mut id)?;
    if let Some(lab) = (!id.is_empty()).then(|| Lab::join(&root.join(&id))).flatten() {
        // A failed test may not have started again what it killed.
        lab.heal()?;
        return Ok(lab);
    }
    let lab = Lab::start_guarded(options, run)?;
    let id = lab.dir().file_name().unwrap_or_default().to_string_lossy().into_owned();
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(id.as_bytes())?;
    Ok(lab)
}

/// The cargo that runs this program, as a parent or as a parent's parent: doctests have one more between.
fn cargo_run() -> Option<u32> {
    let mut pid = std::os::unix::process::parent_id();
    for _ in 0..4 {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        if name.starts_with("cargo") {
            return Some(pid);
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        pid = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()?;
    }
    None
}
