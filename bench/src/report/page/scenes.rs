//! The sections about what is measured beside loads.

use crate::{
    figures::{IdleConnection, Spread},
    report::{contestants, numbers, table::Table},
    results::Results,
};

pub(super) fn idle_memory(results: &Results) -> Option<String> {
    let mut table = Table::new([
        "",
        "connections",
        "each",
        "each, once busy and idle again",
        "of the kernel, both sides, each",
        "all together",
        "CPU a second, each",
    ]);
    let all = IdleConnection::all(results);
    let names = all.iter().map(|idle| idle.contestant.as_str());
    for contestant in contestants::in_order(names) {
        let own = all.iter().filter(|idle| idle.contestant == contestant.name);
        for idle in own {
            let each = |bytes| numbers::spread(bytes, numbers::memory);
            let in_all = idle.resident.median * idle.connections as f64;
            table.row(
                contestant.name,
                [
                    Some(numbers::count(idle.connections)),
                    Some(each(idle.resident)),
                    idle.after_burst.map(each),
                    idle.kernel.map(each),
                    Some(numbers::memory(in_all)),
                    idle.cpu.map(|cpu| numbers::spread(cpu, numbers::micros)),
                ],
            );
        }
    }
    let text = "By how much the server's resident memory grew since before the first connection. The kernel's socket \
                buffers come on top. CPU is what the server used while nothing but pings came and went, if its library \
                sends any.";
    let million = million(results).unwrap_or_default();
    Some(format!("{text}{million}\n\n{}", table.filled()?.markdown()))
}

/// What a million connections would take if each took what one takes where most of them were held.
fn million(results: &Results) -> Option<String> {
    let all = IdleConnection::all(results);
    let mut ours = all.iter().filter(|idle| idle.contestant == "wsrpc-v2");
    let most = ours.next_back()?;
    let resident = most.resident.median;
    let kernel = most.kernel.map(|each| {
        let both_sides = numbers::memory(each.median * 1e6);
        format!(", and the kernel {both_sides} for the sockets of both sides")
    });
    let cpu = most.cpu.map(|each| {
        // Microseconds a second of each of a million are as many seconds a second.
        let cores = numbers::amount(each.median);
        format!(" To answer their pings would take {cores} cores.")
    });
    Some(format!(
        " At the {} that one of {} takes, a million connections of `wsrpc-v2` would take {}{}.{}",
        numbers::memory(resident),
        numbers::count(most.connections),
        numbers::memory(resident * 1e6),
        kernel.unwrap_or_default(),
        cpu.unwrap_or_default()
    ))
}

pub(super) fn handshakes(results: &Results) -> Option<String> {
    let mut table = Table::new([
        "",
        "per core-second of the server",
        "server CPU each",
        "per second",
    ]);
    let names = results
        .handshakes
        .iter()
        .map(|handshakes| handshakes.contestant.as_str());
    for contestant in contestants::in_order(names) {
        let own = || {
            results
                .handshakes
                .iter()
                .filter(|handshakes| handshakes.contestant == contestant.name)
        };
        let count = |of: f64| (of > 0.0).then_some(of);
        let per_core =
            own().filter_map(|one| Some(one.handshakes as f64 / count(one.server_cpu_seconds)?));
        let each = own()
            .filter_map(|one| Some(one.server_cpu_seconds * 1e6 / count(one.handshakes as f64)?));
        let rate = own().filter_map(|one| Some(one.handshakes as f64 / count(one.seconds)?));
        table.row(
            contestant.name,
            [
                Spread::of(per_core).map(|spread| numbers::spread(spread, numbers::amount)),
                Spread::of(each).map(|spread| numbers::spread(spread, numbers::micros)),
                Spread::of(rate).map(|spread| numbers::spread(spread, numbers::amount)),
            ],
        );
    }
    let text = "Each connection is a new one, with a full handshake of both sides' certificates. `bare-tls` is a bare acceptor.";
    Some(format!("{text}\n\n{}", table.filled()?.markdown()))
}

pub(super) fn comebacks(results: &Results) -> Option<String> {
    let head = [
        "",
        "clients",
        "first back",
        "all back",
        "p99 of others' calls before",
        "p99 of others' calls meanwhile",
    ];
    let mut table = Table::new(head);
    for comeback in &results.comebacks {
        table.row(
            comeback.contestant.as_str(),
            [
                Some(numbers::count(comeback.clients)),
                Some(numbers::seconds(comeback.first_back_seconds)),
                Some(numbers::seconds(comeback.all_back_seconds)),
                Some(numbers::micros(comeback.bystander_p99_before_us)),
                Some(numbers::micros(comeback.bystander_p99_us)),
            ],
        );
    }
    let text = "A server was killed and started again at once, and all of its clients dialled it. Others' calls are those of 100 of \
                them, on threads of their own, 20 a second each, as soon as each is back.";
    Some(format!("{text}\n\n{}", table.filled()?.markdown()))
}

pub(super) fn beside_large(results: &Results) -> Option<String> {
    let mut table = Table::new([
        "",
        "p50 alone",
        "p50 beside",
        "p99 alone",
        "p99 beside",
        "p99.9 beside",
        "slowest beside",
        "large",
    ]);
    for beside in &results.beside_large {
        let size = numbers::size(beside.large_bytes);
        let times = [
            beside.alone.p50,
            beside.beside.p50,
            beside.alone.p99,
            beside.beside.p99,
            beside.beside.p999,
            beside.beside.max,
        ];
        let large = format!(
            "{} a second of {size}",
            numbers::amount(beside.large_per_second)
        );
        table.row(
            beside.contestant.as_str(),
            times
                .map(numbers::micros)
                .into_iter()
                .chain([large])
                .map(Some),
        );
    }
    let text = "How long small calls take on a connection that carries large ones all the time.";
    Some(format!("{text}\n\n{}", table.filled()?.markdown()))
}
