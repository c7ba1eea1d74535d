//! How much memory the host has left.

/// Memory that can be had without swapping, bytes, as the kernel estimates it.
pub(super) fn free() -> Option<u64> {
    available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_from_what_the_kernel_says() {
        let meminfo = "MemTotal:       24600000 kB\nMemAvailable:    1024 kB\nSwapFree: 0 kB\n";
        assert_eq!(available(meminfo), Some(1_048_576));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
        assert!(free().is_some_and(|bytes| bytes > 0), "this machine has memory");
    }
}
