//! Addresses of a lab: a range of loopback hosts of its own, and free ports on them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

/// Ports are taken below those that the kernel gives to outgoing connections (from 32768), so that none is taken
/// away between its choice here and the daemon's start.
const PORTS: std::ops::Range<u64> = 10_000..32_000;

/// A range 127.a.b.0/24 in which nothing listens.
///
/// Every Linux answers on all of 127/8 without configuration, which gives each node a host name of its own.
pub(crate) fn free_range() -> Result<[u8; 2]> {
    let taken = listening_ranges();
    (0..1000)
        .map(|_| [1 + (random() % 254) as u8, (random() % 256) as u8])
        .find(|range| !taken.contains(range))
        .context("no free range of loopback addresses")
}

/// A number that nobody else is likely to draw.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

/// Ports by name, each free on its host when it was drawn and none drawn twice.
#[derive(Default)]
pub(crate) struct Ports {
    pub(crate) named: BTreeMap<String, u16>,
}

impl Ports {
    pub(crate) fn draw(&mut self, name: String, host: Ipv4Addr) -> Result<()> {
        let port = (0..10_000)
            .map(|_| (PORTS.start + random() % (PORTS.end - PORTS.start)) as u16)
            .find(|port| {
                !self.named.values().any(|taken| taken == port) && TcpListener::bind((host, *port)).is_ok()
            })
            .with_context(|| format!("no free port on {host}"))?;
        self.named.insert(name, port);
        Ok(())
    }
}

fn listening_ranges() -> BTreeSet<[u8; 2]> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    tables.iter().flat_map(|table| table.lines()).filter_map(loopback_range).collect()
}

/// Bytes a and b of a table line whose local address is 127.a.b.c, written as a little-endian number in hexadecimal.
fn loopback_range(line: &str) -> Option<[u8; 2]> {
    let (address, _) = line.split_whitespace().nth(1)?.split_once(':')?;
    let number = u32::from_str_radix(address.get(address.len().checked_sub(8)?..)?, 16).ok()?;
    let [c127, a, b, _] = number.to_le_bytes();
    (c127 == 127).then_some([a, b])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_in_use_are_seen() {
        let range = free_range().unwrap();
        let host = Ipv4Addr::new(127, range[0], range[1], 7);
        let _listener = TcpListener::bind((host, 0)).unwrap();
        assert!(listening_ranges().contains(&range));
    }

    #[test]
    fn table_lines_are_read() {
        let line = "   0: 0109017F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1";
        assert_eq!(loopback_range(line), Some([1, 9]));
        assert_eq!(loopback_range("  sl  local_address rem_address st"), None);
    }
}
