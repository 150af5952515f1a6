//! The inbox: what other threads post to the loop.
//!
//! The posts are behind a lock; beside it is one atomic state, so that the loop sees with a single load that nobody
//! posted. The state decides who rings the waker:
//!
//! ```text
//!            post: Leave                 prepare_sleep: true
//! ┌────────┐ ───────────► ┌────────┐    0 ──────────────► ┌────────┐ post: Wake ┌─────────────────┐
//! │   0    │              │ POSTED │                      │ ASLEEP │ ─────────► │ POSTED | ASLEEP │ post: Leave
//! └────────┘ ◄─────────── └────────┘    0 ◄────────────── └────────┘            └─────────────────┘
//!                take                        wake_up          POSTED ◄─────────── wake_up
//! ```
//!
//! `prepare_sleep` and `post` change the same atomic, so one of them comes first: either the loop sees the post and does
//! not sleep, or the poster sees that the loop sleeps and rings. No wake-up is lost, and of many posters one rings.

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard, atomic::AtomicU8};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard, atomic::AtomicU8};

use std::sync::PoisonError;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

/// Posts of type `T`, from any thread to the loop's.
pub struct Inbox<T> {
    /// The posts themselves, in order of arrival.
    posts: Mutex<Posts<T>>,
    /// [`POSTED`] and [`ASLEEP`]; `POSTED` changes only under the lock, and is set whenever there are posts.
    state: AtomicU8,
}

/// What is left to do after a post.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AfterPost {
    /// The loop sleeps, or is about to, and nobody has rung yet: ring the waker.
    Wake,
    /// The loop is awake or was already rung.
    Leave,
}

struct Posts<T> {
    waiting: Vec<T>,
    closed: bool,
}

impl<T: Send> Inbox<T> {
    /// Creates an empty, open inbox; the loop counts as awake.
    pub fn new() -> Self {
        Self { posts: Mutex::new(Posts { waiting: Vec::new(), closed: false }), state: AtomicU8::new(0) }
    }

    /// Adds a post; gives it back if the inbox is closed.
    #[must_use = "the loop may have to be woken"]
    pub fn post(&self, item: T) -> Result<AfterPost, T> {
        let mut posts = self.lock();
        if posts.closed {
            return Err(item);
        }
        posts.waiting.push(item);
        match self.state.fetch_or(POSTED, AcqRel) {
            ASLEEP => Ok(AfterPost::Wake),
            _ => Ok(AfterPost::Leave),
        }
    }

    /// Tells whether there are posts; costs one atomic load.
    pub fn has_posts(&self) -> bool {
        self.state.load(Acquire) & POSTED != 0
    }

    /// Moves all posts to the end of `into`, in order of arrival.
    pub fn take(&self, into: &mut Vec<T>) {
        if !self.has_posts() {
            return;
        }
        let mut posts = self.lock();
        if into.is_empty() {
            // Both vectors keep their room for the next time.
            std::mem::swap(&mut posts.waiting, into);
        } else {
            into.append(&mut posts.waiting);
        }
        self.state.fetch_and(!POSTED, AcqRel);
    }

    /// Announces that the loop is going to sleep. If it answers false, there are posts: do not sleep.
    #[must_use = "with posts waiting, the loop must not sleep"]
    pub fn prepare_sleep(&self) -> bool {
        self.state.compare_exchange(0, ASLEEP, AcqRel, Acquire).is_ok()
    }

    /// Announces that the loop is awake again.
    pub fn wake_up(&self) {
        self.state.fetch_and(!ASLEEP, AcqRel);
    }

    /// Closes the inbox for good, and returns the posts that nobody took.
    pub fn close(&self) -> Vec<T> {
        let mut posts = self.lock();
        posts.closed = true;
        self.state.fetch_and(!POSTED, AcqRel);
        std::mem::take(&mut posts.waiting)
    }

    fn lock(&self) -> MutexGuard<'_, Posts<T>> {
        // Nothing that could leave the posts half changed panics under the lock.
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send> Default for Inbox<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// There are posts.
const POSTED: u8 = 1;
/// The loop waits in the poller, or is about to.
const ASLEEP: u8 = 2;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{AfterPost, Inbox};

    #[test]
    fn posts_arrive_in_order_behind_what_was_taken_before() {
        let inbox = Inbox::new();
        let mut taken = vec!["kept"];
        for post in ["first", "second"] {
            assert_eq!(inbox.post(post), Ok(AfterPost::Leave));
        }
        assert!(inbox.has_posts());
        inbox.take(&mut taken);
        assert_eq!(taken, ["kept", "first", "second"]);
        assert!(!inbox.has_posts());
    }

    #[test]
    fn only_the_first_post_to_a_sleeping_loop_rings() {
        let inbox = Inbox::new();
        assert!(inbox.prepare_sleep());
        assert_eq!(inbox.post(1), Ok(AfterPost::Wake));
        assert_eq!(inbox.post(2), Ok(AfterPost::Leave));
        inbox.wake_up();
        assert_eq!(inbox.post(3), Ok(AfterPost::Leave));
    }

    #[test]
    fn a_loop_with_posts_does_not_sleep_until_it_took_them() {
        let inbox = Inbox::new();
        assert_eq!(inbox.post(1), Ok(AfterPost::Leave));
        assert!(!inbox.prepare_sleep());
        inbox.take(&mut Vec::new());
        assert!(inbox.prepare_sleep());
    }

    #[test]
    fn a_loop_that_woke_by_itself_is_rung_again_in_its_next_sleep() {
        let inbox = Inbox::new();
        assert!(inbox.prepare_sleep());
        inbox.wake_up();
        assert!(inbox.prepare_sleep());
        assert_eq!(inbox.post(1), Ok(AfterPost::Wake));
    }

    #[test]
    fn closing_gives_back_what_nobody_took_and_what_comes_later() {
        let inbox = Inbox::new();
        assert_eq!(inbox.post("early"), Ok(AfterPost::Leave));
        assert_eq!(inbox.close(), ["early"]);
        assert_eq!(inbox.post("late"), Err("late"));
        assert!(!inbox.has_posts());
        assert!(inbox.close().is_empty());
    }
}
