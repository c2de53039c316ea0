//! Before a run: whether this machine can hold it. What can be raised is raised; for the rest the
//! remedy is said.

use crate::error::LoadError;
use crate::job::Job;

/// Descriptors besides those of streams.
const OTHER_DESCRIPTORS: u64 = 64;
/// Memory of a stream without TLS: our own state, and the least the kernel keeps for a socket.
const BYTES_PER_STREAM: u64 = 6 * 1024;
/// The same with TLS.
const BYTES_PER_TLS_STREAM: u64 = 40 * 1024;

/// Refuses what cannot work, before the network is touched.
///
/// # Errors
/// Which resource is short, by how much, and what to do.
pub fn check(job: &Job) -> Result<(), LoadError> {
    slow_readers(job)?;
    descriptors(connections(job).saturating_add(OTHER_DESCRIPTORS))?;
    ports(job)?;
    memory(job)
}

/// Connections at once at most: as many as streams unless these share them.
fn connections(job: &Job) -> u64 {
    let shared = job
        .populations
        .iter()
        .map(|population| population.role.dialer.streams_per_connection);
    // Each worker and population fills connections of its own.
    let own = (job.workers.max(1) * job.populations.len()) as u64;
    let fewest = shared.map(|streams| streams.unwrap_or(1)).min();
    let each = fewest.unwrap_or(1).max(1);
    let spare = if each > 1 { own } else { 0 };
    let streams = job.demanded();
    (streams.div_ceil(each) + spare).min(streams)
}

/// On a shared connection a slow reader would hold up the others.
fn slow_readers(job: &Job) -> Result<(), LoadError> {
    let mut populations = job.populations.iter().map(|population| &population.role);
    if populations.any(|role| role.pace.is_some() && role.dialer.streams_per_connection.is_some()) {
        return Err(LoadError::Preflight(
            "slow readers need a connection each: set target.http to \"1.1\"".into(),
        ));
    }
    Ok(())
}

#[cfg(unix)]
fn descriptors(needed: u64) -> Result<(), LoadError> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return Ok(());
    };
    if soft >= needed || hard >= needed && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
        return Ok(());
    }
    let processes = needed.div_ceil(hard.saturating_sub(OTHER_DESCRIPTORS).max(1));
    Err(LoadError::Preflight(format!(
        "{needed} file descriptors are needed and {hard} allowed: use --processes {processes}, or raise \
         the hard limit (`ulimit -Hn {needed}` as root, or LimitNOFILE= of systemd)"
    )))
}

#[cfg(not(unix))]
fn descriptors(_: u64) -> Result<(), LoadError> {
    Ok(())
}

/// Ports the system hands out, from Linux's own setting; `None` where it cannot be read.
fn port_count() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut ends = text.split_whitespace().map(str::parse::<u64>);
    let (Some(Ok(first)), Some(Ok(last))) = (ends.next(), ends.next()) else {
        return None;
    };
    Some(last.checked_sub(first)? + 1)
}

fn ports(job: &Job) -> Result<(), LoadError> {
    let Some(ports) = port_count() else {
        return Ok(());
    };
    let pairs = job.populations.iter().map(|population| {
        let dialer = &population.role.dialer;
        dialer.targets.len().max(1) * dialer.sources.len().max(1)
    });
    let pairs = pairs.max().unwrap_or(1) as u64;
    let connections = connections(job);
    if connections <= ports.saturating_mul(pairs) {
        return Ok(());
    }
    let wanted = connections.div_ceil(ports);
    Err(LoadError::Preflight(format!(
        "{connections} connections need as many ports, and there are {ports} for each pair of source and \
         target address: give {wanted} source addresses (--source-ip, target.source_ips), or widen \
         net.ipv4.ip_local_port_range (sysctl -w net.ipv4.ip_local_port_range='1024 65535')"
    )))
}

/// Memory the system can give, in bytes; `None` where it does not tell.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

fn memory(job: &Job) -> Result<(), LoadError> {
    let has_tls = job
        .populations
        .iter()
        .any(|population| population.role.dialer.tls.is_some());
    let each = if has_tls {
        BYTES_PER_TLS_STREAM
    } else {
        BYTES_PER_STREAM
    };
    let needed = job.demanded().saturating_mul(each);
    match available_memory() {
        Some(available) if needed > available => {
            let mib = |bytes: u64| bytes / (1024 * 1024);
            Err(LoadError::Preflight(format!(
                "{} streams need about {} MiB of memory, and {} MiB are free: ask for fewer, or \
                 spread them over machines with --shard",
                job.demanded(),
                mib(needed),
                mib(available)
            )))
        }
        _ => Ok(()),
    }
}
