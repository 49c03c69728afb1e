//! Embeddings in a file that grows as they are made, so that a run that was
//! stopped loses little.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// Of one text: one for each part of it that was read.
pub type Parts = Vec<Vec<f32>>;

/// What the file holds.
pub struct Kept {
    file: File,
    texts: Vec<Parts>,
}

impl Kept {
    /// Opens a file, making it if need be. A text that was written in part is
    /// cut off.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut rest = bytes.as_slice();
        let mut texts = Vec::new();
        let mut whole = 0;
        while let Some(parts) = take_text(&mut rest) {
            texts.push(parts);
            whole = bytes.len() - rest.len();
        }
        file.set_len(whole as u64)?;
        Ok(Self { file, texts })
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Adds texts at the end.
    pub fn push(&mut self, texts: Vec<Parts>) -> io::Result<()> {
        let mut bytes = Vec::new();
        for parts in &texts {
            bytes.extend(number(parts.len())?);
            for part in parts {
                bytes.extend(number(part.len())?);
                bytes.extend(part.iter().copied().flat_map(f32::to_le_bytes));
            }
        }
        self.file.write_all(&bytes)?;
        self.texts.extend(texts);
        Ok(())
    }

    /// All texts, in the order in which they came.
    pub fn into_texts(self) -> Vec<Parts> {
        self.texts
    }
}

/// Numbers of parts and of their dimensions stand before the parts.
fn number(n: usize) -> io::Result<[u8; 4]> {
    u32::try_from(n).map(u32::to_le_bytes).map_err(io::Error::other)
}

/// `None` where no whole text is left.
fn take_text(bytes: &mut &[u8]) -> Option<Parts> {
    let parts = take_number(bytes)?;
    (0..parts).map(|_| take_part(bytes)).collect()
}

fn take_part(bytes: &mut &[u8]) -> Option<Vec<f32>> {
    let dimensions = take_number(bytes)?;
    let (part, rest) = bytes.split_at_checked(dimensions.checked_mul(4)?)?;
    *bytes = rest;
    let (values, _) = part.as_chunks();
    Some(values.iter().copied().map(f32::from_le_bytes).collect())
}

fn take_number(bytes: &mut &[u8]) -> Option<usize> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}
