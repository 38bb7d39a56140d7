use super::sources::Sources;
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
    assert!(!is_graph(&[0, 1024]));
    assert!(is_graph(&[0, 1023]));
    assert!(!is_graph(&[0, 1, 2]));
    assert!(!is_graph(&[]));
    assert!(is_graph(&[5, 5]));
}

/// What a decoder takes for lists that no encoder writes, if it is to take them at all.
fn forced(pairs: &[u32], count: usize) -> Vec<u8> {
    let mut encoder = BinaryEncoder::new();
    // The decoder would stop where the encoder does; what is written before that is what counts.
    let _ = Lists::new(pairs).code(pairs, count, &mut encoder);
    let mut payload = vec![LISTS];
    payload.extend(encoder.finish());
    payload
}

fn random_links(nodes: u32, links: usize, seed: u32) -> Vec<u32> {
    let mut state = seed;
    let mut draw = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % nodes
    };
    let mut pairs: Vec<(u32, u32)> = (0..links).map(|_| (draw(), draw())).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.into_iter().flat_map(|(a, b)| [a, b]).collect()
}

#[test]
fn what_is_encoded_is_decoded_whatever_it_takes() {
    // Dense and sparse, on both sides of the 512 decisions that a number may take.
    for (nodes, links, is_coded) in [
        (90, 6000, true),
        (800, 800, true),
        (3000, 3100, false),
        (900, 1600, true),
        (4000, 200, false),
    ] {
        let pairs = random_links(nodes, links, nodes);
        assert_eq!(is_graph(&pairs), is_coded, "{nodes}");
        round_trip(&pairs);
    }
}

#[test]
fn many_decisions_need_many_numbers() {
    // Two lists over many nodes: a payload of some bytes, and a million decisions.
    let few = [0, 500_000, 1, 500_000];
    let payload = forced(&few, few.len());
    assert!(!is_graph(&few));
    assert!(payload.len() < 40);
    let refused =
        |payload: &[u8], count| matches!(decode(payload, count), Err(Error::Corrupt { .. }));
    assert!(refused(&payload, few.len()));
    // Memory is for nodes: those of 2^20 need 2^11 numbers.
    let far = [(1 << 20) - 2, (1 << 20) - 1];
    assert!(refused(&forced(&far, 2), 2));
    assert!(memory_bytes(2) < 24 << 20);
}

#[test]
fn links_that_come_again_take_no_longer() {
    // To walk along all links of a node for each of its lists is no work that is paid for.
    let again: Vec<u32> = [7, 7].repeat(1 << 13);
    assert!(is_graph(&again));
    assert!(round_trip(&again) < 100);
}

#[test]
fn sources_that_came_are_passed_by() {
    // Half of the nodes come out of order, then others before and behind them in turn.
    let many = 1 << 13;
    let out_of_order = (many / 4..many / 2).rev();
    let in_turn = (0..many / 4).step_by(3).flat_map(|a| [a, many - 1 - a]);
    let order = out_of_order.chain(in_turn);
    let pairs: Vec<u32> = order.flat_map(|a| [a, a % 64]).collect();
    assert!(is_graph(&pairs));
    round_trip(&pairs);
    // To come again does not make a node one that has not come.
    let mut sources = Sources::new(8);
    let mut encoder = BinaryEncoder::new();
    for node in [3, 2, 3, 0, 1, 4, 7, 5, 6, 0] {
        assert_eq!(sources.code(node, &mut encoder), Some(node));
    }
}

#[test]
fn memory_is_for_nodes_not_for_what_was_counted() {
    // All are linked to all, and lists come again: each node between counts all others.
    let mut links = links::Links::new(64, 1 << 20);
    let all: Vec<u32> = (0..64).collect();
    for source in (0..64).cycle().take(160) {
        links.begin(source as usize);
        for &target in &all {
            links.found(target as usize);
        }
        assert!(links.counted() <= 64);
        links.end(source, &all);
    }
}

#[test]
fn weights_do_not_overflow() {
    // Of a link that came 3000 times each weighs 46: together above 2^32.
    let mut links = links::Links::new(2, usize::MAX);
    for _ in 0..3000 {
        links.end(0, &[1]);
    }
    links.begin(0);
    for _ in 0..32_000 {
        links.found(1);
    }
    assert_eq!(links.evidence(0).weighted, 40);
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
