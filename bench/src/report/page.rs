//! The page: its sections, in the order in which they answer questions.

use super::{
    bar::{self, Requirement},
    contestants, numbers,
    plots::Plot,
    table::Table,
};
use crate::{
    figures::{Shape, Spread},
    results::{Results, Round, Runtime},
};

mod loads;
mod scenes;

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
                loads::calls(results),
            ],
        ),
        ("Latency", vec![plot("latency-1"), plot("latency-256")]),
        ("CPU", vec![plot("cpu")]),
        ("Streams", vec![loads::streams(results)]),
        ("Many connections", vec![loads::many_connections(results)]),
        (
            "Multi-thread runtimes, not pinned",
            vec![loads::multi(results)],
        ),
        (
            "Idle connections",
            vec![plot("idle-memory"), scenes::idle_memory(results)],
        ),
        ("Full mutual handshakes", vec![scenes::handshakes(results)]),
        (
            "After the server was killed",
            vec![scenes::comebacks(results)],
        ),
        (
            "Small calls beside large ones",
            vec![scenes::beside_large(results)],
        ),
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
         - All of them but `raw-tcp` speak mutual TLS 1.3 with ed25519 certificates and the same key exchange, without \
         resumption, and all are without Nagle's delay. Bodies are random bytes, and every answer's length is checked.\n\
         - CPU is what the processes used, the kernel's work for them included: CPU seconds per million calls, which is \
         the same as microseconds per call. Bytes on the wire are all that passed over loopback, both ways, with the \
         headers of TCP and IP and with bare acknowledgements.\n",
    );
    if let Some(tunables) = &results.tunables {
        text += &format!(
            "- The processes ran with `GLIBC_TUNABLES={tunables}`: see [Performance](performance.md#1-kib) for the C \
             library's copies.\n"
        );
    }
    let rounds = |shape| {
        let of =
            |round: &&Round| Shape::from(round.load) == shape && round.runtime == Runtime::Pinned;
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
    let mut table = Table::new(["", "wanted", "measured", "", "limit B has"]);
    for row in bar {
        let verdict = row.verdict().to_owned();
        let cells = [
            Some(row.wanted()),
            Some(row.measured()),
            Some(verdict),
            row.limit(),
        ];
        table.row(row.what.as_str(), cells);
    }
    format!(
        "What version 2, the whole of it, must reach; pinned unless said otherwise. Of {} requirements, aims aside, \
         {measured} were measured and {met} of these are met. Where limit B, which does no more than WebSocket frames on \
         TLS, would not meet a requirement either, the machine does not allow it, or not without sleeping less than that \
         does.\n\n{}",
        required().count(),
        table.markdown()
    )
}
