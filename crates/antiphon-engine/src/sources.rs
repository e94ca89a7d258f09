//! Which text each line of a cell comes from: the cell, or a file that it loads.

use std::ops::Range;

use antiphon_channel::Part;

/// How the cell itself is called in errors.
pub(crate) const CELL: &str = "cell";

/// A cell's source, and the texts that it is made of.
pub(crate) struct Sources<'a> {
    pub(crate) code: &'a str,
    parts: &'a [Part],
}

impl<'a> Sources<'a> {
    pub(crate) fn new(code: &'a str, parts: &'a [Part]) -> Self {
        Self { code, parts }
    }

    /// The parts, and their bytes in the source.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = (&'a Part, Range<usize>)> {
        let begin = |part: &Part| self.code.split_inclusive('\n').take(part.start - 1).map(str::len).sum::<usize>();
        self.parts.iter().enumerate().map(move |(index, part)| {
            // What stands at the very end belongs to the last.
            let end = self.parts.get(index + 1).map_or(self.code.len() + 1, begin);
            (part, begin(part)..end)
        })
    }
}

/// The text and the line that a line of the source comes from; lines are counted from 1.
pub(crate) fn place(parts: &[Part], line: usize) -> (&str, usize) {
    let part = parts.iter().rev().find(|part| part.start <= line);
    part.map_or((CELL, line), |part| (part.path.as_str(), line - part.start + part.line))
}
