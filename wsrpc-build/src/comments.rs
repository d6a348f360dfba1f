//! Comments of a `.proto`, made fit to be documentation: its author did not write for rustdoc, which would compile and
//! run code blocks as tests of the user's crate, or for rustc, which refuses some characters.
//!
//! prost escapes brackets and web addresses afterwards.

use prost_types::FileDescriptorProto;

/// Rewrites all comments of the file.
pub(crate) fn tame(file: &mut FileDescriptorProto) {
    let locations = file
        .source_code_info
        .iter_mut()
        .flat_map(|info| &mut info.location);
    for location in locations {
        let comments = [
            &mut location.leading_comments,
            &mut location.trailing_comments,
        ];
        for comment in comments.into_iter().flatten() {
            *comment = documentation(comment);
        }
        for comment in &mut location.leading_detached_comments {
            *comment = printable(comment);
        }
    }
}

/// The text without what may not be in a comment of Rust: lone carriage returns, and marks that reverse the text.
fn printable(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .replace('\t', "    ")
        .replace(
            [
                '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}',
                '\u{2068}', '\u{2069}',
            ],
            "",
        )
}

/// The comment as Markdown, each line after one space, in which no code block is Rust.
fn documentation(comment: &str) -> String {
    let comment = printable(comment);
    let lines = || comment.lines().map(str::trim_end);
    let margin = lines()
        .filter(|line| !line.is_empty())
        .map(indent)
        .min()
        .unwrap_or(0);
    let mut out = Markdown::default();
    for line in lines() {
        out.line(line.get(margin..).unwrap_or_default());
    }
    out.finish()
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[derive(Default)]
struct Markdown {
    lines: Vec<String>,
    block: Block,
}

/// The code block that the next line may belong to.
#[derive(Default)]
enum Block {
    #[default]
    None,
    /// Between fences, the first of which is this one.
    Fenced(String),
    /// Indented, and so put between fences. The closing one belongs after the line of this number.
    Indented { end: usize },
}

impl Markdown {
    fn line(&mut self, line: &str) {
        match &mut self.block {
            Block::Fenced(opening) => {
                let fence = fence(line).filter(|(prefix, fence, info)| {
                    !prefix.contains(|c: char| c.is_alphanumeric())
                        && fence.starts_with(opening.as_str())
                        && info.is_empty()
                });
                if let Some((prefix, fence, _)) = fence {
                    let closing = format!("{}{fence}", quotes(prefix));
                    self.lines.push(closing);
                    self.block = Block::None;
                } else {
                    self.lines.push(line.to_owned());
                }
                return;
            }
            Block::Indented { end } => {
                if line.is_empty() || indent(line) >= 4 {
                    self.lines
                        .push(line.get(4..).unwrap_or_default().replace("```", "'''"));
                    if !line.is_empty() {
                        *end = self.lines.len();
                    }
                    return;
                }
                self.end_indented();
            }
            Block::None => {}
        }
        self.line_of_text(line);
    }

    fn line_of_text(&mut self, line: &str) {
        let in_paragraph = self.lines.last().is_some_and(|last| is_paragraph(last));
        if let Some((prefix, fence, _)) = fence(line) {
            self.lines
                .push(format!("{}{fence}text", prefix.trim_start()));
            self.block = Block::Fenced(fence.to_owned());
        } else if indent(line) >= 4 && !in_paragraph {
            self.lines.push("```text".to_owned());
            self.lines
                .push(line.get(4..).unwrap_or_default().to_owned());
            self.block = Block::Indented {
                end: self.lines.len(),
            };
        } else {
            let (prefix, text) = line.split_at(prefix_len(line));
            // More than one space after a mark would make a code block of the text.
            let prefix = match prefix.trim_end() {
                "" => prefix.to_owned(),
                marks if prefix.ends_with(' ') => format!("{marks} "),
                marks => marks.to_owned(),
            };
            self.lines.push(prefix + &text_of(text));
        }
    }

    fn end_indented(&mut self) {
        if let Block::Indented { end } = self.block {
            self.lines.insert(end, "```".to_owned());
            self.block = Block::None;
        }
    }

    fn finish(mut self) -> String {
        self.end_indented();
        if let Block::Fenced(fence) = &self.block {
            self.lines.push(fence.clone());
        }
        let lines = self.lines.iter().map(|line| match line.as_str() {
            "" => "\n".to_owned(),
            line => format!(" {line}\n"),
        });
        lines.collect()
    }
}

/// Whether a line after this one, however much indented, continues its text.
fn is_paragraph(line: &str) -> bool {
    let is_rule = line.chars().all(|c| "-=*_ ".contains(c));
    !is_rule && !line.starts_with('#') && fence(line).is_none()
}

/// Of a line that opens or closes a block: what is before the fence, the fence, what is after it.
fn fence(line: &str) -> Option<(&str, &str, &str)> {
    let (prefix, rest) = line.split_at(prefix_len(line));
    let mark = rest.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let info = rest.trim_start_matches(mark);
    let (fence, _) = rest.split_at(rest.len() - info.len());
    let is_fence = fence.len() >= 3 && !(mark == '`' && info.contains('`'));
    is_fence.then_some((prefix, fence, info.trim()))
}

/// How much of the line is indentation, marks of quotations and of list items.
fn prefix_len(line: &str) -> usize {
    let mut rest = line;
    loop {
        let trimmed = rest.trim_start_matches(' ');
        let digits = trimmed.trim_start_matches(|c: char| c.is_ascii_digit());
        let numbered = digits
            .strip_prefix(['.', ')'])
            .filter(|_| digits.len() < trimmed.len());
        let item = numbered.or_else(|| trimmed.strip_prefix(['-', '*', '+']));
        rest = match trimmed
            .strip_prefix('>')
            .or(item.filter(|rest| rest.starts_with(' ')))
        {
            Some(rest) => rest,
            None => return line.len() - trimmed.len(),
        };
    }
}

/// The marks of quotations in a prefix.
fn quotes(prefix: &str) -> &str {
    if prefix.contains('>') { prefix } else { "" }
}

/// Text in which `<T>` is no tag of HTML, unless in a code span. Addresses lose their angle brackets: prost adds them.
fn text_of(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '<', '\\']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let keep = if from.starts_with('`') {
            span_len(from)
        } else if from.starts_with('\\') {
            1 + from.chars().nth(1).map_or(0, char::len_utf8)
        } else if let Some((address, after)) = address(from) {
            out.push_str(address);
            rest = after;
            continue;
        } else {
            out.push('\\');
            1
        };
        let (kept, after) = from.split_at(keep);
        out.push_str(kept);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The length of the code span at the beginning, or of the backticks if they open none.
fn span_len(text: &str) -> usize {
    let ticks = text.len() - text.trim_start_matches('`').len();
    let (mark, inside) = text.split_at(ticks);
    inside.find(mark).map_or(ticks, |at| ticks + at + ticks)
}

/// `<https://…>` at the beginning: the address, and what is after the bracket.
fn address(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('<')?;
    let (address, after) = inside.split_once('>')?;
    let is_address = address.starts_with("https://") || address.starts_with("http://");
    (is_address && !address.contains(' ')).then_some((address, after))
}

#[cfg(test)]
mod tests;
