//! Comments of a `.proto`, made fit to be documentation: its author did not write for rustdoc, which would compile and
//! run code blocks as tests of the user's crate, or for rustc, which refuses some characters.
//!
//! prost does some of that too, and gets it wrong: it takes the full stop behind an address into the address, and
//! escapes brackets in code. So what it looks for is hidden from it, and revealed in what it wrote.

use prost_types::FileDescriptorProto;

/// Stands for `[`.
const BRACKET: char = '\u{e000}';
/// Stands for the `:` of `https://`.
const COLON: char = '\u{e001}';
/// Stands before the text of a line, whose spaces are then left alone.
const MARGIN: char = '\u{e002}';

/// Rewrites all comments of the file, for [`reveal`] to be called on what prost makes of them.
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
            *comment = hide(&documentation(comment));
        }
        for comment in &mut location.leading_detached_comments {
            *comment = hide(&printable(comment));
        }
    }
}

/// Undoes the hiding.
pub(crate) fn reveal(code: &mut String) {
    if code.contains([BRACKET, COLON, MARGIN]) {
        *code = code
            .replace(BRACKET, "[")
            .replace(COLON, ":")
            .replace(MARGIN, "");
    }
}

fn hide(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix(' ') {
        Some(text) => format!("{MARGIN}{text}\n"),
        None => format!("{line}\n"),
    });
    lines
        .collect::<String>()
        .replace('[', &BRACKET.to_string())
        .replace("://", &format!("{COLON}//"))
}

/// The text without what may not be in a comment of Rust: lone carriage returns, and marks that reverse the text. Nor
/// may our own.
fn printable(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .replace('\t', "    ")
        .replace(
            [
                '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}',
                '\u{2068}', '\u{2069}', BRACKET, COLON, MARGIN,
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

/// Text in which `<T>` is no tag of HTML and `[1]` no link, unless in a code span, and addresses are links.
fn text_of(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(from) = rest.find(['`', '<', '\\', '[', 'h']) {
        let (before, special) = rest.split_at(from);
        out.push_str(before);
        let in_word = before.ends_with(char::is_alphanumeric);
        let keep = if special.starts_with('`') {
            span_len(special)
        } else if special.starts_with('\\') {
            1 + special.chars().nth(1).map_or(0, char::len_utf8)
        } else if let Some(len) = address_len(special).filter(|_| !in_word) {
            let (address, after) = special.split_at(len);
            let bare = address.trim_matches(['<', '>']);
            out.push_str(&format!("<{bare}>"));
            rest = after;
            continue;
        } else if let Some(len) = link_len(special) {
            len
        } else {
            if !special.starts_with('h') {
                out.push('\\');
            }
            1
        };
        let (kept, after) = special.split_at(keep);
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

/// The length of the address at the beginning, with the angle brackets that it may have: those are part of it, the
/// punctuation of the sentence around it is not.
fn address_len(text: &str) -> Option<usize> {
    let bare = text.strip_prefix('<').unwrap_or(text);
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| bare.starts_with(scheme))?;
    let end = bare.find(|c: char| c.is_whitespace() || "<>)]`\"".contains(c));
    let (address, after) = bare.split_at(end.unwrap_or(bare.len()));
    if bare.len() < text.len() {
        return after.starts_with('>').then_some(address.len() + 2);
    }
    let address = address.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_']);
    (address.len() > scheme.len()).then_some(address.len())
}

/// The length of the link to a web address at the beginning: `[label](https://…)`.
fn link_len(text: &str) -> Option<usize> {
    let (label, target) = text.strip_prefix('[')?.split_once("](")?;
    let (target, _) = target.split_once(')')?;
    let is_link = !label.contains(['[', ']', '`']) && address_len(target).is_some();
    is_link.then_some("[]()".len() + label.len() + target.len())
}

#[cfg(test)]
mod tests;
