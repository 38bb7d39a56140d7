//! The parents of nodes and super-nodes, in one description for both directions.

use super::tree::{narrow, NONE};
use super::WHAT;
use crate::coder::binary::Side;
use crate::coder::counts::Cells;
use crate::{Error, Result};

/// What the parent of an item is: there is none, it comes for the first time, it is that of the item before, or
/// another one that came.
const ROOT: u32 = 0;
const NEW: u32 = 1;
const SAME: u32 = 2;
const KNOWN: u32 = 3;
const KINDS: u32 = 4;
/// Of counts of parents: those that did not come weigh little.
const STEP: u64 = 32;

/// Numbers super-nodes in the order in which they come as parents: those of nodes, then of super-nodes in turn.
///
/// `parents` has those of all items, nodes first. Super-nodes that are nobody's parents are left out.
pub fn in_order(parents: &[u32], nodes: usize) -> Vec<u32> {
    let mut number = vec![NONE; parents.len()];
    let mut items: Vec<u32> = (0..narrow(nodes)).collect();
    let mut ordered = Vec::with_capacity(parents.len());
    let mut at = 0;
    while let Some(&item) = items.get(at) {
        at += 1;
        let parent = parents[item as usize];
        if parent == NONE {
            ordered.push(NONE);
            continue;
        }
        let slot = &mut number[parent as usize];
        if *slot == NONE {
            *slot = narrow(items.len());
            items.push(parent);
        }
        ordered.push(*slot);
    }
    ordered
}

/// Codes parents, as [`in_order`] numbers them; those of decoding are returned.
///
/// # Errors
/// [`Error::Truncated`], [`Error::Corrupt`].
pub fn code(
    parents: &[u32],
    nodes: usize,
    supers: usize,
    side: &mut impl Side,
) -> Result<Vec<u32>> {
    let corrupt = || Error::Corrupt {
        what: "parents of a graph",
    };
    let mut kinds = Cells::new(2 * 16, KINDS, 2);
    let mut known = Cells::new(1, narrow(supers.max(1)), STEP);
    let mut found: Vec<u32> = Vec::with_capacity(nodes + supers);
    let (mut came, mut last, mut course) = (0, NONE, 0);
    for item in 0..nodes + supers {
        if item.is_multiple_of(64) {
            side.goes_on(WHAT)?;
        }
        // Super-nodes are items only when they came.
        if item >= nodes + came {
            return Err(corrupt());
        }
        let wanted = parents.get(item).copied().unwrap_or(NONE);
        let kind = match wanted {
            NONE => ROOT,
            parent if parent == last => SAME,
            parent if parent as usize == nodes + came => NEW,
            _ => KNOWN,
        };
        let context = usize::from(item >= nodes) * 16 + course;
        let kind = kinds.code(context, kind, side);
        course = course << 2 & 15 | kind as usize;
        let parent = match kind {
            ROOT => NONE,
            SAME if last != NONE => last,
            NEW if came < supers => {
                came += 1;
                narrow(nodes + came - 1)
            }
            KNOWN if came > 0 => {
                let number = known.code(0, wanted.wrapping_sub(narrow(nodes)), side);
                if number as usize >= came {
                    return Err(corrupt());
                }
                narrow(nodes) + number
            }
            _ => return Err(corrupt()),
        };
        last = parent;
        found.push(parent);
    }
    if came < supers {
        return Err(corrupt());
    }
    Ok(found)
}
