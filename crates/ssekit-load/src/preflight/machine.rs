//! What this machine allows, as its system tells.

use std::fs::read_to_string;

/// Limits; `None` where the system does not tell.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Descriptors of a process, as far as it may raise their number itself.
    pub hard_descriptors: Option<u64>,
    /// What that limit can be raised to at most (Linux, fs.nr_open).
    pub nr_open: Option<u64>,
    /// First and last port given to outgoing connections.
    pub ports: Option<(u64, u64)>,
    /// Whether ports of connections just closed are taken again: 0 never, 1 always, 2 on loopback
    /// (Linux, net.ipv4.tcp_tw_reuse).
    pub port_reuse: Option<u64>,
    /// Connections that the firewall tracks now, and at most.
    pub tracked: Option<(u64, u64)>,
    /// Memory that can be given, in bytes.
    pub memory: Option<u64>,
}

impl Machine {
    /// This machine now.
    pub fn look() -> Self {
        let number = |path: &str| -> Option<u64> { read_to_string(path).ok()?.trim().parse().ok() };
        let range = read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        let tracked = "/proc/sys/net/netfilter/nf_conntrack_count";
        let most = "/proc/sys/net/netfilter/nf_conntrack_max";
        Self {
            hard_descriptors: hard_descriptors(),
            nr_open: number("/proc/sys/fs/nr_open"),
            ports: range.ok().and_then(|text| ends(&text)),
            port_reuse: number("/proc/sys/net/ipv4/tcp_tw_reuse"),
            tracked: number(tracked).zip(number(most)),
            memory: read_to_string("/proc/meminfo")
                .ok()
                .and_then(|text| available(&text)),
        }
    }

    /// Whether the port of a connection just closed is taken again.
    pub fn reuses_ports(&self, is_local: bool) -> bool {
        match self.port_reuse {
            Some(1) => true,
            Some(2) => is_local,
            _ => false,
        }
    }
}

/// First and last port, as Linux writes them.
fn ends(text: &str) -> Option<(u64, u64)> {
    let mut ends = text.split_whitespace().map(str::parse);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    (first <= last).then_some((first, last))
}

/// `MemAvailable` of `/proc/meminfo`, which is in units of 1024 bytes (proc_meminfo(5)).
fn available(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(unix)]
fn hard_descriptors() -> Option<u64> {
    use nix::sys::resource::{Resource, getrlimit};
    getrlimit(Resource::RLIMIT_NOFILE)
        .ok()
        .map(|(_, hard)| hard)
}

#[cfg(not(unix))]
fn hard_descriptors() -> Option<u64> {
    None
}

/// Raises the soft limit to what is needed; one that is refused shows in the streams.
#[cfg(unix)]
pub fn raise_descriptors(needed: u64) {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < needed
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

#[cfg(not(unix))]
pub fn raise_descriptors(_: u64) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_writes_is_read() {
        assert_eq!(ends("32768\t60999\n"), Some((32_768, 60_999)));
        assert_eq!(ends("60999\t1\n"), None);
        let text = "MemTotal:  9 kB\nMemAvailable:     2048 kB\n";
        assert_eq!(available(text), Some(2_097_152));
        assert_eq!(available("MemTotal: 9 kB\n"), None);
    }
}
