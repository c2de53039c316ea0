//! Every process a subject started: its process group, and whoever carries its mark.
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::Usage;

/// Environment variable that marks a subject's processes, also those that left its group.
pub(crate) const MARK: &str = "SSEKIT_SUBJECT";

/// The processes that a subject's command started and that still run.
///
/// The group is what counts; the mark finds those that left it (`setsid`, daemons). Elsewhere than
/// on Linux only the group is known.
#[derive(Debug)]
pub(crate) struct Family {
    group: Pid,
    mark: String,
}

impl Family {
    /// A value of [`MARK`] that no other start uses.
    pub(crate) fn new_mark() -> String {
        static STARTS: AtomicU64 = AtomicU64::new(0);
        let start = STARTS.fetch_add(1, Ordering::Relaxed);
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = since.map_or(0, |elapsed| elapsed.as_nanos());
        format!("{}-{start}-{nanos}", std::process::id())
    }

    /// The family whose group is led by `leader`; nothing when that is no process id.
    pub(crate) fn new(leader: u32, mark: String) -> Option<Self> {
        let group = i32::try_from(leader).ok().and_then(Pid::from_raw)?;
        Some(Self { group, mark })
    }

    #[cfg(test)]
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// Sends a signal to all of them; those that have ended meanwhile are no failure.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.group, signal);
        for pid in self.strays() {
            let _ = kill_process(pid, signal);
        }
    }

    /// Kills all of them without waiting, again as long as a look finds one that was not killed yet.
    pub(crate) fn kill_now(&self) {
        const LOOKS: usize = 8;
        for _ in 0..LOOKS {
            self.signal(Signal::KILL);
            if !self.is_alive() {
                break;
            }
        }
    }
}

#[cfg(target_os = "linux")]
impl Family {
    pub(crate) fn is_alive(&self) -> bool {
        self.members().next().is_some()
    }

    /// Process ids of all that run.
    pub(crate) fn processes(&self) -> Vec<i32> {
        self.members().map(|process| process.pid).collect()
    }

    /// Whether one of them holds a socket that listens at this port, or why that cannot be told.
    pub(crate) fn listens_at(&self, port: u16) -> Result<bool, &'static str> {
        use procfs::{net::TcpState, process::FDTarget};
        let entries = procfs::net::tcp()
            .into_iter()
            .chain(procfs::net::tcp6())
            .flatten();
        let sockets: Vec<u64> = entries
            .filter(|entry| entry.state == TcpState::Listen && entry.local_address.port() == port)
            .map(|entry| entry.inode)
            .collect();
        if sockets.is_empty() {
            return Err("no socket of this machine listens at its port");
        }
        let mut unseen = false;
        for process in self.members() {
            let Ok(open) = process.fd() else {
                unseen = true;
                continue;
            };
            if open
                .flatten()
                .any(|fd| matches!(fd.target, FDTarget::Socket(inode) if sockets.contains(&inode)))
            {
                return Ok(true);
            }
        }
        if unseen {
            return Err("the open files of its processes cannot be read");
        }
        Ok(false)
    }

    /// What all that run have used, with those of theirs that have ended and were waited for.
    pub(crate) fn usage(&self) -> Option<Usage> {
        const KIB: u64 = 1024;
        let ticks_per_second = procfs::ticks_per_second().max(1);
        let mut usage = Usage::default();
        for process in self.members() {
            let Ok(stat) = process.stat() else {
                continue;
            };
            let waited_for = u64::try_from(stat.cutime + stat.cstime).unwrap_or(0);
            let ticks = stat.utime + stat.stime + waited_for;
            usage.cpu += Duration::from_millis(ticks * 1000 / ticks_per_second);
            let most = process.status().ok().and_then(|status| status.vmhwm);
            usage.max_rss_bytes += most.unwrap_or(0) * KIB;
        }
        (usage.max_rss_bytes > 0).then_some(usage)
    }

    pub(crate) fn strays(&self) -> Vec<Pid> {
        self.members()
            .filter(|process| {
                process
                    .stat()
                    .is_ok_and(|stat| stat.pgrp != self.group_id())
            })
            .filter_map(|process| Pid::from_raw(process.pid))
            .collect()
    }

    /// Those that run; one that has ended and waits for its parent to notice is none of them.
    fn members(&self) -> impl Iterator<Item = procfs::process::Process> {
        procfs::process::all_processes()
            .into_iter()
            .flatten()
            .flatten()
            .filter(|process| {
                process.stat().is_ok_and(|stat| {
                    !matches!(stat.state, 'Z' | 'X')
                        && (stat.pgrp == self.group_id() || self.is_marked(process))
                })
            })
    }

    fn is_marked(&self, process: &procfs::process::Process) -> bool {
        process.environ().is_ok_and(|environment| {
            environment
                .get(std::ffi::OsStr::new(MARK))
                .is_some_and(|mark| *mark == *self.mark)
        })
    }

    fn group_id(&self) -> i32 {
        self.group.as_raw_nonzero().get()
    }
}

#[cfg(not(target_os = "linux"))]
impl Family {
    pub(crate) fn is_alive(&self) -> bool {
        rustix::process::test_kill_process_group(self.group).is_ok()
    }

    pub(crate) fn processes(&self) -> Vec<i32> {
        vec![self.group.as_raw_nonzero().get()]
    }

    pub(crate) fn listens_at(&self, _port: u16) -> Result<bool, &'static str> {
        Err("this system does not tell whose a listening socket is")
    }

    pub(crate) fn usage(&self) -> Option<Usage> {
        None
    }

    pub(crate) fn strays(&self) -> Vec<Pid> {
        Vec::new()
    }
}
