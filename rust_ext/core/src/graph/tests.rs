use super::*;
use proptest::prelude::*;

fn round_trip(pairs: &[u32]) -> usize {
    let payload = encode(pairs).unwrap();
    assert_eq!(decode(&payload, pairs.len()).unwrap(), pairs);
    payload.len()
}

proptest! {
    #[test]
    fn any_numbers_come_back(pairs in prop::collection::vec(any::<u32>(), 0..50)) {
        round_trip(&pairs);
    }

    #[test]
    fn links_in_any_order_come_back(
        mut pairs in prop::collection::vec((0_u32..60, 0_u32..60), 0..300),
        order in 0..4,
    ) {
        if order > 0 {
            pairs.sort_unstable();
        }
        if order > 1 {
            pairs.dedup();
        }
        if order > 2 {
            pairs.retain(|&(a, b)| a < b);
        }
        let pairs: Vec<u32> = pairs.into_iter().flat_map(|(a, b)| [a, b]).collect();
        round_trip(&pairs);
    }

    #[test]
    fn damage_is_noticed_or_gives_numbers(
        mut payload in prop::collection::vec(any::<u8>(), 0..80),
        kind in 0_u8..3,
        count in 0_usize..400,
    ) {
        payload.insert(0, kind);
        match decode(&payload, count) {
            Ok(numbers) => prop_assert_eq!(numbers.len(), count),
            Err(Error::Truncated { .. } | Error::Corrupt { .. }) => {}
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }
}

#[test]
fn friends_of_friends_are_cheap() {
    // Groups of 20 in which all are linked, and one of other lists of the same lengths.
    let mut groups = Vec::new();
    let mut spread = Vec::new();
    for a in 0_u32..400 {
        for b in a + 1..400 {
            if a / 20 == b / 20 {
                groups.extend([a, b]);
            }
        }
    }
    let mut state = 1_u32;
    for a in 0_u32..380 {
        let mut list: Vec<u32> = (0..10)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                a + 1 + (state >> 8) % (399 - a)
            })
            .collect();
        list.sort_unstable();
        list.dedup();
        spread.extend(list.into_iter().flat_map(|b| [a, b]));
    }
    let (near, far) = (round_trip(&groups), round_trip(&spread));
    // Bits a link: of the groups, which are told by their first member, and of noise.
    let bits = |bytes: usize, pairs: &[u32]| 16 * bytes / pairs.len();
    assert_eq!((bits(near, &groups), bits(far, &spread)), (0, 5));
}

#[test]
fn what_takes_too_long_is_coded_plainly() {
    let far: Vec<u32> = (0..2000).flat_map(|i| [i, (1 << 20) - 1]).collect();
    assert!(!is_graph(&far));
    round_trip(&far);
    assert!(!is_graph(&[0, 1 << 20]));
    assert!(!is_graph(&[0, 1, 2]));
    assert!(!is_graph(&[]));
    assert!(is_graph(&[5, 5]));
}

#[test]
fn sources_out_of_order_cost_little() {
    let list = |a: u32| [a, 200 + a % 7];
    let ordered: Vec<u32> = (0..150).flat_map(list).collect();
    let mut moved = ordered.clone();
    moved[..2].copy_from_slice(&list(30));
    moved[60..62].copy_from_slice(&list(0));
    assert!(round_trip(&moved) <= round_trip(&ordered) + 12);
}
