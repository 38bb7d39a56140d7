use super::super::{as_blocks, decode, encode, pays, BLOCKS, LISTS, PLAIN};
use super::*;
use crate::coder::binary::{BinaryDecoder, BinaryEncoder};
use proptest::prelude::*;

/// Bytes of a payload of blocks, which was decoded.
fn round_trip(pairs: &[u32]) -> usize {
    let payload = as_blocks(pairs).unwrap().unwrap();
    assert_eq!(payload[0], BLOCKS);
    assert_eq!(decode(&payload, pairs.len()).unwrap(), pairs);
    payload.len()
}

fn flat(links: impl IntoIterator<Item = (u32, u32)>) -> Vec<u32> {
    links.into_iter().flat_map(|(a, b)| [a, b]).collect()
}

/// Groups of which all members are linked; members of a group are not next to each other.
fn groups(many: u32, size: u32) -> Vec<(u32, u32)> {
    let nodes = many * size;
    let of = |node: u32| node * 7919 % nodes / size;
    (0..nodes)
        .flat_map(|a| (a + 1..nodes).map(move |b| (a, b)))
        .filter(|&(a, b)| of(a) == of(b))
        .collect()
}

fn forest_of(pairs: &[u32]) -> (Summary, Tree) {
    let summary = Summary::of(pairs).unwrap().unwrap();
    let items = items(summary.nodes, DIRECTIONS[summary.direction]);
    let tree = Tree::new(&summary.parents, items).unwrap();
    (summary, tree)
}

proptest! {
    #[test]
    fn links_of_any_direction_come_back(
        links in prop::collection::btree_set((0_u32..40, 0_u32..40), 1..400),
        direction in 0..4,
        turned in 0_usize..40,
    ) {
        let mut links: Vec<(u32, u32)> = links
            .into_iter()
            .filter(|(a, b)| match direction {
                0 => a < b,
                1 => a > b,
                2 => a != b,
                _ => true,
            })
            .collect();
        if direction == 2 {
            links.extend(links.clone().into_iter().map(|(a, b)| (b, a)));
            links.sort_unstable();
            links.dedup();
        }
        // Lists out of order.
        links.sort_by_key(|&(a, b)| ((a as usize + turned) % 40, b));
        let pairs = flat(links);
        if !pairs.is_empty() {
            round_trip(&pairs);
            prop_assert_eq!(decode(&encode(&pairs).unwrap(), pairs.len()).unwrap(), pairs);
        }
    }

    #[test]
    fn blocks_say_what_is_linked(
        parents in prop::collection::vec(0_u32..20, 30),
        links in prop::collection::btree_set((0_u32..30, 0_u32..30), 1..300),
    ) {
        // Any forest: of two levels, some of whose super-nodes have no children and are left out.
        let mut all: Vec<u32> = parents.iter().map(|&p| if p > 12 { NONE } else { 30 + p }).collect();
        all.extend((0..13_u32).map(|p| if p < 9 { 43 + p % 3 } else { NONE }));
        all.extend([NONE; 3]);
        let all = forest::in_order(&all, 30);
        let tree = Tree::new(&all, 30).unwrap();
        let mut links: Vec<(u32, u32)> = links.into_iter().filter(|(a, b)| a < b).collect();
        let place = |node: u32| narrow(tree.node.iter().position(|&one| one == node).unwrap());
        let mut placed: Vec<(u32, u32)> = links
            .iter()
            .map(|&(a, b)| (place(a).min(place(b)), place(a).max(place(b))))
            .collect();
        let blocks = fitting::blocks(&tree, &mut placed);
        prop_assert!(blocks.len() <= links.len());
        let mut walk = Walk::new(&tree, None, links.len(), u64::MAX);
        let mut encoder = BinaryEncoder::new();
        walk.code(&blocks, &mut encoder).unwrap();
        let mut found: Vec<(u32, u32)> =
            walk.links.iter().map(|&(a, b)| (a.min(b), a.max(b))).collect();
        found.sort_unstable();
        links.sort_unstable();
        prop_assert_eq!(&found, &links);
        // The same from what was written.
        let payload = encoder.finish();
        let mut decoder = BinaryDecoder::new(&payload);
        let mut again = Walk::new(&tree, None, links.len(), u64::MAX);
        again.code(&[], &mut decoder).unwrap();
        prop_assert_eq!(&again.links, &walk.links);
    }

    #[test]
    fn damage_is_noticed_or_gives_numbers(place in any::<usize>(), change in 1_u8.., cut in any::<bool>()) {
        let pairs = flat(groups(6, 9));
        let mut payload = as_blocks(&pairs).unwrap().unwrap();
        let place = 1 + place % (payload.len() - 1);
        if cut {
            payload.truncate(place);
        } else {
            payload[place] ^= change;
        }
        match decode(&payload, pairs.len()) {
            Ok(numbers) => prop_assert_eq!(numbers.len(), pairs.len()),
            Err(Error::Truncated { .. } | Error::Corrupt { .. }) => {}
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }
}

#[test]
fn groups_are_super_nodes() {
    let links = groups(20, 12);
    let pairs = flat(links.iter().copied());
    let (summary, tree) = forest_of(&pairs);
    // One block of each group with itself, and no other.
    assert_eq!(summary.blocks.len(), 20);
    assert!(summary
        .blocks
        .iter()
        .all(|&(x, y)| x == y && tree.weight(x as usize) == 12));
    assert_eq!(tree.len(), 240 + 20);
    // A node costs the number of its group: less than 4.4 bits, which all of them together would take.
    assert!(round_trip(&pairs) < 240 * 5 / 8);
    assert_eq!(encode(&pairs).unwrap()[0], BLOCKS);
}

#[test]
fn all_directions_have_super_nodes() {
    let up = groups(10, 14);
    let down = up.iter().map(|&(a, b)| (b, a));
    let mut down: Vec<_> = down.collect();
    down.sort_unstable();
    let mut both = [up.clone(), down.clone()].concat();
    both.sort_unstable();
    // Twelve sources each that have the same nine targets.
    let apart: Vec<_> = (0..120)
        .flat_map(|a| (0..9).map(move |b| (a, (a % 10) * 12 + b)))
        .collect();
    for (links, direction) in [
        (up, Direction::Up),
        (down, Direction::Down),
        (both, Direction::Both),
        (apart, Direction::None),
    ] {
        let pairs = flat(links);
        let (summary, _) = forest_of(&pairs);
        assert_eq!(DIRECTIONS[summary.direction], direction);
        // Targets of one list gain nothing by a super-node.
        let most = if direction == Direction::None {
            120
        } else {
            20
        };
        assert!(summary.blocks.len() <= most, "{direction:?}");
        assert!(summary.pays(pairs.len() / 2));
        round_trip(&pairs);
    }
}

#[test]
fn groups_of_groups_have_super_nodes_above() {
    // Members of a group know half of those of the other group beside it, all of their own.
    let links = flat(
        (0..96_u32)
            .flat_map(|a| (a + 1..96).map(move |b| (a, b)))
            .filter(|&(a, b)| {
                a / 8 == b / 8
                    || a / 32 == b / 32 && (a + b) % 17 != 0
                    || a / 32 != b / 32 && (a * b) % 53 == 1
            }),
    );
    let (_, tree) = forest_of(&links);
    let levels = (0..tree.len()).map(|place| {
        let above = std::iter::successors(tree.above(place), |&at| tree.above(at));
        above.count()
    });
    assert!(levels.max().unwrap() >= 1);
    round_trip(&links);
}

#[test]
fn what_is_no_list_of_each_source_is_no_summary() {
    for pairs in [
        &[][..],
        &[0, 1, 2],
        // A list that comes twice, a link that comes twice, one node too many.
        &[0, 1, 1, 2, 0, 3],
        &[0, 1, 0, 1],
        &[0, 2, 0, 1],
        &[0, 1024],
    ] {
        assert!(as_blocks(pairs).unwrap().is_none(), "{pairs:?}");
    }
    round_trip(&[0, 1023]);
    round_trip(&[7, 7]);
    round_trip(&[5, 1, 0, 0, 0, 3, 2, 0]);
}

#[test]
fn large_graphs_pay_where_nodes_are_alike() {
    // Too many decisions for lists: 2^27 are the most, 512 for each number.
    let apart = |a: u32| (a % 80) * 250;
    let links = (0..20_000_u32).flat_map(|a| (0..9).map(move |b| (a, apart(a) + b * 25)));
    let pairs = flat(links);
    assert!(!super::super::is_graph(&pairs));
    assert!(pays(&pairs).unwrap());
    let payload = encode(&pairs).unwrap();
    assert_eq!(payload[0], BLOCKS);
    assert_eq!(decode(&payload, pairs.len()).unwrap(), pairs);
    // A source costs little more than the number of its group; links, nine times as many, cost nothing.
    assert!(payload.len() < 40_000, "{}", payload.len());
    let mut state = 7_u32;
    let spread = (0..6000_u32).flat_map(|a| {
        let mut list: Vec<u32> = (0..2)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) % 6000
            })
            .collect();
        list.sort_unstable();
        list.dedup();
        list.into_iter().map(move |b| (a, b))
    });
    assert!(!pays(&flat(spread)).unwrap());
}

#[test]
fn the_shorter_way_is_taken() {
    // Friends of friends of a ring, which has no groups.
    let ring = flat((0..300_u32).flat_map(|a| (a + 1..300.min(a + 7)).map(move |b| (a, b))));
    let blocks = as_blocks(&ring).unwrap().unwrap();
    let taken = encode(&ring).unwrap();
    assert_eq!(taken[0], LISTS);
    assert!(taken.len() < blocks.len());
    assert_eq!(encode(&[0, 1, 2]).unwrap()[0], PLAIN);
}

/// What a decoder takes for a forest and blocks that no encoder writes.
fn forced(nodes: usize, parents: Vec<u32>, blocks: Vec<(u32, u32)>, count: usize) -> Vec<u8> {
    let summary = Summary {
        nodes,
        direction: 0,
        sources: None,
        parents,
        blocks,
    };
    let mut encoder = BinaryEncoder::new();
    // The decoder would stop where the encoder does; what is written before that is what counts.
    let _ = summary.code(count, &mut encoder);
    let mut payload = vec![BLOCKS];
    payload.extend(encoder.finish());
    payload
}

#[test]
fn a_block_of_everything_is_refused() {
    // A thousand nodes below one super-node: half a million links in a payload of some bytes.
    let mut parents = vec![1000; 1000];
    parents.push(NONE);
    for count in [2, 2000, 998_998] {
        let payload = forced(1000, parents.clone(), vec![(0, 0)], count);
        assert!(payload.len() < 100);
        let refused = decode(&payload, count);
        assert!(matches!(refused, Err(Error::Corrupt { .. })), "{count}");
    }
    let payload = forced(1000, parents, vec![(0, 0)], 999_000);
    assert_eq!(decode(&payload, 999_000).unwrap().len(), 999_000);
}

#[test]
fn circles_of_super_nodes_are_refused() {
    // Of super-nodes 4 and 5, each is the parent of the other.
    let payload = forced(4, vec![4, 4, 5, 5, 5, 4], Vec::new(), 12);
    assert!(matches!(decode(&payload, 12), Err(Error::Corrupt { .. })));
    assert!(Tree::new(&[4, 4, 5, 5, 5, 4], 4).is_none());
    assert!(Tree::new(&[1, NONE], 2).is_none());
    assert!(Tree::new(&[NONE, NONE, 3], 2).is_none());
}

#[test]
fn a_block_of_an_item_and_what_is_below_it_is_none() {
    // A chain of super-nodes, each with one node more.
    let nodes = 2000_u32;
    let mut parents: Vec<u32> = (0..nodes).map(|node| nodes + node.min(nodes - 3)).collect();
    parents.extend((0..nodes - 2).map(|i| if i == 0 { NONE } else { nodes + i - 1 }));
    let parents = forest::in_order(&parents, nodes as usize);
    let tree = Tree::new(&parents, nodes as usize).unwrap();
    // What is below an item cannot be in a block with it: the walk has no place for that.
    let last = narrow(tree.len()) - 1;
    let blocks = vec![(0, last)];
    let payload = forced(nodes as usize, parents, blocks, 8000);
    assert!(matches!(decode(&payload, 8000), Err(Error::Corrupt { .. })));
}

#[test]
fn the_specification_has_the_same_numbers() {
    let text = include_str!("../../../../../docs/models/graph.md");
    for words in [
        format!("together 2^{} · *n*; ends that are kept", WORK_EACH.ilog2()),
        "ends that are kept for super-nodes above a place, 4 · *n*".to_owned(),
        format!("0 none, {} one that did not come, {} the parent", 1, 2),
        format!("After {BLOCKS} there are [blocks]"),
        format!("After {LISTS} there is a payload of the binary coder"),
    ] {
        assert!(text.contains(&words), "{words}");
    }
    assert_eq!(spans::KEPT_EACH / 2, 4);
    for (kind, direction) in [
        Direction::Up,
        Direction::Down,
        Direction::Both,
        Direction::None,
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(DIRECTIONS[kind], direction);
    }
}
