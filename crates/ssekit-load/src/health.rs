//! What the generator itself uses.

/// CPU time of this thread, in microseconds.
pub fn thread_cpu_us() -> u64 {
    usage::cpu_us(usage::Who::Thread)
}

/// CPU time of this process, in microseconds.
pub fn process_cpu_us() -> u64 {
    usage::cpu_us(usage::Who::Process)
}

/// Most memory this process held, in bytes.
pub fn max_rss_bytes() -> u64 {
    usage::max_rss_bytes()
}

/// Memory this process holds now, in bytes; the most it held where that is not known.
pub fn rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    held(&status).unwrap_or_else(max_rss_bytes)
}

/// `VmRSS` of `/proc/PID/status`; the kernel writes it in units of 1024 bytes (proc_pid_status(5)).
fn held(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let number = line.trim().strip_suffix("kB")?;
    Some(number.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(unix)]
mod usage {
    use nix::sys::resource::{Usage, UsageWho, getrusage};

    #[derive(Debug, Clone, Copy)]
    pub enum Who {
        Thread,
        Process,
    }

    fn usage(who: Who) -> Option<Usage> {
        let who = match who {
            #[cfg(any(target_os = "linux", target_os = "freebsd"))]
            Who::Thread => UsageWho::RUSAGE_THREAD,
            #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
            Who::Thread => return None,
            Who::Process => UsageWho::RUSAGE_SELF,
        };
        getrusage(who).ok()
    }

    pub fn cpu_us(who: Who) -> u64 {
        let Some(usage) = usage(who) else { return 0 };
        let times = [usage.user_time(), usage.system_time()];
        times
            .iter()
            .map(|time| time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64)
            .sum()
    }

    pub fn max_rss_bytes() -> u64 {
        let max = usage(Who::Process).map_or(0, |usage| usage.max_rss() as u64);
        // Kilobytes everywhere but on Apple's systems.
        if cfg!(target_vendor = "apple") {
            max
        } else {
            max * 1024
        }
    }
}

#[cfg(not(unix))]
mod usage {
    #[derive(Debug, Clone, Copy)]
    pub enum Who {
        Thread,
        Process,
    }

    pub fn cpu_us(_: Who) -> u64 {
        0
    }

    pub fn max_rss_bytes() -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_held_is_read_from_the_status() {
        let status = "Name:\tssekit\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t2\n";
        assert_eq!(held(status), Some(1_048_576));
        assert_eq!(held("Name:\tssekit\n"), None);
    }
}
