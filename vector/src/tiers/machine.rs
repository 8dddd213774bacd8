//! What the machine has.

/// Bytes of memory that a process may take now: what is available, and no more than its control group allows.
pub(super) fn free_memory() -> u64 {
    /// Where nothing tells.
    const UNKNOWN: u64 = 1 << 30;
    let text = |path: &str| std::fs::read_to_string(path).ok();
    let number = |path: &str| text(path)?.trim().parse::<u64>().ok();
    let available = text("/proc/meminfo").and_then(|info| {
        let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    });
    let allowed = number("/sys/fs/cgroup/memory.max")
        .zip(number("/sys/fs/cgroup/memory.current"))
        .map(|(most, now)| most.saturating_sub(now));
    [available, allowed].into_iter().flatten().min().unwrap_or(UNKNOWN)
}
