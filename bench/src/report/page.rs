//! The page: its sections, in the order in which they answer questions.

use super::{
    bar::{self, Requirement},
    contestants,
    figures::{self, Case, Figure, Shape, Spread},
    numbers,
    plots::Plot,
    table::Table,
};
use crate::{
    order::Kind,
    results::{Results, Runtime},
};

/// Calls that get a table of their own: size and calls in flight.
const TELLING: [(usize, usize); 4] = [(32, 256), (32, 1), (1024, 256), (64 * 1024, 16)];

/// The whole page. Plots are in a folder of this name beside it.
pub(super) fn page(results: &Results, plots: &[Plot], folder: &str) -> String {
    let plot = |name: &str| {
        let plot = plots
            .iter()
            .find(|plot| plot.name == name && plot.svg.is_some())?;
        Some(format!("![{}]({folder}/{name}.svg)\n", plot.title))
    };
    let sections = [
        ("How to read this", vec![Some(how_to_read(results))]),
        ("The bar", vec![Some(the_bar(&bar::bar(results)))]),
        (
            "Calls on one connection",
            vec![
                plot("throughput-32-b"),
                plot("throughput-1-kib"),
                plot("throughput-over-size"),
                calls(results),
            ],
        ),
        ("Latency", vec![plot("latency-1"), plot("latency-256")]),
        ("CPU", vec![plot("cpu")]),
        ("Streams", vec![streams(results)]),
        ("Many connections", vec![many_connections(results)]),
        ("Multi-thread runtimes, not pinned", vec![multi(results)]),
        (
            "Memory per idle connection",
            vec![plot("idle-memory"), idle_memory(results)],
        ),
        ("Full mutual handshakes", vec![handshakes(results)]),
        ("After the server was killed", vec![comebacks(results)]),
        ("Small calls beside large ones", vec![beside_large(results)]),
    ];
    let mut page = heading(results);
    for (title, parts) in sections {
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if !parts.is_empty() {
            page += &format!("\n## {title}\n\n{}", parts.join("\n"));
        }
    }
    page
}

fn heading(results: &Results) -> String {
    let machine = &results.machine;
    let versions: Vec<String> = results
        .versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let mut facts = Table::new(["", ""]);
    let mut fact = |name: &str, value: String| facts.row(name, [Some(value)]);
    fact("date", results.date.clone());
    fact("command", format!("`{}`", results.command));
    fact(
        "machine",
        format!(
            "{}, {} cores, {:.1} GiB, Linux {}",
            machine.cpu, machine.cores, machine.memory_gib, machine.kernel
        ),
    );
    fact(
        "compilers",
        format!(
            "{}, {}",
            machine.rustc,
            machine.go.as_deref().unwrap_or("no Go")
        ),
    );
    fact("versions", versions.join(", "));
    // Facts are text, which reads from the left.
    let facts = facts.markdown().replace("---:", "---");
    format!(
        "<!-- Written by `cargo run --release -p bench`: change bench/src/report, not this page. -->\n\n# Benchmarks\n\n\
         wsrpc beside its rivals, and beside what the machine allows, in one run.\n\n{facts}"
    )
}

fn how_to_read(results: &Results) -> String {
    let mut text = String::from(
        "- **Compare within this page only.** The machine drifts, and another one differs: it is the ratios that last. \
         Contestants took turns, round after round, each time in new processes. A ratio is taken within each round; \
         what is shown is the median over the rounds, with the range in brackets.\n\
         - Server and client are processes of their own, pinned to a core each, with one thread, unless said otherwise. \
         Each task calls again as soon as it has its answer, so latency includes the queue of what is in flight.\n\
         - **It is loopback**: no network's latency, loss or bandwidth. It shows what a library costs, not what a user \
         will see.\n\
         - All of them speak mutual TLS 1.3 with ed25519 certificates and the same key exchange, without Nagle's delay \
         and without resumption. Bodies are random bytes, and every answer's length is checked.\n\
         - CPU is what the processes used, the kernel's work for them included: CPU seconds per million calls, which is \
         the same as microseconds per call. Bytes on the wire are all that passed over loopback, both ways, with the \
         headers of TCP and IP and with bare acknowledgements.\n",
    );
    let rounds = |shape| {
        let of = |round: &&crate::results::Round| {
            Shape::from(round.load) == shape && round.runtime == Runtime::Pinned
        };
        let first = results.rounds.iter().find(of)?;
        Some(
            results
                .rounds
                .iter()
                .filter(of)
                .filter(|round| round.contestant == first.contestant)
                .count(),
        )
    };
    let all: Vec<usize> = Shape::all(results, Runtime::Pinned)
        .into_iter()
        .filter_map(rounds)
        .collect();
    let times = results
        .rounds
        .iter()
        .map(|round| f64::from(round.load.measured_ms as u32) * 1e3);
    if let (Some(least), Some(most), Some(time)) =
        (all.iter().min(), all.iter().max(), Spread::of(times))
    {
        let rounds = if least == most {
            least.to_string()
        } else {
            format!("{least} to {most}")
        };
        let times =
            numbers::range(time, numbers::micros).unwrap_or_else(|| numbers::micros(time.median));
        text +=
            &format!("- Rounds: {rounds} of each load; {times} are counted, after a warm-up.\n");
    }
    let names = results.rounds.iter().map(|round| round.contestant.as_str());
    let about: Vec<String> = contestants::in_order(names)
        .into_iter()
        .filter_map(|contestant| {
            Some(format!(
                "| `{}` | {} |\n",
                contestant.name, contestant.about?
            ))
        })
        .collect();
    if !about.is_empty() {
        text += &format!(
            "\n| contestant | what it does |\n| --- | --- |\n{}",
            about.concat()
        );
    }
    text
}

fn the_bar(bar: &[Requirement]) -> String {
    let required = || bar.iter().filter(|row| !row.aim);
    let measured = required().filter(|row| row.met().is_some()).count();
    let met = required().filter(|row| row.met() == Some(true)).count();
    let mut table = Table::new(["", "wanted", "measured", ""]);
    for row in bar {
        table.row(
            row.what.as_str(),
            [row.wanted(), row.measured(), row.verdict().to_owned()].map(Some),
        );
    }
    format!(
        "What version 2, the whole of it, must reach; pinned unless said otherwise. Of {} requirements, aims aside, \
         {measured} were measured and {met} of these are met.\n\n{}",
        required().count(),
        table.markdown()
    )
}

fn calls(results: &Results) -> Option<String> {
    let mut text = String::new();
    for (size, in_flight) in TELLING {
        let title = format!("{}, {in_flight} in flight", numbers::size(size));
        if let Some(table) = one_load(results, Runtime::Pinned, Shape::calls(size, in_flight)) {
            text += &format!("### {title}\n\n{table}\n");
        }
    }
    let all = loads(results, Runtime::Pinned, |shape| {
        shape.kind == Kind::Unary && shape.connections == 1
    })?;
    text += &folded(
        "Calls per second, and the range, of every size and number in flight",
        &all,
    );
    Some(text)
}

fn streams(results: &Results) -> Option<String> {
    let mut text = String::from(
        "Messages that arrived at the caller: of a server stream one way, of a bidirectional stream those that came \
         back.\n\n",
    );
    for (kind, title) in [
        (Kind::ServerStream, "Server stream"),
        (Kind::Bidirectional, "Bidirectional stream"),
    ] {
        if let Some(table) = one_load(
            results,
            Runtime::Pinned,
            Shape {
                kind,
                ..Shape::calls(1024, 1)
            },
        ) {
            text += &format!("### {title}, 1 KiB, one stream\n\n{table}\n");
        }
    }
    let all = loads(results, Runtime::Pinned, |shape| shape.kind != Kind::Unary)?;
    Some(text + &folded("Messages per second, and the range, of every stream", &all))
}

fn many_connections(results: &Results) -> Option<String> {
    let all = loads(results, Runtime::Pinned, |shape| {
        shape.kind == Kind::Unary && shape.connections > 1
    })?;
    Some(format!(
        "Calls per second over all connections together, and the range.\n\n{all}"
    ))
}

fn multi(results: &Results) -> Option<String> {
    let loads: Vec<String> = Shape::all(results, Runtime::Multi)
        .into_iter()
        .filter_map(|shape| {
            let table = one_load(results, Runtime::Multi, shape)?;
            Some(format!("### {}\n\n{table}", load_name(shape)))
        })
        .collect();
    let text = "Two worker threads on each side, on whatever core the kernel likes.";
    (!loads.is_empty()).then(|| format!("{text}\n\n{}", loads.join("\n")))
}

/// A table that is large, and shown when its title is clicked.
fn folded(title: &str, table: &str) -> String {
    format!("<details>\n<summary>{title}</summary>\n\n{table}\n</details>\n")
}

/// Everything about one load, a row for each contestant.
fn one_load(results: &Results, runtime: Runtime, shape: Shape) -> Option<String> {
    let rate = if shape.kind == Kind::Unary {
        "calls/s"
    } else {
        "messages/s"
    };
    let head = [
        "",
        rate,
        "to tonic",
        "to limit A",
        "to limit B",
        "p50",
        "p99",
        "p99.9",
        "server CPU",
        "client CPU",
        "bytes on the wire",
    ];
    let mut table = Table::new(head);
    let names = results.rounds.iter().map(|round| round.contestant.as_str());
    for contestant in contestants::in_order(names) {
        let case = |contestant| Case {
            contestant,
            runtime,
            shape,
        };
        let own = case(contestant.name);
        let Some(rate) = own.spread(results, figures::rate) else {
            continue;
        };
        let to = |other| {
            let ratio = own.ratio(case(other), results, figures::rate)?;
            (other != contestant.name).then(|| numbers::ratio(ratio.median))
        };
        let median = |figure: Figure, shown: fn(f64) -> String| {
            own.spread(results, figure)
                .map(|spread| shown(spread.median))
        };
        table.row(
            contestant.name,
            [
                Some(numbers::spread(rate, numbers::amount)),
                to("tonic"),
                to("raw-tls"),
                to("websocket"),
                median(figures::p50, numbers::micros),
                median(figures::p99, numbers::micros),
                median(figures::p999, numbers::micros),
                median(figures::server_cpu, numbers::micros),
                median(figures::client_cpu, numbers::micros),
                median(figures::wire_bytes, |bytes| {
                    numbers::count(bytes.round() as usize)
                }),
            ],
        );
    }
    Some(table.filled()?.markdown())
}

/// The rates under several loads: a row for each load, a column for each contestant.
fn loads(results: &Results, runtime: Runtime, wanted: fn(&Shape) -> bool) -> Option<String> {
    let names = results.rounds.iter().map(|round| round.contestant.as_str());
    let contestants = contestants::in_order(names);
    let mut table = Table::new(
        [""].into_iter()
            .chain(contestants.iter().map(|contestant| contestant.name)),
    );
    for shape in Shape::all(results, runtime).into_iter().filter(wanted) {
        let cells = contestants.iter().map(|contestant| {
            let rate = Case {
                contestant: contestant.name,
                runtime,
                shape,
            }
            .spread(results, figures::rate)?;
            let range = numbers::range(rate, numbers::amount);
            let range = range.map_or_else(String::new, |range| format!("<br><sub>{range}</sub>"));
            Some(numbers::amount(rate.median) + &range)
        });
        table.row(load_name(shape), cells);
    }
    Some(table.filled()?.markdown())
}

fn load_name(shape: Shape) -> String {
    let size = numbers::size(shape.size);
    let in_flight = numbers::count(shape.in_flight);
    let mut name = match shape.kind {
        Kind::Unary => format!("{size}, {in_flight} in flight"),
        Kind::ServerStream => format!("server, {size}, {in_flight} open"),
        Kind::Bidirectional => format!("bidirectional, {size}, {in_flight} open"),
    };
    if shape.connections > 1 {
        name = format!("{} connections, {name}", numbers::count(shape.connections));
    }
    name
}

fn idle_memory(results: &Results) -> Option<String> {
    let mut table = Table::new([
        "",
        "connections",
        "each",
        "each, once busy and idle again",
        "of the kernel, both sides, each",
        "all together",
    ]);
    let names = results
        .idle_memory
        .iter()
        .map(|idle| idle.contestant.as_str());
    for contestant in contestants::in_order(names) {
        let mut own: Vec<_> = results
            .idle_memory
            .iter()
            .filter(|idle| idle.contestant == contestant.name)
            .collect();
        own.sort_by_key(|idle| idle.connections);
        for idle in own {
            let each = |bytes: u64| numbers::memory(bytes as f64 / idle.connections as f64);
            table.row(
                contestant.name,
                [
                    Some(numbers::count(idle.connections)),
                    Some(each(idle.server_rss_bytes)),
                    idle.after_burst_rss_bytes.map(each),
                    idle.kernel_socket_bytes.map(each),
                    Some(numbers::memory(idle.server_rss_bytes as f64)),
                ],
            );
        }
    }
    let text = "By how much the server's resident memory grew since before the first connection. The kernel's socket \
                buffers come on top.";
    Some(format!("{text}\n\n{}", table.filled()?.markdown()))
}

fn handshakes(results: &Results) -> Option<String> {
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
    let text = "Each connection is a new one, with a full handshake of both sides' certificates. `raw-tls` is a bare acceptor.";
    Some(format!("{text}\n\n{}", table.filled()?.markdown()))
}

fn comebacks(results: &Results) -> Option<String> {
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
    let text = "A server was killed and started again at once, and all of its clients dialled it.";
    Some(format!("{text}\n\n{}", table.filled()?.markdown()))
}

fn beside_large(results: &Results) -> Option<String> {
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
