//! Compares the send queue with a naive model, one long string of bytes, on random histories.

use std::io::IoSlice;

use ferraio_core::send_queue::SendQueue;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Push(Vec<u8>, prop::sample::Index),
    Advance(prop::sample::Index),
    TakeAll,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let chunk = prop::collection::vec(any::<u8>(), 0..8);
    let index = any::<prop::sample::Index>;
    let step = prop_oneof![
        10 => (chunk, index()).prop_map(|(chunk, offset)| Step::Push(chunk, offset)),
        8 => index().prop_map(Step::Advance),
        1 => Just(Step::TakeAll),
    ];
    prop::collection::vec(step, 0..80)
}

/// What a call with so many slices would send.
fn visible(queue: &SendQueue<Vec<u8>>, slices: usize) -> Vec<u8> {
    let mut room = vec![IoSlice::new(&[]); slices];
    let slices = queue.io_slices(&mut room);
    assert!(slices.iter().all(|slice| !slice.is_empty()));
    slices.iter().flat_map(|slice| slice.iter().copied()).collect()
}

proptest! {
    #[test]
    fn any_history_of_a_send_queue_is_that_of_a_string_of_bytes(steps in steps()) {
        let mut queue = SendQueue::new();
        let mut unsent: Vec<u8> = Vec::new();
        let mut chunks = Vec::new();
        let mut returned = Vec::new();
        for step in steps {
            match step {
                Step::Push(chunk, offset) => {
                    let offset = offset.index(chunk.len() + 1);
                    unsent.extend(&chunk[offset..]);
                    chunks.push(chunk.clone());
                    queue.push_from(chunk, offset);
                }
                Step::Advance(n) => {
                    let n = n.index(unsent.len() + 1);
                    unsent.drain(..n);
                    returned.extend(queue.advance(n));
                }
                Step::TakeAll => {
                    unsent.clear();
                    returned.extend(queue.take_all());
                }
            }
            prop_assert_eq!(queue.len(), unsent.len());
            prop_assert_eq!(queue.is_empty(), unsent.is_empty());
            prop_assert_eq!(visible(&queue, chunks.len()), unsent.as_slice());
            prop_assert!(unsent.starts_with(&visible(&queue, 2)));
            prop_assert_eq!(queue.front().is_none(), unsent.is_empty());
            prop_assert!(unsent.starts_with(queue.front().unwrap_or_default()));
            // Each chunk is either still here or was handed back, in order and once.
            prop_assert!(returned.iter().chain(queue.iter()).eq(&chunks));
        }
    }
}

#[test]
fn a_chunk_is_handed_back_as_soon_as_its_last_byte_is_sent() {
    let mut queue = SendQueue::new();
    queue.push("one");
    queue.push("two");
    assert_eq!(queue.advance(2).into_iter().next(), None);
    assert!(queue.advance(1).into_iter().eq(["one"]));
    assert_eq!(queue.front(), Some(b"two".as_slice()));
    assert!(queue.advance(3).into_iter().eq(["two"]));
    assert!(queue.is_empty());
}

#[test]
#[should_panic(expected = "no more was sent than was waiting")]
fn more_cannot_be_sent_than_is_waiting() {
    let mut queue = SendQueue::new();
    queue.push("one");
    let _ = queue.advance(4);
}
