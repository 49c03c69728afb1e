//! Corpus lines out of bytes that come in pieces: from a file or from a
//! request that is still being sent.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::IndexError;

/// Longest line that is read, in bytes, its line break not counted.
pub const MAX_LINE: usize = 4 << 20;

/// One line as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawLine<'a> {
    /// Without white space around it; not blank.
    Text(&'a [u8]),
    /// More than [`MAX_LINE`] bytes, passed over.
    TooLong,
}

/// Splits bytes into numbered lines and keeps no more of them than the line
/// that is under way. Where a line is too long, only that line is lost.
#[derive(Debug, Default)]
pub struct LineSplitter {
    /// Number of the line that is under way or, once it is complete, that
    /// [`line`](Self::line) gives.
    number: u64,
    line: Vec<u8>,
    too_long: bool,
    under_way: bool,
}

impl LineSplitter {
    /// Takes bytes off the front of a piece up to the end of the next line
    /// that isn't blank. False where the piece ends first; it is empty then.
    pub fn advance(&mut self, piece: &mut &[u8]) -> bool {
        while !piece.is_empty() {
            let end = piece.iter().position(|&byte| byte == b'\n');
            let (part, rest) = match end {
                Some(end) => (&piece[..end], &piece[end + 1..]),
                None => (*piece, &piece[piece.len()..]),
            };
            *piece = rest;
            self.take(part);
            if end.is_some() && self.complete() {
                return true;
            }
        }
        false
    }

    /// After the last piece: whether it left a line, which then needs no line
    /// break.
    pub fn finish(&mut self) -> bool {
        self.under_way && self.complete()
    }

    /// The line that was completed last and its number, from 1; blank lines
    /// have numbers too.
    #[must_use]
    pub fn line(&self) -> (u64, RawLine<'_>) {
        let line =
            if self.too_long { RawLine::TooLong } else { RawLine::Text(self.line.trim_ascii()) };
        (self.number, line)
    }

    fn take(&mut self, part: &[u8]) {
        if !self.under_way {
            self.under_way = true;
            self.too_long = false;
            self.line.clear();
            self.number += 1;
        }
        self.too_long |= self.line.len() + part.len() > MAX_LINE;
        if self.too_long {
            self.line.clear();
        } else {
            self.line.extend_from_slice(part);
        }
    }

    /// Ends the line that is under way; says whether there is anything on it.
    fn complete(&mut self) -> bool {
        self.under_way = false;
        // A byte order mark is no part of the first document.
        if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
            self.line.drain(..3);
        }
        self.too_long || !self.line.trim_ascii().is_empty()
    }
}

/// Lines of a file, each with its number from 1, in bounded memory.
pub struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    splitter: LineSplitter,
}

impl Lines {
    /// The lines of this file.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        let file = File::open(path).map_err(|error| read_error(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            reader: BufReader::with_capacity(1 << 18, file),
            splitter: LineSplitter::default(),
        })
    }

    /// The next line that isn't blank, with its number and the bytes of the
    /// file that were read for it.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn next(&mut self) -> Result<Option<(u64, u64, RawLine<'_>)>, IndexError> {
        let mut bytes = 0;
        loop {
            let buffer = self.reader.fill_buf().map_err(|error| read_error(&self.path, &error))?;
            let ended = buffer.is_empty();
            let mut rest = buffer;
            let complete =
                if ended { self.splitter.finish() } else { self.splitter.advance(&mut rest) };
            let read = buffer.len() - rest.len();
            self.reader.consume(read);
            bytes += read as u64;
            if complete {
                let (number, line) = self.splitter.line();
                return Ok(Some((number, bytes, line)));
            }
            if ended {
                return Ok(None);
            }
        }
    }
}

fn read_error(path: &Path, error: &std::io::Error) -> IndexError {
    IndexError::Data { path: path.to_owned(), problem: error.to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Found = Vec<(u64, Option<Vec<u8>>)>;

    fn owned((number, line): (u64, RawLine<'_>)) -> (u64, Option<Vec<u8>>) {
        match line {
            RawLine::Text(text) => (number, Some(text.to_vec())),
            RawLine::TooLong => (number, None),
        }
    }

    fn split<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Found {
        let (mut splitter, mut found) = (LineSplitter::default(), Vec::new());
        for mut piece in pieces {
            while splitter.advance(&mut piece) {
                found.push(owned(splitter.line()));
            }
            assert!(piece.is_empty());
        }
        if splitter.finish() {
            found.push(owned(splitter.line()));
        }
        assert!(!splitter.finish(), "a line is given once");
        found
    }

    fn of_file(contents: &[u8]) -> Found {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.jsonl");
        std::fs::write(&path, contents).unwrap();
        let mut lines = Lines::open(&path).unwrap();
        let (mut found, mut total) = (Vec::new(), 0);
        while let Some((number, bytes, line)) = lines.next().unwrap() {
            total += bytes;
            found.push(owned((number, line)));
        }
        assert!(total <= contents.len() as u64);
        found
    }

    #[test]
    fn numbers_count_blank_lines_and_a_last_line_needs_no_break() {
        let contents = b"\xef\xbb\xbfone\r\n\n  \ntwo";
        let expected = [(1, Some(b"one".to_vec())), (4, Some(b"two".to_vec()))];
        assert_eq!(split([&contents[..]]), expected);
        assert_eq!(of_file(contents), expected);
        assert_eq!(split([]), []);
        assert_eq!(of_file(b"\n\n"), []);
    }

    #[test]
    fn a_line_over_the_limit_is_passed_over_and_reading_goes_on() {
        let mut contents = vec![b'x'; MAX_LINE];
        contents.extend_from_slice(b"\n");
        contents.extend(vec![b'y'; 3 * MAX_LINE]);
        contents.extend_from_slice(b"\nlast\n");
        let expected = [(1, Some(vec![b'x'; MAX_LINE])), (2, None), (3, Some(b"last".to_vec()))];
        assert!(split([&contents[..]]) == expected);
        assert!(split(contents.chunks(100_003)) == expected);
        assert!(of_file(&contents) == expected);
    }

    #[test]
    fn a_line_that_is_too_long_is_not_kept() {
        let mut splitter = LineSplitter::default();
        for _ in 0..3 {
            assert!(!splitter.advance(&mut &vec![b'x'; MAX_LINE][..]));
        }
        assert!(splitter.line.is_empty());
        assert!(splitter.finish());
        assert_eq!(splitter.line(), (1, RawLine::TooLong));
    }

    proptest! {
        /// However the bytes are cut, also inside a character or a line break.
        #[test]
        fn pieces_make_no_difference(
            text in "(\u{feff}|é|日|[a-z \r]|\n){0,40}",
            size in 1_usize..7,
        ) {
            let whole = split([text.as_bytes()]);
            prop_assert_eq!(&split(text.as_bytes().chunks(size)), &whole);
            let trimmed = text.strip_prefix('\u{feff}').unwrap_or(&text);
            let expected: Found = trimmed
                .split('\n')
                .enumerate()
                .map(|(index, line)| (index as u64 + 1, line.trim_matches([' ', '\r'])))
                .filter(|(_, line)| !line.is_empty())
                .map(|(number, line)| (number, Some(line.as_bytes().to_vec())))
                .collect();
            prop_assert_eq!(whole, expected);
        }
    }
}
