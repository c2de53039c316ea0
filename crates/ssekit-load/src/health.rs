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
