//! What the command is told, and what it does.

use std::{
    env, fmt, fs,
    net::SocketAddr,
    num::NonZeroU16,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use tokio::runtime::Builder;

use crate::{
    conductor,
    contestant::{Endpoint, Failure, NAMES, Name, Program, go},
    machine,
    matrix::{Choice, Measurement},
    peer::{self, Role},
    process,
    progress::Progress,
    report,
    results::{Machine, Results, Runtime},
    scenes::{self, Returning, Scene},
    table,
};

const CALL: &str = "cargo run --release -p bench";
/// Where the report goes.
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");

/// Measures wsrpc beside every rival, and beside what the machine allows.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Args)]
struct Run {
    /// A few loads, within two minutes.
    #[arg(long)]
    quick: bool,
    /// Only contestants with this in their name. May be given several times.
    #[arg(long, value_name = "FILTER")]
    only: Vec<String>,
    /// Only loads and scenes whose label has these parts, such as unary, 32B/256 or idle-memory; see --list. May be
    /// given several times.
    #[arg(long, value_name = "FILTER")]
    load: Vec<String>,
    /// How often to make each measurement, but for scenes of which one takes minutes [default: 3, and 9 where the bar is
    /// about a rate, or 1 with --quick].
    #[arg(long)]
    rounds: Option<NonZeroU16>,
    /// How long to count in each measurement [default: 1, or 0.4 with --quick].
    #[arg(long)]
    seconds: Option<f64>,
    /// Write all that was found to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Show what would be measured, and how long it would take.
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes docs/benchmarks.md out of what a run with --json has found. A complete run does that by itself.
    Report {
        /// What --json wrote.
        file: PathBuf,
    },
    /// Is one side of a contestant.
    #[command(hide = true)]
    Peer(Peer),
    /// Is a server that can be started again.
    #[command(hide = true)]
    Returning(Returning),
}

#[derive(Debug, Args)]
struct Peer {
    side: PeerSide,
    #[arg(long, value_parser = contestant)]
    contestant: &'static Name,
    #[arg(long)]
    connections: usize,
    #[arg(long)]
    runtime: Runtime,
    #[arg(long, required_if_eq("side", "client"))]
    address: Option<SocketAddr>,
    #[arg(long)]
    key: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PeerSide {
    Server,
    Client,
}

fn contestant(name: &str) -> Result<&'static Name, String> {
    let found = NAMES.iter().find(|known| known.name == name);
    found.ok_or_else(|| format!("there is no contestant {name:?}"))
}

impl Cli {
    /// Does it.
    pub fn act(self) -> Result<(), Failure> {
        match self.command {
            Some(Command::Report { file }) => report::write(&read(&file)?, Path::new(DOCS)),
            Some(Command::Peer(peer)) => peer.act(),
            Some(Command::Returning(returning)) => scenes::serve_again(&returning),
            None => {
                let runtime = Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(self.run.act())
            }
        }
    }
}

impl Peer {
    fn act(self) -> Result<(), Failure> {
        let connections = self.connections;
        let role = match (self.side, self.address) {
            (PeerSide::Client, Some(address)) => Role::Client {
                server: Endpoint {
                    address,
                    key: self.key,
                },
                connections,
            },
            _ => Role::Server { connections },
        };
        peer::run(self.contestant, role, self.runtime)
    }
}

impl Run {
    async fn act(self) -> Result<(), Failure> {
        let choice = self.choice()?;
        let mut matrix = choice.matrix();
        let scenes = scenes::chosen_of(&choice);
        if self.list {
            let expected = expected(&matrix) + expected_of(&scenes);
            list(&matrix, &scenes, expected);
            return Ok(());
        }
        leave_out_go_unless_built(&mut matrix);
        if matrix.is_empty() && scenes.is_empty() {
            return Err("no load is left to measure: --list without filters shows them all".into());
        }
        if cfg!(debug_assertions) {
            eprintln!("this is a debug build, which is far slower: run it with --release");
        }
        let matrix = within(matrix, conductor::raise_open_files());
        let mut results = Results {
            machine: Machine::read(),
            date: machine::date(),
            command: command(),
            versions: machine::versions(),
            tunables: Some(process::tunables()),
            ..Results::default()
        };
        let progress = Progress::new(expected(&matrix) + expected_of(&scenes));
        let mut failures = Vec::new();
        for measurements in matrix.chunk_by(Measurement::goes_with) {
            let (done, failed) = conductor::run(measurements, &progress).await;
            for measurement in measurements {
                progress.beside(|| print!("{}", table::of(measurement, &done)));
            }
            results.rounds.extend(done);
            failures.extend(failed);
            // Each time, so that a run that is broken off leaves what it found.
            self.save(&results)?;
        }
        for scene in &scenes {
            failures.extend(scenes::run(scene, &mut results, &progress).await);
            self.save(&results)?;
        }
        drop(progress);
        if self.is_complete() {
            report::write(&results, Path::new(DOCS))?;
        }
        for failure in &failures {
            eprintln!("failed: {failure}");
        }
        match failures.len() {
            0 => Ok(()),
            count => Err(format!("{count} measurements failed").into()),
        }
    }

    /// Whether it found all that the report shows.
    fn is_complete(&self) -> bool {
        !self.quick && self.only.is_empty() && self.load.is_empty()
    }

    fn save(&self, results: &Results) -> Result<(), Failure> {
        let Some(file) = &self.json else {
            return Ok(());
        };
        let json = serde_json::to_vec_pretty(results)?;
        let written = fs::write(file, json);
        written.map_err(|error| format!("cannot write {}: {error}", file.display()).into())
    }

    fn choice(&self) -> Result<Choice, Failure> {
        let seconds = self.seconds.unwrap_or(if self.quick { 0.4 } else { 1.0 });
        let measured = Duration::try_from_secs_f64(seconds);
        Ok(Choice {
            quick: self.quick,
            measured: measured.map_err(|e| format!("--seconds {seconds}: {e}"))?,
            rounds: self.rounds,
            only: self.only.clone(),
            loads: self.load.clone(),
        })
    }
}

/// How this program was called, as the README says it.
fn command() -> String {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.len() {
        0 => CALL.to_owned(),
        _ => format!("{CALL} -- {}", arguments.join(" ")),
    }
}

/// What a run has saved.
fn read(file: &Path) -> Result<Results, Failure> {
    let wrong = |error: &dyn fmt::Display| {
        let file = file.display();
        format!("cannot read what a run found from {file}: {error}; `--json {file}` writes it")
    };
    let json = fs::read(file).map_err(|error| wrong(&error))?;
    serde_json::from_slice(&json).map_err(|error| wrong(&error).into())
}

/// Says so, too.
fn leave_out_go_unless_built(matrix: &mut Vec<Measurement>) {
    let is_go = |name: &&Name| matches!(name.program, Program::Go);
    if !matrix.iter().any(|it| it.contestants.iter().any(is_go)) {
        return;
    }
    let Err(error) = go::build() else { return };
    eprintln!("the contestants in Go are left out: {error}");
    for measurement in &mut *matrix {
        measurement.contestants.retain(|name| !is_go(name));
    }
    matrix.retain(|it| !it.contestants.is_empty());
}

fn expected(matrix: &[Measurement]) -> Duration {
    matrix.iter().map(Measurement::expected_in_all).sum()
}

/// What can be measured with so many open files in a process.
fn within(mut matrix: Vec<Measurement>, files: u64) -> Vec<Measurement> {
    /// Of a process without connections.
    const OTHERS: u64 = 64;
    matrix.retain(|measurement| {
        let needed = measurement.load.connections as u64 + OTHERS;
        if needed > files {
            eprintln!(
                "skipped: {} needs {needed} open files in a process, and only {files} are allowed: raise `ulimit -Hn`",
                measurement.label()
            );
        }
        needed <= files
    });
    matrix
}

fn expected_of(scenes: &[Scene]) -> Duration {
    scenes.iter().map(Scene::expected_in_all).sum()
}

fn list(matrix: &[Measurement], scenes: &[Scene], expected: Duration) {
    let show = |label: String, contestants: &[&Name]| {
        let names: Vec<_> = contestants.iter().map(|it| it.name).collect();
        println!("{label:<40} {}", names.join(" "));
    };
    for measurement in matrix {
        show(measurement.label(), &measurement.contestants);
    }
    for scene in scenes {
        show(scene.label(), scene.contestants());
    }
    println!("about {} s", expected.as_secs());
}
