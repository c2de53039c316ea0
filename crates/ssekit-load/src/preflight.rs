//! Before a run: whether this machine can hold it. What can be raised is raised; for the rest the
//! remedy is said.

mod machine;

use self::machine::Machine;
use crate::dial::{Dialer, Sharing};
use crate::error::LoadError;
use crate::job::Job;

/// Descriptors of a process besides those of connections.
const OTHER_DESCRIPTORS: u64 = 64;
/// Ports of the widest range there is to choose from.
const WIDEST_PORTS: u64 = 65_535 - 1024 + 1;
/// Processes of one run at most.
const MAX_PROCESSES: u64 = 64;
/// Memory assumed to be free where the system does not tell, in bytes.
const ASSUMED_FREE: u64 = 2 << 30;

/// Memory of this machine that can be given now, in bytes.
pub(crate) fn free_bytes() -> u64 {
    Machine::look().memory.unwrap_or(ASSUMED_FREE)
}

/// What the system keeps for a socket of ours that nothing waits in, in bytes: an estimate.
const SOCKET_BYTES: u64 = 4 * 1024;

/// Refuses what cannot work, before the network is touched. `processes` share the run evenly; each
/// has a limit of descriptors of its own, while ports and memory are those of the machine.
///
/// # Errors
/// Which resource is short, by how much, and what to do.
pub fn check(job: &Job, processes: u32) -> Result<(), LoadError> {
    slow_readers(job)?;
    let need = Need::of(job, processes);
    let machine = Machine::look();
    let judged = need.judge(&machine);
    judged.map_err(LoadError::Preflight)?;
    machine::raise_descriptors(need.descriptors());
    Ok(())
}

/// On a shared connection a slow reader would hold up the others.
fn slow_readers(job: &Job) -> Result<(), LoadError> {
    let mut populations = job.populations.iter().map(|population| &population.role);
    if populations.any(|role| role.pace.is_some() && role.dialer.sharing != Sharing::Never) {
        return Err(LoadError::Preflight(
            "slow readers need a connection each: set target.http to \"1.1\"".into(),
        ));
    }
    Ok(())
}

/// What a run needs.
#[derive(Debug, Clone)]
struct Need {
    /// Connections at once.
    connections: u64,
    /// Ports for each destination, those of connections closed a short time ago included.
    ports: u64,
    /// Destination addresses, and source addresses for each: every pair has all ports.
    destinations: u64,
    sources: u64,
    /// Ports for each pair of them, where the scenario says which.
    own_ports: Option<u64>,
    /// Whether all destinations are on this machine.
    is_local: bool,
    /// Streams at once.
    streams: u64,
    /// Memory of our processes, in bytes.
    memory: u64,
    /// Processes that share the run.
    processes: u64,
    /// Whether the server may let streams share connections, which is not known yet.
    may_share: bool,
}

impl Need {
    fn of(job: &Job, processes: u32) -> Self {
        let dialers = job.populations.iter().map(|one| &one.role.dialer);
        let demand = job.demanded();
        let processes = u64::from(processes.max(1));
        let shares = |dialer: &Dialer| matches!(dialer.sharing, Sharing::Always(_));
        // Each worker and population fills connections of its own, the last of which has room.
        let spare = match dialers.clone().filter(|dialer| shares(dialer)).count() as u64 {
            0 => 0,
            sharing => (sharing * job.workers.max(1) as u64 * processes)
                .saturating_sub(1)
                .min(demand.peak_streams.saturating_sub(demand.peak_connections)),
        };
        let targets = dialers.clone().flat_map(|dialer| &dialer.targets);
        let fewest = dialers.clone().map(Dialer::pairs);
        let fewest = fewest.min_by_key(|(destinations, sources)| destinations * sources);
        let (destinations, sources) = fewest.unwrap_or((1, 1));
        Self {
            connections: demand.peak_connections + spare,
            ports: demand.ports + spare,
            destinations,
            sources,
            own_ports: dialers
                .clone()
                .filter_map(|dialer| dialer.ports.as_ref()?.limit())
                .min(),
            is_local: targets.clone().all(|target| target.ip().is_loopback()),
            streams: demand.peak_streams,
            memory: demand.memory_bytes,
            processes,
            may_share: dialers
                .clone()
                .any(|dialer| matches!(dialer.sharing, Sharing::AsAgreed(_))),
        }
    }

    /// Descriptors of one process.
    fn descriptors(&self) -> u64 {
        self.connections.div_ceil(self.processes) + OTHER_DESCRIPTORS
    }

    /// Whether it fits.
    ///
    /// # Errors
    /// All that does not, and the remedies.
    fn judge(&self, machine: &Machine) -> Result<(), String> {
        let short: Vec<_> = [
            self.open_files(machine),
            self.local_ports(machine),
            self.tracking(machine),
            self.room(machine),
        ]
        .into_iter()
        .filter_map(Result::err)
        .collect();
        if short.is_empty() {
            return Ok(());
        }
        Err(short.join(". Besides, "))
    }

    fn open_files(&self, machine: &Machine) -> Result<(), String> {
        let (needed, Some(hard)) = (self.descriptors(), machine.hard_descriptors) else {
            return Ok(());
        };
        if needed <= hard {
            return Ok(());
        }
        let by = match self.processes {
            1 => String::new(),
            processes => format!(" by each of {processes} processes"),
        };
        let mut remedies = Vec::new();
        // Where a process has none left for connections, more of them do not help.
        let each = hard.saturating_sub(OTHER_DESCRIPTORS);
        if each > 0 && self.connections.div_ceil(each) <= MAX_PROCESSES {
            let processes = self.connections.div_ceil(each);
            remedies.push(format!("use --processes {processes}"));
        }
        let mut raise = format!(
            "raise the hard limit (`ulimit -Hn {needed} && ulimit -Sn {needed}` as root, or LimitNOFILE={needed} of systemd)"
        );
        if machine.nr_open.is_some_and(|most| needed > most) {
            raise.push_str(&format!(" after `sysctl -w fs.nr_open={needed}`"));
        }
        remedies.push(raise);
        if self.may_share {
            remedies.push("set target.http to \"2\" where the server speaks it".into());
        }
        Err(format!(
            "{needed} file descriptors are needed{by}, and {hard} allowed: {}",
            remedies.join(", or ")
        ))
    }

    fn local_ports(&self, machine: &Machine) -> Result<(), String> {
        let range = machine
            .ports
            .map(|(first, last)| last.saturating_sub(first) + 1);
        let Some(ports) = self.own_ports.or(range) else {
            return Ok(());
        };
        // Where ports of closed connections are taken again, only open ones count.
        let is_reused = machine.reuses_ports(self.is_local);
        let needed = if is_reused {
            self.connections
        } else {
            self.ports
        };
        let pairs = self.destinations * self.sources;
        if needed <= ports.saturating_mul(pairs) {
            return Ok(());
        }
        let what = if needed == self.connections {
            format!("{needed} connections")
        } else {
            format!(
                "{} connections, and those closed within a minute, {needed} in all,",
                self.connections
            )
        };
        let wanted = needed.div_ceil(ports * self.destinations);
        let such = if self.is_local {
            ", on loopback 127.0.0.2 and so on"
        } else {
            ""
        };
        let wider = match (self.own_ports, machine.ports) {
            (Some(_), _) => ", or widen target.source_ports",
            (None, _) if needed > WIDEST_PORTS.saturating_mul(pairs) => "",
            (None, Some((1024, 65_535))) => "",
            (None, _) => {
                ", or widen the range of ports (`sysctl -w net.ipv4.ip_local_port_range='1024 65535'`)"
            }
        };
        let each = match pairs {
            1 => "one pair".to_owned(),
            pairs => format!("each of {pairs} pairs"),
        };
        Err(format!(
            "{what} need as many ports, and there are {ports} for {each} of source and destination \
             address: give {wanted} source addresses (--source-ip, target.source_ips{such}), or more \
             destinations (target.connect_to){wider}"
        ))
    }

    fn tracking(&self, machine: &Machine) -> Result<(), String> {
        let Some((used, most)) = machine.tracked else {
            return Ok(());
        };
        // A table in which nothing stands is of a system that does not track.
        let needed = used + self.connections;
        if used == 0 || needed <= most {
            return Ok(());
        }
        Err(format!(
            "{} connections are tracked by the firewall of this machine, whose table has room for \
             {most} and holds {used}: `sysctl -w net.netfilter.nf_conntrack_max={needed}`",
            self.connections
        ))
    }

    fn room(&self, machine: &Machine) -> Result<(), String> {
        let needed = self.memory + self.connections * SOCKET_BYTES;
        match machine.memory {
            Some(available) if needed > available => {
                let mib = |bytes: u64| bytes.div_ceil(1024 * 1024);
                Err(format!(
                    "{} streams need about {} MiB of memory, and {} MiB are free: ask for fewer, or \
                     spread them over machines with --shard",
                    self.streams,
                    mib(needed),
                    mib(available)
                ))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
