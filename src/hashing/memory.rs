//! How much memory this process may take.

use std::fs;
use std::path::Path;

/// In KiB, as far as the system says.
pub struct Memory {
    /// The container's limit, else what the machine has.
    pub limit_kib: Option<u64>,
    /// What could be had now without swapping.
    pub available_kib: Option<u64>,
}

/// The memory for this process.
pub fn of_this_machine() -> Memory {
    let machine = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = said(&machine, "MemTotal:");
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limit = container_limit(&groups, Path::new("/sys/fs/cgroup"));
    Memory {
        limit_kib: limit.into_iter().chain(total).min(),
        available_kib: said(&machine, "MemAvailable:")
            .into_iter()
            .chain(limit)
            .min(),
    }
}

fn said(machine: &str, name: &str) -> Option<u64> {
    let line = machine.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// The smallest limit of our control group and those around it: version 2, then version 1, whose "no limit" is a number
/// that no machine has.
fn container_limit(groups: &str, root: &Path) -> Option<u64> {
    let smallest = |root: &Path, group: &str, file: &str| {
        let group = Path::new(group.trim_start_matches('/'));
        // In a container the path may be the host's, and the root our own.
        let limits = group.ancestors().filter_map(|part| {
            let text = fs::read_to_string(root.join(part).join(file)).ok()?;
            text.trim().parse::<u64>().ok()
        });
        limits.min()
    };
    let limits = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        match (parts.next()?, parts.next()?) {
            ("", group) => smallest(root, group, "memory.max"),
            (kinds, group) if kinds.split(',').any(|kind| kind == "memory") => {
                smallest(&root.join("memory"), group, "memory.limit_in_bytes")
            }
            _ => None,
        }
    });
    limits.min().map(|bytes| bytes / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_limit_around_holds() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let limit = |groups: &str| container_limit(groups, root.path());
        assert_eq!(limit("0::/a/b\n"), None);
        write("a/b/memory.max", "max\n");
        assert_eq!(limit("0::/a/b\n"), None);
        write("a/memory.max", "1048576\n");
        assert_eq!(limit("0::/a/b\n"), Some(1024));
        write("memory/docker/memory.limit_in_bytes", "2097152\n");
        assert_eq!(limit("5:cpu,memory:/docker\n4:pids:/\n"), Some(2048));
        assert_eq!(limit("5:cpu,memory:/docker\n0::/a/b\n"), Some(1024));
    }

    #[test]
    fn the_machines_own_numbers_are_read() {
        let text = "MemTotal:        4030648 kB\nMemFree:  1 kB\nMemAvailable:    3245000 kB\n";
        assert_eq!(said(text, "MemTotal:"), Some(4_030_648));
        assert_eq!(said(text, "MemAvailable:"), Some(3_245_000));
        assert_eq!(said("", "MemTotal:"), None);
    }
}
