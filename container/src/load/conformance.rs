//! What every loader must do, as a check that any file in any file system can be put to: each row is in exactly one split,
//! wherever the file is cut, and dense and sparse rows say the same.

use std::slice::from_ref;

use crate::error::LoadError;
use crate::files::Files;
use crate::load::packed::Packing;
use crate::load::{DenseRows, Load, LoadOptions, Shape, SparseRows};
use crate::rng::Rng;
use crate::split::{Range, Split};

/// What a file's check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conformance {
    /// Its rows.
    pub rows: u64,
    /// In how many ways it was cut.
    pub cuts: u64,
}

/// A row's bits: label, columns and numbers that are not 0.
type Bits = (u32, Vec<(u32, u32)>);

/// Cuts a file into two at so many places evenly (of a small one at each of its bytes), and as often into up to 12 ranges, which
/// are loaded as splits of their own and as one. The error says what differs, or why the file does not load.
pub fn check(path: &str, options: &LoadOptions, places: u64) -> Result<Conformance, String> {
    let range = whole(path)?;
    let options = match super::settle(options, &range).map_err(text)? {
        Some(settled) => settled,
        None => options.clone(),
    };
    let expected = rows::<SparseRows>(from_ref(&range), &options)?;
    if rows::<DenseRows>(from_ref(&range), &options)? != expected {
        return Err(format!("{path}: dense and sparse rows differ"));
    }
    let mut cuts = 0;
    let mut cut = |places: &[u64]| {
        cuts += 1;
        let parts = parts(&range, places);
        let together = rows::<DenseRows>(&parts, &options)?;
        let apart: Result<Vec<_>, _> =
            parts.iter().map(|part| rows::<SparseRows>(from_ref(part), &options)).collect();
        for (way, found) in [("one split", together), ("splits of their own", apart?.concat())] {
            if found != expected {
                let (found, rows) = (found.len(), expected.len());
                return Err(format!(
                    "{path}: ranges cut at {places:?} as {way} give {found} rows, not the {rows} of the whole"
                ));
            }
        }
        Ok(())
    };
    if Packing::of(path).is_none() {
        let step = (range.length / places.max(1)).max(1);
        for place in (0..=range.length).step_by(step as usize) {
            cut(&[place])?;
        }
        let mut rng = Rng::new(&[range.length]);
        for _ in 0..places.min(range.length) {
            let mut places: Vec<u64> = (0..=rng.below(11)).map(|_| rng.below(range.length + 1)).collect();
            places.sort_unstable();
            cut(&places)?;
        }
    }
    Ok(Conformance { rows: expected.len() as u64, cuts })
}

/// Data whose rows can be compared.
trait Comparable: Load {
    fn bits(&self) -> Vec<Bits>;
}

impl Comparable for SparseRows {
    fn bits(&self) -> Vec<Bits> {
        self.iter()
            .map(|(label, columns, values)| (label.to_bits(), kept(columns.iter().copied(), values)))
            .collect()
    }
}

impl Comparable for DenseRows {
    fn bits(&self) -> Vec<Bits> {
        self.iter().map(|(label, row)| (label.to_bits(), kept(0.., row))).collect()
    }
}

fn kept(columns: impl Iterator<Item = u32>, values: &[f32]) -> Vec<(u32, u32)> {
    let numbers = columns.zip(values).filter(|(_, value)| **value != 0.0);
    numbers.map(|(column, value)| (column, value.to_bits())).collect()
}

/// The rows of a split with these ranges, whose shape must fit them.
fn rows<D: Comparable>(ranges: &[Range], options: &LoadOptions) -> Result<Vec<Bits>, String> {
    let split = Split { number: 0, ranges: ranges.to_vec() };
    let (data, shape): (D, Shape) = D::load(&split, options).map_err(text)?;
    let bits = data.bits();
    let widest = bits.iter().flat_map(|(_, numbers)| numbers).map(|(column, _)| column + 1).max();
    if shape.rows != bits.len() as u64 || shape.columns < widest.unwrap_or(0) {
        return Err(format!("{}: {shape:?} is not the shape of its {} rows", ranges[0].path, bits.len()));
    }
    if !bits.is_empty() && (shape.bytes_read == 0 || shape.resident_bytes == 0) {
        return Err(format!("{}: {shape:?} has rows from nothing", ranges[0].path));
    }
    Ok(bits)
}

fn whole(path: &str) -> Result<Range, String> {
    let (files, inside) = Files::of(path).map_err(|error| format!("{path}: {error}"))?;
    let status = files.status(inside).map_err(|error| format!("{path}: {error}"))?;
    let status = status.ok_or_else(|| format!("{path}: no such file"))?;
    Ok(Range {
        path: path.to_owned(),
        offset: 0,
        length: status.length,
        file_length: status.length,
        modified_ms: status.modified_ms,
        hosts: Vec::new(),
    })
}

fn parts(range: &Range, places: &[u64]) -> Vec<Range> {
    let mut parts = Vec::new();
    let mut offset = 0;
    for place in places.iter().chain([&range.length]) {
        parts.push(Range { offset, length: place - offset, ..range.clone() });
        offset = *place;
    }
    parts
}

fn text(error: LoadError) -> String {
    error.to_string()
}
