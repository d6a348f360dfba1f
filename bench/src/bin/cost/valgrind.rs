//! Runs this program under valgrind, and reads what that found.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    env,
    io::ErrorKind,
    process::{Command, Output},
};

use crate::{Failure, scenario::Scenario};

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
        for (name, instructions) in sums(&annotated(&file, inclusive)?, name).take(lines) {
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

/// Runs a scenario under a tool of valgrind.
fn run(tool: &str, options: &[&str], scenario: Scenario, calls: usize) -> Result<Output, Failure> {
    let mut command = Command::new("valgrind");
    command
        .arg(format!("--tool={tool}"))
        .args(options)
        .arg(env::current_exe()?)
        .args(["run", &scenario.name(), &calls.to_string()]);
    output(&mut command)
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
fn sums<'a>(
    listing: &'a str,
    name: fn(Row<'a>) -> &'a str,
) -> impl Iterator<Item = (&'a str, u64)> {
    let mut sums = BTreeMap::<_, u64>::new();
    for row in listing.lines().filter_map(Row::parse) {
        *sums.entry(name(row)).or_default() += row.instructions;
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|&(_, instructions)| Reverse(instructions));
    sums.into_iter()
}
