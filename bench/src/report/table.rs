//! Tables of a page.

/// A table in which columns that have nothing to show are left out.
pub(super) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
}

impl Table {
    /// With these columns. The first holds names, the others numbers.
    pub(super) fn new(head: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            head: head.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// One more row: its name, and for every other column what was measured.
    pub(super) fn row(
        &mut self,
        name: impl Into<String>,
        cells: impl IntoIterator<Item = Option<String>>,
    ) {
        let mut row = vec![Some(name.into())];
        row.extend(cells);
        self.rows.push(row);
    }

    /// The same table; of nothing if there are no rows.
    pub(super) fn filled(self) -> Option<Self> {
        (!self.rows.is_empty()).then_some(self)
    }

    /// As Markdown.
    pub(super) fn markdown(&self) -> String {
        let cell = |row: &Vec<Option<String>>, column: usize| row.get(column).cloned().flatten();
        let shown: Vec<usize> = (0..self.head.len())
            .filter(|column| {
                *column == 0 || self.rows.iter().any(|row| cell(row, *column).is_some())
            })
            .collect();
        let line = |text: &dyn Fn(usize) -> String| {
            let cells: Vec<String> = shown.iter().map(|column| text(*column)).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let mut markdown = line(&|column| self.head[column].clone());
        markdown += &line(&|column| if column == 0 { "---" } else { "---:" }.to_owned());
        for row in &self.rows {
            markdown += &line(&|column| cell(row, column).unwrap_or_else(|| "–".to_owned()));
        }
        markdown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_columns_with_nothing_to_show() {
        let mut table = Table::new(["", "calls", "never", "CPU"]);
        table.row("one", [Some("1".to_owned()), None, None]);
        table.row("other", [Some("2".to_owned()), None, Some("3".to_owned())]);
        assert_eq!(
            table.markdown(),
            "|  | calls | CPU |\n| --- | ---: | ---: |\n| one | 1 | – |\n| other | 2 | 3 |\n"
        );
    }
}
