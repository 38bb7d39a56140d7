//! What is best taken off the numbers of a column.

use super::column::MAX_TERMS;
use super::needs::Needs;
use super::plan::Term;
use super::symbols::{Looking, Series};
use foldhash::{HashMap, HashMapExt};

/// Rows that are looked at, one after the other.
const SAMPLE: usize = 2048;
/// Columns on each side that are looked at.
const WINDOW: usize = 40;
/// Columns of numbers up to which pairs are looked at.
const PAIRS: usize = 12;
/// Values from which a column counts as one of numbers.
const MANY: usize = 12;
/// Part of the bits without terms that those with terms must be below.
const WORTH: f32 = 0.9;

/// Bits of numbers: those that came before by how often, and others by their length; and those of lengths alone.
fn bits(numbers: impl Iterator<Item = i64>) -> (f32, f32) {
    let mut counts: HashMap<i64, u32> = HashMap::new();
    let (mut sum, mut new, mut all, mut kinds) = (0.0, 0.0, 0_u32, 0_u32);
    for number in numbers {
        let total = ((all + kinds).max(1) as f32).log2();
        let count = counts.entry(number).or_default();
        if *count > 0 {
            sum += total - (*count as f32).log2();
        } else {
            sum += total - (kinds.max(1) as f32).log2();
            new += 3.0 + (number.unsigned_abs() as f32 + 1.0).log2();
            kinds += 1;
        }
        *count += 1;
        all += 1;
    }
    (sum + new, new)
}

/// Finds terms for each column of numbers; `values` tells how many values a column has, `bits` what a row takes without terms.
pub fn find(
    columns: &[Option<Series>],
    values: &[usize],
    bits_of: impl Fn(usize) -> f32,
    rows: usize,
    needs: &mut Needs,
) -> Vec<Vec<Term>> {
    let mut found = vec![Vec::new(); columns.len()];
    let sample = rows.min(SAMPLE);
    let window = (rows - sample) / 2..(rows - sample) / 2 + sample;
    for (x, own) in columns.iter().enumerate() {
        let Some(own) = own.as_ref().filter(|_| values[x] > MANY) else {
            continue;
        };
        let cost = |terms: &[Term]| -> (f32, f32) {
            let looking: Option<Vec<Looking<'_>>> = terms
                .iter()
                .map(|&term| {
                    let other = term.column().and_then(|column| columns[column].as_ref());
                    Looking::new(term, &own.format, other)
                })
                .collect();
            looking.map_or((f32::INFINITY, 0.0), |looking| {
                bits(window.clone().map(|row| {
                    own.rows[row].wrapping_sub(super::symbols::base(&looking, row, &own.rows))
                }))
            })
        };
        let near = x.saturating_sub(WINDOW)..(x + WINDOW + 1).min(columns.len());
        let others: Vec<usize> = near
            .filter(|&y| y != x && columns[y].is_some() && values[y] > MANY && needs.allows(x, y))
            .collect();
        let of = |column: usize, negative: bool| Term::Other { column, negative };
        let mut choices = vec![vec![Term::Above], vec![Term::Slope]];
        for (k, &column) in others.iter().enumerate() {
            choices.extend([
                vec![of(column, false)],
                vec![of(column, true)],
                vec![Term::OtherSlope { column }],
            ]);
            // Of a sum of two columns, one alone tells next to nothing.
            for &second in others[..k].iter().filter(|_| others.len() <= PAIRS) {
                choices.push(vec![of(column, false), of(second, false)]);
                choices.push(vec![of(column, false), of(second, true)]);
                choices.push(vec![of(column, true), of(second, false)]);
            }
        }
        let terms = &mut found[x];
        let (mut best, new) = cost(terms);
        while terms.len() < MAX_TERMS {
            let mut better: Option<(f32, &[Term])> = None;
            let before = terms.len();
            for choice in choices
                .iter()
                .filter(|choice| before + choice.len() <= MAX_TERMS)
            {
                if choice.iter().any(|term| terms.contains(term)) {
                    continue;
                }
                terms.extend(choice);
                let (bits, _) = cost(terms);
                terms.truncate(before);
                if bits < best * 0.95 - 64.0 && better.is_none_or(|(least, _)| bits < least) {
                    better = Some((bits, choice));
                }
            }
            let Some((bits, choice)) = better else { break };
            terms.extend(choice);
            best = bits;
        }
        if best > WORTH * (bits_of(x) * sample as f32 + new) {
            terms.clear();
        }
        // All of them may be more than each alone.
        terms.retain(|term| {
            let Some(y) = term.column() else { return true };
            let allowed = needs.allows(x, y);
            if allowed {
                needs.link(x, y);
            }
            allowed
        });
    }
    found
}
