//! `docs/benchmarks.md` and its plots, out of what a run found.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{contestant::Failure, results::Results};

mod bar;
mod canvas;
mod contestants;
#[cfg(test)]
mod fixture;
mod frame;
mod numbers;
mod page;
mod plots;
mod table;
#[cfg(test)]
mod tests;

/// Of the page, and of the folder beside it that has the plots.
const NAME: &str = "benchmarks";

/// Writes the page and its plots into this folder. A plot of an earlier run that this one has no figures for is removed.
pub fn write(results: &Results, docs: &Path) -> Result<(), Failure> {
    for (name, content) in files(results)? {
        let path = docs.join(name);
        put(&path, content.as_deref()).map_err(|error| {
            format!(
                "cannot write {}: {error}; is {} a folder that you may write to?",
                path.display(),
                docs.display()
            )
        })?;
    }
    Ok(())
}

/// Every file, by its path within the folder; those of nothing are not to be there.
fn files(results: &Results) -> Result<Vec<(PathBuf, Option<String>)>, Failure> {
    let plots = plots::all(results)?;
    let page = page::page(results, &plots, NAME);
    let mut files = vec![(PathBuf::from(format!("{NAME}.md")), Some(page))];
    files.extend(
        plots
            .into_iter()
            .map(|plot| (Path::new(NAME).join(format!("{}.svg", plot.name)), plot.svg)),
    );
    Ok(files)
}

fn put(path: &Path, content: Option<&str>) -> io::Result<()> {
    let Some(content) = content else {
        return match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)
}
