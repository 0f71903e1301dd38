//! Which centre is nearest to a row: the hot loop.

use lapwing::load::Rows;

/// The nearest centre of a row and the squared distance.
pub(crate) type Nearest = (u32, f32);

/// Hands out every row with its nearest centre, in the order of the input: its columns (none if it is dense), numbers and label.
pub(crate) fn each(
    data: &Rows,
    centres: &[f32],
    width: usize,
    mut with: impl FnMut(Option<&[u32]>, &[f32], f32, Nearest),
) {
    match data {
        Rows::Dense(rows) => {
            let with = |row: usize, nearest| with(None, rows.row(row), rows.labels()[row], nearest);
            // As few lanes without a centre as possible.
            match (centres.len() / width.max(1)).div_ceil(4) {
                1 => dense::<4>(rows.values(), rows.columns(), rows.rows(), centres, width, with),
                2 | 4 => dense::<8>(rows.values(), rows.columns(), rows.rows(), centres, width, with),
                _ => dense::<12>(rows.values(), rows.columns(), rows.rows(), centres, width, with),
            }
        }
        Rows::Sparse(rows) => {
            let centres = Columns::new(centres, width);
            let mut scores = vec![0.0; centres.count];
            for (label, columns, values) in rows.iter() {
                with(Some(columns), values, label, centres.nearest(columns, values, &mut scores));
            }
        }
    }
}

/// Dense rows, two at a time, against `W` centres at a time: each lane adds up one distance in the order of the columns, and what is
/// loaded of a centre serves both rows.
fn dense<const W: usize>(
    values: &[f32],
    columns: usize,
    rows: usize,
    centres: &[f32],
    width: usize,
    mut with: impl FnMut(usize, Nearest),
) {
    let tiles: Vec<Tile<W>> =
        centres.chunks((W * width).max(1)).map(|centres| Tile::new(centres, width, columns)).collect();
    for row in (0..rows).step_by(2) {
        // The last of an odd number is its own neighbour.
        let pair = [row, (row + 1).min(rows - 1)];
        let nearest = nearest(&tiles, pair.map(|row| &values[row * columns..][..columns]));
        with(row, nearest[0]);
        if pair[1] > row {
            with(pair[1], nearest[1]);
        }
    }
}

/// `W` centres, column by column.
struct Tile<const W: usize> {
    columns: Vec<[f32; W]>,
    /// The squares of the columns that the rows of this split do not have.
    beyond: [f32; W],
}

impl<const W: usize> Tile<W> {
    fn new(centres: &[f32], width: usize, columns: usize) -> Self {
        // Lanes without a centre are infinitely far from everything.
        let mut tile = Tile { columns: vec![[f32::INFINITY; W]; columns], beyond: [0.0; W] };
        for (lane, centre) in centres.chunks(width).enumerate() {
            let (within, beyond) = centre.split_at(columns);
            tile.columns.iter_mut().zip(within).for_each(|(column, &value)| column[lane] = value);
            tile.beyond[lane] = beyond.iter().map(|value| value * value).sum();
        }
        let filled = centres.len() / width;
        tile.beyond[filled..].fill(f32::INFINITY);
        tile
    }

    /// Out of line, as the compiler otherwise keeps the lanes apart for those who ask for one of them.
    #[inline(never)]
    fn distances(&self, first: &[f32], second: &[f32]) -> [[f32; W]; 2] {
        let mut sums = (self.beyond, self.beyond);
        for ((column, &first), &second) in self.columns.iter().zip(first).zip(second) {
            for (lane, centre) in column.iter().enumerate() {
                let (a, b) = (first - centre, second - centre);
                sums.0[lane] += a * a;
                sums.1[lane] += b * b;
            }
        }
        [sums.0, sums.1]
    }
}

fn nearest<const W: usize>(tiles: &[Tile<W>], rows: [&[f32]; 2]) -> [Nearest; 2] {
    let mut least = [Least::NONE; 2];
    for (tile, number) in tiles.iter().zip(0u32..) {
        let distances = tile.distances(rows[0], rows[1]);
        least[0].lower(&distances[0], number * W as u32);
        least[1].lower(&distances[1], number * W as u32);
    }
    least.map(Least::nearest)
}

/// The least distances so far in four lanes, each with its centre.
#[derive(Clone, Copy)]
struct Least {
    distances: [f32; 4],
    places: [u32; 4],
}

impl Least {
    const NONE: Least = Least { distances: [f32::INFINITY; 4], places: [0; 4] };

    #[inline]
    fn lower<const W: usize>(&mut self, distances: &[f32; W], first: u32) {
        for (distances, group) in distances.as_chunks::<4>().0.iter().zip(0u32..) {
            for (lane, &distance) in distances.iter().enumerate() {
                let less = distance < self.distances[lane];
                self.distances[lane] = if less { distance } else { self.distances[lane] };
                self.places[lane] = if less { first + 4 * group + lane as u32 } else { self.places[lane] };
            }
        }
    }

    /// Of equally near centres the first.
    #[inline]
    fn nearest(self) -> Nearest {
        let mut best = (self.places[0], self.distances[0]);
        for (&place, &distance) in self.places.iter().zip(&self.distances).skip(1) {
            if distance < best.1 || distance == best.1 && place < best.0 {
                best = (place, distance);
            }
        }
        best
    }
}

/// The centres column by column for sparse rows, whose distances are |x|² - 2 x·c + |c|²: a number of a row meets all centres at once.
/// In f64, as these differ by little where rows lie far from the origin.
struct Columns {
    count: usize,
    values: Vec<f64>,
    squares: Vec<f64>,
}

impl Columns {
    fn new(centres: &[f32], width: usize) -> Self {
        let count = centres.len() / width.max(1);
        let mut values = vec![0.0; centres.len()];
        for (place, &value) in centres.iter().enumerate() {
            values[place % width * count + place / width] = f64::from(value);
        }
        let square = |centre: &[f32]| centre.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
        Columns { count, values, squares: centres.chunks(width.max(1)).map(square).collect() }
    }

    fn nearest(&self, columns: &[u32], values: &[f32], scores: &mut [f64]) -> Nearest {
        scores.fill(0.0);
        let mut square = 0.0;
        for (&column, &value) in columns.iter().zip(values) {
            let centres = &self.values[column as usize * self.count..][..self.count];
            let value = f64::from(value);
            scores.iter_mut().zip(centres).for_each(|(score, centre)| *score += value * centre);
            square += value * value;
        }
        let mut best = (0, f64::INFINITY);
        for ((&score, &own), place) in scores.iter().zip(&self.squares).zip(0..) {
            let distance = (square - 2.0 * score) + own;
            if distance < best.1 {
                best = (place, distance);
            }
        }
        (best.0, best.1.max(0.0) as f32)
    }
}
