//! The plots: what each shows, and how it is laid out.

use crate::{contestant::Failure, results::Results};

mod lines;
mod rows;

/// A plot of the page.
pub(super) struct Plot {
    /// Its file's name, without `.svg`.
    pub(super) name: &'static str,
    /// What it shows.
    pub(super) title: String,
    /// The drawing, if there is anything to show.
    pub(super) svg: Option<String>,
}

/// All of them.
pub(super) fn all(results: &Results) -> Result<Vec<Plot>, Failure> {
    Ok(vec![
        lines::throughput(results, "throughput-32-b", 32)?,
        lines::throughput(results, "throughput-1-kib", 1024)?,
        lines::throughput_over_size(results, "throughput-over-size")?,
        rows::latency(results, "latency-1", 1)?,
        rows::latency(results, "latency-256", 256)?,
        lines::idle_memory(results, "idle-memory")?,
        rows::cpu(results, "cpu")?,
    ])
}
