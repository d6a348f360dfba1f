//! Invented results, small, with every kind of measurement in them.

use crate::{
    order::{Counted, Kind, Latency, Load},
    results::{BesideLarge, Comeback, Handshakes, IdleMemory, Machine, Results, Round, Runtime},
};

/// No measurements at all.
pub(super) fn nothing() -> Results {
    Results {
        machine: Machine {
            cpu: "Invented CPU".to_owned(),
            cores: 2,
            memory_gib: 7.75,
            kernel: "6.1.0".to_owned(),
            rustc: "1.85.0".to_owned(),
            go: None,
        },
        date: "2001-02-03".to_owned(),
        command: "cargo run --release -p bench".to_owned(),
        versions: [("tonic", "0.14"), ("wsrpc", "0.1")]
            .map(|(name, version)| (name.to_owned(), version.to_owned()))
            .into(),
        tunables: Some("invented.setting=1".to_owned()),
        rounds: Vec::new(),
        idle_memory: Vec::new(),
        handshakes: Vec::new(),
        comebacks: Vec::new(),
        beside_large: Vec::new(),
    }
}

/// A load on one connection.
pub(super) fn load(kind: Kind, size: usize, in_flight: usize) -> Load {
    Load {
        kind,
        size,
        in_flight,
        connections: 1,
        warm_up_ms: 100,
        measured_ms: 1000,
    }
}

/// A round of one second.
pub(super) fn round(contestant: &str, runtime: Runtime, load: Load, calls: u64) -> Round {
    // Whole numbers, which JSON gives back exactly.
    let p50 = (load.in_flight as f64 * 1e6 / calls as f64).round();
    let latency = Latency {
        p50,
        p99: p50 * 2.0,
        p999: p50 * 4.0,
        max: p50 * 30.0,
    };
    Round {
        contestant: contestant.to_owned(),
        number: 0,
        runtime,
        load,
        counted: Counted {
            count: calls,
            seconds: 1.0,
            latency: (load.kind == Kind::Unary).then_some(latency),
        },
        server_cpu_seconds: 0.5,
        client_cpu_seconds: 0.75,
        wire_bytes: calls * (2 * load.size as u64 + 40),
    }
}

/// Two rounds of two contestants, and one of everything else.
pub(super) fn something() -> Results {
    let mut results = nothing();
    for (size, in_flight) in [
        (0, 16),
        (32, 1),
        (32, 16),
        (32, 256),
        (1024, 16),
        (1024, 256),
    ] {
        for (number, slower) in [10, 11].into_iter().enumerate() {
            for (contestant, calls) in [
                ("wsrpc-v2", 20_000),
                ("tonic", 4_000),
                ("unheard-of", 3_000),
            ] {
                let calls = calls * 10 * (1 + u64::from(in_flight > 1)) / slower;
                let load = load(Kind::Unary, size, in_flight);
                let round = round(contestant, Runtime::Pinned, load, calls);
                results.rounds.push(Round { number, ..round });
            }
        }
    }
    let stream = load(Kind::ServerStream, 1024, 1);
    results
        .rounds
        .push(round("wsrpc-v2", Runtime::Pinned, stream, 70_000));
    let multi = load(Kind::Unary, 32, 256);
    results
        .rounds
        .push(round("wsrpc-v2", Runtime::Multi, multi, 90_000));
    for (connections, calls) in [(100, 80_000), (10_000, 60_000)] {
        let one_each = Load {
            connections,
            in_flight: connections,
            ..multi
        };
        results
            .rounds
            .push(round("wsrpc-v2", Runtime::Pinned, one_each, calls));
    }
    for connections in [1_000, 10_000] {
        results.idle_memory.push(IdleMemory {
            contestant: "wsrpc-v2".to_owned(),
            connections,
            server_rss_bytes: 19_000 * connections as u64,
            after_burst_rss_bytes: Some(20_000 * connections as u64),
            kernel_socket_bytes: Some(4_000 * connections as u64),
            idle_cores: Some(1.5e-6 * connections as f64),
        });
    }
    results.handshakes.push(Handshakes {
        contestant: "wsrpc-v2".to_owned(),
        round: 0,
        handshakes: 5_000,
        server_cpu_seconds: 1.0,
        seconds: 2.0,
    });
    results.comebacks.push(Comeback {
        contestant: "wsrpc-v2".to_owned(),
        clients: 10_000,
        first_back_seconds: 0.4,
        all_back_seconds: 6.5,
        bystander_p99_us: 900.0,
        bystander_p99_before_us: 60.0,
    });
    let alone = Latency {
        p50: 20.0,
        p99: 30.0,
        p999: 50.0,
        max: 800.0,
    };
    results.beside_large.push(BesideLarge {
        contestant: "wsrpc-v2".to_owned(),
        large_bytes: 1 << 20,
        alone,
        beside: Latency {
            p99: 400.0,
            ..alone
        },
        large_per_second: 900.0,
    });
    results
}
