//! Where and when the benchmark runs, and of which versions.

use std::{
    collections::BTreeMap,
    fs,
    process::Command,
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::results::Machine;

/// What is compared, and what it stands on.
const PACKAGES: &[&str] = &[
    "aws-lc-rs",
    "h2",
    "hyper",
    "jsonrpsee",
    "prost",
    "rustls",
    "tarpc",
    "tokio",
    "tokio-tungstenite",
    "tonic",
    "tungstenite",
    "wsrpc",
];
const LOCK: &str = include_str!("../../Cargo.lock");
const GO_MODULES: &[&str] = &[
    "github.com/smartcontractkit/wsrpc",
    "google.golang.org/grpc",
];
const GO_LOCK: &str = include_str!("../go/go.mod");

impl Machine {
    /// What the system says; empty where it does not say it.
    pub fn read() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let memory_kib = field(&read("/proc/meminfo"), "MemTotal")
            .and_then(|value| value.split_whitespace().next()?.parse::<f64>().ok());
        Self {
            cpu: field(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory_gib: memory_kib.unwrap_or_default() / 1024.0 / 1024.0,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            rustc: output("rustc", "--version").unwrap_or_default(),
            go: output("go", "version"),
        }
    }
}

/// The value after a name and a colon.
fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn output(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// By package, as this program was built.
pub fn versions() -> BTreeMap<String, String> {
    let mut versions = BTreeMap::new();
    let mut name = "";
    for line in LOCK.lines() {
        let value = |key| line.strip_prefix(key)?.strip_suffix('"');
        if let Some(package) = value("name = \"") {
            name = package;
        } else if let (Some(version), true) = (value("version = \""), PACKAGES.contains(&name)) {
            versions.insert(name.to_owned(), version.to_owned());
        }
    }
    for line in GO_LOCK.lines() {
        let (module, version) = line.trim().split_once(' ').unwrap_or_default();
        if GO_MODULES.contains(&module) {
            versions.insert(module.to_owned(), version.to_owned());
        }
    }
    versions
}

/// Today, in UTC.
pub fn date() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    date_of(now.map_or(0, |since| since.as_secs() / 86_400))
}

/// Of a day since the beginning of 1970.
fn date_of(mut days: u64) -> String {
    let mut year = 1970;
    let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_calendar() {
        assert_eq!(date_of(0), "1970-01-01");
        assert_eq!(date_of(11_016), "2000-02-29");
        assert_eq!(date_of(20_453), "2025-12-31");
    }

    #[test]
    fn finds_the_versions_in_the_lock_file() {
        let versions = versions();
        let missing: Vec<_> = PACKAGES
            .iter()
            .filter(|it| !versions.contains_key(**it))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
