//! From an instruction of Python code to lines and columns: the location table of a code object.
//!
//! Its format is that of CPython 3.11 and later (`InternalDocs/code_objects.md`; `co_positions()` reads the same): one
//! entry for a run of code units, of which only the first byte has its highest bit set. An entry tells how many units it
//! speaks for, by how many lines it is behind the entry before, and its columns in bytes.

use std::ops::Range;

/// Where an instruction comes from. Lines count from 1, columns from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The first line.
    pub line: u32,
    /// The last one.
    pub end_line: u32,
    /// From the column in the first line to that in the last one, where they are known.
    pub columns: Option<Range<u32>>,
}

/// Where the code unit with this index comes from, in code whose `co_firstlineno` is `first_line`; `None` if the table
/// does not say so, or is none.
pub fn position(table: &[u8], first_line: i32, unit: usize) -> Option<Position> {
    let mut entries = Entries { bytes: table.iter(), line: first_line };
    let mut begins = 0;
    loop {
        let (units, position) = entries.next_entry()?;
        begins += units;
        if unit < begins {
            return position;
        }
    }
}

/// What is left of a table.
struct Entries<'a> {
    bytes: std::slice::Iter<'a, u8>,
    /// The line of the entry before.
    line: i32,
}

impl Entries<'_> {
    /// For how many units the next entry speaks, and what it says; `None` at the end.
    fn next_entry(&mut self) -> Option<(usize, Option<Position>)> {
        let first = *self.bytes.next().filter(|byte| **byte & ENTRY != 0)?;
        let units = usize::from(first & 7) + 1;
        let position = match (first >> 3) & 15 {
            kind @ ..SAME_LINE_LAST => {
                let byte = u32::from(*self.bytes.next()?);
                let column = u32::from(kind) << 3 | byte >> 4;
                self.position(0, Some(column..column + (byte & 15)))
            }
            kind @ SAME_LINE_LAST..NO_COLUMNS => {
                let (column, end) = (u32::from(*self.bytes.next()?), u32::from(*self.bytes.next()?));
                self.position((kind - SAME_LINE_LAST).into(), Some(column..end))
            }
            NO_COLUMNS => {
                self.line = self.line.checked_add(self.signed()?)?;
                self.position(0, None)
            }
            LONG => {
                self.line = self.line.checked_add(self.signed()?)?;
                let lines = self.unsigned()?;
                // One more than the column, so that 0 is none.
                let columns = (self.unsigned()?.checked_sub(1), self.unsigned()?.checked_sub(1));
                self.position(0, columns.0.zip(columns.1).map(|(column, end)| column..end))
                    .and_then(|from| Some(Position { end_line: from.line.checked_add(lines)?, ..from }))
            }
            _ => None,
        };
        Some((units, position))
    }

    fn position(&mut self, further: i32, columns: Option<Range<u32>>) -> Option<Position> {
        self.line = self.line.checked_add(further)?;
        let line = u32::try_from(self.line).ok()?;
        Some(Position { line, end_line: line, columns })
    }

    /// Six bits a byte, the lowest first; the seventh says that more follow.
    fn unsigned(&mut self) -> Option<u32> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = u32::from(*self.bytes.next()?);
            value |= (byte & 63).checked_shl(shift)?;
            if byte & 64 == 0 {
                return Some(value);
            }
            shift += 6;
        }
    }

    /// The lowest bit is the sign.
    fn signed(&mut self) -> Option<i32> {
        let value = self.unsigned()?;
        let size = i32::try_from(value >> 1).ok()?;
        Some(if value & 1 == 0 { size } else { -size })
    }
}

/// Begins an entry.
const ENTRY: u8 = 0x80;
/// Of the kinds of entries: the first of those that may be some lines further.
const SAME_LINE_LAST: u8 = 10;
const NO_COLUMNS: u8 = 13;
const LONG: u8 = 14;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Position, position};

    fn at(line: u32, columns: std::ops::Range<u32>) -> Option<Position> {
        Some(Position { line, end_line: line, columns: Some(columns) })
    }

    #[test]
    fn each_kind_of_entry_says_where_its_units_come_from() {
        let table = [
            0x80 | 15 << 3,    // 0: from nowhere
            0x80 | 2 << 3 | 1, // 1, 2: the same line, columns 2*8+3 to 5 further
            0x35,
            0x80 | 11 << 3, // 3: the next line
            4,
            20,
            0x80 | 13 << 3, // 4: ten lines before, no columns
            21,
            0x80 | 14 << 3 | 2, // 5, 6, 7: 70 lines further, over 3 lines, columns 4 to 64
            (140 & 63) | 64,
            140 >> 6,
            3,
            5,
            (65 & 63) | 64,
            65 >> 6,
        ];
        let found: Vec<_> = (0..9).map(|unit| position(&table, 100, unit)).collect();
        let long = Some(Position { line: 161, end_line: 164, columns: Some(4..64) });
        let expected = [
            None,
            at(100, 19..24),
            at(100, 19..24),
            at(101, 4..20),
            Some(Position { line: 91, end_line: 91, columns: None }),
            long.clone(),
            long.clone(),
            long,
            None,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_table_that_ends_too_early_says_nothing() {
        assert_eq!(position(&[], 1, 0), None);
        assert_eq!(position(&[0x80], 1, 0), None);
        assert_eq!(position(&[0x80 | 14 << 3, 0x7f], 1, 0), None);
    }

    proptest! {
        #[test]
        fn whatever_is_in_the_memory_nothing_panics(table: Vec<u8>, first_line: i32, unit in 0..100_usize) {
            position(&table, first_line, unit);
        }
    }
}
