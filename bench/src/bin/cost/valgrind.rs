//! Runs this program under valgrind, and reads what that found.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    env,
    io::ErrorKind,
    process::{Command, Output},
};

use serde::{Deserialize, Serialize};

use crate::{Failure, scenario::Scenario};

/// What a call costs, both sides together.
#[derive(Clone, Copy, Deserialize, Serialize)]
pub(crate) struct Cost {
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
    /// That were allocated.
    pub(crate) bytes: f64,
    /// Lines of memory that a cache of [`CACHE`] does not have, where that is worth knowing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lines: Option<f64>,
}

impl Cost {
    /// Without the digits that differ from run to run.
    pub(crate) fn rounded(self) -> Self {
        Self {
            instructions: self.instructions.round(),
            allocations: (self.allocations * 10.0).round() / 10.0,
            bytes: self.bytes.round(),
            lines: self.lines.map(f64::round),
        }
    }
}

/// What a call of a scenario costs: what many calls cost more than few do, so that starting and connecting is no part
/// of it.
pub(crate) fn cost(scenario: Scenario) -> Result<Cost, Failure> {
    let [few, many] = scenario.calls();
    let per_call = |[few_cost, many_cost]: [u64; 2]| {
        (many_cost as f64 - few_cost as f64) / (many - few) as f64
    };
    let [few_work, many_work] = [work(scenario, few)?, work(scenario, many)?];
    let [few_heap, many_heap] = [heap(scenario, few)?, heap(scenario, many)?];
    let lines = few_work.lines.zip(many_work.lines);
    Ok(Cost {
        instructions: per_call([few_work.instructions, many_work.instructions]),
        allocations: per_call([few_heap.blocks, many_heap.blocks]),
        bytes: per_call([few_heap.bytes, many_heap.bytes]),
        lines: lines.map(|(few, many)| per_call([few, many])),
    })
}

/// A megabyte, as a core of a server has it for itself; the caches before it are as usual.
const CACHE: [&str; 4] = [
    "--cache-sim=yes",
    "--I1=32768,8,64",
    "--D1=32768,8,64",
    "--LL=1048576,16,64",
];

/// What the whole process does.
struct Work {
    instructions: u64,
    lines: Option<u64>,
}

fn work(scenario: Scenario, calls: usize) -> Result<Work, Failure> {
    const COLLECTED: &str = "Collected :";
    let mut options = vec!["--callgrind-out-file=/dev/null"];
    if scenario.is_out_of_cache() {
        options.extend(CACHE);
        let said = run("callgrind", &options, scenario, calls)?;
        // Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw, as callgrind calls them.
        let [instructions, .., reads, writes] = numbers::<9>(&said, COLLECTED)?;
        let lines = Some(reads + writes);
        return Ok(Work {
            instructions,
            lines,
        });
    }
    let said = run("callgrind", &options, scenario, calls)?;
    let [instructions] = numbers(&said, COLLECTED)?;
    Ok(Work {
        instructions,
        lines: None,
    })
}

/// What the whole process allocated.
struct Heap {
    bytes: u64,
    blocks: u64,
}

fn heap(scenario: Scenario, calls: usize) -> Result<Heap, Failure> {
    let said = run("dhat", &["--dhat-out-file=/dev/null"], scenario, calls)?;
    let [bytes, blocks] = numbers(&said, "Total:")?;
    Ok(Heap { bytes, blocks })
}

/// The numbers behind `label` in what valgrind said: `==7== Total:     2,345 bytes in 67 blocks`.
fn numbers<const N: usize>(said: &str, label: &str) -> Result<[u64; N], Failure> {
    let found = said.lines().find_map(|line| {
        let words = line.split_once(label)?.1.replace(',', "");
        let numbers = words
            .split_whitespace()
            .filter_map(|word| word.parse().ok());
        <[u64; N]>::try_from(numbers.collect::<Vec<_>>()).ok()
    });
    found.ok_or_else(|| {
        format!("valgrind said nothing of `{label}` that is understood here:\n{said}").into()
    })
}

/// Prints the functions in which a scenario's calls spend the most instructions, and keeps callgrind's output.
pub(crate) fn profile(scenario: Scenario, lines: usize) -> Result<(), Failure> {
    let file = format!("callgrind.{}.out", scenario.name());
    let [_, calls] = scenario.calls();
    run(
        "callgrind",
        &[
            "--toggle-collect=cost::scenario::make_calls",
            &format!("--callgrind-out-file={file}"),
        ],
        scenario,
        calls,
    )?;
    let list = |title, inclusive, name: fn(Row<'_>) -> &str| -> Result<(), Failure> {
        println!("Instructions per call, {title}:");
        // With what it calls, each of a function's parts is listed with all of the function's instructions.
        let join = if inclusive {
            u64::max
        } else {
            u64::saturating_add
        };
        for (name, instructions) in joined(&annotated(&file, inclusive)?, name, join).take(lines) {
            println!("{:>9.1}  {name}", instructions as f64 / calls as f64);
        }
        println!();
        Ok(())
    };
    list("by function, with what it calls", true, |row| row.function)?;
    list("by function, itself", false, |row| row.function)?;
    list("by source file, also where it was inlined", false, |row| {
        row.without_folders()
    })?;
    println!("callgrind_annotate and kcachegrind show the rest of {file}");
    Ok(())
}

fn annotated(file: &str, inclusive: bool) -> Result<String, Failure> {
    let inclusive = if inclusive { "yes" } else { "no" };
    let mut annotate = Command::new("callgrind_annotate");
    annotate.args([
        "--auto=no",
        "--threshold=100",
        &format!("--inclusive={inclusive}"),
        file,
    ]);
    Ok(String::from_utf8_lossy(&output(&mut annotate)?.stdout).into_owned())
}

/// Without it, glibc copies what is large with an instruction that valgrind counts once for each byte, on processors
/// that have it.
const COPY_BY_VECTORS: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.cpu.x86_rep_movsb_threshold=0x40000000:glibc.cpu.x86_rep_stosb_threshold=0x40000000",
);

/// What a tool of valgrind says of a scenario.
fn run(tool: &str, options: &[&str], scenario: Scenario, calls: usize) -> Result<String, Failure> {
    let mut command = Command::new("valgrind");
    command
        .env(COPY_BY_VECTORS.0, COPY_BY_VECTORS.1)
        .arg(format!("--tool={tool}"))
        .args(options)
        .arg(env::current_exe()?)
        .args(["run", &scenario.name(), &calls.to_string()]);
    Ok(String::from_utf8_lossy(&output(&mut command)?.stderr).into_owned())
}

/// What a program printed, if it succeeded.
fn output(command: &mut Command) -> Result<Output, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            format!("{program} is missing: install valgrind (Debian: apt install valgrind)")
        }
        _ => format!("{program} did not start: {error}"),
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{program} failed ({}):\n{said}", output.status).into());
    }
    Ok(output)
}

/// A line of callgrind_annotate's table: `1,234 ( 0.56%)  a/file.rs:a::function [/an/object]`.
#[derive(Clone, Copy)]
struct Row<'a> {
    instructions: u64,
    file: &'a str,
    function: &'a str,
}

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (instructions, rest) = line.trim_start().split_once(" (")?;
        let instructions = instructions.replace(',', "").parse().ok()?;
        let (file, function) = rest.split_once(")  ")?.1.split_once(':')?;
        let function = function.split(" [/").next()?;
        Some(Self {
            instructions,
            file,
            function,
        })
    }

    /// Without the folders of whoever compiled it.
    fn without_folders(self) -> &'a str {
        let folder = self
            .file
            .rfind("/src/")
            .and_then(|at| self.file[..at].rfind('/'));
        &self.file[folder.map_or(0, |at| at + 1)..]
    }
}

/// What rows of the same name cost together, the most expensive first.
fn joined<'a>(
    listing: &'a str,
    name: fn(Row<'a>) -> &'a str,
    join: fn(u64, u64) -> u64,
) -> impl Iterator<Item = (&'a str, u64)> {
    let mut joined = BTreeMap::new();
    for row in listing.lines().filter_map(Row::parse) {
        let instructions = joined.entry(name(row)).or_insert(0);
        *instructions = join(*instructions, row.instructions);
    }
    let mut joined: Vec<_> = joined.into_iter().collect();
    joined.sort_by_key(|&(_, instructions)| Reverse(instructions));
    joined.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found() {
        let said = "==7== Command: cost run\n==7== Total:     2,345 bytes in 67 blocks\n==7== \n";
        assert_eq!(numbers(said, "Total:").ok(), Some([2345, 67]));
        let collected = "==7== Events    : Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw\n\
                         ==7== Collected : 715400 166573 72312 2937 6887 3688 2790 5608 3476\n";
        let events = numbers::<9>(collected, "Collected :").ok();
        assert_eq!(
            events.map(|[first, .., last]| [first, last]),
            Some([715_400, 3_476])
        );
        let error = numbers::<1>(said, "Collected :").expect_err("nothing was collected");
        assert!(error.to_string().contains("`Collected :`"), "{error}");
    }

    #[test]
    fn rows_of_a_function_are_joined() {
        let listing = "\
            1,234 (10.00%)  a/b-1.0/src/c.rs:b::c::function [/an/object]\n\
               66 ( 1.00%)  /rustc/0/library/core/src/d.rs:b::c::function\n\
               99 ( 1.00%)  ???:main\n\
                .           ???:nothing\n";
        let joined = |name, join| joined(listing, name, join).collect::<Vec<_>>();
        assert_eq!(
            joined(|row| row.function, u64::saturating_add),
            [("b::c::function", 1300), ("main", 99)]
        );
        assert_eq!(
            joined(|row| row.without_folders(), u64::saturating_add),
            [("b-1.0/src/c.rs", 1234), ("???", 99), ("core/src/d.rs", 66)]
        );
    }
}
