//! What vectors speed up in the fast predictor: the types of a group of cells and the operations on them.

/// Cells of a group: as many counters as a vector of 512 bits holds.
pub const LANES: usize = 16;
/// Inputs of a group: each cell gives two.
pub const INPUTS: usize = 2 * LANES;

/// An array that starts at a cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Aligned<T>(pub T);

/// Inputs or weights of a group: one cache line.
pub type Line = Aligned<[i16; INPUTS]>;
/// Adaptive probabilities of a group, see [`P_MASK`], [`SURE`] and [`STRETCH`].
pub type Cells = Aligned<[u32; LANES]>;
/// A number of each cell of a group.
pub type Lanes = Aligned<[u32; LANES]>;
/// A check byte, then the states of the 15 nodes of a nibble, the root first.
pub type Slot = [u8; 16];
/// Four slots, one cache line.
pub type Bucket = [Slot; WAYS];
/// Slots of a bucket.
pub const WAYS: usize = 4;

/// Fractional bits of the weights.
pub const WEIGHT_BITS: u32 = 14;
/// Weight sets that are mixed at a time.
pub const SETS: usize = 4;
/// Learning rates, by the visits of a weight set.
pub const RATES: usize = 1024;
/// Dot products are clamped to this magnitude, in units of 1/256.
pub const DOT_MAX: i32 = 2047;
/// Probability one of a cell, in the lower 20 bits.
pub const PROB_ONE: u32 = 1 << 20;
/// The bits of a cell that are its probability: odd, but where it is [`EMPTY`].
pub const P_MASK: u32 = PROB_ONE - 1;
/// The bit of a cell which tells that its state has seen one value of the bit only.
pub const SURE: u32 = 1 << 20;
/// Where the upper twelve bits of a cell begin: its probability in the stretch domain, whose lowest bit gives way to
/// [`SURE`]. It is computed when a cell is put back, where nothing waits for it.
pub const STRETCH: u32 = 20;
/// The cell of a state that has seen nothing: one half, and it does not adapt.
pub const EMPTY: u32 = PROB_ONE / 2;

/// What the inputs of a group are made from: all bits set where a source is let through.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Sources {
    /// Stretched probabilities.
    pub stretched: [i16; LANES],
    /// Distances from one half.
    pub distance: [i16; LANES],
    /// Stretched probabilities of sure states.
    pub sure: [i16; LANES],
    /// What is an input without being made from a cell.
    pub bias: [i16; LANES],
}

/// `0.3437 · 2^10`: what makes `m + 0.3437 m (1 - m)` close to `log2(1 + m)`.
pub const BEND: i32 = 352;
/// `ln(2) / 4 · 2^15`: from 10 fractional bits of a logarithm to base 2 to 8 of a natural one.
pub const LN_2: i32 = 5678;

/// The operations that vectors speed up. Every implementation returns the same bits.
pub trait Kernel {
    /// The cells that `cell` returns for each lane.
    fn gather(cell: impl Fn(usize) -> u32) -> Cells;
    /// The inputs of a group: the stretched probabilities of all cells, then, or-ed together, `(p - 1/2) / 2^9`, the
    /// stretched probability again where the cell is sure, and the bias; each where its source is let through.
    fn inputs(cells: &Cells, sources: &Sources, inputs: &mut Line);
    /// `sum(weights * inputs) >> WEIGHT_BITS` for each row, clamped to ±2047, and the sum of these times `last`
    /// over 2^16. Inputs are at most 2047, so that no sum of products of one group overflows; of more groups it wraps.
    fn mix<const V: usize>(
        rows: [&[Line; V]; SETS],
        inputs: &[Line; V],
        last: &[i32; SETS],
    ) -> ([i32; SETS], i32);
    /// `weights += (inputs * error + 2^14) >> 15`, saturating.
    fn train<const V: usize>(weights: &mut [Line; V], inputs: &[Line; V], error: i16);
    /// Moves the probability of every cell that is not empty to `bit` by `1 / 2^shift` of the distance, rounded to
    /// nearest.
    fn adapt(cells: &mut Cells, bit: u32, shift: u32);
    /// How far to train each weight set, and its visits after that. `target - squashed` is its error: if that is
    /// less than `small`, 0 and as many visits as before; else `(error * rate + 2^9) >> 10`, saturated to 16 bits, and
    /// one visit more, up to the last rate. Nothing if all errors are small.
    fn steps(
        squashed: impl Fn(usize) -> i32,
        target: i32,
        small: i32,
        visits: [u16; SETS],
        rates: &[i32; RATES],
    ) -> Option<([i16; SETS], [u16; SETS])>;
    /// Returns the slot whose check byte is `check` and true, or else the slot whose root is the smallest and false,
    /// in both cases the first such.
    fn find(bucket: &Bucket, check: u8) -> (usize, bool);
}

/// A computation that is compiled once for each kernel.
pub trait Task {
    /// What it returns.
    type Output;
    /// Runs it.
    fn run<K: Kernel>(self) -> Self::Output;
}
