//! The program that is sent to the nodes: for which machine it was built, and how new a C library it needs.

use std::path::Path;

use elf::ElfBytes;
use elf::endian::AnyEndian;

use crate::error::{Failure, Kind};

/// What a node has to be to run a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The newest version of the GNU C library that it calls for, such as (2, 34); none for a static one.
    pub(crate) glibc: Option<(u32, u32)>,
}

/// Looks at a program and refuses one that cannot run on nodes like this machine.
pub(crate) fn check(path: &Path, bytes: &[u8]) -> Result<Needs, Failure> {
    let shown = path.display();
    let wrong = |text: String| Failure::new(Kind::Cluster, format!("{shown}: {text}"));
    let file = ElfBytes::<AnyEndian>::minimal_parse(bytes)
        .map_err(|error| wrong(format!("nodes run Linux programs (ELF), and this is none: {error}")))?;
    let (found, expected) = (file.ehdr.e_machine, HERE);
    if Some(found) != expected.map(|(number, _)| number) {
        let name = |number: u16| {
            MACHINES.iter().find(|(n, _)| *n == number).map_or("another machine", |(_, name)| name)
        };
        let here = expected.map_or("another", |(_, name)| name);
        let found = name(found);
        return Err(wrong(format!(
            "it is built for {found}, and the nodes are taken to be like this machine, {here}: build it for them, or submit from one of them"
        )));
    }
    let names = file.section_header_by_name(".dynstr").ok().flatten();
    let names = names.and_then(|section| file.section_data(&section).ok());
    let names = names.map_or(&[][..], |(bytes, _)| bytes);
    Ok(Needs { glibc: names.split(|&byte| byte == 0).filter_map(glibc_version).max() })
}

/// ELF's numbers and what people say.
const MACHINES: [(u16, &str); 4] = [(62, "x86_64"), (183, "AArch64"), (243, "RISC-V"), (21, "PowerPC 64")];

const HERE: Option<(u16, &str)> = {
    if cfg!(target_arch = "x86_64") {
        Some((62, "x86_64"))
    } else if cfg!(target_arch = "aarch64") {
        Some((183, "AArch64"))
    } else {
        None
    }
};

fn glibc_version(name: &[u8]) -> Option<(u32, u32)> {
    let (major, minor) = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_fits_and_others_do_not() {
        let path = std::env::current_exe().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        assert!(check(&path, &bytes).unwrap().glibc.is_none_or(|version| version >= (2, 2)));
        bytes[18] = 243;
        let told = check(&path, &bytes).unwrap_err().text;
        assert!(told.contains("built for RISC-V"), "{told}");
        assert!(check(&path, b"#!/bin/sh\n").unwrap_err().text.contains("this is none"));
        assert_eq!(glibc_version(b"GLIBC_2.34"), Some((2, 34)));
        assert_eq!(glibc_version(b"GLIBC_PRIVATE"), None);
    }
}
