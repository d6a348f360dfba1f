use super::*;
use crate::{
    order::Load,
    report::fixture::{load, nothing, round},
    results::{Handshakes, IdleMemory, Round},
};

/// The row that begins so.
fn row(results: &Results, what: &str) -> Requirement {
    let mut rows = bar(results)
        .into_iter()
        .filter(|row| row.what.starts_with(what));
    let row = rows
        .next()
        .unwrap_or_else(|| panic!("no row begins with {what:?}"));
    assert_eq!(rows.next(), None, "{what:?} begins more than one row");
    row
}

fn add(results: &mut Results, contestant: &str, load: Load, calls: &[u64]) {
    for (number, &calls) in calls.iter().enumerate() {
        let round = round(contestant, Runtime::Pinned, load, calls);
        results.rounds.push(Round { number, ..round });
    }
}

fn idle(connections: usize, kib: u64, after_burst_kib: Option<u64>) -> IdleMemory {
    let bytes = |kib| kib * 1024 * connections as u64;
    IdleMemory {
        contestant: V2.to_owned(),
        connections,
        server_rss_bytes: bytes(kib),
        after_burst_rss_bytes: after_burst_kib.map(bytes),
        kernel_socket_bytes: None,
        idle_cores: None,
    }
}

#[test]
fn says_what_was_not_measured() {
    let bar = bar(&nothing());
    assert_eq!(bar.len(), 25);
    for row in bar {
        assert_eq!((row.met(), row.verdict()), (None, "–"), "{row:?}");
        assert_eq!(row.measured(), "not measured", "{row:?}");
    }
}

#[test]
fn a_round_without_one_of_the_two_is_no_pair() {
    let mut results = nothing();
    let load = load(Kind::Unary, 32, 256);
    add(&mut results, V2, load, &[50, 150, 220]);
    add(&mut results, WEBSOCKET, load, &[100, 200, 220]);
    let failed = |round: &Round| round.contestant == WEBSOCKET && round.number == 0;
    results.rounds.retain(|round| !failed(round));
    let row = row(&results, "32 B, 256 in flight: calls/s to limit B's");
    assert_eq!(row.measured(), "0.88 (0.75–1.00)");
}

#[test]
fn limit_b_stands_beside_what_it_could_not_reach_either() {
    let mut results = nothing();
    let load = load(Kind::Unary, 32, 256);
    add(&mut results, WEBSOCKET, load, &[1_000]);
    add(&mut results, TONIC, load, &[100]);
    let to = |what| row(&results, what).limit();
    assert_eq!(
        to("32 B, 256 in flight: calls/s to tonic's").as_deref(),
        Some("10.0")
    );
    assert_eq!(to("32 B, 256 in flight: calls/s to limit B's"), None);
}

#[test]
fn takes_the_median_of_ratios_within_a_round() {
    let mut results = nothing();
    let load = load(Kind::Unary, 32, 256);
    // The medians' ratio is 150 / 200 = 0.75; that of the pairs, which drift together, is not.
    add(&mut results, V2, load, &[50, 150, 220]);
    add(&mut results, WEBSOCKET, load, &[100, 200, 300]);
    let row = row(&results, "32 B, 256 in flight: calls/s to limit B's");
    assert_eq!(row.measured(), "0.73 (0.50–0.75)");
    assert_eq!(
        (row.wanted().as_str(), row.met(), row.verdict()),
        ("at least 0.75", Some(false), "**not met**")
    );
}

#[test]
fn keeps_loads_and_runtimes_apart() {
    let mut results = nothing();
    add(&mut results, V2, load(Kind::Unary, 32, 256), &[160]);
    add(&mut results, TONIC, load(Kind::Unary, 32, 1), &[10]);
    results
        .rounds
        .push(round(TONIC, Runtime::Multi, load(Kind::Unary, 32, 256), 10));
    assert_eq!(
        bar(&results)
            .iter()
            .filter(|row| row.met().is_some())
            .count(),
        0
    );

    add(&mut results, TONIC, load(Kind::Unary, 32, 256), &[10]);
    assert_eq!(
        row(&results, "32 B, 256 in flight: calls/s to tonic's").met(),
        Some(true)
    );
    assert_eq!(
        row(
            &results,
            "Multi-thread, 32 B, 256 in flight: calls/s to tonic's"
        )
        .met(),
        None
    );
}

#[test]
fn wants_a_low_latency_and_a_high_rate() {
    let mut results = nothing();
    let load = load(Kind::Unary, 32, 1);
    add(&mut results, V2, load, &[2_000]);
    add(&mut results, TONIC, load, &[1_000]);
    let row = row(&results, "32 B, 1 in flight: p50 to tonic's");
    assert_eq!((row.measured().as_str(), row.verdict()), ("0.50", "met"));
}

#[test]
fn an_aim_is_reached_and_not_met() {
    let mut results = nothing();
    let load = load(Kind::Unary, 32, 256);
    add(&mut results, V2, load, &[40]);
    add(&mut results, RAW_TLS, load, &[100]);
    let row = row(&results, "32 B, 256 in flight: calls/s to limit A's");
    assert_eq!(
        (row.wanted().as_str(), row.verdict()),
        ("aim: at least 0.5", "not reached")
    );
}

#[test]
fn a_server_calls_as_fast_as_a_client_where_half_of_its_rounds_come_close() {
    let met = |server: &[u64]| {
        let mut results = nothing();
        let load = load(Kind::Unary, 32, 256);
        add(&mut results, V2, load, &[100, 100, 100]);
        add(&mut results, V2_SERVER, load, server);
        row(&results, "32 B, 256 in flight: calls/s of a server").met()
    };
    assert_eq!(met(&[50, 90, 170]), Some(true));
    assert_eq!(met(&[80, 89, 170]), Some(false));
    assert_eq!(met(&[]), None);
}

#[test]
fn a_stream_is_not_a_call() {
    let mut results = nothing();
    add(&mut results, V2, load(Kind::ServerStream, 1024, 1), &[8]);
    add(&mut results, WEBSOCKET, load(Kind::Unary, 1024, 1), &[10]);
    assert_eq!(row(&results, "One stream of 1 KiB").met(), None);
    add(
        &mut results,
        WEBSOCKET,
        load(Kind::ServerStream, 1024, 1),
        &[10],
    );
    assert_eq!(row(&results, "One stream of 1 KiB").met(), Some(true));
}

#[test]
fn idle_memory_is_per_connection() {
    let mut results = nothing();
    results.idle_memory = vec![
        idle(1_000, 18, Some(20)),
        idle(10_000, 19, Some(21)),
        idle(50_000, 17, None),
        idle(1_000, 18, Some(22)),
        idle(1_000, 18, Some(19)),
    ];
    let verdict = |what| row(&results, what).verdict();
    assert_eq!(
        verdict("Idle connection, one of 10,000: memory of the server"),
        "met"
    );
    assert_eq!(
        verdict("Idle connection, one of 50,000: memory of the server"),
        "met"
    );
    assert_eq!(verdict("Idle, one of 50,000"), "not reached");
    // The median of 20, 22 and 19.
    assert_eq!(verdict("The same after it was busy, one of 1,000"), "met");
    assert_eq!(verdict("The same after it was busy, one of 50,000"), "–");
    let busy = row(&results, "The same after it was busy, one of 10,000");
    assert_eq!(
        (busy.measured().as_str(), busy.verdict()),
        ("21.0 KiB", "**not met**")
    );
}

#[test]
fn handshakes_are_per_core_second() {
    let mut results = nothing();
    for (contestant, server_cpu_seconds, seconds) in [(V2, 1.1, 9.0), (BARE_TLS, 1.0, 1.0)] {
        let contestant = contestant.to_owned();
        results.handshakes.push(Handshakes {
            contestant,
            round: 0,
            handshakes: 5_000,
            server_cpu_seconds,
            seconds,
        });
    }
    let row = row(&results, "Full mutual handshakes");
    assert_eq!((row.measured().as_str(), row.met()), ("0.91", Some(true)));
}

#[test]
fn many_connections_are_beside_a_hundred_with_a_call_each() {
    let mut results = nothing();
    let on = |connections| Load {
        connections,
        ..load(Kind::Unary, 32, connections)
    };
    for (contestant, many) in [(V2, 80), (V2_SERVER, 79), (WEBSOCKET, 60)] {
        add(&mut results, contestant, on(10_000), &[many]);
        add(&mut results, contestant, on(100), &[100]);
    }
    for (what, met) in [
        ("10,000 connections", true),
        ("The same, and it is the server", false),
    ] {
        let row = row(&results, what);
        assert_eq!(
            (row.met(), row.limit().as_deref()),
            (Some(met), Some("0.60"))
        );
    }
}
